// Package handover keeps what one shift of the control room tells the next: a note, what
// was open, who handed over to whom, and that it was read (docs/formats/alerts.md).
package handover

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/alert"
	"polity/room/queue"
	"polity/room/store"
)

// Handover is one.
type Handover struct {
	ID    string    `json:"id"`
	Desk  city.Slug `json:"desk"`
	At    time.Time `json:"at"`
	From  string    `json:"from"`           // the ID of who hands over
	To    string    `json:"to,omitempty"`   // of who takes over; empty: whoever comes
	Text  string    `json:"text,omitempty"` // by a person, for staff
	Open  []Left    `json:"open"`           // what was open, the most urgent first
	Total int       `json:"total"`          // how many were open; Open has the first 200
	Read  []Receipt `json:"read"`
}

// Left is an alert as it was handed over.
type Left struct {
	Key      alert.Key   `json:"key"`
	Kind     city.Slug   `json:"kind"`
	Title    alert.Title `json:"title"`
	Rank     int         `json:"rank"`
	State    alert.State `json:"state"`
	Until    time.Time   `json:"until,omitzero"` // of snoozed ones
	Assignee string      `json:"assignee,omitempty"`
	Start    time.Time   `json:"start"`
}

// Receipt says who has read it.
type Receipt struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// Request is what somebody asks.
type Request struct {
	ID   string    `json:"request"`
	Do   string    `json:"do"`             // write, read
	Desk city.Slug `json:"desk,omitempty"` // of write
	To   string    `json:"to,omitempty"`   // of write
	Text string    `json:"text,omitempty"` // of write
	Of   string    `json:"id,omitempty"`   // of read
}

// Page is what is listed.
type Page struct {
	Handovers []Handover   `json:"handovers"`
	People    queue.People `json:"people,omitempty"`
}

// Keep is how long handovers are kept.
const Keep = 2 * 365 * 24 * time.Hour

const mostOpen = 200

// Book keeps handovers in the queue's file. Its methods may be called by any goroutine.
type Book struct{ q *queue.Queue }

// New returns the handovers of a queue's file.
func New(q *queue.Queue) *Book { return &Book{q} }

func (r *Request) check() error {
	if err := queue.CheckRequest(r.ID); err != nil {
		return err
	}
	switch r.Do {
	case "write":
		if !slices.Contains(access.Desks(), r.Desk) {
			return city.Errorf(city.Invalid, "desk: there is no desk %.50q; there are %v", string(r.Desk), access.Desks())
		}
		if r.Of != "" {
			return city.Errorf(city.Invalid, "id: a handover that is written has none yet")
		}
		if len(r.To) > 100 || strings.ContainsFunc(r.To, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			return city.Errorf(city.Invalid, "to: this is no colleague's ID")
		}
		if r.Text != "" {
			return alert.CheckNote(r.Text)
		}
	case "read":
		if r.Of == "" || r.Desk != "" || r.To != "" || r.Text != "" {
			return city.Errorf(city.Invalid, "read: give the id of the handover, and nothing else")
		}
	default:
		return city.Errorf(city.Invalid, "do: there is no operation %.40q; there are write, read", r.Do)
	}
	return nil
}

// Act writes a handover, or a receipt. A request that is sent again within a day changes
// nothing.
func (b *Book) Act(ctx context.Context, who access.Who, r Request) (Handover, error) {
	if who.ID == "" {
		return Handover{}, city.Errorf(city.Forbidden, "whoever hands over signs in first")
	}
	if err := r.check(); err != nil {
		return Handover{}, err
	}
	var out Handover
	err := b.q.DB().Do(ctx, func(tx *store.Tx) error {
		out = Handover{}
		repeated, err := queue.Once(tx, who, "handover/"+r.ID, r, &out, b.q.Now())
		if err != nil || repeated {
			return err
		}
		if r.Do == "write" {
			out, err = b.write(who, &r)
		} else {
			out, err = b.read(tx, who, r.Of)
		}
		if err != nil {
			return err
		}
		text, err := json.Marshal(out)
		if err != nil {
			return err
		}
		if err := tx.Exec("INSERT INTO handover (id, desk, at, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body", out.ID, string(out.Desk), out.At.UnixMilli(), string(text)); err != nil {
			return err
		}
		if err := tx.Exec("DELETE FROM handover WHERE at < ?", b.q.Now().Add(-Keep).UnixMilli()); err != nil {
			return err
		}
		return queue.Remember(tx, who, "handover/"+r.ID, r, out, b.q.Now())
	})
	return out, err
}

func (b *Book) write(who access.Who, r *Request) (Handover, error) {
	if d := b.q.May(who, access.Handle, r.Desk); !d.Allowed {
		return Handover{}, city.Errorf(city.Forbidden, "%s", d.Why)
	}
	h := Handover{ID: "h-" + strings.ToLower(rand.Text()[:12]), Desk: r.Desk, At: b.q.Now(), From: who.ID, To: r.To, Text: r.Text, Open: []Left{}, Read: []Receipt{}}
	open := b.q.OpenAlerts(func(a *alert.Alert) bool { return a.Desk == r.Desk && !a.Quiet })
	h.Total = len(open)
	for _, a := range open[:min(len(open), mostOpen)] {
		h.Open = append(h.Open, Left{a.Key, a.Kind, a.Title, a.Rank(), a.State, a.Until, a.Assignee, a.Start})
	}
	return h, nil
}

func (b *Book) read(tx *store.Tx, who access.Who, id string) (h Handover, err error) {
	var body []byte
	found, err := tx.Row("SELECT body FROM handover WHERE id = ?", []any{id}, []any{&body})
	if err == nil && found {
		if err = json.Unmarshal(body, &h); err != nil {
			err = fmt.Errorf("a handover as stored: %w", err)
		}
	}
	if err != nil {
		return h, err
	}
	if !found || !b.q.May(who, access.SeeAlerts, h.Desk).Allowed {
		return h, city.Errorf(city.NotFound, "there is no such handover")
	}
	if d := b.q.May(who, access.Handle, h.Desk); !d.Allowed { // an auditor reads it and takes nothing over
		return h, city.Errorf(city.Forbidden, "%s", d.Why)
	}
	if !slices.ContainsFunc(h.Read, func(r Receipt) bool { return r.By == who.ID }) {
		h.Read = append(h.Read, Receipt{b.q.Now(), who.ID})
	}
	return h, nil
}

// List returns the newest handovers of a desk, of all that somebody may see where it is
// empty, at most 50.
func (b *Book) List(ctx context.Context, who access.Who, desk city.Slug) (Page, error) {
	seen := map[city.Slug]bool{}
	for _, d := range b.q.Desks(who) {
		seen[d] = desk == "" || d == desk
	}
	if desk != "" && !seen[desk] {
		return Page{}, city.Errorf(city.Forbidden, "%s", b.q.May(who, access.SeeAlerts, desk).Why)
	}
	rows, err := b.q.DB().Read().QueryContext(ctx, "SELECT body FROM handover WHERE ? = '' OR desk = ? ORDER BY at DESC, id LIMIT 2000", string(desk), string(desk))
	if err != nil {
		return Page{}, store.Kind(err)
	}
	defer rows.Close()
	p := Page{Handovers: []Handover{}}
	var named []alert.Entry
	for rows.Next() && len(p.Handovers) < 50 {
		var body []byte
		var h Handover
		if err := rows.Scan(&body); err != nil {
			return Page{}, store.Kind(err)
		}
		if err := json.Unmarshal(body, &h); err != nil {
			return Page{}, fmt.Errorf("a handover as stored: %w", err)
		}
		if !seen[h.Desk] {
			continue
		}
		p.Handovers = append(p.Handovers, h)
		named = append(named, alert.Entry{By: h.From, To: h.To})
		for _, r := range h.Read {
			named = append(named, alert.Entry{By: r.By})
		}
		for _, l := range h.Open {
			named = append(named, alert.Entry{By: l.Assignee})
		}
	}
	p.People = b.q.Names(named...)
	return p, store.Kind(rows.Err())
}
