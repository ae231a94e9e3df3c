package fmp4

import (
	"fmt"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
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

// Muxer writes one file. It is used by one goroutine, and holds a fragment's pictures
// until the fragment is written.
type Muxer struct {
	w        io.Writer
	buf      seekablebuffer.Buffer
	samples  []*fmp4.Sample
	sequence uint32
	first    int64 // time of decoding of the file's first picture, in ticks
	base     int64 // of the fragment's first, from the file's
	length   int64 // of the fragment in ticks
	bytes    int
	begun    bool
	pictures uint32
}

// NewMuxer begins a file: what comes before the fragments is written to w at once.
// Parameter sets that cannot be read are an error of kind Invalid.
func NewMuxer(w io.Writer, codec Codec, sets Sets) (*Muxer, error) {
	m := &Muxer{w: w}
	var c codecs.Codec = &codecs.H264{SPS: sets.SPS, PPS: sets.PPS}
	if codec == H265 {
		c = &codecs.H265{VPS: sets.VPS, SPS: sets.SPS, PPS: sets.PPS}
	}
	init := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: 1, TimeScale: TimeScale, Codec: c}}}
	if err := init.Marshal(&m.buf); err != nil {
		return nil, city.Errorf(city.Invalid, "the stream's parameter sets cannot be kept in MP4: %w", err)
	}
	return m, m.write()
}

// Add adds a picture, with its times of decoding and presentation (from any zero that
// stays the same) and how long it is shown, in ticks.
func (m *Muxer) Add(u *Unit, dts, pts, duration int64) error {
	payload, err := h264.AVCC(u.NALs).Marshal() // H.265 has the same form
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	if !m.begun {
		m.first, m.begun = dts, true
	}
	if len(m.samples) == 0 {
		m.base = dts - m.first
	}
	m.samples = append(m.samples, &fmp4.Sample{Duration: uint32(duration), PTSOffset: int32(pts - dts), IsNonSyncSample: !u.Key, Payload: payload})
	m.pictures++
	m.length += duration
	if m.bytes += len(payload); m.length >= fragmentTicks || m.bytes >= fragmentBytes {
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

// Wipe overwrites what is held of pictures.
func (m *Muxer) Wipe() {
	for _, s := range m.samples {
		clear(s.Payload)
	}
	m.samples = nil
	b := m.buf.Bytes()
	clear(b[:cap(b)])
}

func (m *Muxer) flush() error {
	m.sequence++
	part := fmp4.Part{SequenceNumber: m.sequence, Tracks: []*fmp4.PartTrack{{ID: 1, BaseTime: uint64(m.base), Samples: m.samples}}}
	if err := part.Marshal(&m.buf); err != nil {
		return fmt.Errorf("fragment: %w", err)
	}
	for _, s := range m.samples {
		clear(s.Payload)
	}
	m.samples, m.length, m.bytes = m.samples[:0], 0, 0
	return m.write()
}

func (m *Muxer) write() error {
	b := m.buf.Bytes()
	_, err := m.w.Write(b)
	clear(b)
	m.buf.Reset()
	return err
}
