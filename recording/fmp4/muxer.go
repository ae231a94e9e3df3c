package fmp4

import (
	"encoding/binary"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"polity/city"
)

// Bounds of what waits in memory for the end of its fragment.
const (
	fragmentTicks = TimeScale // a fragment is about a second
	fragmentBytes = 1 << 20
)

// Muxer writes one file. It is used by one goroutine. It keeps no copy of a picture: the
// units of a fragment are held until it is written, and their bytes go to the writer as
// they are, so that nothing is left of them in this package's memory.
type Muxer struct {
	w        io.Writer
	samples  []sample
	sequence uint32
	first    int64 // time of decoding of the file's first picture, in ticks
	base     int64 // of the fragment's first, from the file's
	length   int64 // of the fragment in ticks
	bytes    int
	begun    bool
	pictures uint32
	head     []byte // room for what comes before a fragment's pictures
}

type sample struct {
	unit             *Unit
	size             int
	duration, offset int64 // in ticks; offset from decoding to presentation
}

// NewMuxer begins a file: what comes before the fragments is written to w at once.
// Parameter sets that cannot be read are an error of kind Invalid.
func NewMuxer(w io.Writer, codec Codec, sets Sets) (*Muxer, error) {
	begin, err := Begin(codec, sets)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(begin)
	return &Muxer{w: w}, err
}

// Begin returns what a file of such a stream begins with.
func Begin(codec Codec, sets Sets) ([]byte, error) {
	var c codecs.Codec = &codecs.H264{SPS: sets.SPS, PPS: sets.PPS}
	if codec == H265 {
		c = &codecs.H265{VPS: sets.VPS, SPS: sets.SPS, PPS: sets.PPS}
	}
	var buf seekablebuffer.Buffer
	init := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: 1, TimeScale: TimeScale, Codec: c}}}
	if err := init.Marshal(&buf); err != nil {
		return nil, city.Errorf(city.Invalid, "the stream's parameter sets cannot be kept in MP4: %w", err)
	}
	return buf.Bytes(), nil
}

// Add adds a picture, with its times of decoding and presentation (from any zero that
// stays the same) and how long it is shown, in ticks. The unit stays as it is until its
// fragment is written.
func (m *Muxer) Add(u *Unit, dts, pts, duration int64) error {
	if !m.begun {
		m.first, m.begun = dts, true
	}
	if len(m.samples) == 0 {
		m.base = dts - m.first
	}
	s := sample{unit: u, size: u.Size() + 4*len(u.NALs), duration: duration, offset: pts - dts}
	m.samples = append(m.samples, s)
	m.pictures++
	m.length += duration
	if m.bytes += s.size; m.length >= fragmentTicks || m.bytes >= fragmentBytes {
		return m.flush()
	}
	return nil
}

// Pictures returns how many were added.
func (m *Muxer) Pictures() uint32 { return m.pictures }

// Close writes the last fragment.
func (m *Muxer) Close() error {
	if len(m.samples) == 0 {
		return nil
	}
	return m.flush()
}

// Flags of ISO/IEC 14496-12: of a track fragment's header (8.8.7), its run (8.8.8), and of
// a sample (8.8.3).
const (
	baseIsMoof  = 0x020000
	runFlags    = 0x01 | 0x100 | 0x200 | 0x400 | 0x800 // offset; duration, size, flags and presentation of each
	notKey      = 1<<24 | 1<<16                        // it depends on others, and is no sync sample
	key         = 2 << 24                              // it depends on none
	runEntry    = 16
	moofSize    = 8 + 16 + 8 + 16 + 20 + 20 // without the run's entries
	mdatHeading = 8
)

// flush writes a fragment: a moof (14496-12, 8.8.4) with one track's run, and an mdat.
func (m *Muxer) flush() error {
	m.sequence++
	u32 := binary.BigEndian.AppendUint32
	moof := uint32(moofSize + runEntry*len(m.samples))
	box := func(b []byte, size uint32, name string) []byte { return append(u32(b, size), name...) }
	b := box(m.head[:0], moof, "moof")
	b = u32(u32(box(b, 16, "mfhd"), 0), m.sequence)
	b = box(b, moof-24, "traf")
	b = u32(u32(box(b, 16, "tfhd"), baseIsMoof), 1)
	b = u32(box(b, 20, "tfdt"), 1<<24) // version 1: 64 bits
	b = binary.BigEndian.AppendUint64(b, uint64(m.base))
	b = u32(box(b, moof-68, "trun"), 1<<24|runFlags)
	b = u32(u32(b, uint32(len(m.samples))), moof+mdatHeading)
	for _, s := range m.samples {
		flags := uint32(notKey)
		if s.unit.Key {
			flags = key
		}
		b = u32(u32(u32(u32(b, uint32(s.duration)), uint32(s.size)), flags), uint32(int32(s.offset)))
	}
	b = box(b, uint32(mdatHeading+m.bytes), "mdat")
	m.head = b
	if _, err := m.w.Write(b); err != nil {
		return err
	}
	var length [4]byte
	for _, s := range m.samples {
		for _, nal := range s.unit.NALs {
			binary.BigEndian.PutUint32(length[:], uint32(len(nal)))
			if _, err := m.w.Write(length[:]); err != nil {
				return err
			}
			if _, err := m.w.Write(nal); err != nil {
				return err
			}
		}
	}
	clear(m.samples)
	m.samples, m.length, m.bytes = m.samples[:0], 0, 0
	return nil
}
