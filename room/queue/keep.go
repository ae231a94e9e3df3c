package queue

import (
	"context"
	"log/slog"
	"time"

	"polity/room/alert"
	"polity/room/store"
	"polity/room/verdict"
)

const (
	keepRequests = 24 * time.Hour
	lapseAfter   = 24 * time.Hour // of a quiet alert behind the end of its situation
	chunk        = 200            // alerts of one commit, so that nobody waits long for it
	tidyEvery    = time.Hour
)

// stir has Run settle what is to be settled.
func (q *Queue) stir() {
	select {
	case q.settle <- struct{}{}:
	default:
	}
}

// Run wakes snoozed alerts, demotes kinds, and forgets what is old, until ctx ends.
func (q *Queue) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var tidied time.Time
	failing := false
	for {
		err := q.Settle(ctx)
		if now := q.cfg.Now(); err == nil && now.Sub(tidied) >= tidyEvery {
			if err = q.Tidy(ctx); err == nil {
				tidied = now
			}
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			q.cfg.Log.Error("the alerts cannot be kept in order; it is tried again", slog.Any("error", err))
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-q.settle:
		}
	}
}

// Settle wakes the snoozed alerts whose time has come, judges kinds by new verdicts, and
// makes open alerts quiet or not as their kind is.
func (q *Queue) Settle(ctx context.Context) error {
	if err := q.wakeDue(ctx); err != nil {
		return err
	}
	if err := q.judge(ctx, false); err != nil {
		return err
	}
	return q.quieten(ctx)
}

// Tidy judges all kinds, closes quiet alerts that are long over, and forgets what is older
// than it is kept.
func (q *Queue) Tidy(ctx context.Context) error {
	if err := q.judge(ctx, true); err != nil {
		return err
	}
	if err := q.lapse(ctx); err != nil {
		return err
	}
	return q.forget(ctx)
}

// each changes the open alerts for which want holds, a few at a time, and asks again in the
// commit.
func (q *Queue) each(ctx context.Context, want func(*alert.Alert) bool, change func(tx *store.Tx, a *alert.Alert, version uint64) error) error {
	q.mu.RLock()
	var keys []alert.Key
	for key, h := range q.open {
		if want(h.alert) {
			keys = append(keys, key)
		}
	}
	q.mu.RUnlock()
	for len(keys) > 0 {
		n := min(chunk, len(keys))
		if err := q.db.Do(ctx, func(tx *store.Tx) error {
			for _, key := range keys[:n] {
				a, version, err := stored(tx, key)
				if err != nil {
					return err
				}
				if a == nil || !a.Open() || !want(a) {
					continue
				}
				if err := change(tx, a, version); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func (q *Queue) wakeDue(ctx context.Context) error {
	now := q.cfg.Now()
	q.mu.Lock()
	due := !now.Before(q.wake)
	if due {
		q.wake = now.Add(alert.MaxSnooze)
		for _, h := range q.open {
			if h.alert.State == alert.Snoozed && h.alert.Until.After(now) && h.alert.Until.Before(q.wake) {
				q.wake = h.alert.Until
			}
		}
	}
	q.mu.Unlock()
	if !due {
		return nil
	}
	err := q.each(ctx, func(a *alert.Alert) bool { return a.State == alert.Snoozed && !a.Until.After(now) },
		func(tx *store.Tx, a *alert.Alert, version uint64) error {
			after, entry := a.Wake(now)
			return q.put(tx, after, version, entry)
		})
	if err != nil {
		q.mu.Lock()
		q.wake = time.Time{}
		q.mu.Unlock()
	}
	return err
}

// quieten makes open alerts that nobody has taken on as quiet as their kind.
func (q *Queue) quieten(ctx context.Context) error {
	quiet := q.Quiet()
	is := func(a *alert.Alert) bool {
		_, everywhere := quiet[verdict.Place{Kind: a.Kind}]
		_, here := quiet[verdict.Place{Kind: a.Kind, Camera: a.Camera}]
		return everywhere || here
	}
	return q.each(ctx, func(a *alert.Alert) bool { return a.Quiet != is(a) && (a.Quiet || a.State == alert.New) },
		func(tx *store.Tx, a *alert.Alert, version uint64) error {
			x := *a
			x.Quiet = !a.Quiet
			what := alert.CameBack
			if x.Quiet {
				what = alert.WentQuiet
			}
			x.Last = alert.Entry{At: q.cfg.Now().UTC().Truncate(time.Millisecond), What: what}
			return q.put(tx, &x, version, x.Last)
		})
}

func (q *Queue) lapse(ctx context.Context) error {
	now := q.cfg.Now().UTC().Truncate(time.Millisecond)
	return q.each(ctx, func(a *alert.Alert) bool {
		return a.Quiet && a.State == alert.New && !a.End.IsZero() && now.Sub(a.End) > lapseAfter
	}, func(tx *store.Tx, a *alert.Alert, version uint64) error {
		x := *a
		x.State, x.Handling.Closed, x.Last = alert.Closed, now, alert.Entry{At: now, What: alert.Lapsed}
		x.Revision++
		if err := q.tally(tx, &x, 1); err != nil {
			return err
		}
		return q.put(tx, &x, version, x.Last)
	})
}

// forget removes alerts that were closed long ago with their timelines, and old requests.
// An alert whose situation goes on stays: its source may speak of it again. So does one
// that belongs to an incident, until the incident is forgotten.
func (q *Queue) forget(ctx context.Context) error {
	now := q.cfg.Now()
	before := now.Add(-q.cfg.Keep).UnixMilli()
	for {
		removed := 0
		if err := q.db.Do(ctx, func(tx *store.Tx) error {
			removed = 0
			for range chunk {
				var key string
				var seq int64
				found, err := tx.Row("SELECT key, seq FROM alert WHERE closed > 0 AND closed < ? AND ended > 0 AND incident = '' ORDER BY closed LIMIT 1", []any{before}, []any{&key, &seq})
				if err != nil || !found {
					return err
				}
				removed++
				if err := q.remove(tx, alert.Key(key), uint64(seq)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		if removed < chunk {
			break
		}
	}
	return q.db.Do(ctx, func(tx *store.Tx) error {
		return tx.Exec("DELETE FROM request WHERE at < ?", now.Add(-keepRequests).UnixMilli())
	})
}

func (q *Queue) remove(tx *store.Tx, key alert.Key, seq uint64) error {
	if err := tx.Exec("DELETE FROM alert WHERE key = ?", string(key)); err != nil {
		return err
	}
	if err := tx.Exec("DELETE FROM entry WHERE subject = ?", "alert:"+string(key)); err != nil {
		return err
	}
	// Readers from before it do not learn of it: they begin anew.
	if err := tx.Exec("INSERT INTO meta (name, value) VALUES ('floor', ?) ON CONFLICT (name) DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))", seq); err != nil {
		return err
	}
	tx.After(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.floor = max(q.floor, seq)
		if i, there := q.at[key]; there {
			q.log[i-q.base] = nil
			delete(q.at, key)
		}
	})
	return nil
}
