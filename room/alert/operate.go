package alert

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polity/access"
	"polity/city"
)

// Bounds of what people write and ask.
const (
	MaxNote   = 2000               // characters of a note
	MaxSnooze = 7 * 24 * time.Hour //
	maxID     = 100                // bytes of a person's ID
)

// Operation is what a person does about an alert.
type Operation struct {
	Do      What      `json:"do"`                // Acknowledge to Reopen
	To      string    `json:"to,omitempty"`      // of Assign: a colleague's ID; empty: nobody
	Until   time.Time `json:"until,omitzero"`    // of Snooze
	Text    string    `json:"text,omitempty"`    // of Note
	Verdict Verdict   `json:"verdict,omitempty"` // of Close
}

// Check reports an operation that makes no sense for any alert.
func (o *Operation) Check(now time.Time) error {
	bad := func(format string, args ...any) error { return city.Errorf(city.Invalid, format, args...) }
	if o.To != "" && o.Do != Assign || !o.Until.IsZero() && o.Do != Snooze || o.Text != "" && o.Do != Note || o.Verdict != "" && o.Do != Close {
		return bad("%s takes none of: to (assign), until (snooze), text (note), verdict (close) but its own", o.Do)
	}
	switch o.Do {
	case Acknowledge, Renew, Escalate, Reopen:
	case Assign:
		if len(o.To) > maxID || strings.ContainsFunc(o.To, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return bad("to: this is no colleague's ID")
		}
	case Snooze:
		if !o.Until.After(now) || o.Until.After(now.Add(MaxSnooze)) {
			return bad("until: give a time within the next %d days", int(MaxSnooze.Hours()/24))
		}
	case Note:
		return checkNote(o.Text)
	case Close:
		switch o.Verdict {
		case Useful, False, Unclear:
		default:
			return bad("verdict: closing an alert asks whether it was useful, false or unclear")
		}
	default:
		return bad("do: there is no operation %.40q; there are acknowledge, renew, assign, snooze, note, escalate, close, reopen", string(o.Do))
	}
	return nil
}

// CheckNote reports a text that is no note.
func CheckNote(text string) error { return checkNote(text) }

func checkNote(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return city.Errorf(city.Invalid, "text: a note says something")
	case !utf8.ValidString(text):
		return city.Errorf(city.Invalid, "text: the note is no UTF-8")
	case utf8.RuneCountInString(text) > MaxNote:
		return city.Errorf(city.TooLarge, "text: a note has at most %d characters", MaxNote)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }):
		return city.Errorf(city.Invalid, "text: the note holds control characters")
	}
	return nil
}

// Apply returns the alert after an operation that passed Check, and its entry. Changed is
// false where nothing is left to do, as when it is acknowledged already. The error is of
// kind Conflict and says in which state it is.
func (a *Alert) Apply(o *Operation, by access.Who, now time.Time) (after *Alert, entry Entry, changed bool, err error) {
	now = now.UTC().Truncate(time.Millisecond)
	entry = Entry{At: now, What: o.Do, By: by.ID, To: o.To, Verdict: o.Verdict, Text: o.Text}
	for _, r := range by.Roles {
		entry.Roles = append(entry.Roles, string(r))
	}
	x := *a
	after = &x
	if a.State == Closed && o.Do != Note && o.Do != Reopen {
		return a, entry, false, city.Errorf(city.Conflict, "the alert is closed; reopen it first")
	}
	if o.Do == Note {
		x.Notes++
		return after, entry, true, nil
	}
	switch o.Do {
	case Acknowledge:
		if a.State != New && a.State != Snoozed {
			return a, entry, false, nil
		}
		x.State = Acknowledged
	case Renew:
		if a.State == New {
			return a, entry, false, nil
		}
		x.State, x.Assignee = New, ""
	case Assign:
		if a.Assignee == o.To && (o.To == "" || a.State == Assigned) {
			return a, entry, false, nil
		}
		if x.Assignee = o.To; o.To == "" {
			x.State = Acknowledged
		} else {
			x.State = Assigned
		}
	case Snooze:
		entry.Until = o.Until.UTC().Truncate(time.Millisecond)
		if x.Until = entry.Until; a.State != Snoozed {
			x.Before, x.State = a.State, Snoozed
		}
	case Escalate:
		if a.Escalated {
			return a, entry, false, nil
		}
		x.Escalated = true
	case Close:
		x.State, x.Verdict, x.Closed = Closed, o.Verdict, now
	case Reopen:
		if a.State != Closed {
			return a, entry, false, nil
		}
		x.State, x.Verdict, x.Closed, x.Assignee = New, "", time.Time{}, ""
	}
	if x.State != Snoozed {
		x.Until, x.Before = time.Time{}, ""
	}
	x.Revision++
	x.Last = entry
	x.Last.Text = ""
	return after, entry, true, nil
}

// Wake is what becomes of a snoozed alert when its time has come.
func (a *Alert) Wake(now time.Time) (*Alert, Entry) {
	x := *a
	x.State, x.Until, x.Before = a.Before, time.Time{}, ""
	if x.State == "" {
		x.State = New
	}
	x.Revision++
	x.Last = Entry{At: now.UTC().Truncate(time.Millisecond), What: Woke}
	return &x, x.Last
}
