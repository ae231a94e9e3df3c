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

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/token"
)

const heldDir = "held"

// HoldFile writes a request to hold (formats/token.md, kind 6) to a body, and returns its
// hash. The submission has a scope and details, and no token: nobody asks for footage.
func (d *Docket) HoldFile(ctx context.Context, body share.Body, s *token.Submission, w io.Writer) (sum [32]byte, err error) {
	if err := body.Check(); err != nil {
		return sum, err
	}
	if len(s.Entry) > 0 {
		return sum, city.Errorf(city.Invalid, "a request to hold has no token: submit this one as a case")
	}
	if _, err := s.Encode(); err != nil {
		return sum, err
	}
	if err := s.SealedTo(&d.cfg.Roster().Roster); err != nil {
		return sum, err
	}
	c, err := d.cfg.Log.Checkpoint()
	if err != nil {
		return sum, err
	}
	if c.Size == 0 {
		return sum, city.Errorf(city.Unavailable, "nothing is public in the log yet: try again when its witnesses have signed")
	}
	return d.make(ctx, w, func(ctx context.Context, f io.Writer) ([32]byte, error) {
		p, point, err := d.parts(ctx, body, c.Size-1)
		if err != nil {
			return sum, err
		}
		p.Secret = s.Details
		picked := &picked{d: d, roster: d.cfg.Roster(), body: body, time: point.Time, submission: s}
		var fronts []*segment.Header
		picked.each = func(h *segment.Header) { fronts = append(fronts, h) }
		sum, err := token.WriteRequest(f, token.HoldAsked, *p, picked.fresh(ctx))
		if err != nil {
			return sum, err
		}
		if len(fronts) == 0 {
			return sum, city.Errorf(city.NotFound, "of these cameras nothing is recorded in that time, or its time is over: there is nothing to hold")
		}
		d.writing.Lock()
		defer d.writing.Unlock()
		return sum, d.change(ctx, func(tx *sql.Tx) error {
			for _, h := range fronts {
				hash := h.Hash()
				_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO segment (header, front, camera, start, sequence) VALUES (?, ?, ?, ?, ?)",
					hash[:], h.Bytes(), string(h.Camera), h.Start.UnixMilli(), int64(h.Sequence)) //nolint:gosec // it counts six seconds
				if err != nil {
					return err
				}
			}
			return show(ctx, tx, body, point, d.cfg.Now().UnixMilli())
		})
	})
}

// Held takes a body's answer to a request to hold: its shares, then its entry to the
// log. The ciphertext is fetched by and by (Tend). The same file again changes nothing.
func (d *Docket) Held(ctx context.Context, from io.Reader) (*entry.Hold, error) {
	var shares []token.Share
	said, _, err := token.ReadAnswer(io.LimitReader(from, token.MaxFile+1), &d.cfg.Roster().Roster, func(s token.Share) error {
		if s.State == token.Right {
			s.Sealed = slices.Clone(s.Sealed)
			shares = append(shares, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	e, ok := said.(*entry.Hold)
	if !ok {
		return nil, city.Errorf(city.Invalid, "this is no answer to a request to hold: its entry is of type %s", entry.TypeOf(said))
	}
	if err := d.cfg.Log.Check(e); err != nil {
		return nil, err
	}
	text, err := entry.Encode(e)
	if err != nil {
		return nil, err
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	err = d.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO hold (id, body, until, entry) VALUES (?, ?, ?, ?)", e.Hold[:], string(e.Body), string(e.Until), text)
		if err != nil {
			return err
		}
		for _, s := range shares {
			r, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO held (hold, header, sealed) SELECT ?, header, ? FROM segment WHERE header = ?", e.Hold[:], s.Sealed, s.Header[:])
			if err != nil {
				return err
			}
			if n, err := r.RowsAffected(); err != nil || n == 0 {
				var had int
				if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM held WHERE hold = ? AND header = ?", e.Hold[:], s.Header[:]).Scan(&had); err != nil || had == 0 {
					return city.Errorf(city.Invalid, "the answer holds a share of a segment that no request to hold had: fetch the request again and have that answered")
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := d.at("hold stored"); err != nil {
		return nil, err
	}
	_, err = d.appendHold(ctx, e.Hold, e)
	return e, err
}

func (d *Docket) appendHold(ctx context.Context, id canonical.Hash, e entry.Entry) (int64, error) {
	return d.append(ctx, "hold", e, "UPDATE hold SET logged = ? WHERE id = ?", id[:])
}

// held gives held shares of what a submission asks for, in place of those that a request
// cannot have any more: their segments are past their retention, or gone from the edge.
func (p *picked) held(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		has := map[canonical.Hash]bool{}
		for _, h := range p.headers {
			has[h] = true
		}
		s := p.submission
		for _, camera := range s.Cameras {
			goOn, since := true, s.From.Time().Add(-token.Lead)
			if slices.Contains(p.leads, camera) {
				since = s.From.Time()
			}
			err := p.d.each(ctx, `SELECT hold.id, segment.header, front, sealed FROM held JOIN hold ON hold.id = held.hold JOIN segment ON segment.header = held.header
				WHERE body = ? AND until >= ? AND camera = ? AND start >= coalesce((SELECT max(start) FROM segment JOIN held USING (header) WHERE camera = ? AND start >= ? AND start <= ?), ?) AND start < ? ORDER BY sequence, hold.id`,
				[]any{string(p.body), p.time.UTC().Format(time.DateOnly), string(camera), string(camera), since.UnixMilli(), s.From.Time().UnixMilli(), s.From.Time().UnixMilli(), s.To.Time().UnixMilli()}, func(scan func(...any) error) error {
					var id, hash, front, sealed []byte
					if err := scan(&id, &hash, &front, &sealed); err != nil {
						return err
					}
					if has[canonical.Hash(hash)] {
						return nil
					}
					has[canonical.Hash(hash)] = true
					p.headers = append(p.headers, canonical.Hash(hash))
					if goOn = yield(slices.Concat(id, front, sealed), nil); !goOn {
						return errEnough
					}
					return nil
				})
			if !goOn {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// heldSegments are the held ones of a camera whose ciphertext is here.
func (d *Docket) heldSegments(ctx context.Context, camera city.Slug, from, to time.Time) (list []Segment, err error) {
	err = d.each(ctx, "SELECT header, start, sequence, size FROM segment WHERE camera = ? AND start >= ? AND start < ? AND size > 0 ORDER BY sequence",
		[]any{string(camera), from.UnixMilli(), to.UnixMilli()}, func(scan func(...any) error) error {
			var header []byte
			var start, sequence int64
			s := Segment{Camera: camera}
			if err := scan(&header, &start, &sequence, &s.Size); err != nil {
				return err
			}
			s.HeaderHash, s.Start, s.Sequence = [32]byte(header), time.UnixMilli(start).UTC(), uint64(sequence) //nolint:gosec // it was one
			s.Name = Name(s.Start, s.Sequence)
			list = append(list, s)
			return nil
		})
	return list, err
}

func (d *Docket) heldFile(camera city.Slug, name string) string {
	return filepath.Join(d.cfg.Path, heldDir, string(camera)+"-"+name)
}

// wanted is a segment that is to be fetched from its edge.
type wanted struct {
	header          []byte
	camera          city.Slug
	start, sequence int64
}

// fetchHeld brings the ciphertext of held segments here, and that of cases, before its time
// is over on the edges. One that an edge does not give now is tried again.
func (d *Docket) fetchHeld(ctx context.Context) error {
	var list []wanted
	err := d.each(ctx, "SELECT DISTINCT segment.header, camera, start, sequence FROM held JOIN segment ON segment.header = held.header WHERE size IS NULL ORDER BY start", nil, func(scan func(...any) error) error {
		var w wanted
		err := scan(&w.header, &w.camera, &w.start, &w.sequence)
		list = append(list, w)
		return err
	})
	if err == nil {
		var asked []wanted
		asked, err = d.wantAsked(ctx, d.cfg.Now())
		list = append(list, asked...)
	}
	for _, w := range list {
		if ctx.Err() != nil {
			break
		}
		name := Name(time.UnixMilli(w.start), uint64(w.sequence)) //nolint:gosec // it was one
		size, one := d.fetchOne(ctx, w.camera, name, [32]byte(w.header))
		if city.KindOf(one) == city.NotFound && one != nil {
			d.cfg.Logger.Error("a segment that is held, or asked for, was gone before its ciphertext could be fetched", slog.String("camera", string(w.camera)), slog.String("segment", name))
			size, one = 0, nil
		}
		if one == nil {
			_, one = d.db.ExecContext(ctx, "UPDATE segment SET size = ? WHERE header = ?", size, w.header)
		}
		if err = errors.Join(err, one); city.KindOf(one) == city.Unavailable && one != nil {
			break
		}
	}
	return kind(err)
}

func (d *Docket) fetchOne(ctx context.Context, camera city.Slug, name string, header [32]byte) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Join(d.cfg.Path, partsDir), "*.part")
	if err != nil {
		return 0, city.Errorf(city.Unavailable, "fetch a held segment: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := d.cfg.Recordings.Ciphertext(ctx, camera, name, 0, f); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	h, err := segment.ReadHeader(io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return 0, err
	}
	if h.Hash() != header {
		return 0, city.Errorf(city.Internal, "the segment %s of camera %s is another one than is held", name, camera)
	}
	if err := f.Sync(); err != nil {
		return 0, city.Errorf(city.Unavailable, "keep a held segment: %w", err)
	}
	if err := errors.Join(os.Rename(f.Name(), d.heldFile(camera, name)), syncDir(filepath.Join(d.cfg.Path, heldDir))); err != nil {
		return 0, city.Errorf(city.Unavailable, "keep a held segment: %w", err)
	}
	return info.Size(), f.Close()
}

// dropHeld forgets holds that are over, and ciphertext that none holds any more. The lock
// is held.
func (d *Docket) dropHeld(ctx context.Context, now time.Time) error {
	type gone struct {
		header          []byte
		camera          city.Slug
		start, sequence int64
	}
	var list []gone
	if _, err := d.db.ExecContext(ctx, "DELETE FROM hold WHERE until < ? AND logged IS NOT NULL", now.UTC().Format(time.DateOnly)); err != nil {
		return kind(err)
	}
	// A request to hold that nobody answered is forgotten when no retention reaches so far.
	err := d.each(ctx, "SELECT header, camera, start, sequence FROM segment WHERE header NOT IN (SELECT header FROM held) AND (size > 0 OR start < ?)", []any{now.Add(-holdAnswered).UnixMilli()}, func(scan func(...any) error) error {
		var g gone
		err := scan(&g.header, &g.camera, &g.start, &g.sequence)
		list = append(list, g)
		return err
	})
	asked, failed := d.keptAsked(ctx, now)
	if err = errors.Join(err, failed); err != nil {
		return kind(err)
	}
	for _, g := range list {
		if asked[canonical.Hash(g.header)] {
			continue
		}
		name := Name(time.UnixMilli(g.start), uint64(g.sequence)) //nolint:gosec // it was one
		one := os.Remove(d.heldFile(g.camera, name))
		if errors.Is(one, os.ErrNotExist) {
			one = nil
		}
		if one == nil {
			_, one = d.db.ExecContext(ctx, "DELETE FROM segment WHERE header = ?", g.header)
		}
		err = errors.Join(err, one)
	}
	return kind(err)
}

// holdAnswered is how old a segment may be that a request to hold had, until nobody can
// answer it any more.
const holdAnswered = 32 * 24 * time.Hour
