package export

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"polity/city"
)

// Film is what a fragmented MP4 file says of itself.
type Film struct {
	Width, Height int
	Codec         string // its sample entry, e.g. avc1
	TimeScale     int64  // ticks a second
	Pictures      int64
	Ticks         int64 // that all pictures last
}

// Sample is one picture of a film, in ticks.
type Sample struct {
	Shown    int64 // time of presentation
	Duration int64
	Key      bool // stands by itself
}

// Bounds of what Inspect holds in memory.
const (
	maxMoov = 1 << 20
	maxMoof = 4 << 20
)

// Inspect reads a film as recording/fmp4 writes it, from foreign bytes, and refuses every
// other: one track, of pictures, none of sound. each gets every picture in order of
// decoding; nil: nobody does. The error is of kind Invalid, or each's, or the reader's.
func Inspect(from io.Reader, each func(Sample) error) (*Film, error) {
	r := bufio.NewReaderSize(from, 64<<10)
	f := &Film{}
	for place := 0; ; place++ {
		size, name, err := boxHead(r)
		if errors.Is(err, io.EOF) && f.Width > 0 {
			return f, nil
		}
		if err != nil {
			return nil, cutOff(err)
		}
		switch {
		case place == 0 && name == "ftyp", place > 1 && name == "mdat":
			_, err = io.CopyN(io.Discard, r, size)
		case place == 1 && name == "moov":
			err = f.moov(r, size)
		case place > 1 && name == "moof":
			err = f.moof(r, size, each)
		default:
			return nil, city.Errorf(city.Invalid, "the film has a part %q where none belongs", name)
		}
		if err != nil {
			return nil, cutOff(err)
		}
	}
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return city.Errorf(city.Invalid, "the film is cut off")
	}
	return err
}

// boxHead reads a box's size without its head, and its name (ISO/IEC 14496-12, 4.2).
// io.EOF only between boxes.
func boxHead(r io.Reader) (size int64, name string, err error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, "", err
	}
	n := binary.BigEndian.Uint32(b[:])
	if n < 8 {
		return 0, "", city.Errorf(city.Invalid, "the film has a part of %d bytes", n)
	}
	return int64(n) - 8, string(b[4:]), nil
}

func whole(r io.Reader, size, most int64) (boxes, error) {
	if size > most {
		return nil, city.Errorf(city.TooLarge, "a part of the film has %d bytes; %d are allowed", size, most)
	}
	b := make([]byte, size)
	_, err := io.ReadFull(r, b)
	return b, err
}

// boxes are boxes one after the other.
type boxes []byte

// next cuts off the first box.
func (b *boxes) next() (name string, content boxes, err error) {
	if len(*b) < 8 {
		return "", nil, errBox
	}
	n := int64(binary.BigEndian.Uint32(*b))
	if n < 8 || n > int64(len(*b)) {
		return "", nil, errBox
	}
	name, content = string((*b)[4:8]), (*b)[8:n]
	*b = (*b)[n:]
	return name, content, nil
}

var errBox = city.Errorf(city.Invalid, "the film's parts do not fit into one another")

// inside walks the boxes in b, and calls what is known by name.
func (b boxes) inside(known map[string]func(boxes) error) error {
	for len(b) > 0 {
		name, content, err := b.next()
		if err != nil {
			return err
		}
		if do := known[name]; do != nil {
			if err := do(content); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Film) moov(r io.Reader, size int64) error {
	b, err := whole(r, size, maxMoov)
	if err != nil {
		return err
	}
	tracks, kind := 0, ""
	walk := map[string]func(boxes) error{}
	in := func(b boxes) error { return b.inside(walk) }
	walk["trak"] = func(b boxes) error { tracks++; return in(b) }
	walk["mdia"], walk["minf"], walk["stbl"] = in, in, in
	walk["mdhd"] = func(b boxes) error {
		if len(b) < 24 || b[0] > 1 {
			return errBox
		}
		at := 12
		if b[0] == 1 {
			at = 20
		}
		f.TimeScale = int64(binary.BigEndian.Uint32(b[at:]))
		return nil
	}
	walk["hdlr"] = func(b boxes) error {
		if len(b) < 12 {
			return errBox
		}
		kind = string(b[8:12])
		return nil
	}
	walk["stsd"] = func(b boxes) error {
		if len(b) < 8 || binary.BigEndian.Uint32(b[4:]) != 1 {
			return errBox
		}
		b = b[8:]
		name, entry, err := b.next()
		if err != nil || len(entry) < 28 { // VisualSampleEntry (14496-12, 12.1.3)
			return errBox
		}
		f.Codec = name
		f.Width, f.Height = int(binary.BigEndian.Uint16(entry[24:])), int(binary.BigEndian.Uint16(entry[26:]))
		return nil
	}
	if err := b.inside(walk); err != nil {
		return err
	}
	if tracks != 1 || kind != "vide" {
		return city.Errorf(city.Invalid, "the film has %d tracks, the last of kind %q; it may have one, of pictures", tracks, kind)
	}
	if f.Width < 1 || f.Height < 1 || f.TimeScale < 1 {
		return city.Errorf(city.Invalid, "the film has pictures of %d x %d, %d ticks a second", f.Width, f.Height, f.TimeScale)
	}
	return nil
}

// trunForm are the flags of a run as recording/fmp4 writes it: version 1; offset of the
// data; duration, size, flags and offset of presentation of each sample.
const trunForm = 1<<24 | 0xf01

// moof reads a fragment's table (14496-12, 8.8.8).
func (f *Film) moof(r io.Reader, size int64, each func(Sample) error) error {
	b, err := whole(r, size, maxMoof)
	if err != nil {
		return err
	}
	base := int64(-1)
	walk := map[string]func(boxes) error{}
	walk["traf"] = func(b boxes) error { return b.inside(walk) }
	walk["tfdt"] = func(b boxes) error {
		if len(b) != 12 || b[0] != 1 {
			return errBox
		}
		base = int64(binary.BigEndian.Uint64(b[4:]) & (1<<62 - 1))
		return nil
	}
	walk["trun"] = func(b boxes) error {
		if base < 0 || len(b) < 12 || binary.BigEndian.Uint32(b) != trunForm {
			return errBox
		}
		n := int64(binary.BigEndian.Uint32(b[4:]))
		if b = b[12:]; int64(len(b)) != n*16 {
			return errBox
		}
		for ; len(b) > 0; b = b[16:] {
			s := Sample{
				Duration: int64(binary.BigEndian.Uint32(b)), Key: binary.BigEndian.Uint32(b[8:])&(1<<16) == 0,
				Shown: base + int64(int32(binary.BigEndian.Uint32(b[12:]))), //nolint:gosec // two's complement is meant
			}
			base += s.Duration
			f.Ticks += s.Duration
			f.Pictures++
			if each == nil {
				continue
			}
			if err := each(s); err != nil {
				return fmt.Errorf("picture %d: %w", f.Pictures, err)
			}
		}
		return nil
	}
	return b.inside(walk)
}
