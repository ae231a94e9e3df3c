package custodian

import (
	"fmt"
	"strings"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/token"
)

// Line is one thing that a person is told.
type Line struct{ Label, Text string }

// moments is how times are shown to people: in UTC, and said so.
const moments = "Monday 2 January 2006, 15:04 UTC"

func shown(t canonical.Time) string { return t.Time().Format(moments) }

var purposes = map[entry.Word]string{
	"accident": "an accident", "complaint": "a complaint", "data-subject": "a person who asks for their own data",
	"missing-person": "a missing person", "serious-crime": "a serious crime", "trial": "a trial",
}

// Describe says in plain words what a request asks for and what the log proves. clock is
// the machine's own time, which decides nothing and is compared with the log's.
func (d *Device) Describe(r *Request, clock time.Time) []Line {
	e, t := r.Token, r.Details
	lines := []Line{
		{"Who asks", fmt.Sprintf("%s, with the device %s", e.Body, e.Device)},
		{"What for", purposes[e.Purpose]},
		{"Order", string(t.Order)},
		{"Case", string(t.Case)},
		{"Cameras", fmt.Sprintf("%d: %s", len(t.Cameras), t.Names())},
		{"From", shown(t.From)},
		{"To", fmt.Sprintf("%s (%s)", shown(t.To), count(int(t.Hours()), "hour"))},
		{"In this file", count(r.Segments, "segment") + " of about six seconds"},
		{"Can be answered until", shown(e.Expires)},
		{"Details become public on", string(e.DetailsPublicOn)},
		{"What the log proves", fmt.Sprintf("The request stands in the public log as entry %d of %d. %d of the city's %d witnesses signed that (%s).",
			r.Index, r.Checkpoint.Size, len(r.Checkpoint.Witnesses), len(d.roster.Witnesses), names(r.Checkpoint.Witnesses))},
		{"Time by the witnesses", r.Time.Format(moments)},
	}
	if r.Before.Size > 0 {
		lines = append(lines, Line{"Since the last time", fmt.Sprintf("The log goes on from the %d entries that this device saw last; nothing before was changed.", r.Before.Size)})
	} else {
		lines = append(lines, Line{"Since the last time", "This is the first time that this device sees the log: nothing earlier to compare."})
	}
	if r.Known.Approved+r.Known.Refused > 0 {
		lines = append(lines, Line{"Seen before", fmt.Sprintf("This device approved this request %s and refused it %s. Approving again gives the same shares to the same case, and shows in the log.", times(r.Known.Approved), times(r.Known.Refused))})
	}
	if off := clock.Sub(r.Time).Abs(); off > 24*time.Hour {
		lines = append(lines, Line{"Note", fmt.Sprintf("This machine's clock says %s, %d hours away from the witnesses' time. Only theirs counts; if it is the file that is old, have it made anew.", clock.UTC().Format(moments), off/time.Hour)})
	}
	return append(lines, Line{"Words of this file", r.Words()})
}

// DescribeHold says in plain words what is to be held.
func (d *Device) DescribeHold(h *Holding) []Line {
	t := h.Details
	return []Line{
		{"To be held", fmt.Sprintf("%s, without being opened", count(h.Segments, "segment"))},
		{"Order", string(t.Order)},
		{"Case", string(t.Case)},
		{"Cameras", fmt.Sprintf("%d: %s", len(t.Cameras), t.Names())},
		{"From", shown(t.From)},
		{"To", shown(t.To)},
		{"Time by the witnesses", h.Time.Format(moments)},
		{"Words of this file", h.Words()},
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func names(list []city.Slug) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = string(n)
	}
	return strings.Join(texts, ", ")
}

// DescribeAnswer says what an answer holds.
func DescribeAnswer(a *Answered) []Line {
	var lines []Line
	switch e := a.Entry.(type) {
	case *entry.ReleaseApproved:
		lines = append(lines, Line{"Approved", count(int(e.Count), "share") + " resealed to the case"})
		for s := token.NoKey; s <= token.Destroyed; s++ {
			if n := a.States[s]; n > 0 {
				lines = append(lines, Line{"Not given", fmt.Sprintf("%s %s", count(int(n), "share"), s)})
			}
		}
	case *entry.Hold:
		lines = append(lines, Line{"Held", fmt.Sprintf("%s until %s", count(int(e.Count), "share"), e.Until)})
		for s := token.NoKey; s <= token.Destroyed; s++ {
			if n := a.States[s]; n > 0 {
				lines = append(lines, Line{"Not held", fmt.Sprintf("%s %s", count(int(n), "share"), s)})
			}
		}
	case *entry.ReleaseRefused:
		lines = append(lines, Line{"Refused", "because: " + string(e.Reason)})
	case *entry.Audit:
		lines = append(lines, Line{"Audited", fmt.Sprintf("%s of week %s, %d wrong", count(int(e.Checked), "share"), e.Week, e.Wrong)})
	}
	return append(lines, Line{"Words of this file", a.Words()})
}

// ClassKeys is how many days of epoch keys of a class are left.
type ClassKeys struct {
	Class city.Slug
	Left  int           // days after today
	Last  canonical.Day // empty: none
}

// Status is what a device's keeper looks at.
type Status struct {
	Title, City, Anchor string
	Body, Device        city.Slug
	Key                 string
	Roster              int // version; 0: none yet
	Seen                Seen
	Classes             []ClassKeys
	Due, Gone, Uses     int
	Audits              []Audited
}

// Status tells the state of a device; today is the machine's day.
func (d *Device) Status(today time.Time) (Status, error) {
	key, err := d.Key()
	if err != nil {
		return Status{}, err
	}
	s := Status{Body: city.Slug(d.state.Body), Device: d.state.Device, Key: key, Anchor: d.anchor.Kind(), Seen: d.state.Seen, Gone: len(d.state.Gone), Uses: len(d.state.Uses), Audits: d.state.Audits}
	if d.roster == nil {
		return s, nil
	}
	s.Roster, s.City = d.roster.Version, d.roster.Domain
	for _, b := range d.roster.Bodies {
		if b.Name == s.Body {
			s.Title = b.Title
		}
	}
	on := canonical.Day(today.UTC().Format(time.DateOnly))
	for _, c := range d.roster.Classes {
		k := ClassKeys{Class: c.Name, Left: d.Left(c.Name, on)}
		for _, e := range d.state.Keys {
			if e.Class == c.Name {
				k.Last = e.Day
			}
		}
		s.Classes = append(s.Classes, k)
	}
	s.Due = d.Due(today)
	return s, nil
}
