package hub

import (
	"context"
	"io"
	"iter"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/recording/root"
	"polity/recording/share"
	"polity/release/docket"
	"polity/release/token"
	"polity/spine"
)

// recordings asks the edges for what they recorded (docs/formats/handout.md): share
// records, ciphertext and segment hashes, never anything that opens.
type recordings struct{ h *Hub }

var _ docket.Recordings = recordings{}

const (
	handoutTime  = 15 * time.Second       // for one answer
	handoutTries = 4                      // until an edge that does not answer is away
	handoutPause = 500 * time.Millisecond // between them
	window       = time.Hour              // of one list
	mostListed   = 2 * token.MaxRecords   // segments of one question; an edge that tells of more is wrong
)

// ask asks the edge of a camera. The same question may be asked again when its answer was
// lost.
func (r recordings) ask(ctx context.Context, camera city.Slug, q uplink.Handout) (*uplink.HandoutAnswer, error) {
	c, err := r.h.camera(camera)
	if err != nil {
		return nil, err
	}
	r.h.mu.Lock()
	e := r.h.edges[c.edge]
	r.h.mu.Unlock()
	if e == nil {
		return nil, city.Errorf(city.Unavailable, "the edge %s of camera %s is not known to this hub", c.edge, camera)
	}
	for try := 1; ; try++ {
		if on, _, _, _ := e.connected(); !on {
			return nil, city.Errorf(city.Unavailable, "the edge %s, which has the recordings of camera %s, is not connected: try again when it is", c.edge, camera)
		}
		a, err := e.handout(ctx, camera, q)
		if err == nil || city.KindOf(err) != city.Unavailable || try == handoutTries || ctx.Err() != nil {
			return a, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(handoutPause):
		}
	}
}

// handout asks once.
func (e *edge) handout(ctx context.Context, camera city.Slug, q uplink.Handout) (*uplink.HandoutAnswer, error) {
	asking, stop := context.WithTimeout(ctx, handoutTime)
	defer stop()
	b, err := e.line.Ask(asking, spine.Handout, camera, uplink.Encode(q))
	if err != nil {
		return nil, err
	}
	a, err := uplink.DecodeHandoutAnswer(b)
	if err != nil {
		return nil, err
	}
	switch {
	case a.What != q.What || (a.More == 1 && a.Next <= q.Sequence):
		return nil, city.Errorf(city.Internal, "the edge %s answered another question than was asked", e.name)
	case a.Result == uplink.Gone:
		return nil, city.Errorf(city.NotFound, "a segment of camera %s is not on the edge %s any more: its time was over, or space was needed", camera, e.name)
	case a.Result == uplink.Unreadable:
		return nil, city.Errorf(city.Internal, "the edge %s cannot read its recordings of camera %s: see its log, and its disk", e.name, camera)
	case a.Result == uplink.OutOfBound:
		return nil, city.Errorf(city.Internal, "the edge %s does not take the question: are hub and edge of one release?", e.name)
	}
	return a, nil
}

// pages asks hour by hour, and page by page, as long as each wants more.
func (r recordings) pages(ctx context.Context, camera city.Slug, from, to time.Time, q uplink.Handout, each func(*uplink.HandoutAnswer) error) error {
	n := 0
	for ; from.Before(to); from = from.Add(window) {
		end := from.Add(window)
		if end.After(to) {
			end = to
		}
		q.From, q.To, q.Sequence = from.UnixMilli(), end.UnixMilli(), 0
		for more := true; more; {
			a, err := r.ask(ctx, camera, q)
			if err != nil {
				return err
			}
			if n += len(a.Segments) + len(a.Records) + len(a.Hashes); n > mostListed {
				return city.Errorf(city.TooLarge, "of camera %s there are more than %d segments in that time: ask for less", camera, mostListed)
			}
			if a.Result == uplink.Here {
				if err := each(a); err != nil {
					return err
				}
			}
			more, q.Sequence = a.More == 1, a.Next
		}
	}
	return nil
}

// Segments implements docket.Recordings. Of a camera that was never recorded there are
// none.
func (r recordings) Segments(ctx context.Context, camera city.Slug, from, to time.Time) (list []docket.Segment, err error) {
	var last uint64
	err = r.pages(ctx, camera, from, to, uplink.Handout{What: uplink.List}, func(a *uplink.HandoutAnswer) error {
		for _, s := range a.Segments {
			start := uplink.Time(s.Start)
			if s.Sequence <= last || start.Before(from) || !start.Before(to) {
				return city.Errorf(city.Internal, "the list of camera %s has a segment that is out of order or of another time", camera)
			}
			last = s.Sequence
			list = append(list, docket.Segment{Camera: camera, Name: docket.Name(start, s.Sequence), Sequence: s.Sequence, Start: start, Size: s.Size, HeaderHash: s.Header})
		}
		return nil
	})
	return list, err
}

// Shares implements docket.Recordings. Whether a record is of that body and camera, the
// docket checks.
func (r recordings) Shares(ctx context.Context, camera city.Slug, from, to time.Time, body share.Body) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		enough := false
		err := r.pages(ctx, camera, from, to, uplink.Handout{What: uplink.Shares, Body: uplink.BodyOf(body)}, func(a *uplink.HandoutAnswer) error {
			for _, record := range a.Records {
				if enough = !yield(record, nil); enough {
					return context.Canceled
				}
			}
			return nil
		})
		if err != nil && !enough {
			yield(nil, err)
		}
	}
}

// Hashes implements docket.Recordings.
func (r recordings) Hashes(ctx context.Context, camera city.Slug, hour time.Time) (list []root.Hash, err error) {
	err = r.pages(ctx, camera, hour, hour.Add(window), uplink.Handout{What: uplink.Hashes}, func(a *uplink.HandoutAnswer) error {
		if list = append(list, a.Hashes...); len(list) > root.MaxList {
			return city.Errorf(city.Internal, "the edge of camera %s tells of more segments than an hour has", camera)
		}
		return nil
	})
	return list, err
}

// Ciphertext implements docket.Recordings. The next piece is asked for when the one
// before was written, from where it ended.
func (r recordings) Ciphertext(ctx context.Context, camera city.Slug, name string, offset int64, w io.Writer) error {
	start, sequence, err := docket.ParseName(name)
	if err != nil {
		return err
	}
	size := int64(-1)
	for {
		a, err := r.ask(ctx, camera, uplink.Handout{What: uplink.Piece, From: start.UnixMilli(), Sequence: sequence, Offset: offset, Length: uplink.MaxPiece})
		switch {
		case err != nil:
			return err
		case a.Result == uplink.NoRecords:
			return city.Errorf(city.NotFound, "of camera %s there are no recordings", camera)
		case size >= 0 && a.Size != size:
			return city.Errorf(city.Internal, "the segment %s of camera %s changed while it was read", name, camera)
		case offset > a.Size:
			return city.Errorf(city.Invalid, "the segment %s has %d bytes; byte %d was asked for", name, a.Size, offset)
		case offset == a.Size:
			return nil
		case len(a.Piece) == 0 || offset+int64(len(a.Piece)) > a.Size:
			return city.Errorf(city.Internal, "the edge of camera %s sent a piece that does not fit", camera)
		}
		size = a.Size
		if _, err := w.Write(a.Piece); err != nil {
			return city.Errorf(city.Unavailable, "hand the segment on: %w", err)
		}
		if offset += int64(len(a.Piece)); offset == size {
			return nil
		}
	}
}
