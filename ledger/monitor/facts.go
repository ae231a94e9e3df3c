package monitor

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
)

// facts are what the rules need of the entries so far.
type facts struct {
	Tokens   map[string]*token            `json:"tokens"` // by id
	Keys     map[string]map[string]string `json:"keys"`   // by body/class, then day: the key's id
	Cameras  map[city.Slug]*camera        `json:"cameras"`
	Findings []finding                    `json:"findings"`
	Dropped  int                          `json:"dropped"` // findings past the bound
}

// finding is something wrong in the log that stays wrong.
type finding struct {
	Kind    string `json:"kind"`
	Index   int64  `json:"index"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// token is a request and what became of it.
type token struct {
	Office    city.Slug            `json:"office"`
	Expires   time.Time            `json:"expires"`
	PublicOn  canonical.Day        `json:"public_on"`
	Answers   map[city.Slug]string `json:"answers"` // by body: approved or refused
	Opened    bool                 `json:"opened"`
	Published bool                 `json:"published"`
}

// camera is one that may have sealed footage.
type camera struct {
	Class    city.Slug         `json:"class"`
	Recorder string            `json:"recorder"`
	Hours    int64             `json:"hours"` // of footage; 0: none
	From     time.Time         `json:"from"`
	Until    time.Time         `json:"until"`
	Last     time.Time         `json:"last"`    // newest hour with a root
	Roots    map[string]string `json:"roots"`   // by hour, the newest few
	Missing  []time.Time       `json:"missing"` // hours between others
}

const (
	maxFindings = 1000
	maxRoots    = 72 // hours per camera
	maxMissing  = 72
)

func newFacts() *facts {
	return &facts{Tokens: map[string]*token{}, Keys: map[string]map[string]string{}, Cameras: map[city.Slug]*camera{}}
}

func (f *facts) find(kind string, index int64, subject, format string, args ...any) {
	if len(f.Findings) >= maxFindings {
		f.Dropped++
		return
	}
	f.Findings = append(f.Findings, finding{kind, index, subject, fmt.Sprintf(format, args...)})
}

// apply takes an entry in. It returns the roster that holds from then on, signed if not
// changed.
func (f *facts) apply(index int64, data []byte, r *roster.Signed) *roster.Signed {
	at := fmt.Sprint(index)
	e, err := entry.Decode(data)
	if err != nil {
		f.find("entry", index, at, "entry %d is in no form that the log may hold: %v", index, err)
		return r
	}
	if s, ok := e.(entry.Signed); ok {
		if err := entry.Verify(s, &r.Roster); err != nil {
			f.find("entry", index, at, "entry %d: %v", index, err)
			return r
		}
	}
	switch e := e.(type) {
	case *entry.Roster:
		return f.roster(index, e, r)
	case *entry.Registration:
		f.registration(e)
	case *entry.EpochKey:
		f.epochKey(index, e)
	case *entry.EpochKeyDestroyed:
		f.destroyed(e)
	case *entry.Segments:
		f.segments(index, e)
	case *entry.Audit:
		if e.Wrong > 0 {
			f.find("audit", index, at, "%s audited %d of its shares in %s and found %d wrong: what was sealed to it cannot be opened, or somebody swapped a key", e.Body, e.Checked, e.Week, e.Wrong)
		}
	default:
		f.release(index, e)
	}
	return r
}

func (f *facts) roster(index int64, e *entry.Roster, r *roster.Signed) *roster.Signed {
	if e.Version < int64(r.Version) {
		return r // from before the roster that this monitor began with
	}
	next, err := r.Next(e.Roster)
	switch {
	case err == nil:
		return next
	case city.KindOf(err) != city.Conflict:
		f.find("roster", index, fmt.Sprint(index), "entry %d: %v", index, err)
	}
	return r
}

func (f *facts) registration(e *entry.Registration) {
	c := f.Cameras[e.Camera]
	if c == nil {
		c = &camera{Roots: map[string]string{}}
		f.Cameras[e.Camera] = c
	}
	was := c.Hours
	c.Class, c.Hours, c.Until = e.Class, e.FootageHours, e.Until.Time()
	if e.Recorder != nil {
		c.Recorder = base64.RawURLEncoding.EncodeToString(e.Recorder)
	}
	if e.State != "registered" {
		c.Hours = 0
	}
	if was == 0 && c.Hours > 0 { // hours before are nobody's to miss
		c.From, c.Last, c.Missing = later(e.At.Time(), e.From.Time()), time.Time{}, nil
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func keyOf(body, class city.Slug) string { return string(body) + "/" + string(class) }

func (f *facts) epochKey(index int64, e *entry.EpochKey) {
	days := f.Keys[keyOf(e.Body, e.Class)]
	if days == nil {
		days = map[string]string{}
		f.Keys[keyOf(e.Body, e.Class)] = days
	}
	id := e.ID().String()
	if other, ok := days[string(e.Day)]; ok && other != id {
		f.find("epoch-key-twice", index, keyOf(e.Body, e.Class)+"/"+string(e.Day), "%s published two epoch keys of class %s for %s: a recorder could be led to seal to the wrong one", e.Body, e.Class, e.Day)
		return
	}
	days[string(e.Day)] = id
}

func (f *facts) destroyed(e *entry.EpochKeyDestroyed) {
	days := f.Keys[keyOf(e.Body, e.Class)]
	if e.Why != "due" && days[string(e.Day)] == e.KeyID.String() {
		delete(days, string(e.Day))
	}
}

func (f *facts) segments(index int64, e *entry.Segments) {
	c := f.Cameras[e.Camera]
	if c == nil || c.Recorder != base64.RawURLEncoding.EncodeToString(e.Recorder) {
		f.find("entry", index, fmt.Sprint(index), "entry %d: segments of %s are signed by a recorder that no registration names", index, e.Camera)
		return
	}
	hour, key, root := e.Hour.Time(), string(e.Hour), e.Root.String()
	if other, ok := c.Roots[key]; ok && other != root {
		f.find("segments-twice", index, string(e.Camera)+"/"+key, "camera %s has two roots for the hour from %s: its footage of that hour was exchanged", e.Camera, key)
		return
	}
	c.Roots[key] = root
	for len(c.Roots) > maxRoots {
		delete(c.Roots, slices.Min(slices.Collect(maps.Keys(c.Roots))))
	}
	c.Missing = slices.DeleteFunc(c.Missing, func(t time.Time) bool { return t.Equal(hour) })
	if !hour.After(c.Last) {
		return
	}
	if !c.Last.IsZero() {
		for t := c.Last.Add(time.Hour); t.Before(hour) && len(c.Missing) < maxMissing; t = t.Add(time.Hour) {
			c.Missing = append(c.Missing, t)
		}
	}
	c.Last = hour
}

// release takes in what belongs to a release.
func (f *facts) release(index int64, e entry.Entry) {
	switch e := e.(type) {
	case *entry.ReleaseRequested:
		id := e.ID.String()
		if f.Tokens[id] != nil {
			f.find("twice", index, id, "request %s stands in the log twice", short(id))
			return
		}
		f.Tokens[id] = &token{Office: e.Body, Expires: e.Expires.Time(), PublicOn: e.DetailsPublicOn, Answers: map[city.Slug]string{}}
	case *entry.ReleaseApproved:
		f.answer(index, e.Token.String(), e.Body, "approved", e.At.Time())
	case *entry.ReleaseRefused:
		f.answer(index, e.Token.String(), e.Body, "refused", e.At.Time())
	case *entry.ReleaseOpened:
		id := e.Token.String()
		t := f.Tokens[id]
		if t == nil || t.Answers[roster.Court] != "approved" || t.Answers[roster.Ombudsman] != "approved" {
			f.find("unasked", index, id, "%s opened footage of request %s, which both bodies have not approved", e.Body, short(id))
		}
		if t != nil {
			t.Opened = true
		}
	case *entry.ReleaseDetails:
		t := f.Tokens[e.Token.String()]
		switch {
		case t == nil:
			f.find("unasked", index, e.Token.String(), "%s published details of request %s, which is not in the log", e.Body, short(e.Token.String()))
		case e.What == "published":
			t.Published = true
		case e.PublicOn > t.PublicOn:
			t.PublicOn = e.PublicOn
		}
	}
}

func (f *facts) answer(index int64, id string, body city.Slug, what string, at time.Time) {
	t := f.Tokens[id]
	if t == nil {
		f.find("unasked", index, id, "%s %s request %s, which is not in the log", body, what, short(id))
		return
	}
	before := t.Answers[body]
	switch {
	case before != "":
		f.find("twice", index, id, "%s answered request %s twice: first %s, then %s in entry %d", body, short(id), before, what, index)
	case what == "approved" && at.After(t.Expires):
		f.find("unasked", index, id, "%s approved request %s after it expired", body, short(id))
	}
	if before != "approved" { // what was given once is given
		t.Answers[body] = what
	}
}

func short(id string) string { return id[:min(8, len(id))] }

// forget drops what no rule asks for any more.
func (f *facts) forget(now time.Time) {
	old := now.AddDate(0, 0, -2).Format(time.DateOnly)
	for _, days := range f.Keys {
		maps.DeleteFunc(days, func(day, _ string) bool { return day < old })
	}
	for _, c := range f.Cameras {
		c.Missing = slices.DeleteFunc(c.Missing, func(t time.Time) bool { return now.Sub(t) > 30*24*time.Hour })
	}
}
