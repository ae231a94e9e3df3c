package queue

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"polity/city"
	"polity/room/alert"
	"polity/room/store"
	"polity/room/verdict"
)

// tally counts the verdict of a closed alert, on the day it was closed; with -1 it takes
// the verdict back.
func (q *Queue) tally(tx *store.Tx, a *alert.Alert, sign int) error {
	t := verdict.Of(a.Verdict)
	tx.After(func() {
		q.mu.Lock()
		q.dirty[a.Kind] = true
		q.mu.Unlock()
		q.stir()
	})
	return tx.Exec(`INSERT INTO verdict (day, kind, camera, useful, wrong, unclear, none) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, camera, day) DO UPDATE SET useful = useful + excluded.useful, wrong = wrong + excluded.wrong, unclear = unclear + excluded.unclear, none = none + excluded.none`,
		a.Handling.Closed.UTC().Format(time.DateOnly), string(a.Kind), string(a.Camera), sign*t.Useful, sign*t.False, sign*t.Unclear, sign*t.None)
}

// days reads the verdicts of kinds from a day on; of all kinds where none is named.
func (q *Queue) days(ctx context.Context, from string, kinds ...city.Slug) (out []verdict.Day, err error) {
	if len(kinds) == 0 {
		for _, k := range q.cfg.Kinds {
			kinds = append(kinds, k.Name)
		}
	}
	for _, kind := range kinds {
		list, err := q.daysOf(ctx, kind, from)
		if err != nil {
			return nil, store.Kind(err)
		}
		out = append(out, list...)
	}
	return out, nil
}

func (q *Queue) daysOf(ctx context.Context, kind city.Slug, from string) (out []verdict.Day, err error) {
	rows, err := q.db.Read().QueryContext(ctx, "SELECT camera, day, useful, wrong, unclear, none FROM verdict WHERE kind = ? AND day >= ?", string(kind), from)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		d := verdict.Day{Place: verdict.Place{Kind: kind}}
		if err := rows.Scan(&d.Camera, &d.Day, &d.Useful, &d.False, &d.Unclear, &d.None); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

func (q *Queue) loadQuiet(ctx context.Context) error {
	rows, err := q.db.Read().QueryContext(ctx, "SELECT kind, camera, since FROM quiet")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p verdict.Place
		var since int64
		if err := rows.Scan(&p.Kind, &p.Camera, &since); err != nil {
			return err
		}
		q.quiet[p] = time.UnixMilli(since).UTC()
	}
	return rows.Err()
}

// Quiet returns which kinds are quiet where, and since when.
func (q *Queue) Quiet() map[verdict.Place]time.Time {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return maps.Clone(q.quiet)
}

// window is of which days verdicts count, at most.
const window = 365 * 24 * time.Hour

// judge demotes kinds of which new verdicts came, and brings them back; all kinds where all
// is set.
func (q *Queue) judge(ctx context.Context, all bool) error {
	q.mu.Lock()
	kinds := slices.Sorted(maps.Keys(q.dirty))
	q.dirty = map[city.Slug]bool{}
	q.mu.Unlock()
	if all {
		kinds = nil
		for _, k := range q.cfg.Kinds {
			kinds = append(kinds, k.Name)
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	err := q.judgeKinds(ctx, kinds)
	if err != nil { // they are looked at again
		q.mu.Lock()
		for _, k := range kinds {
			q.dirty[k] = true
		}
		q.mu.Unlock()
	}
	return err
}

func (q *Queue) judgeKinds(ctx context.Context, kinds []city.Slug) error {
	now := q.cfg.Now().UTC().Truncate(time.Millisecond)
	days, err := q.days(ctx, now.Add(-window).Format(time.DateOnly), kinds...)
	if err != nil {
		return err
	}
	is := map[verdict.Place]bool{}
	for p := range q.Quiet() {
		if slices.Contains(kinds, p.Kind) {
			is[p] = true
		}
	}
	want := verdict.Judge(q.cfg.Kinds, days, is)
	changed := map[verdict.Place]bool{} // to what
	for p := range want {
		if !is[p] {
			changed[p] = true
		}
	}
	for p := range is {
		if !want[p] {
			changed[p] = false
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return q.db.Do(ctx, func(tx *store.Tx) error {
		for p, quiet := range changed {
			if err := q.setQuiet(tx, p, quiet, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func (q *Queue) setQuiet(tx *store.Tx, p verdict.Place, quiet bool, now time.Time) error {
	what, statement, args := alert.CameBack, "DELETE FROM quiet WHERE kind = ? AND camera = ?", []any{string(p.Kind), string(p.Camera)}
	if quiet {
		what, statement, args = alert.WentQuiet, "INSERT OR REPLACE INTO quiet (kind, camera, since) VALUES (?, ?, ?)", append(args, now.UnixMilli())
	}
	if err := tx.Exec(statement, args...); err != nil {
		return err
	}
	tx.After(func() {
		q.mu.Lock()
		if quiet {
			q.quiet[p] = now
		} else {
			delete(q.quiet, p)
		}
		q.mu.Unlock()
		q.cfg.Log.Info("a kind of alert was judged by its verdicts", slog.String("kind", string(p.Kind)), slog.String("camera", string(p.Camera)), slog.Bool("quiet", quiet))
		q.stir()
	})
	return Note(tx, Subject(p), alert.Entry{At: now, What: what})
}

// Subject is under which a place's timeline stands.
func Subject(p verdict.Place) string {
	if p.Camera == "" {
		return "kind:" + string(p.Kind)
	}
	return fmt.Sprintf("kind:%s@%s", p.Kind, p.Camera)
}

// Precision is what is published: verdicts of the last year, of every kind and camera.
func (q *Queue) Precision(ctx context.Context) (from string, rows []verdict.Row, err error) {
	from = q.cfg.Now().UTC().Add(-window).Format(time.DateOnly)
	days, err := q.days(ctx, from)
	if err != nil {
		return "", nil, err
	}
	return from, verdict.Rows(q.cfg.Kinds, days, q.Quiet()), nil
}
