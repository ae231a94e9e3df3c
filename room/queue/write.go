package queue

import (
	"encoding/json"
	"time"

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
