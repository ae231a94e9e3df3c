package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/alert"
	"polity/room/store"
)

// MaxItems is how many alerts one request is about at most.
const MaxItems = 500

// Me stands in Operation.To for whoever asks.
const Me = "me"

// Request is an operation over alerts.
type Request struct {
	ID string `json:"request"` // the client's own word, so that it can be sent again
	alert.Operation
	Items []Item `json:"items"`
}

// Item is an alert as the one who asks saw it.
type Item struct {
	Key      alert.Key `json:"key"`
	Revision uint64    `json:"revision"` // may be left out of a note
}

// Status is what came of an item.
type Status string

// The statuses.
const (
	Done      Status = "done"
	Unchanged Status = "unchanged" // it was so already
	Conflict  Status = "conflict"  // somebody was faster, or its state does not allow it
	Missing   Status = "missing"   // there is none that the one who asks may see
	Forbidden Status = "forbidden"
)

// Outcome is what came of an item.
type Outcome struct {
	Key    alert.Key    `json:"key"`
	Status Status       `json:"status"`
	Why    string       `json:"why,omitempty"`
	Alert  *alert.Alert `json:"alert,omitempty"` // as it is now
}

var requestForm = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// CheckRequest reports a word that names no request.
func CheckRequest(id string) error {
	if !requestForm.MatchString(id) {
		return city.Errorf(city.Invalid, "request: give 8 to 64 of A-Z a-z 0-9 - _, new for each request and the same when it is sent again")
	}
	return nil
}

func (r *Request) check(now time.Time) error {
	if err := CheckRequest(r.ID); err != nil {
		return err
	}
	if err := r.Check(now); err != nil {
		return err
	}
	if len(r.Items) == 0 || len(r.Items) > MaxItems {
		return city.Errorf(city.Invalid, "items: %d alerts; one request is about 1 to %d", len(r.Items), MaxItems)
	}
	seen := map[alert.Key]bool{}
	for _, i := range r.Items {
		if err := i.Key.Check(); err != nil {
			return err
		}
		if seen[i.Key] {
			return city.Errorf(city.Invalid, "items: %s stands there twice", i.Key)
		}
		seen[i.Key] = true
		if i.Revision == 0 && r.Do != alert.Note {
			return city.Errorf(city.Invalid, "items: %s has no revision; give the one that was seen", i.Key)
		}
	}
	return nil
}

// Act does what somebody asks, item by item, in one commit. The error is about the request
// as a whole. A request that is sent again within a day is answered as before, with the
// alerts as they are now.
func (q *Queue) Act(ctx context.Context, who access.Who, r Request) ([]Outcome, error) {
	if who.ID == "" {
		return nil, city.Errorf(city.Forbidden, "whoever handles alerts signs in first")
	}
	if r.Do == alert.Assign && r.To == Me {
		r.To = who.ID
	}
	if err := r.check(q.cfg.Now()); err != nil {
		return nil, err
	}
	if err := q.assignable(ctx, who, &r); err != nil {
		return nil, err
	}
	var out []Outcome
	err := q.db.Do(ctx, func(tx *store.Tx) (err error) {
		out = nil // it may be run again
		var repeated bool
		if repeated, err = Once(tx, who, r.ID, r, &out, q.cfg.Now()); err != nil {
			return err
		}
		if repeated {
			tx.After(func() { q.count(func(c *Counts) { c.Repeated++ }) })
			return q.refresh(tx, who, out)
		}
		if out, err = q.act(tx, who, &r); err != nil {
			return err
		}
		return Remember(tx, who, r.ID, r, bare(out), q.cfg.Now())
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// assignable asks whether a colleague handles the desks at all.
func (q *Queue) assignable(ctx context.Context, who access.Who, r *Request) error {
	if r.Do != alert.Assign || r.To == "" || r.To == who.ID || q.cfg.MayHandle == nil {
		return nil
	}
	desks := map[city.Slug]bool{}
	q.mu.RLock()
	for _, i := range r.Items {
		if h := q.open[i.Key]; h != nil {
			desks[h.alert.Desk] = true
		}
	}
	q.mu.RUnlock()
	for d := range desks {
		if !q.may(who, access.Handle, d).Allowed {
			continue // refused below
		}
		if err := q.cfg.MayHandle(ctx, r.To, d); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) act(tx *store.Tx, who access.Who, r *Request) ([]Outcome, error) {
	out := make([]Outcome, 0, len(r.Items))
	for _, i := range r.Items {
		o, before, err := q.actOn(tx, who, r, i)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
		if o.Status != Done || r.Do != alert.Close && r.Do != alert.Reopen {
			continue
		}
		if r.Do == alert.Reopen {
			err = q.tally(tx, before, -1)
		} else {
			err = q.tally(tx, o.Alert, 1)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (q *Queue) actOn(tx *store.Tx, who access.Who, r *Request, i Item) (o Outcome, before *alert.Alert, err error) {
	a, version, err := stored(tx, i.Key)
	if err != nil {
		return o, nil, err
	}
	missing := Outcome{Key: i.Key, Status: Missing, Why: "there is no such alert"}
	if a == nil || !q.may(who, access.SeeAlerts, a.Desk).Allowed {
		return missing, nil, nil
	}
	if d := q.may(who, access.Handle, a.Desk); !d.Allowed {
		return Outcome{Key: i.Key, Status: Forbidden, Why: forbidden(d).Error(), Alert: a}, a, nil
	}
	conflict := func(why string) (Outcome, *alert.Alert, error) {
		tx.After(func() { q.count(func(c *Counts) { c.Conflicts++ }) })
		return Outcome{Key: i.Key, Status: Conflict, Why: why, Alert: a}, a, nil
	}
	if r.Do != alert.Note && i.Revision != a.Revision {
		return conflict("somebody was faster")
	}
	after, entry, changed, err := a.Apply(&r.Operation, who, q.cfg.Now())
	if city.KindOf(err) == city.Conflict {
		return conflict(err.Error())
	}
	if err != nil {
		return o, nil, err
	}
	if !changed {
		return Outcome{Key: i.Key, Status: Unchanged, Alert: a}, a, nil
	}
	tx.After(func() { q.count(func(c *Counts) { c.Operations++ }) })
	if err := q.put(tx, after, version, entry); err != nil {
		return o, nil, err
	}
	return Outcome{Key: i.Key, Status: Done, Alert: after}, a, nil
}

// bare leaves out what is read again.
func bare(list []Outcome) []Outcome {
	out := make([]Outcome, len(list))
	for i, o := range list {
		o.Alert = nil
		out[i] = o
	}
	return out
}

// refresh adds the alerts as they are now to outcomes from before.
func (q *Queue) refresh(tx *store.Tx, who access.Who, list []Outcome) error {
	for i := range list {
		if list[i].Status == Missing {
			continue
		}
		a, _, err := stored(tx, list[i].Key)
		if err != nil {
			return err
		}
		if a != nil && q.may(who, access.SeeAlerts, a.Desk).Allowed {
			list[i].Alert = a
		}
	}
	return nil
}

// Once says whether a request was carried out before, and then puts its answer into
// answer. Another request under the same word is an error of kind Conflict.
func Once(tx *store.Tx, who access.Who, id string, request, answer any, now time.Time) (repeated bool, err error) {
	digest, err := digestOf(request)
	if err != nil {
		return false, err
	}
	var had, text string
	var at int64
	found, err := tx.Row("SELECT digest, answer, at FROM request WHERE name = ?", []any{who.ID + "/" + id}, []any{&had, &text, &at})
	if err != nil || !found || now.UnixMilli()-at > keepRequests.Milliseconds() {
		return false, err
	}
	if had != digest {
		return false, city.Errorf(city.Conflict, "request: this word named another request before; take a new one")
	}
	return true, json.Unmarshal([]byte(text), answer)
}

// Remember keeps the answer of a request for a day.
func Remember(tx *store.Tx, who access.Who, id string, request, answer any, now time.Time) error {
	digest, err := digestOf(request)
	if err != nil {
		return err
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return tx.Exec("INSERT INTO request (name, digest, answer, at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, answer = excluded.answer, at = excluded.at",
		who.ID+"/"+id, digest, string(text), now.UnixMilli())
}

func digestOf(request any) (string, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
