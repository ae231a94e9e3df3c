package export

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"sync/atomic"
)

// part is one file of film while it is written.
type part struct {
	rec     ClipRecord
	bytes   atomic.Int64 // written so far
	version string

	to     target
	coder  *encoder
	mask   *masker
	hash   hash.Hash
	stop   context.CancelFunc
	held   *picture // the picture before, whose length the next one tells
	heldAt int64
	ended  bool
}

func newPart(ctx context.Context, to target, c *Clip, kind MaskKind, size [2]int) (*part, error) {
	inside, stop := context.WithCancel(ctx)
	p := &part{
		rec: ClipRecord{Camera: c.Camera, Width: int64(size[0]), Height: int64(size[1]), Marks: append([]Mark{}, c.Marks...)},
		to:  to, mask: newMasker(kind, c.Marks, size[0], size[1]), hash: sha256.New(), stop: stop, held: newPicture(size[0], size[1]), heldAt: -1,
	}
	head := binary.BigEndian.AppendUint32([]byte("polity/pictures/v1\n"), uint32(size[0])) //nolint:gosec // at most 8192
	p.hash.Write(binary.BigEndian.AppendUint32(head, uint32(size[1])))                     //nolint:errcheck,gosec // a hash never fails; at most 8192
	var err error
	if p.coder, err = newEncoder(inside, counting{p}, size[0], size[1]); err != nil {
		stop()
		return nil, err
	}
	return p, nil
}

// counting counts what is written.
type counting struct{ p *part }

// Write implements io.Writer.
func (c counting) Write(b []byte) (int, error) {
	n, err := io.Writer(c.p.to).Write(b)
	c.p.bytes.Add(int64(n))
	return n, err
}

func (p *part) used(n int64) {
	if p.rec.Segments++; p.rec.First == 0 {
		p.rec.First = n
	}
	p.rec.Last = n
}

// add masks a picture and has it encoded; nil, and one of another size, is grey. Two of
// one millisecond are one: the first.
func (p *part) add(ms int64, from *picture) error {
	if p.heldAt >= 0 && ms <= p.heldAt {
		return nil
	}
	if err := p.flush(ms); err != nil {
		return err
	}
	if p.heldAt < 0 {
		p.rec.From = ms
	}
	var shown *picture
	if from == nil || from.width != p.held.width || from.height != p.held.height {
		shown = p.mask.blank()
		p.rec.Grey++
	} else {
		shown = p.mask.mask(from, ms)
	}
	copy(p.held.data, shown.data)
	p.heldAt = ms
	p.rec.Pictures++
	p.hash.Write(binary.BigEndian.AppendUint64(nil, uint64(ms))) //nolint:errcheck,gosec // a hash never fails; not negative
	p.hash.Write(p.held.data)                                    //nolint:errcheck // a hash never fails
	return nil
}

// flush encodes the picture that is held, now that its end is known.
func (p *part) flush(until int64) error {
	if p.heldAt < 0 {
		return nil
	}
	return p.coder.add(p.held, span{p.heldAt - p.rec.From, until - p.heldAt})
}

// end writes what is left and keeps the file.
func (p *part) end(to int64) error {
	defer p.stop()
	p.ended = true
	p.rec.To = max(to, p.heldAt+1)
	err := p.flush(p.rec.To)
	if closed := p.coder.close(); closed != nil {
		err = closed // it says why
	}
	if err != nil {
		p.to.drop()
		return err
	}
	p.version = p.coder.Version
	p.hash.Sum(p.rec.PicturesHash[:0])
	return p.to.keep()
}

// drop throws the file away.
func (p *part) drop() {
	if p.ended {
		return
	}
	p.ended = true
	p.stop()
	_ = p.coder.close()
	p.to.drop()
}
