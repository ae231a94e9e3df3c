package queue

import (
	"context"
	"log/slog"
	"time"

	"polity/city"
	"polity/room/alert"
	"polity/room/store"
)

// Report is what a source says of a situation now.
type Report struct {
	alert.Situation
	// Version rises with what the source says of this situation; what is older than what is
	// known is passed over.
	Version uint64
}

// Take stores what a source says, and in the same commit how far it was read: a source
// that begins again at Cursor loses nothing, and what it says twice is one alert. Reports
// that make no sense are logged and passed over, so that they stop nothing behind them. An
// empty cursor leaves the place as it is.
func (q *Queue) Take(ctx context.Context, source city.Slug, reports []Report, cursor string) error {
	good := make([]Report, 0, len(reports))
	for _, r := range reports {
		r.Start, r.End = r.Start.UTC().Truncate(time.Millisecond), r.End.UTC().Truncate(time.Millisecond)
		if err := r.Check(q.cfg.Kinds); err != nil {
			q.cfg.Log.Warn("what a source says makes no alert", slog.String("source", string(source)), slog.Any("error", err))
			q.count(func(c *Counts) { c.Refused++ })
			continue
		}
		good = append(good, r)
	}
	return q.db.Do(ctx, func(tx *store.Tx) error {
		for i := range good {
			if err := q.take(tx, &good[i]); err != nil {
				return err
			}
		}
		if cursor == "" {
			return nil
		}
		return tx.Exec("INSERT INTO place (source, cursor) VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET cursor = excluded.cursor", string(source), cursor)
	})
}

func (q *Queue) take(tx *store.Tx, r *Report) error {
	old, version, err := stored(tx, r.Key)
	if err != nil {
		return err
	}
	now := q.cfg.Now().UTC().Truncate(time.Millisecond)
	if old == nil {
		return q.raise(tx, r, now)
	}
	if r.Version < version || r.same(old) {
		return nil
	}
	x := *old
	x.Situation = r.Situation
	x.Desk = old.Desk // a desk loses none of its alerts
	var entries []alert.Entry
	add := func(what alert.What) {
		e := alert.Entry{At: now, What: what}
		if what != alert.Ended {
			e.Priority = x.Priority
		}
		entries = append(entries, e)
	}
	switch {
	case x.Priority < old.Priority:
		add(alert.Worsened)
	case x.Priority > old.Priority:
		add(alert.Eased)
	}
	if old.End.IsZero() && !x.End.IsZero() {
		add(alert.Ended)
	}
	after := &x
	if x.Priority < old.Priority && x.State == alert.Snoozed { // it is not what was put off
		var woke alert.Entry
		after, woke = x.Wake(now)
		entries = append(entries, woke)
	}
	if n := len(entries); n > 0 {
		after.Last = entries[n-1]
	}
	tx.After(func() { q.count(func(c *Counts) { c.Changed++ }) })
	return q.put(tx, after, r.Version, entries...)
}

func (q *Queue) raise(tx *store.Tx, r *Report, now time.Time) error {
	quiet, err := isQuiet(tx, r.Kind, r.Camera)
	if err != nil {
		return err
	}
	e := alert.Entry{At: now, What: alert.Raised, Priority: r.Priority}
	entries := []alert.Entry{e}
	if !r.End.IsZero() {
		entries = append(entries, alert.Entry{At: now, What: alert.Ended})
	}
	a := &alert.Alert{Situation: r.Situation, Handling: alert.Handling{State: alert.New}, Quiet: quiet, Revision: 1, Last: entries[len(entries)-1]}
	tx.After(func() { q.count(func(c *Counts) { c.Raised++ }) })
	return q.put(tx, a, r.Version, entries...)
}

func isQuiet(tx *store.Tx, kind, camera city.Slug) (bool, error) {
	var n int
	_, err := tx.Row("SELECT count(*) FROM quiet WHERE kind = ? AND camera IN ('', ?)", []any{string(kind), string(camera)}, []any{&n})
	return n > 0, err
}

// same says that the report tells nothing that is not known.
func (r *Report) same(a *alert.Alert) bool {
	b := &a.Situation
	if r.Kind != b.Kind || r.Priority != b.Priority || !r.Start.Equal(b.Start) || !r.End.Equal(b.End) || r.Camera != b.Camera || r.Zone != b.Zone || r.Asset != b.Asset || r.Simulated != b.Simulated {
		return false
	}
	if (r.Place == nil) != (b.Place == nil) || r.Place != nil && *r.Place != *b.Place || r.Title.Text != b.Title.Text || len(r.Title.Values) != len(b.Title.Values) {
		return false
	}
	for i, v := range r.Title.Values {
		w := b.Title.Values[i]
		if v.Name != w.Name || v.Unit != w.Unit || v.Word != w.Word || (v.Number == nil) != (w.Number == nil) || v.Number != nil && *v.Number != *w.Number {
			return false
		}
	}
	return true
}

// News leaves out what open alerts say already.
func (q *Queue) News(reports []Report) (out []Report) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, r := range reports {
		r.Start, r.End = r.Start.UTC().Truncate(time.Millisecond), r.End.UTC().Truncate(time.Millisecond)
		if h := q.open[r.Key]; h == nil || !r.same(h.alert) {
			out = append(out, r)
		}
	}
	return out
}

// Cursor is how far a source was read; empty: it never was.
func (q *Queue) Cursor(ctx context.Context, source city.Slug) (cursor string, err error) {
	err = q.db.Read().QueryRowContext(ctx, "SELECT coalesce((SELECT cursor FROM place WHERE source = ?), '')", string(source)).Scan(&cursor)
	return cursor, store.Kind(err)
}

// Going are the situations of a source that go on, as far as is known, with their alerts'
// keys: open or closed, so that the source can say that they ended while nobody listened.
func (q *Queue) Going(ctx context.Context, source city.Slug) (out []alert.Situation, err error) {
	rows, err := q.db.Read().QueryContext(ctx, "SELECT body FROM alert WHERE key >= ? AND key < ? AND ended = 0", string(source)+":", string(source)+";")
	if err != nil {
		return nil, store.Kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, store.Kind(err)
		}
		a, err := read(body)
		if err != nil {
			return nil, err
		}
		out = append(out, a.Situation)
	}
	return out, store.Kind(rows.Err())
}
