package notice

import (
	"cmp"
	"slices"
	"time"

	"polity/internal/delivery"
)

// window is the time for which messages are counted.
const window = time.Minute

// outlet is a channel of a desk or of a person, and what is due to it. Its fields are
// under Notices.mu.
type outlet struct {
	o         int64 // its number in the book
	name      string
	said      string // its name in messages
	rule      Rule
	perMinute int
	to        []delivery.Receiver
	person    string    // empty: of a desk
	until     time.Time // end of a person's shift
	isNew     bool      // what is open now is older than it

	due  map[string]reasons // by alert, for what it is to be told
	sent []time.Time        // messages of the last minute, the oldest first
	held int64              // alerts that were not told on their own, since the start
}

// room is how many messages an outlet may get now.
func (o *outlet) room(now time.Time) int {
	o.sent = slices.DeleteFunc(o.sent, func(at time.Time) bool { return !at.After(now.Add(-window)) })
	return max(0, o.perMinute-len(o.sent))
}

// on says whether an outlet is told anything now.
func (o *outlet) on(now time.Time) bool {
	return len(o.to) > 0 && (o.until.IsZero() || o.until.After(now))
}

// due is an alert that is to be told.
type due struct {
	alert *Alert
	why   reasons
}

// pick takes what may be told now off what is due: some alone, the most urgent first, and
// where there are more than that the rest together.
func (o *outlet) pick(alert func(key string) *Alert, now time.Time) (alone, together []due) {
	room := o.room(now)
	if room == 0 || len(o.due) == 0 {
		return nil, nil
	}
	list := make([]due, 0, len(o.due))
	for key, why := range o.due {
		if a := alert(key); a != nil {
			list = append(list, due{a, why})
		} else {
			delete(o.due, key)
		}
	}
	slices.SortFunc(list, func(a, b due) int {
		return cmp.Or(cmp.Compare(a.alert.Priority, b.alert.Priority), a.alert.At.Compare(b.alert.At), cmp.Compare(a.alert.Key, b.alert.Key))
	})
	if len(list) <= room {
		return list, nil
	}
	return list[:room-1], list[room-1:]
}
