package docket

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/share"
	"polity/release/token"
)

// Bounds of an audit.
const (
	MaxAudit = 1000 // shares
	auditTry = 64   // picks for each that is wanted
)

// AuditFile writes an audit file (formats/token.md, kind 3) of up to n of a body's
// shares that were recorded by the end of a day, and returns its hash. Which they are, the
// root of the first checkpoint after that day decides (formats/docket.md): whoever keeps the
// recordings could not choose.
func (d *Docket) AuditFile(ctx context.Context, body share.Body, day canonical.Day, n int, w io.Writer) (sum [32]byte, err error) {
	if err := errors.Join(body.Check(), day.Check()); err != nil {
		return sum, err
	}
	if n < 1 || n > MaxAudit {
		return sum, city.Errorf(city.Invalid, "an audit has 1 to %d shares", MaxAudit)
	}
	d.writing.Lock()
	u, err := d.universe(ctx, day)
	d.writing.Unlock()
	if err != nil {
		return sum, err
	}
	return d.make(ctx, w, func(ctx context.Context, f io.Writer) ([32]byte, error) {
		p, point, err := d.parts(ctx, body, u.proof)
		if err != nil {
			return sum, err
		}
		picked := &picked{d: d, roster: d.cfg.Roster(), body: body, time: point.Time}
		sum, err := token.WriteRequest(f, token.Audit, *p, picked.audit(ctx, u, day, n))
		if err != nil {
			return sum, err
		}
		if len(picked.headers) == 0 {
			return sum, city.Errorf(city.NotFound, "of what was recorded by the end of %s nothing is left on the edges: audit sooner", day)
		}
		d.writing.Lock()
		defer d.writing.Unlock()
		return sum, d.change(ctx, func(tx *sql.Tx) error { return show(ctx, tx, body, point, d.cfg.Now().UnixMilli()) })
	})
}

// universe is what an audit picks from.
type universe struct {
	root  tlog.Hash
	hours []hour
	total int64
	proof int64 // index of an entry that is public, to prove the checkpoint by
}

type hour struct {
	camera city.Slug
	start  time.Time
	count  int64
}

// universe are the hours that the log tells of between a day's checkpoint and the one of
// the day before. The lock is held.
func (d *Docket) universe(ctx context.Context, day canonical.Day) (*universe, error) {
	if _, err := d.follow(ctx); err != nil {
		return nil, err
	}
	c, err := d.cfg.Log.Checkpoint()
	if err != nil {
		return nil, err
	}
	end := day.Time().AddDate(0, 0, 1)
	if c.Time.Before(end) {
		return nil, city.Errorf(city.Conflict, "%s is not over by the log's witnesses, for whom it is %s: what is audited is picked after the day", day, c.Time.Format(time.DateTime))
	}
	u := &universe{proof: c.Size - 1}
	var size, before, first int64
	var root []byte
	err = d.db.QueryRowContext(ctx, "SELECT size, root FROM dusk WHERE day = ?", string(day)).Scan(&size, &root)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, city.Errorf(city.NotFound, "no checkpoint from right after %s was kept, since the hub did not run then: audit a later day, whose audit covers that one as well", day)
	}
	if err != nil {
		return nil, kind(err)
	}
	u.root = tlog.Hash(root)
	err = d.db.QueryRowContext(ctx, "SELECT size FROM dusk WHERE day < ? ORDER BY day DESC LIMIT 1", string(day)).Scan(&before)
	if errors.Is(err, sql.ErrNoRows) { // the docket is younger: hours of that day and the one before
		first, err = day.Time().AddDate(0, 0, -1).UnixMilli(), nil
	}
	if err != nil {
		return nil, kind(err)
	}
	err = d.each(ctx, "SELECT camera, start, count FROM hour WHERE logged >= ? AND logged < ? AND start >= ? ORDER BY logged", []any{before, size, first}, func(scan func(...any) error) error {
		var h hour
		var start int64
		if err := scan(&h.camera, &start, &h.count); err != nil {
			return err
		}
		h.start = time.UnixMilli(start).UTC()
		u.hours = append(u.hours, h)
		u.total += h.count
		return nil
	})
	if err == nil && u.total == 0 {
		err = city.Errorf(city.NotFound, "the log tells of nothing that was recorded by the end of %s since the day before", day)
	}
	return u, err
}

// pick is the k-th: an hour and the place in it.
func (u *universe) pick(body share.Body, day canonical.Day, k uint64) (hour, int64) {
	r := canonical.Sum("audit-pick", u.root[:], []byte(body), []byte(day), binary.BigEndian.AppendUint64(nil, k))
	at := int64(binary.BigEndian.Uint64(r[:]) % uint64(u.total)) //nolint:gosec // below total
	for _, h := range u.hours {
		if at < h.count {
			return h, at
		}
		at -= h.count
	}
	return hour{}, -1
}

// audit gives the share records of picks, until there are n.
func (p *picked) audit(ctx context.Context, u *universe, day canonical.Day, n int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		lists := map[hour][]Segment{}
		seen := map[canonical.Hash]bool{}
		for k := uint64(0); k < uint64(n)*auditTry && len(p.headers) < n && int64(len(seen)) < u.total; k++ {
			h, at := u.pick(p.body, day, k)
			list, ok := lists[h]
			if !ok {
				var err error
				if list, err = p.d.cfg.Recordings.Segments(ctx, h.camera, h.start, h.start.Add(time.Hour)); err != nil && city.KindOf(err) != city.NotFound {
					yield(nil, err)
					return
				}
				lists[h] = list
			}
			at -= h.count - int64(len(list)) // what is gone of an hour is its beginning
			if at < 0 || at >= int64(len(list)) || seen[list[at].HeaderHash] {
				continue
			}
			seen[list[at].HeaderHash] = true
			for record, err := range p.d.cfg.Recordings.Shares(ctx, h.camera, list[at].Start, list[at].Start.Add(time.Millisecond), p.body) {
				if err == nil {
					record, err = p.check(record, list[at].HeaderHash)
				}
				if record == nil && err == nil {
					continue
				}
				if !yield(record, err) || err != nil {
					return
				}
			}
		}
	}
}

// check lets a share record pass that is the one that was picked; nil if its time is over.
func (p *picked) check(record []byte, header canonical.Hash) ([]byte, error) {
	h, _, err := token.Unpack(record, p.body)
	switch {
	case err != nil:
		return nil, err
	case canonical.Hash(h.Hash()) != header:
		return nil, city.Errorf(city.Internal, "the recordings of camera %s gave another segment than they list", h.Camera)
	case h.Domain != p.roster.Domain || !p.time.Before(due(p.roster, h)):
		p.left++
		return nil, nil
	}
	p.headers = append(p.headers, header)
	return record, nil
}

// Audited takes a body's answer to an audit file to the log, and returns its entry. The same
// file again changes nothing.
func (d *Docket) Audited(ctx context.Context, from io.Reader) (*entry.Audit, error) {
	said, _, err := token.ReadAnswer(io.LimitReader(from, token.MaxFile+1), &d.cfg.Roster().Roster, nil)
	if err != nil {
		return nil, err
	}
	e, ok := said.(*entry.Audit)
	if !ok {
		return nil, city.Errorf(city.Invalid, "this is no answer to an audit: its entry is of type %s", entry.TypeOf(said))
	}
	_, err = d.cfg.Log.Append(ctx, e)
	return e, err
}
