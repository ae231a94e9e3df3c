package docket

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/proof"
	"polity/recording/share"
	"polity/release/token"
)

// granted loads a case of which things may be handed out: both approvals are public.
func (d *Docket) granted(ctx context.Context, id canonical.Hash) (*Case, error) {
	c, err := d.Case(ctx, id)
	if err != nil || c.Granted() {
		return c, err
	}
	refused := func(b share.Body) bool { return c.Answers[b].State == Refused }
	for _, b := range share.Bodies {
		if refused(b) {
			return nil, city.Errorf(city.Forbidden, "%s refused the case %s: nothing is handed out", b, c.Code)
		}
	}
	if w := c.waiting(); len(w) > 0 {
		return nil, city.Errorf(city.Forbidden, "%s has not approved the case %s: nothing is handed out before both bodies have", w[0], c.Code)
	}
	return nil, city.Errorf(city.Forbidden, "an approval of the case %s is not public yet: it waits for a quorum of the log's witnesses, which takes seconds", c.Code)
}

// WriteAnswer writes a body's answer file. Before both approvals are public it is
// refused with Forbidden; NotFound says that the body published its approval elsewhere, and
// the file has yet to come.
func (d *Docket) WriteAnswer(ctx context.Context, id canonical.Hash, body share.Body, w io.Writer) error {
	if err := body.Check(); err != nil {
		return err
	}
	c, err := d.granted(ctx, id)
	if err != nil {
		return err
	}
	list, err := d.answers(ctx, id)
	if err != nil {
		return err
	}
	for _, k := range list {
		if k.body != body || k.logged != c.Answers[body].Index {
			continue
		}
		f, err := os.Open(d.answerFile(id, body, k.sum))
		if errors.Is(err, fs.ErrNotExist) {
			return city.Errorf(city.NotFound, "the answer of %s to the case %s is missing from the hub's disk: have its file uploaded again", body, c.Code)
		}
		if err != nil {
			return city.Errorf(city.Unavailable, "read the answer: %w", err)
		}
		_, err = io.Copy(w, f)
		return errors.Join(err, f.Close())
	}
	return city.Errorf(city.NotFound, "%s published its approval of the case %s in the log, but its file was not uploaded here", body, c.Code)
}

// Segments lists what the case asks for and the edges still have, camera by camera in
// order.
func (d *Docket) Segments(ctx context.Context, id canonical.Hash) ([]Segment, error) {
	r, err := d.row(ctx, id)
	if err != nil {
		return nil, err
	}
	from, to := r.submission.From.Time().Add(-token.Lead), r.submission.To.Time()
	var all []Segment
	for _, camera := range r.submission.Cameras {
		list, err := d.cfg.Recordings.Segments(ctx, camera, from, to)
		if err != nil {
			return nil, err
		}
		if list, err = d.withHeld(ctx, camera, from, to, list); err != nil {
			return nil, err
		}
		for _, s := range list {
			if r.submission.Holds(s.Camera, s.Start) != nil {
				continue
			}
			if r.submission.Leads(s.Start) { // which of them both bodies were asked for
				if asked, err := d.wasOffered(ctx, id, s.HeaderHash); err != nil {
					return nil, err
				} else if !asked {
					continue
				}
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// wasOffered says whether a request of a case to a body had a segment.
func (d *Docket) wasOffered(ctx context.Context, id canonical.Hash, header [32]byte) (bool, error) {
	var n int
	err := d.db.QueryRowContext(ctx, "SELECT count(*) FROM offered WHERE ask = ? AND header = ?", id[:], header[:]).Scan(&n)
	return n > 0, kind(err)
}

// withHeld adds to a camera's segments on its edge those whose ciphertext is held here.
func (d *Docket) withHeld(ctx context.Context, camera city.Slug, from, to time.Time, list []Segment) ([]Segment, error) {
	held, err := d.heldSegments(ctx, camera, from, to)
	if err != nil {
		return nil, err
	}
	for _, s := range held {
		if i, there := slices.BinarySearchFunc(list, s, func(a, b Segment) int { return cmp.Compare(a.Sequence, b.Sequence) }); !there {
			list = slices.Insert(list, i, s)
		}
	}
	return list, nil
}

// Ciphertext writes the file of a segment that the case asks for, from an offset on.
// Before both approvals are public, and before the log has the office's entry that it opens
// the case, it is refused with Forbidden: nothing is opened here unseen.
func (d *Docket) Ciphertext(ctx context.Context, id canonical.Hash, camera city.Slug, name string, offset int64, w io.Writer) error {
	c, err := d.granted(ctx, id)
	if err != nil {
		return err
	}
	if !c.Opened {
		return city.Errorf(city.Forbidden, "that the case %s is opened does not stand in the log: hand the entry release-opened in first, as 'polity case open' does", c.Code)
	}
	start, _, err := ParseName(name)
	if err != nil {
		return err
	}
	if !slices.Contains(c.Cameras, camera) || start.Before(c.From.Add(-token.Lead)) || !start.Before(c.To) {
		return city.Errorf(city.Forbidden, "the case %s does not ask for that segment", c.Code)
	}
	f, err := os.Open(d.heldFile(camera, name))
	if errors.Is(err, fs.ErrNotExist) {
		return d.cfg.Recordings.Ciphertext(ctx, camera, name, offset, w)
	}
	if err != nil {
		return city.Errorf(city.Unavailable, "read a held segment: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return city.Errorf(city.Unavailable, "read a held segment: %w", err)
	}
	if offset < 0 || offset > info.Size() {
		return city.Errorf(city.Invalid, "the segment %s has %d bytes; byte %d was asked for", name, info.Size(), offset)
	}
	_, err = io.Copy(w, io.NewSectionReader(f, offset, info.Size()-offset))
	return err
}

// Size is how many bytes a segment's file has, here or on its edge.
func (d *Docket) Size(ctx context.Context, camera city.Slug, name string) (int64, error) {
	start, _, err := ParseName(name)
	if err != nil {
		return 0, err
	}
	list, err := d.cfg.Recordings.Segments(ctx, camera, start, start.Add(time.Millisecond))
	if err == nil {
		list, err = d.withHeld(ctx, camera, start, start.Add(time.Millisecond), list)
	}
	if err != nil {
		return 0, err
	}
	for _, s := range list {
		if s.Name == name {
			return s.Size, nil
		}
	}
	return 0, city.Errorf(city.NotFound, "the segment %s of camera %s is not there any more", name, camera)
}

const (
	nameTime   = "20060102T150405.000Z"
	nameSuffix = ".seg"
)

// Name is a segment's file name (docs/formats/segment.md), without its folder.
func Name(start time.Time, sequence uint64) string {
	s := strconv.FormatUint(sequence, 10)
	return start.UTC().Format(nameTime) + "-" + strings.Repeat("0", max(0, 10-len(s))) + s + nameSuffix
}

// ParseName is its inverse. The error is of kind Invalid.
func ParseName(name string) (start time.Time, sequence uint64, err error) {
	wrong := city.Errorf(city.Invalid, "a segment's file is called such as 20261201T143000.125Z-0000000042.seg")
	at, number, ok := strings.Cut(strings.TrimSuffix(name, nameSuffix), "-")
	if !ok || len(name) > 64 {
		return start, 0, wrong
	}
	if start, err = time.Parse(nameTime, at); err != nil {
		return start, 0, wrong
	}
	if sequence, err = strconv.ParseUint(number, 10, 64); err != nil || Name(start, sequence) != name {
		return start, 0, wrong
	}
	return start, sequence, nil
}

// Proofs are proof files (formats/ledger.md) of all entries of the case that are public,
// under one checkpoint, in the order of the log.
func (d *Docket) Proofs(ctx context.Context, id canonical.Hash) ([][]byte, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	if !c.Public {
		return nil, city.Errorf(city.Conflict, "the token %s is not public yet: it waits for a quorum of the log's witnesses", c.Code)
	}
	r := &d.cfg.Roster().Roster
	point, source, err := d.pin(r)
	if err != nil {
		return nil, err
	}
	var indexes []int64
	err = d.each(ctx, "SELECT logged FROM said WHERE token = ? AND logged >= ? AND logged < ? ORDER BY logged", []any{id[:], c.Index, point.Size}, func(scan func(...any) error) error {
		var n int64
		err := scan(&n)
		indexes = append(indexes, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([][]byte, 0, len(indexes))
	for _, n := range indexes {
		p, err := proof.Prove(ctx, source, n, r)
		if err != nil {
			return nil, err
		}
		list = append(list, p.Marshal())
	}
	return list, nil
}
