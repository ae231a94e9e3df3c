package monitor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/roster"
)

const (
	keysAhead    = 30            // days of epoch keys, below which is told
	segmentsLate = 3 * time.Hour // after the end of an hour, before its root is missed
	quietTime    = 10 * time.Minute
	critical     = "critical"
	warning      = "warning"
)

// severity is how bad each kind of alert is.
var severity = map[string]string{
	"fork": critical, "rewritten": critical, "rolled-back": critical, "tiles": critical, "quorum": critical, "roster": critical, "entry": critical,
	"unreachable": warning, "still": warning, "behind": warning, "overdue": warning, "twice": critical, "unasked": critical,
	"epoch-keys": warning, "epoch-key-twice": critical, "segments": warning, "segments-twice": critical, "audit": critical,
}

// wrong is something that holds now. Two with one kind and subject are the same alert.
type wrong struct{ kind, subject, text string }

// judge goes through the rules that depend on what the log holds and what time it is.
func (f *facts) judge(now time.Time, r *roster.Roster) (list []wrong) {
	for _, x := range f.Findings {
		list = append(list, wrong{x.Kind, fmt.Sprintf("%d/%s", x.Index, x.Subject), x.Text})
	}
	if f.Dropped > 0 {
		list = append(list, wrong{"entry", "more", fmt.Sprintf("%d more findings are not listed one by one", f.Dropped)})
	}
	for _, id := range slices.Sorted(maps.Keys(f.Tokens)) {
		if t := f.Tokens[id]; t.overdue(now) {
			list = append(list, wrong{"overdue", id, fmt.Sprintf("details of request %s by %s had to be public on %s and are not; each of the two bodies can publish them", short(id), t.Office, t.PublicOn)})
		}
	}
	list = append(list, f.keysRunOut(now, r)...)
	for _, name := range slices.Sorted(maps.Keys(f.Cameras)) {
		if text := f.Cameras[name].late(now); text != "" {
			list = append(list, wrong{"segments", string(name), fmt.Sprintf("camera %s: %s", name, text)})
		}
	}
	return list
}

// overdue says whether details should be public by now: from the end of their day on, of
// what somebody approved or opened.
func (t *token) overdue(now time.Time) bool {
	given := t.Opened
	for _, a := range t.Answers {
		given = given || a == "approved"
	}
	return given && !t.Published && !now.Before(t.PublicOn.Time().AddDate(0, 0, 1))
}

// keysRunOut looks at each body's keys of each class that a camera records under.
func (f *facts) keysRunOut(now time.Time, r *roster.Roster) (list []wrong) {
	used := map[city.Slug]bool{}
	for _, c := range f.Cameras {
		if !c.records(now) {
			continue
		}
		for _, class := range r.Classes {
			used[class.Name] = used[class.Name] || c.Class == "" || c.Class == class.Name
		}
	}
	today := now.UTC().Truncate(24 * time.Hour)
	for _, b := range r.Bodies {
		for _, class := range r.Classes {
			if !used[class.Name] {
				continue
			}
			days, n := f.Keys[keyOf(b.Name, class.Name)], 0
			for n < keysAhead && days[today.AddDate(0, 0, n).Format(time.DateOnly)] != "" {
				n++
			}
			if n < keysAhead {
				text := fmt.Sprintf("%s has epoch keys of class %s for %d more days; %d are needed", b.Name, class.Name, n, keysAhead)
				if n == 0 {
					text = fmt.Sprintf("%s has no epoch key of class %s for today: nothing can be recorded under it", b.Name, class.Name)
				}
				list = append(list, wrong{"epoch-keys", keyOf(b.Name, class.Name), text})
			}
		}
	}
	return list
}

func (c *camera) records(now time.Time) bool {
	return c.Hours > 0 && !now.Before(c.From) && now.Before(c.Until)
}

// late says which hours of a camera have no root though they should, or "".
func (c *camera) late(now time.Time) string {
	if len(c.Missing) > 0 {
		return fmt.Sprintf("hours without a record in the log: %d, the first from %s", len(c.Missing), c.Missing[0].UTC().Format("2006-01-02 15:04 UTC"))
	}
	next := c.Last.Add(time.Hour)
	if c.Last.IsZero() {
		next = c.From.Truncate(time.Hour)
	}
	if c.records(now) && now.Sub(next) > time.Hour+segmentsLate {
		return fmt.Sprintf("no record in the log of the hour from %s or any since", next.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return ""
}
