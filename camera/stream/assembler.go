package stream

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// ErrBad is the root of errors about a stream that no decoder is to be given.
var ErrBad = errors.New("the stream cannot be decoded")

// Assembler makes units out of NAL units as a camera sends them, which is not
// always as the standards say:
//
//   - parameter sets may come once only, in the description, or as a packet of
//     their own before the picture;
//   - a picture's slices may come as if each were a picture;
//   - several NAL units may come as one, with start codes between them;
//   - there may be no IDR picture at all.
//
// It is used by one goroutine.
type Assembler struct {
	codec Codec
	sets  []parameterSet
	early [][]byte // came before the picture they belong to

	stream        int
	sized         bool // stream counts a size
	width, height int
	started       bool // a key unit was delivered
	waited        int  // pictures since the start without an IDR

	joins   bool // the camera sends each slice as a picture: pictures are held back
	held    [][]byte
	heldPTS time.Duration
	heldAt  time.Time
	size    int // bytes in held
	alone   int // pictures since one came in several units
}

// NewAssembler starts with the parameter sets that the stream's description
// gives; nil ones are left out. The first unit's Stream is one more than stream.
func NewAssembler(codec Codec, stream int, sets ...[]byte) *Assembler {
	a := &Assembler{codec: codec, stream: stream}
	for _, s := range sets {
		if kindOf(codec, s) == parameters {
			a.keep(s)
		}
	}
	return a
}

// maxWait is how many pictures may come before one that is coded without others,
// but is no IDR, is taken as a start: ten seconds of an ordinary camera.
const maxWait = 100

// Add takes the NAL units of what came as one access unit and returns the units
// that are complete by it: none, one, or two. An error says why the stream cannot
// be decoded; adding may go on.
func (a *Assembler) Add(nals [][]byte, pts time.Duration, arrived time.Time) ([]*Unit, error) {
	if a.codec == MJPEG {
		return a.jpeg(nals, pts, arrived)
	}
	var picture [][]byte
	first := true
	size := 0
	for _, nal := range nals {
		for _, part := range a.parts(nal) {
			switch kindOf(a.codec, part) {
			case parameters:
				a.keep(part)
			case slice, intra:
				if len(picture) == 0 && !hasPicture(a.codec, a.early) {
					first = firstOfPicture(a.codec, part)
				}
				picture = append(picture, part)
			case other, recovery:
				picture = append(picture, part)
			case worthless, unreadable:
			}
			size += len(part)
		}
	}
	if size > MaxUnit || len(picture) > MaxNALs {
		a.early = nil
		return nil, fmt.Errorf("%w: a picture of %d bytes in %d parts", ErrBad, size, len(picture))
	}
	if len(picture) == 0 {
		return nil, nil
	}
	if !hasPicture(a.codec, picture) { // such as SEI alone: it belongs to the next
		if a.early = append(a.early, picture...); len(a.early) > MaxNALs {
			a.early = nil
		}
		return nil, nil
	}
	picture = append(a.early, picture...)
	a.early = nil
	return a.place(picture, first, pts, arrived)
}

// parts cuts a NAL unit in which start codes separate several. A NAL unit cannot
// hold a start code itself (7.4.1).
func (a *Assembler) parts(nal []byte) [][]byte {
	if kindOf(a.codec, nal) != parameters || !bytes.Contains(nal, []byte{0, 0, 1}) {
		return [][]byte{nal}
	}
	return SplitAnnexB(append([]byte{0, 0, 1}, nal...))
}

func hasPicture(codec Codec, nals [][]byte) bool {
	for _, n := range nals {
		if k := kindOf(codec, n); k == slice || k == intra {
			return true
		}
	}
	return false
}

// place completes the picture held back, if there is one, and delivers the new one
// or holds it back. Pictures are held back, at the cost of one picture's delay,
// only from a camera that was seen to send slices one by one.
func (a *Assembler) place(picture [][]byte, first bool, pts time.Duration, arrived time.Time) ([]*Unit, error) {
	if !first && !a.joins {
		a.joins = true
		return nil, nil // the rest of a picture whose beginning has gone out
	}
	if !a.joins {
		return a.deliver(picture, pts, arrived)
	}
	size := 0
	for _, n := range picture {
		size += len(n)
	}
	if !first {
		if a.held == nil || a.size+size > MaxUnit || len(a.held)+len(picture) > MaxNALs {
			a.held = nil
			return nil, nil
		}
		a.held, a.heldAt, a.size, a.alone = append(a.held, picture...), arrived, a.size+size, 0
		return nil, nil
	}
	done, at, when := a.held, a.heldPTS, a.heldAt
	a.held, a.heldPTS, a.heldAt, a.size = picture, pts, arrived, size
	var units []*Unit
	if done != nil {
		var err error
		if units, err = a.deliver(done, at, when); err != nil {
			return nil, err
		}
	}
	if a.alone++; a.alone <= maxAlone {
		return units, nil
	}
	a.joins, a.held, a.alone = false, nil, 0
	last, err := a.deliver(picture, pts, arrived)
	return append(units, last...), err
}

// maxAlone is how many pictures must come whole before they are held back no more.
const maxAlone = 100

func (a *Assembler) deliver(picture [][]byte, pts time.Duration, arrived time.Time) ([]*Unit, error) {
	key := a.startsAt(picture)
	if !key && !a.started {
		a.waited++
		return nil, nil
	}
	if key {
		sets, err := a.activate(picture)
		if err != nil {
			a.started = false // what follows refers to this picture
			return nil, err
		}
		a.started = true
		picture = append(sets, picture...)
	}
	return []*Unit{{
		Codec: a.codec, NALs: picture, Key: key, PTS: pts, Arrived: arrived,
		Stream: a.stream, Width: a.width, Height: a.height,
	}}, nil
}

// startsAt says whether decoding can start at a picture.
func (a *Assembler) startsAt(picture [][]byte) bool {
	recovers := false
	for _, n := range picture {
		switch kindOf(a.codec, n) {
		case intra:
			return true
		case recovery:
			recovers = true
		case slice:
			if a.codec == H264 && (recovers || a.waited > maxWait) && intraCoded(n) {
				return true
			}
			// Gradual refresh: nothing better will come.
			return recovers && a.waited > maxWait
		}
	}
	return false
}

func (a *Assembler) resize(width, height int) error {
	if width != 0 || height != 0 {
		if err := checkSize(width, height); err != nil {
			return err
		}
	}
	if !a.sized || width != a.width || height != a.height {
		a.stream++
		a.sized, a.width, a.height = true, width, height
	}
	return nil
}

// The sizes that can be shown: those of frame.New.
const (
	minSide = 16
	maxSide = 8192
)

func checkSize(width, height int) error {
	if width < minSide || height < minSide || width > maxSide || height > maxSide {
		return fmt.Errorf("%w: pictures of %d x %d; from %d x %d to %d x %d are taken", ErrBad, width, height, minSide, minSide, maxSide, maxSide)
	}
	return nil
}

// Lost says that something is missing from the stream: what follows up to the next
// key unit would decode to something that was never there.
func (a *Assembler) Lost() { a.started, a.waited, a.held, a.early = false, 0, nil, nil }

// Restart begins a new stream at the next key unit.
func (a *Assembler) Restart() {
	a.Lost()
	a.sized = false
}
