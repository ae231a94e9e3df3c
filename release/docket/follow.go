package docket

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
)

// follow appends what still has to be, reads what the log has more than at the last
// time, and returns how many of its entries are public. The lock is held.
func (d *Docket) follow(ctx context.Context) (public int64, err error) {
	if err := d.resume(ctx); err != nil {
		return 0, err
	}
	c, err := d.cfg.Log.Checkpoint()
	switch {
	case err == nil:
		return c.Size, d.noteDay(ctx, c)
	case city.KindOf(err) == city.NotFound: // nothing is public yet
		return 0, nil
	}
	return 0, err
}

// resume reads the log on, and appends what a crash or a failing disk kept from it. What
// does not get in now is told of; states say so, too. The lock is held.
func (d *Docket) resume(ctx context.Context) error {
	if err := d.read(ctx); err != nil {
		return err
	}
	n, err := d.catchUp(ctx)
	if err != nil {
		d.complain(err)
	}
	if n == 0 {
		return nil
	}
	return d.read(ctx)
}

// complain logs what keeps entries from the log, when it is new. The lock is held.
func (d *Docket) complain(err error) {
	if text := err.Error(); text != d.told {
		d.told = text
		d.cfg.Logger.Error("an entry of a case waits for the public log", slog.Any("error", err))
	}
}

// left is an entry that is stored and not known to be in the log.
type left struct {
	table, body string
	ask, entry  []byte
}

// catchUp appends what is stored and not in the log, and returns how many entries those
// were. What the log has already, gets the index that it has. The lock is held.
func (d *Docket) catchUp(ctx context.Context) (n int, err error) {
	var list []left
	err = d.each(ctx, `SELECT 'ask', '', id, entry FROM ask WHERE logged IS NULL
		UNION ALL SELECT 'answer', body, ask, entry FROM answer WHERE logged IS NULL
		UNION ALL SELECT 'hold', body, id, entry FROM hold WHERE logged IS NULL`, nil, func(scan func(...any) error) error {
		var l left
		if err := scan(&l.table, &l.body, &l.ask, &l.entry); err != nil {
			return err
		}
		list = append(list, l)
		return nil
	})
	errs := []error{err}
	for _, l := range list {
		e, err := entry.Decode(l.entry)
		if err != nil {
			return 0, err
		}
		id := canonical.Hash(l.ask)
		switch l.table {
		case "ask":
			_, err = d.appendAsk(ctx, id, e)
		case "hold":
			_, err = d.appendHold(ctx, id, e)
		default:
			_, err = d.appendAnswer(ctx, id, l.body, e)
		}
		if err != nil && city.KindOf(err) == city.Invalid {
			err = errors.Join(err, d.settle(ctx, l))
		}
		errs = append(errs, err)
	}
	return len(list), errors.Join(errs...)
}

// settle deals with an entry that the log does not take any more, since its device left the
// roster meanwhile: it is in the log from before the crash, or was never acknowledged and goes.
func (d *Docket) settle(ctx context.Context, l left) error {
	table := map[string]struct{ note, drop string }{
		"ask":    {"UPDATE ask SET logged = ? WHERE id = ?", "DELETE FROM ask WHERE id = ?"},
		"answer": {"UPDATE answer SET logged = ? WHERE ask = ? AND body = ?", "DELETE FROM answer WHERE ask = ? AND body = ?"},
		"hold":   {"UPDATE hold SET logged = ? WHERE id = ?", "DELETE FROM hold WHERE id = ?"},
	}[l.table]
	args := []any{l.ask}
	if l.table == "answer" {
		args = append(args, l.body)
	}
	var index int64
	err := d.db.QueryRowContext(ctx, "SELECT logged FROM said WHERE token = ? AND entry = ?", l.ask, l.entry).Scan(&index)
	if err == nil {
		_, err = d.db.ExecContext(ctx, table.note, append([]any{index}, args...)...)
	} else if errors.Is(err, sql.ErrNoRows) {
		_, err = d.db.ExecContext(ctx, table.drop, args...)
	}
	return kind(err)
}

func (d *Docket) appendAsk(ctx context.Context, id canonical.Hash, e entry.Entry) (int64, error) {
	return d.append(ctx, "ask", e, "UPDATE ask SET logged = ? WHERE id = ?", id[:])
}

func (d *Docket) appendAnswer(ctx context.Context, id canonical.Hash, body string, e entry.Entry) (int64, error) {
	return d.append(ctx, "answer", e, "UPDATE answer SET logged = ? WHERE ask = ? AND body = ?", id[:], body)
}

// append puts a stored entry into the log, and notes its index. After a crash in between
// it is appended again, and gets the same one.
func (d *Docket) append(ctx context.Context, what string, e entry.Entry, note string, where ...any) (int64, error) {
	index, err := d.cfg.Log.Append(ctx, e)
	if err != nil {
		return 0, err
	}
	if err := d.at(what + " appended"); err != nil {
		return 0, err
	}
	_, err = d.db.ExecContext(ctx, note, append([]any{index}, where...)...)
	if err != nil {
		return 0, kind(err)
	}
	return index, d.at(what + " noted")
}

// atOnce is how many entries of the log are read in one transaction.
const atOnce = 20_000

// read takes what the log says of releases and recorded hours, from where it was left.
// The lock is held.
func (d *Docket) read(ctx context.Context) error {
	var from int64
	if err := d.db.QueryRowContext(ctx, "SELECT next FROM reading").Scan(&from); err != nil {
		return kind(err)
	}
	for {
		next, err := d.readSome(ctx, from)
		if err != nil || next == from {
			return err
		}
		from = next
	}
}

var errEnough = errors.New("enough for one transaction")

func (d *Docket) readSome(ctx context.Context, from int64) (next int64, err error) {
	type one struct {
		index int64
		data  []byte
		entry entry.Entry
	}
	var list []one
	n := 0
	next, err = d.cfg.Log.Entries(ctx, from, func(index int64, data []byte) error {
		if n++; n > atOnce {
			return errEnough
		}
		e, err := entry.Decode(data)
		if err != nil {
			return city.Errorf(city.Internal, "entry %d of the public log: %w", index, err)
		}
		switch e.(type) {
		case *entry.ReleaseRequested, *entry.ReleaseApproved, *entry.ReleaseRefused, *entry.ReleaseOpened, *entry.ReleaseDetails, *entry.Hold, *entry.Segments:
			list = append(list, one{index, append([]byte(nil), data...), e})
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return from, err
	}
	if next == from {
		return next, nil
	}
	return next, d.change(ctx, func(tx *sql.Tx) error {
		for _, o := range list {
			if err := note(ctx, tx, o.index, o.data, o.entry); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "UPDATE reading SET next = ?", next)
		return err
	})
}

func note(ctx context.Context, tx *sql.Tx, index int64, data []byte, e entry.Entry) error {
	var token canonical.Hash
	switch e := e.(type) {
	case *entry.ReleaseRequested:
		token = e.ID
	case *entry.Hold:
		token = e.Hold
	case *entry.ReleaseApproved:
		token = e.Token
	case *entry.ReleaseRefused:
		token = e.Token
	case *entry.ReleaseOpened:
		token = e.Token
	case *entry.ReleaseDetails:
		token = e.Token
	case *entry.Segments:
		if e.Count == 0 {
			return nil
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO hour (logged, camera, start, count) VALUES (?, ?, ?, ?)", index, string(e.Camera), e.Hour.Time().UnixMilli(), e.Count)
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO said (logged, token, entry) VALUES (?, ?, ?)", index, token[:], data)
	return err
}

// noteDay keeps the first checkpoint that is seen after a day's end.
func (d *Docket) noteDay(ctx context.Context, c *checkpoint.Checkpoint) error {
	over := c.Time.UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	_, err := d.db.ExecContext(ctx, "INSERT OR IGNORE INTO dusk (day, size, root) VALUES (?, ?, ?)", over, c.Size, c.Root[:])
	return kind(err)
}

// Tend appends what waits, reads the log on, fetches ciphertext that is held, and forgets
// cases and holds that are over. It is to be called each minute or so, by one goroutine.
func (d *Docket) Tend(ctx context.Context) error {
	d.writing.Lock()
	_, err := d.follow(ctx)
	now := d.cfg.Now()
	err = errors.Join(err, d.dropHeld(ctx, now), d.forget(ctx, now))
	d.writing.Unlock()
	return errors.Join(err, d.fetchHeld(ctx))
}
