package notice

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
)

// Message is a notice as it waits and as webhooks and MQTT get it.
type Message struct {
	Type      string    `json:"type"`
	ID        string    `json:"id"`
	Timestamp time.Time `json:"timestamp"` // when it was made, UTC, seconds
	Channel   string    `json:"channel"`   // "own" for a person's
	Data      Data      `json:"data"`
}

// The types of messages.
const (
	typeBundle = "alerts.bundled"
	typeTest   = "test"
)

// Data is of one alert, or of several that are told together.
type Data struct {
	Key      string     `json:"key,omitempty"`
	Desk     city.Slug  `json:"desk,omitempty"`
	Kind     city.Slug  `json:"kind,omitempty"`
	Title    string     `json:"title,omitempty"`
	Priority int        `json:"priority,omitempty"`
	Place    string     `json:"place,omitempty"`
	At       *time.Time `json:"at,omitempty"`
	Count    int        `json:"count,omitempty"` // of a bundle
	Kinds    []Several  `json:"kinds,omitempty"` // of a bundle, the most urgent first
	Link     string     `json:"link,omitempty"`
}

// Several is how many alerts of a kind are told together.
type Several struct {
	Desk     city.Slug `json:"desk"`
	Kind     city.Slug `json:"kind"`
	Title    string    `json:"title"`
	Priority int       `json:"priority"` // of the most urgent
	Count    int       `json:"count"`
}

const (
	mostKinds = 20
	mostTitle = 120 // letters
	mostPlace = 120
)

// RoomPath is the page of the control room; behind ?alert= the key of one alert.
const RoomPath = "/room"

func (n *Notices) link(key string) string {
	l := strings.TrimSuffix(n.cfg.Address, "/") + RoomPath
	if key != "" {
		l += "?alert=" + url.QueryEscape(key)
	}
	return l
}

// id names a notice by what it says to whom, so that it has the same after a crash.
func id(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p)) // so that no two lists are the same text
		h.Write(sum[:])
	}
	return "ntc_" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// clip makes one line of a text, and no long one.
func clip(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// single is the message of one alert.
func (n *Notices) single(o *outlet, a *Alert, why Reason, now time.Time) Message {
	at := a.At.UTC().Truncate(time.Second)
	return Message{
		Type: "alert." + string(why), ID: id(o.name, string(why), a.Key, strconv.FormatUint(a.Revision, 10)), Timestamp: now.UTC().Truncate(time.Second), Channel: o.said,
		Data: Data{Key: a.Key, Desk: a.Desk, Kind: a.Kind, Title: clip(a.Title, mostTitle), Priority: a.Priority, Place: clip(a.Place, mostPlace), At: &at, Link: n.link(a.Key)},
	}
}

// bundle is the message of many.
func (n *Notices) bundle(o *outlet, list []due, now time.Time) Message {
	type of struct{ desk, kind city.Slug }
	counts := map[of]*Several{}
	names := []string{o.name, typeBundle}
	for _, d := range list {
		k := of{d.alert.Desk, d.alert.Kind}
		s := counts[k]
		if s == nil {
			s = &Several{k.desk, k.kind, clip(d.alert.Title, mostTitle), d.alert.Priority, 0}
			counts[k] = s
		}
		s.Priority = min(s.Priority, d.alert.Priority)
		s.Count++
		names = append(names, fmt.Sprintf("%s %s %d", d.alert.Key, d.why.strongest(), d.alert.Revision))
	}
	var kinds []Several
	for _, s := range counts {
		kinds = append(kinds, *s)
	}
	slices.SortFunc(kinds, func(a, b Several) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Desk, b.Desk), cmp.Compare(a.Kind, b.Kind))
	})
	slices.Sort(names[2:])
	return Message{
		Type: typeBundle, ID: id(names...), Timestamp: now.UTC().Truncate(time.Second), Channel: o.said,
		Data: Data{Count: len(list), Kinds: kinds[:min(len(kinds), mostKinds)], Link: n.link("")},
	}
}

// test is a message that says that it is none.
func (n *Notices) test(o *outlet, now time.Time) Message {
	return Message{Type: typeTest, ID: id(o.name, typeTest, now.Format(time.RFC3339Nano)), Timestamp: now.UTC().Truncate(time.Second), Channel: o.said, Data: Data{Link: n.link("")}}
}

// desks are those that a message tells of.
func (m *Message) desks() []city.Slug {
	var out []city.Slug
	if m.Data.Desk != "" {
		out = append(out, m.Data.Desk)
	}
	for _, k := range m.Data.Kinds {
		out = append(out, k.Desk)
	}
	return out
}

func (m *Message) encode() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings, numbers and times
	}
	return b
}
