// Package incident groups alerts that belong together, with what people did and wrote, in
// one timeline that can be handed on (docs/formats/alerts.md). Incidents are proposed by
// place, kind and time; a person opens them.
package incident

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polity/access"
	"polity/city"
	"polity/room/alert"
	"polity/room/queue"
	"polity/room/store"
)

// Incident is one.
type Incident struct {
	ID       string      `json:"id"`
	Title    string      `json:"title"` // by a person, for staff
	Desks    []city.Slug `json:"desks"` // of its alerts, ever
	Opened   time.Time   `json:"opened"`
	By       string      `json:"by"` // who opened it
	Open     bool        `json:"open"`
	Closed   time.Time   `json:"closed,omitzero"`
	Revision uint64      `json:"revision"`
}

// Item is something else that belongs to an incident: a look, a work order.
type Item struct {
	At   time.Time `json:"at"`
	Kind city.Slug `json:"kind"` // look, order
	ID   string    `json:"id"`
	What string    `json:"what"` // in words
	By   string    `json:"by,omitempty"`
}

// Line is one line of an incident's timeline.
type Line struct {
	alert.Entry
	Alert alert.Key `json:"alert,omitempty"` // whose entry it is; empty: the incident's own
	Item  *Item     `json:"item,omitempty"`
}

// Detail is an incident with everything that belongs to it.
type Detail struct {
	Incident Incident       `json:"incident"`
	Alerts   []*alert.Alert `json:"alerts"`
	Timeline []Line         `json:"timeline"`
	People   queue.People   `json:"people,omitempty"`
}

// Request is what somebody asks about incidents.
type Request struct {
	ID       string      `json:"request"`
	Do       string      `json:"do"` // open, join, leave, note, close, reopen
	Incident string      `json:"incident,omitempty"`
	Title    string      `json:"title,omitempty"`    // of open
	Text     string      `json:"text,omitempty"`     // of note
	Revision uint64      `json:"revision,omitempty"` // of close and reopen
	Items    []alert.Key `json:"items,omitempty"`    // of open, join and leave
}

// Answer is what came of a request.
type Answer struct {
	Incident Incident        `json:"incident"`
	Outcomes []queue.Outcome `json:"outcomes,omitempty"`
}

// Book keeps incidents in the queue's file. Its methods may be called by any goroutine.
type Book struct {
	q *queue.Queue
	// Related returns what else belongs to an incident; nil: nothing.
	Related func(ctx context.Context, who access.Who, of Detail) ([]Item, error)
}

// New returns the incidents of a queue's file.
func New(q *queue.Queue) *Book { return &Book{q: q} }

const (
	maxTitle = 120
	maxItems = 500
	prefix   = "incident:" // of subjects
)

// What happens to an incident, beside notes.
const (
	opened   alert.What = "open-incident"
	closed   alert.What = "close-incident"
	reopened alert.What = "reopen-incident"
)

func (r *Request) check() error {
	bad := func(format string, args ...any) error { return city.Errorf(city.Invalid, format, args...) }
	if err := queue.CheckRequest(r.ID); err != nil {
		return err
	}
	if len(r.Items) > maxItems {
		return bad("items: %d alerts; one request is about at most %d", len(r.Items), maxItems)
	}
	for _, k := range r.Items {
		if err := k.Check(); err != nil {
			return err
		}
	}
	switch r.Do {
	case "open":
		if r.Incident != "" || len(r.Items) == 0 {
			return bad("open: name the alerts that belong together, and no incident")
		}
		return checkTitle(r.Title)
	case "join", "leave":
		if len(r.Items) == 0 {
			return bad("%s: name the alerts", r.Do)
		}
	case "note":
		if err := alert.CheckNote(r.Text); err != nil {
			return err
		}
	case "close", "reopen":
		if r.Revision == 0 {
			return bad("%s: give the revision that was seen", r.Do)
		}
	default:
		return bad("do: there is no operation %.40q; there are open, join, leave, note, close, reopen", r.Do)
	}
	if r.Incident == "" {
		return bad("incident: name it")
	}
	return nil
}

func checkTitle(s string) error {
	if strings.TrimSpace(s) == "" || utf8.RuneCountInString(s) > maxTitle || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return city.Errorf(city.Invalid, "title: give 1 to %d characters in one line", maxTitle)
	}
	return nil
}

func none() error { return city.Errorf(city.NotFound, "there is no such incident") }

// sees says whether somebody may see an incident: one of its desks at least.
func (b *Book) sees(who access.Who, i *Incident, do access.Action) bool {
	return slices.ContainsFunc(i.Desks, func(d city.Slug) bool { return b.q.May(who, do, d).Allowed })
}

// Act does what somebody asks. A request that is sent again within a day changes nothing.
func (b *Book) Act(ctx context.Context, who access.Who, r Request) (Answer, error) {
	if who.ID == "" {
		return Answer{}, city.Errorf(city.Forbidden, "whoever handles incidents signs in first")
	}
	if err := r.check(); err != nil {
		return Answer{}, err
	}
	var out Answer
	err := b.q.DB().Do(ctx, func(tx *store.Tx) error {
		out = Answer{}
		repeated, err := queue.Once(tx, who, "incident/"+r.ID, r, &out, b.q.Now())
		if err != nil || repeated {
			return err
		}
		i, err := b.begin(tx, who, &r)
		if err != nil {
			return err
		}
		if out.Outcomes, err = b.move(tx, who, &r, i); err != nil {
			return err
		}
		if err := b.change(tx, who, &r, i); err != nil {
			return err
		}
		out.Incident = *i
		short := Answer{Incident: *i}
		for _, o := range out.Outcomes {
			o.Alert = nil
			short.Outcomes = append(short.Outcomes, o)
		}
		return queue.Remember(tx, who, "incident/"+r.ID, r, short, b.q.Now())
	})
	return out, err
}

// begin makes the incident that is to be opened, or reads the one that is named.
func (b *Book) begin(tx *store.Tx, who access.Who, r *Request) (*Incident, error) {
	if r.Do == "open" {
		return &Incident{ID: "i-" + strings.ToLower(rand.Text()[:12]), Title: strings.TrimSpace(r.Title), Opened: b.q.Now(), By: who.ID, Open: true}, nil
	}
	var body []byte
	found, err := tx.Row("SELECT body FROM incident WHERE id = ?", []any{r.Incident}, []any{&body})
	if err != nil {
		return nil, err
	}
	i := new(Incident)
	if found {
		if err := json.Unmarshal(body, i); err != nil {
			return nil, fmt.Errorf("an incident as stored: %w", err)
		}
	}
	switch {
	case !found || !b.sees(who, i, access.SeeAlerts):
		return nil, none()
	case !b.sees(who, i, access.Handle):
		return nil, city.Errorf(city.Forbidden, "%s", b.q.May(who, access.Handle, i.Desks[0]).Why)
	case r.Revision != 0 && r.Revision != i.Revision:
		return nil, city.Errorf(city.Conflict, "somebody was faster: the incident was changed meanwhile")
	case !i.Open && r.Do == "join":
		return nil, city.Errorf(city.Conflict, "the incident is closed; reopen it first")
	}
	return i, nil
}

// move lets alerts join or leave.
func (b *Book) move(tx *store.Tx, who access.Who, r *Request, i *Incident) (out []queue.Outcome, err error) {
	if r.Do != "open" && r.Do != "join" && r.Do != "leave" {
		return nil, nil
	}
	to, done := i.ID, 0
	if r.Do == "leave" {
		to = ""
	}
	for _, key := range r.Items {
		if to == "" {
			var of string
			if _, err := tx.Row("SELECT incident FROM alert WHERE key = ?", []any{string(key)}, []any{&of}); err != nil {
				return nil, err
			}
			if of != i.ID {
				out = append(out, queue.Outcome{Key: key, Status: queue.Missing, Why: "it does not belong to this incident"})
				continue
			}
		}
		o, err := b.q.SetIncident(tx, who, key, to)
		if err != nil {
			return nil, err
		}
		if o.Status == queue.Done {
			done++
			if !slices.Contains(i.Desks, o.Alert.Desk) {
				i.Desks = append(i.Desks, o.Alert.Desk)
			}
		}
		out = append(out, o)
	}
	if r.Do == "open" && done == 0 {
		return nil, city.Errorf(city.Conflict, "none of the alerts can belong to a new incident: %s", out[0].Why)
	}
	return out, nil
}

// change stores the incident with what happened to it.
func (b *Book) change(tx *store.Tx, who access.Who, r *Request, i *Incident) error {
	e := b.q.Stamp(who, "")
	switch r.Do {
	case "open":
		e.What = opened
	case "note":
		e.What, e.Text = alert.Note, r.Text
	case "close":
		if !i.Open {
			return nil
		}
		e.What, i.Open, i.Closed = closed, false, e.At
	case "reopen":
		if i.Open {
			return nil
		}
		e.What, i.Open, i.Closed = reopened, true, time.Time{}
	}
	if r.Do != "note" {
		i.Revision++
	}
	if e.What != "" {
		if err := queue.Note(tx, prefix+i.ID, e); err != nil {
			return err
		}
	}
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	open := 0
	if i.Open {
		open = 1
	}
	return tx.Exec("INSERT INTO incident (id, at, open, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET open = excluded.open, body = excluded.body", i.ID, i.Opened.UnixMilli(), open, string(text))
}

// List returns the incidents that somebody may see, the newest first, at most 500.
func (b *Book) List(ctx context.Context, who access.Who) ([]Incident, error) {
	rows, err := b.q.DB().Read().QueryContext(ctx, "SELECT body FROM incident ORDER BY open DESC, at DESC LIMIT 2000")
	if err != nil {
		return nil, store.Kind(err)
	}
	defer rows.Close()
	out := []Incident{}
	for rows.Next() && len(out) < 500 {
		i, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		if b.sees(who, &i, access.SeeAlerts) {
			out = append(out, i)
		}
	}
	return out, store.Kind(rows.Err())
}

func scan(row func(...any) error) (i Incident, err error) {
	var body []byte
	if err := row(&body); err != nil {
		return i, store.Kind(err)
	}
	if err := json.Unmarshal(body, &i); err != nil {
		return i, fmt.Errorf("an incident as stored: %w", err)
	}
	return i, nil
}

// Incident returns one with all that belongs to it, as far as somebody may see it.
func (b *Book) Incident(ctx context.Context, who access.Who, id string) (Detail, error) {
	rows, err := b.q.DB().Read().QueryContext(ctx, "SELECT body FROM incident WHERE id = ?", id)
	if err != nil {
		return Detail{}, store.Kind(err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return Detail{}, store.Kind(err)
		}
		return Detail{}, none()
	}
	d := Detail{Alerts: []*alert.Alert{}, Timeline: []Line{}}
	if d.Incident, err = scan(rows.Scan); err != nil {
		return Detail{}, err
	}
	if !b.sees(who, &d.Incident, access.SeeAlerts) {
		return Detail{}, none()
	}
	if err := b.fill(ctx, who, &d); err != nil {
		return Detail{}, err
	}
	return d, nil
}

func (b *Book) fill(ctx context.Context, who access.Who, d *Detail) error {
	own, err := b.q.Timeline(ctx, prefix+d.Incident.ID)
	if err != nil {
		return err
	}
	for _, e := range own {
		d.Timeline = append(d.Timeline, Line{Entry: e})
	}
	alerts, err := b.q.OfIncident(ctx, d.Incident.ID)
	if err != nil {
		return err
	}
	for _, a := range alerts {
		if !b.q.May(who, access.SeeAlerts, a.Desk).Allowed {
			continue
		}
		d.Alerts = append(d.Alerts, a)
		entries, err := b.q.Timeline(ctx, "alert:"+string(a.Key))
		if err != nil {
			return err
		}
		for _, e := range entries {
			d.Timeline = append(d.Timeline, Line{Entry: e, Alert: a.Key})
		}
	}
	if b.Related != nil {
		items, err := b.Related(ctx, who, *d)
		if err != nil {
			return err
		}
		for _, i := range items {
			d.Timeline = append(d.Timeline, Line{Entry: alert.Entry{At: i.At, What: alert.What(i.Kind), By: i.By}, Item: &i})
		}
	}
	slices.SortStableFunc(d.Timeline, func(a, b Line) int { return cmp.Or(a.At.Compare(b.At)) })
	entries := make([]alert.Entry, 0, len(d.Timeline)+1)
	for _, l := range d.Timeline {
		entries = append(entries, l.Entry)
	}
	d.People = b.q.Names(append(entries, alert.Entry{By: d.Incident.By})...)
	return nil
}

// Forget removes incidents that were closed as long ago as alerts are kept; their alerts
// then go as others do.
func (b *Book) Forget(ctx context.Context) error {
	before := b.q.Now().Add(-b.q.Keep())
	return b.q.DB().Do(ctx, func(tx *store.Tx) error {
		for range 100 {
			var id string
			found, err := tx.Row("SELECT id FROM incident WHERE open = 0 AND json_extract(body, '$.closed') < ? LIMIT 1", []any{before.Format(time.RFC3339)}, []any{&id})
			if err != nil || !found {
				return err
			}
			if err := b.q.Release(tx, id); err != nil {
				return err
			}
			if err := tx.Exec("DELETE FROM entry WHERE subject = ?", prefix+id); err != nil {
				return err
			}
			if err := tx.Exec("DELETE FROM incident WHERE id = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
}
