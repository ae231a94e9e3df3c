package edge

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
	"polity/spine"
)

// handout answers the hub's questions about recordings (docs/formats/handout.md): share
// records, ciphertext and segment hashes of this edge's own cameras, one question at a time, no faster
// than recording can bear.
type handout struct {
	store *store.Store
	log   *slog.Logger
	stop  context.Context //nolint:containedctx // ends the waiting of a question that came before the edge ends
	pace  pace
}

// How much is handed out, at most.
const (
	handoutBytes     = 32 << 20 // a second
	handoutQuestions = 200      // a second
	questionCosts    = handoutBytes / handoutQuestions
)

// serveHandout answers the hub until ctx ends.
func (e *edge) serveHandout(ctx context.Context) error {
	h := &handout{log: e.log, stop: ctx}
	if e.recordings != nil {
		h.store = e.recordings.store
	}
	return e.spine.Serve(spine.Handout, h.hear)
}

// hear answers a question. An edge that records nothing has no recordings of any camera.
func (h *handout) hear(camera city.Slug, body []byte) []byte {
	q, err := uplink.DecodeHandout(body)
	if err != nil {
		return refuseHandout(q.What, uplink.OutOfBound)
	}
	if h.store == nil || !slices.Contains(h.store.Cameras(), camera) {
		return refuseHandout(q.What, uplink.NoRecords)
	}
	c, err := h.store.Camera(camera)
	var a *uplink.HandoutAnswer
	if err == nil {
		a, err = h.answer(c, &q)
	}
	switch {
	case err != nil && city.KindOf(err) == city.NotFound:
		return refuseHandout(q.What, uplink.Gone)
	case err != nil:
		h.log.Error("recordings cannot be handed out", slog.String("camera", string(camera)), slog.Any("error", err))
		return refuseHandout(q.What, uplink.Unreadable)
	}
	b := uplink.EncodeHandout(a)
	h.pace.wait(h.stop, max(len(b), questionCosts))
	return b
}

func refuseHandout(w uplink.What, g uplink.Given) []byte {
	return uplink.Encode(uplink.HandoutHead{What: max(w, uplink.List), Result: g})
}

func (h *handout) answer(c *store.Camera, q *uplink.Handout) (*uplink.HandoutAnswer, error) {
	a := &uplink.HandoutAnswer{HandoutHead: uplink.HandoutHead{What: q.What, Result: uplink.Here}}
	switch q.What {
	case uplink.Piece:
		return a, pieceOf(c, q, a)
	case uplink.Hashes:
		hashesOf(c, q, a)
		return a, nil
	}
	size := 0
	for _, e := range c.Entries(uplink.Time(q.From), uplink.Time(q.To)) {
		if e.Sequence <= q.Sequence || e.Start.UnixMilli() < q.From || e.Start.UnixMilli() >= q.To {
			continue
		}
		if size >= uplink.MaxPiece-recordSize || len(a.Segments) == uplink.MaxListed || len(a.Records) == uplink.MaxRecords {
			a.More = 1
			return a, nil
		}
		a.Next = e.Sequence
		front, sealed, err := front(c, e, q)
		if kind := city.KindOf(err); err != nil && (kind == city.NotFound || kind == city.Invalid) {
			if kind == city.Invalid { // one that was damaged keeps nobody from the others
				h.log.Error("a segment is left out of a release: its header is damaged", slog.String("segment", e.Name()), slog.Any("error", err))
			}
			continue // or was taken by retention meanwhile
		}
		if err != nil {
			return nil, err
		}
		if q.What == uplink.List {
			a.Segments = append(a.Segments, uplink.HandoutSegment{Sequence: e.Sequence, Start: e.Start.UnixMilli(), Size: e.Size, Header: front.Hash()})
			continue
		}
		r := slices.Concat(front.Bytes(), sealed)
		size += 2 + len(r)
		a.Records = append(a.Records, r)
	}
	return a, nil
}

// recordSize is what a share record has at most, with its length.
const recordSize = 2 + 12 + 2048 + share.SealedSize

// front reads a segment's header, and the share that is asked for.
func front(c *store.Camera, e store.Entry, q *uplink.Handout) (h *segment.Header, sealed []byte, err error) {
	f, err := c.Open(e)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	r := io.NewSectionReader(f, 0, f.Size())
	if h, err = segment.ReadHeader(r); err != nil || q.What == uplink.List {
		return h, nil, err
	}
	sealed = make([]byte, share.SealedSize)
	_, err = f.ReadAt(sealed, int64(len(h.Bytes()))+int64(q.Body-1)*share.SealedSize)
	return h, sealed, err
}

// hashesOf lists the segment hashes of an hour that is over.
func hashesOf(c *store.Camera, q *uplink.Handout, a *uplink.HandoutAnswer) {
	for _, l := range c.Leaves(uplink.Time(q.From)) {
		if l.Sequence <= q.Sequence {
			continue
		}
		if len(a.Hashes) == uplink.MaxHashes {
			a.More = 1
			return
		}
		a.Hashes, a.Next = append(a.Hashes, l.Hash), l.Sequence
	}
}

// pieceOf reads a piece of a segment's file.
func pieceOf(c *store.Camera, q *uplink.Handout, a *uplink.HandoutAnswer) error {
	start := uplink.Time(q.From)
	entries := c.Entries(start, start.Add(time.Millisecond))
	i := slices.IndexFunc(entries, func(e store.Entry) bool { return e.Sequence == q.Sequence && e.Start.Equal(start) })
	if i < 0 {
		return city.Errorf(city.NotFound, "there is no such segment")
	}
	f, err := c.Open(entries[i])
	if err != nil {
		return err
	}
	defer f.Close()
	a.Size = f.Size()
	a.Piece = make([]byte, min(int64(q.Length), max(0, a.Size-q.Offset)))
	if n, err := f.ReadAt(a.Piece, q.Offset); err != nil && (n < len(a.Piece) || !errors.Is(err, io.EOF)) {
		return err
	}
	return nil
}

// pace lets handoutBytes pass in a second, and a second's worth at once. It is used by
// one goroutine.
type pace struct{ next time.Time }

func (p *pace) wait(stop context.Context, bytes int) {
	now := time.Now()
	if early := now.Add(-time.Second); p.next.Before(early) {
		p.next = early
	}
	p.next = p.next.Add(time.Duration(bytes) * time.Second / handoutBytes)
	if left := p.next.Sub(now); left > 0 {
		select {
		case <-time.After(left):
		case <-stop.Done():
		}
	}
}
