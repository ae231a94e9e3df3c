package queue

import (
	"encoding/json"
	"time"

	"polity/access"
	"polity/room/alert"
	"polity/room/store"
)

// stored reads an alert in the writer's transaction.
func stored(tx *store.Tx, key alert.Key) (a *alert.Alert, version uint64, err error) {
	var body []byte
	var n int64
	found, err := tx.Row("SELECT version, body FROM alert WHERE key = ?", []any{string(key)}, []any{&n, &body})
	if err != nil || !found {
		return nil, 0, err
	}
	a, err = read(body)
	return a, uint64(n), err
}

// put stores an alert as it is now with its new entries, gives it its place in the order of
// changes, and shows it once that is committed.
func (q *Queue) put(tx *store.Tx, a *alert.Alert, version uint64, entries ...alert.Entry) error {
	q.sequence++
	a.Sequence = q.sequence
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := tx.Exec(`INSERT INTO alert (key, seq, version, desk, kind, camera, incident, ended, closed, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, version = excluded.version, desk = excluded.desk, kind = excluded.kind, camera = excluded.camera,
		incident = excluded.incident, ended = excluded.ended, closed = excluded.closed, body = excluded.body`,
		string(a.Key), int64(a.Sequence), int64(version), string(a.Desk), string(a.Kind), string(a.Camera), a.Incident, millis(a.End), millis(a.Handling.Closed), string(body)); err != nil {
		return err
	}
	for _, e := range entries {
		if err := Note(tx, "alert:"+string(a.Key), e); err != nil {
			return err
		}
	}
	tx.After(func() {
		h := q.hold(a, body)
		q.mu.Lock()
		q.place(h)
		q.mu.Unlock()
		q.bell.Ring()
	})
	return nil
}

// Note adds an entry to the timeline of a subject: "alert:KEY", "incident:ID", "kind:KIND",
// "kind:KIND@CAMERA".
func Note(tx *store.Tx, subject string, e alert.Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return tx.Exec("INSERT INTO entry (subject, body) VALUES (?, ?)", subject, string(text))
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// SetIncident lets an alert belong to an incident, or to none where it is empty, in the
// transaction of who keeps the incident. It changes nothing for who may not handle the
// alert, or where it belongs to another incident.
func (q *Queue) SetIncident(tx *store.Tx, who access.Who, key alert.Key, incident string) (Outcome, error) {
	a, version, err := stored(tx, key)
	if err != nil {
		return Outcome{}, err
	}
	if a == nil || !q.may(who, access.SeeAlerts, a.Desk).Allowed {
		return Outcome{Key: key, Status: Missing, Why: "there is no such alert"}, nil
	}
	if d := q.may(who, access.Handle, a.Desk); !d.Allowed {
		return Outcome{Key: key, Status: Forbidden, Why: forbidden(d).Error(), Alert: a}, nil
	}
	switch {
	case a.Incident == incident:
		return Outcome{Key: key, Status: Unchanged, Alert: a}, nil
	case a.Incident != "" && incident != "":
		return Outcome{Key: key, Status: Conflict, Why: "it belongs to another incident", Alert: a}, nil
	}
	e := q.Stamp(who, alert.JoinIncident)
	if e.To = incident; incident == "" {
		e.What, e.To = alert.LeaveIncident, a.Incident
	}
	x := *a
	x.Incident, x.Last = incident, e
	if err := q.put(tx, &x, version, e); err != nil {
		return Outcome{}, err
	}
	return Outcome{Key: key, Status: Done, Alert: &x}, nil
}

// Release lets the alerts of an incident that is forgotten go.
func (q *Queue) Release(tx *store.Tx, incident string) error {
	for {
		var key string
		found, err := tx.Row("SELECT key FROM alert WHERE incident = ? LIMIT 1", []any{incident}, []any{&key})
		if err != nil || !found {
			return err
		}
		a, version, err := stored(tx, alert.Key(key))
		if err != nil {
			return err
		}
		x := *a
		x.Incident = ""
		if err := q.put(tx, &x, version); err != nil {
			return err
		}
	}
}
