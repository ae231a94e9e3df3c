// Package stream is compressed video on its way from a camera: access units, the
// parameter sets that decoding needs, and the time at which pictures were taken.
//
// It is pure computation on bytes and times; what brings them is camera/source.
package stream

import "time"

// Codec is how pictures are compressed.
type Codec uint8

// The codecs.
const (
	H264  Codec = 1 // ITU-T H.264
	H265  Codec = 2 // ITU-T H.265
	MJPEG Codec = 3 // each picture a JPEG of its own
)

// String returns the codec's common name.
func (c Codec) String() string {
	switch c {
	case H264:
		return "H.264"
	case H265:
		return "H.265"
	case MJPEG:
		return "MJPEG"
	}
	return "unknown codec"
}

// Unit is one access unit: all that is coded of one picture. Its bytes belong to
// whoever receives it.
type Unit struct {
	Codec Codec
	// NALs are the unit's NAL units without start codes; of MJPEG one JPEG image.
	NALs [][]byte
	// Key says that decoding can start here. The parameter sets are then among NALs.
	Key bool
	// PTS is the time of presentation. It counts from the start of the stream on the
	// camera's clock, without the jumps of that clock. With B-frames it is not in
	// the order of the units.
	PTS time.Duration
	// Arrived is when the unit's last byte came.
	Arrived time.Time
	// Taken is PTS on our own clock: arrival time without the network's jitter.
	Taken time.Time
	// Stream counts from 1 and grows when a source starts anew, or codec or size
	// change: a decoder starts anew, too.
	Stream int
	// Width and Height are those of the picture in pixels, 0 where the parameter
	// sets do not tell.
	Width, Height int
}

// Size returns the number of bytes of the unit in Annex B form.
func (u *Unit) Size() int {
	n := 0
	for _, nal := range u.NALs {
		n += 4 + len(nal)
	}
	return n
}

// Clone copies the unit with its bytes.
func (u *Unit) Clone() *Unit {
	c := *u
	room := make([]byte, 0, u.Size())
	c.NALs = make([][]byte, len(u.NALs))
	for i, nal := range u.NALs {
		at := len(room)
		room = append(room, nal...)
		c.NALs[i] = room[at:len(room):len(room)]
	}
	return &c
}

// Wipe overwrites what is coded of the picture, so that it does not stay in memory until
// the garbage collector has use for the room. Parameter sets stay: the assembler and a
// recorder go on using theirs.
func (u *Unit) Wipe() {
	for _, nal := range u.NALs {
		if kindOf(u.Codec, nal) != parameters {
			clear(nal)
		}
	}
}

// AppendAnnexB adds the unit to b as a byte stream with start codes (H.264 and
// H.265, Annex B), or as the JPEG image.
func (u *Unit) AppendAnnexB(b []byte) []byte {
	for _, nal := range u.NALs {
		if u.Codec != MJPEG {
			b = append(b, 0, 0, 0, 1)
		}
		b = append(b, nal...)
	}
	return b
}

// Bounds of a unit. The largest seen is 8 MiB (50 Mbit/s at 3840 x 2160); some
// drones cut a picture into 48 slices.
const (
	MaxUnit = 8 << 20
	MaxNALs = 256
)
