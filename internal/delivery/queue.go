package delivery

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"
)

// Put keeps notes, in their order, and how far the feed is from which they come, in
// one commit; at nil leaves that as it was. When it returns nil, they are on disk and
// on their way.
func (q *Queue) Put(ctx context.Context, at *Position, notes []Note) error {
	var to []*receiver
	return q.do(ctx, func(ctx context.Context) error {
		now := q.now()
		to = to[:0]
		for i := range notes {
			x, err := q.add(ctx, &notes[i], now)
			if err != nil {
				return err
			}
			to = append(to, x)
		}
		if err := q.boundDisk(ctx); err != nil {
			return err
		}
		if at == nil {
			return nil
		}
		_, err := q.stmts.position.ExecContext(ctx, at.Origin, int64(at.Sequence))
		return err
	}, func() {
		for _, x := range to {
			q.begin(x)
		}
	})
}

// Position returns how far the feed is of which notes were put; the zero Position
// where none is.
func (q *Queue) Position(ctx context.Context) (at Position, err error) {
	err = q.read.QueryRowContext(ctx, "SELECT origin, sequence FROM position").Scan(&at.Origin, &at.Sequence)
	if errors.Is(err, sql.ErrNoRows) {
		return Position{}, nil
	}
	if err != nil {
		return at, kind(err)
	}
	return at, nil
}

// State returns what happened to a receiver's notifications.
func (q *Queue) State(to Receiver) State {
	q.mu.Lock()
	defer q.mu.Unlock()
	if x := q.receivers[to]; x != nil {
		return x.state
	}
	return State{}
}

// Counts returns what all receivers together come to.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.counts
	c.Bytes = q.bytes
	for _, x := range q.receivers {
		c.Receivers++
		c.Waiting += x.state.Waiting
		c.Dead += x.state.Dead
		if x.state.Failing() {
			c.Failing++
		}
	}
	return c
}

// Forget removes all that is kept for a receiver, and what is known of it.
func (q *Queue) Forget(ctx context.Context, to Receiver) error {
	q.mu.Lock()
	known := q.receivers[to] != nil
	q.mu.Unlock()
	if !known {
		return nil
	}
	return q.do(ctx, func(ctx context.Context) error {
		x := q.receivers[to]
		if x == nil || x.r == 0 {
			return nil
		}
		for _, st := range []*sql.Stmt{q.stmts.dropWaiting, q.stmts.dropDead, q.stmts.dropReceiver} {
			if _, err := st.ExecContext(ctx, x.r); err != nil {
				return err
			}
		}
		q.bytes -= x.state.WaitingBytes + x.state.DeadBytes
		x.state, x.r = State{}, 0
		return nil
	}, func() {
		if x := q.receivers[to]; x != nil && x.r == 0 && !x.running {
			delete(q.receivers, to)
		}
	})
}

// Hurry ends the pause before a receiver is tried again: its address is another now.
func (q *Queue) Hurry(to Receiver) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if x := q.receivers[to]; x != nil {
		q.hurry(x)
	}
}

func (q *Queue) hurry(x *receiver) {
	x.next = time.Time{}
	x.hurries++
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// add stores one note. What waits behind too many becomes a dead letter.
func (q *Queue) add(ctx context.Context, n *Note, now time.Time) (*receiver, error) {
	x := q.receiver(n.To)
	if x.r == 0 {
		res, err := q.stmts.addReceiver.ExecContext(ctx, x.Tenant, x.ID)
		if err != nil {
			return nil, err
		}
		if x.r, err = res.LastInsertId(); err != nil {
			return nil, err
		}
	}
	if _, err := q.stmts.add.ExecContext(ctx, x.r, now.UnixMilli(), n.Body); err != nil {
		return nil, err
	}
	q.waits(x, 1, int64(len(n.Body)))
	for x.state.Waiting > int64(q.limits.Waiting) || x.state.WaitingBytes > q.limits.Bytes {
		var oldest, size int64
		err := q.stmts.oldest.QueryRowContext(ctx, x.r, x.flight).Scan(&oldest, &size)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := q.kill(ctx, x, oldest, size, "too many notifications wait for the receiver", now); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (q *Queue) waits(x *receiver, notes, bytes int64) {
	x.state.Waiting += notes
	x.state.WaitingBytes += bytes
	q.bytes += bytes
}

func (q *Queue) isDead(x *receiver, notes, bytes int64) {
	x.state.Dead += notes
	x.state.DeadBytes += bytes
	q.bytes += bytes
}

// kill makes a note a dead letter. The oldest dead letters behind the bounds are
// dropped.
func (q *Queue) kill(ctx context.Context, x *receiver, n, size int64, reason string, now time.Time) error {
	if _, err := q.stmts.kill.ExecContext(ctx, now.UnixMilli(), reason, n); err != nil {
		return err
	}
	if _, err := q.stmts.take.ExecContext(ctx, n); err != nil {
		return err
	}
	q.waits(x, -1, -size)
	q.isDead(x, 1, size)
	q.counts.Killed++
	q.tell(x, "notifications of a receiver are dead letters now; replay puts them back", slog.String("replay", q.cfg.Command+" replay"), slog.String("reason", reason))
	for x.state.Dead > int64(q.limits.Dead) || x.state.DeadBytes > q.limits.Bytes {
		if dropped, err := q.dropOldest(ctx, x); err != nil || !dropped {
			return err
		}
	}
	return nil
}

// dropOldest removes a receiver's oldest dead letter.
func (q *Queue) dropOldest(ctx context.Context, x *receiver) (bool, error) {
	var n, size int64
	err := q.stmts.oldestDead.QueryRowContext(ctx, x.r).Scan(&n, &size)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := q.stmts.takeDead.ExecContext(ctx, n); err != nil {
		return false, err
	}
	q.isDead(x, -1, -size)
	q.dropped(x, 1)
	return true, nil
}

// tellEach is how often the log hears of one receiver's dead letters.
const tellEach = time.Minute

func (q *Queue) tell(x *receiver, what string, more ...any) {
	if now := time.Now(); now.Sub(x.told) >= tellEach {
		x.told = now
		q.log.Warn(what, append([]any{slog.String("receiver", x.ID), slog.Int64("dead", x.state.Dead), slog.Int64("dropped", x.state.Dropped)}, more...)...) //nolint:sloglint // one of two texts
	}
}

func (q *Queue) dropped(x *receiver, n int64) {
	x.state.Dropped += n
	q.counts.Dropped += uint64(n)
	q.touch(x)
	q.tell(x, "dead letters of a receiver are no longer kept: there were too many, or they were too old")
}

// boundDisk holds all notifications together to what the disk may have: the receivers
// with the most dead letters lose their oldest, and where that is not enough those
// with the most that waits.
func (q *Queue) boundDisk(ctx context.Context) error {
	for q.bytes > q.limits.Disk {
		var most *receiver
		for _, x := range q.receivers {
			if x.state.Dead > 0 && (most == nil || x.state.DeadBytes > most.state.DeadBytes) {
				most = x
			}
		}
		if most == nil {
			for _, x := range q.receivers {
				if x.state.Waiting > 1 && (most == nil || x.state.WaitingBytes > most.state.WaitingBytes) {
					most = x
				}
			}
			if most == nil {
				return nil
			}
			var n, size int64
			if err := q.stmts.oldest.QueryRowContext(ctx, most.r, most.flight).Scan(&n, &size); err != nil {
				return err
			}
			if err := q.kill(ctx, most, n, size, "all notifications together take too much room", q.now()); err != nil {
				return err
			}
		}
		// Half of its letters at once, so that a full disk is not looked over for each.
		for range max(1, most.state.Dead/2) {
			if q.bytes <= q.limits.Disk*9/10 {
				break
			}
			if dropped, err := q.dropOldest(ctx, most); err != nil || !dropped {
				return err
			}
		}
	}
	return nil
}

// sweep drops dead letters that are older than they are kept.
func (q *Queue) sweep() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		q.dropOld()
		select {
		case <-q.sending.Done():
			return
		case <-tick.C:
		}
	}
}

func (q *Queue) dropOld() {
	_ = q.do(q.sending, func(ctx context.Context) error { // the writer logs what is wrong
		for _, x := range q.receivers {
			if x.state.Dead == 0 {
				continue
			}
			notes, bytes, err := q.removeDead(ctx, "r = ? AND died < ?", x.r, q.now().Add(-q.limits.Keep).UnixMilli())
			if err != nil {
				return err
			}
			if notes > 0 {
				q.isDead(x, -notes, -bytes)
				q.dropped(x, notes)
			}
		}
		return nil
	}, nil)
}

// removeDead removes dead letters and returns how many, and their bytes.
func (q *Queue) removeDead(ctx context.Context, where string, args ...any) (notes, bytes int64, err error) {
	err = q.conn.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(length(body)), 0) FROM dead WHERE "+where, args...).Scan(&notes, &bytes) //nolint:gosec // where is ours
	if err == nil && notes > 0 {
		_, err = q.conn.ExecContext(ctx, "DELETE FROM dead WHERE "+where, args...) //nolint:gosec // where is ours
	}
	return notes, bytes, err
}
