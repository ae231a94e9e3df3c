package docket

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/checkpoint"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/token"
)

const (
	partsDir   = "parts"
	answersDir = "answers"
)

// Request makes the request file to a body (formats/token.md, kind 1), writes it to w, and
// returns its hash. Nothing is written to w before the file is complete. It can be had as
// often as wanted, each time under the newest checkpoint, until the body has answered.
// What the body's devices saw last is known from earlier files; seen names sizes of the
// log that a device asks for in its refusal.
func (d *Docket) Request(ctx context.Context, id canonical.Hash, body share.Body, w io.Writer, seen ...int64) (sum [32]byte, err error) {
	if err := body.Check(); err != nil {
		return sum, err
	}
	for _, size := range seen {
		if err := d.saw(ctx, body, size); err != nil {
			return sum, err
		}
	}
	d.writing.Lock()
	c, r, err := d.now(ctx, id)
	d.writing.Unlock()
	if err != nil {
		return sum, err
	}
	if err := d.askable(c, body); err != nil {
		return sum, err
	}
	return d.make(ctx, w, func(ctx context.Context, f io.Writer) ([32]byte, error) {
		return d.writeRequest(ctx, c, r, body, f)
	})
}

func (d *Docket) askable(c *Case, body share.Body) error {
	a := c.Answers[body]
	switch {
	case !c.Public:
		return city.Errorf(city.Conflict, "the token %s is not public yet: it waits for a quorum of the log's witnesses, which takes seconds; try again then", c.Code)
	case a.State != Waiting:
		return city.Errorf(city.Conflict, "%s has answered the case %s already: %s on %s", body, c.Code, a.State, a.At.Format(time.DateTime))
	case !d.cfg.Now().Before(c.Expires):
		return city.Errorf(city.Conflict, "the token %s expired at %s: the office has to make a new one", c.Code, c.Expires.Format(time.RFC3339))
	}
	return nil
}

// make has a file written beside the store first, and then to w: an edge that fails
// half-way leaves nobody with half a file.
func (d *Docket) make(ctx context.Context, w io.Writer, write func(context.Context, io.Writer) ([32]byte, error)) (sum [32]byte, err error) {
	select {
	case d.making <- struct{}{}:
		defer func() { <-d.making }()
	case <-ctx.Done():
		return sum, city.Errorf(city.Unavailable, "other requests are being made: %w", ctx.Err())
	}
	f, err := os.CreateTemp(filepath.Join(d.cfg.Path, partsDir), "*.part")
	if err != nil {
		return sum, city.Errorf(city.Unavailable, "make the file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if sum, err = write(ctx, f); err != nil {
		return sum, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return sum, err
	}
	_, err = io.Copy(w, f)
	return sum, err
}

func (d *Docket) writeRequest(ctx context.Context, c *Case, r *row, body share.Body, w io.Writer) (sum [32]byte, err error) {
	p, point, err := d.parts(ctx, body, r.logged)
	if err != nil {
		return sum, err
	}
	p.Secret = r.submission.Details
	picked := &picked{d: d, roster: d.cfg.Roster(), body: body, time: point.Time, submission: r.submission}
	var fronts []*segment.Header
	picked.each = func(h *segment.Header) { fronts = append(fronts, h) }
	if sum, err = token.WriteRequest(w, token.Request, *p, picked.all(ctx)); err != nil {
		return sum, err
	}
	if picked.left > 0 {
		d.cfg.Logger.Warn("segments are left out of a request: their time is over, or their class is in no roster", slog.String("case", c.Code), slog.Int("segments", picked.left))
	}
	if len(picked.headers) == 0 {
		return sum, city.Errorf(city.NotFound, "of what the case %s asks for nothing is left on the edges: its time is over, or space was needed", c.Code)
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	return sum, d.change(ctx, func(tx *sql.Tx) error {
		now := d.cfg.Now().UnixMilli()
		if err := show(ctx, tx, body, point, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO request (ask, body, sum, made) VALUES (?, ?, ?, ?) ON CONFLICT (ask, body) DO UPDATE SET sum = excluded.sum, made = excluded.made",
			c.ID[:], string(body), sum[:], now)
		if err != nil {
			return err
		}
		if err := picked.noteAsked(ctx, tx, fronts); err != nil {
			return err
		}
		offer, err := tx.PrepareContext(ctx, "INSERT OR IGNORE INTO offered (ask, body, header) VALUES (?, ?, ?)")
		if err != nil {
			return err
		}
		defer offer.Close()
		for _, h := range picked.headers {
			if _, err := offer.ExecContext(ctx, c.ID[:], string(body), h[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// show notes that a file with a checkpoint goes to a body's devices.
func show(ctx context.Context, tx *sql.Tx, body share.Body, c *checkpoint.Checkpoint, now int64) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO shown (body, size, root, made) VALUES (?, ?, ?, ?) ON CONFLICT (body, size) DO UPDATE SET made = excluded.made",
		string(body), c.Size, c.Root[:], now)
	return err
}

// saw notes that a device of a body saw the log when it had so many entries: this docket
// does not remember, since it was put back from a backup, or the file was another hub's.
func (d *Docket) saw(ctx context.Context, body share.Body, size int64) error {
	c, err := d.cfg.Log.Checkpoint()
	if err != nil {
		return err
	}
	if size < 1 || size > c.Size {
		return city.Errorf(city.Invalid, "the log has %d public entries; a device that saw %d saw another log: tell the witnesses", c.Size, size)
	}
	var tree proof.Peaks
	_, err = d.cfg.Log.Entries(ctx, 0, func(_ int64, data []byte) error {
		if tree.N() == size {
			return errEnough
		}
		tree.Add(tlog.RecordHash(data))
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	return d.change(ctx, func(tx *sql.Tx) error {
		return show(ctx, tx, body, &checkpoint.Checkpoint{Size: size, Root: tree.Root()}, d.cfg.Now().UnixMilli())
	})
}

// pinned is the log as of one checkpoint: all proofs of a file are under the same.
type pinned struct {
	proof.Source
	checkpoint []byte
}

// Read implements proof.Source.
func (p pinned) Read(ctx context.Context, path string, most int) ([]byte, error) {
	if path == "checkpoint" {
		return p.checkpoint, nil
	}
	return p.Source.Read(ctx, path, most)
}

// pin takes the newest checkpoint that counts under the newest roster.
func (d *Docket) pin(r *roster.Roster) (*checkpoint.Checkpoint, pinned, error) {
	c, err := d.cfg.Log.Checkpoint()
	if err != nil {
		return nil, pinned{}, err
	}
	if c, err = checkpoint.Open(c.File(), r); err != nil {
		return nil, pinned{}, city.Errorf(city.Unavailable, "the log's newest checkpoint does not count under roster %d yet: %w", r.Version, err)
	}
	return c, pinned{d.cfg.Log, c.File()}, nil
}

// maxEach is how many rosters, and consistency proofs, a file may have (formats/token.md).
const maxEach = 16

// parts are what a file to a body begins with: rosters, proofs of growth since the
// checkpoints that its devices may have seen last, and the proof of an entry.
func (d *Docket) parts(ctx context.Context, body share.Body, index int64) (*token.Parts, *checkpoint.Checkpoint, error) {
	r := &d.cfg.Roster().Roster
	c, source, err := d.pin(r)
	if err != nil {
		return nil, nil, err
	}
	in, err := proof.Prove(ctx, source, index, r)
	if err != nil {
		return nil, nil, err
	}
	p := &token.Parts{Body: body, Proof: in.Marshal(), Rosters: d.rosters()}
	var seen []tlog.Tree
	err = d.each(ctx, "SELECT size, root FROM shown WHERE body = ? AND size < ? ORDER BY made DESC, size DESC LIMIT ?", []any{string(body), c.Size, maxEach}, func(scan func(...any) error) error {
		var t tlog.Tree
		var root []byte
		if err := scan(&t.N, &root); err != nil {
			return err
		}
		t.Hash = tlog.Hash(root)
		seen = append(seen, t)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, from := range seen {
		g, err := proof.ProveGrowth(ctx, source, from, r)
		if err != nil {
			return nil, nil, err
		}
		p.Consistency = append(p.Consistency, g.Marshal())
	}
	return p, c, nil
}

// rosters are those that follow the first.
func (d *Docket) rosters() [][]byte {
	list := [][]byte{d.cfg.Roster().File()}
	if d.cfg.Rosters != nil {
		list = d.cfg.Rosters()
	}
	if len(list) > 0 {
		if first, err := roster.Unsigned(list[0]); err == nil && first.Version == 1 {
			list = list[1:] // every device has it
		}
	}
	return list[max(0, len(list)-maxEach):]
}

// picked gives the share records of what a submission asks for that a body's device takes:
// it refuses a whole file for one that is past its retention.
type picked struct {
	d          *Docket
	roster     *roster.Signed
	body       share.Body
	time       time.Time // of the file's checkpoint
	submission *token.Submission

	each    func(*segment.Header) // hears of each that is taken; nil: nobody does
	headers []canonical.Hash
	leads   []city.Slug // cameras of which one was taken that begins before the asked time
	left    int         // out
}

// all are shares as they stand on the edges, then held ones.
func (p *picked) all(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, part := range []iter.Seq2[[]byte, error]{p.fresh(ctx), p.held(ctx)} {
			for record, err := range part {
				if !yield(record, err) || err != nil {
					return
				}
			}
		}
	}
}

// fresh are the share records on the edges.
func (p *picked) fresh(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, camera := range p.submission.Cameras {
			var lead []byte // the last record that begins before the asked time
			var leads *segment.Header
			for record, err := range p.d.cfg.Recordings.Shares(ctx, camera, p.submission.From.Time().Add(-token.Lead), p.submission.To.Time().Add(token.Lead), p.body) {
				if err != nil {
					yield(nil, err)
					return
				}
				h, _, err := token.Unpack(record, p.body)
				if err == nil && h.Camera != camera {
					err = city.Errorf(city.Internal, "the recordings of camera %s gave a segment of %s", camera, h.Camera)
				}
				if err != nil {
					yield(nil, err)
					return
				}
				if p.submission.Leads(h.Start) {
					lead, leads = slices.Clone(record), h
					continue
				}
				if leads != nil && covers(leads, h, p.submission.From.Time()) && !p.give(leads, lead, yield) {
					return
				}
				if leads = nil; !h.Start.Before(p.submission.To.Time()) {
					break // it was asked for to know where the one before ends
				}
				if !p.give(h, record, yield) {
					return
				}
			}
			if leads != nil && leads.Start.Add(usual).After(p.submission.From.Time()) && !p.give(leads, lead, yield) {
				return
			}
		}
	}
}

// usual is how long a segment of which no next is known is taken to be (formats/segment.md).
const usual = 6 * time.Second

// covers says whether the pictures of a segment, of which the next is known, reach past a
// time.
func covers(h, next *segment.Header, at time.Time) bool {
	end := next.Start
	if next.Gap != segment.None && next.GapStart.Before(end) {
		end = next.GapStart
	}
	return next.Sequence == h.Sequence+1 && end.After(at) || next.Sequence != h.Sequence+1
}

// give hands a record on, if a device takes it, and says whether more are wanted.
func (p *picked) give(h *segment.Header, record []byte, yield func([]byte, error) bool) bool {
	if !p.takes(h) {
		p.left++
		return true
	}
	p.headers = append(p.headers, h.Hash())
	if p.submission.Leads(h.Start) {
		p.leads = append(p.leads, h.Camera)
	}
	if p.each != nil {
		p.each(h)
	}
	return yield(record, nil)
}

func (p *picked) takes(h *segment.Header) bool {
	if h.Domain != p.roster.Domain || p.submission.Holds(h.Camera, h.Start) != nil {
		return false
	}
	return p.time.Before(due(p.roster, h))
}

// due is when a segment's epoch keys are: past the end of its day and its class's hours.
// It is the zero time if the roster has no such class.
func due(r *roster.Signed, h *segment.Header) time.Time {
	class, ok := r.Class(h.Class)
	if !ok {
		return time.Time{}
	}
	return canonical.Day(h.Day()).Time().Add(24*time.Hour + time.Duration(class.Hours)*time.Hour)
}
