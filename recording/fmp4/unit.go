// Package fmp4 puts compressed pictures, as a camera sent them, into fragmented MP4:
// nothing is encoded anew, and there is no sound.
package fmp4

import (
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// Codec is how pictures are compressed.
type Codec uint8

// The codecs.
const (
	H264 Codec = 1 // ITU-T H.264
	H265 Codec = 2 // ITU-T H.265
)

// Unit is one access unit: all that is coded of one picture.
type Unit struct {
	Codec Codec
	NALs  [][]byte // without start codes; the unit is refused where there is none
	// Key says that decoding can start here. The parameter sets are then among NALs.
	Key bool
	// PTS is the time of presentation, from any zero that stays the same.
	PTS time.Duration
	// Taken is when the picture was taken, on our own clock.
	Taken time.Time
	// Stream grows when codec, size or source change.
	Stream int
}

// Size returns the bytes of the unit's NAL units.
func (u *Unit) Size() int {
	n := 0
	for _, nal := range u.NALs {
		n += len(nal)
	}
	return n
}

// Sets are the parameter sets that decoding starts with. VPS is of H.265 alone.
type Sets struct{ VPS, SPS, PPS []byte }

// SetsOf returns the first parameter set of each kind among a unit's NAL units, and
// whether all that the codec needs are there.
func SetsOf(u *Unit) (Sets, bool) {
	var s Sets
	keep := func(to *[]byte, nal []byte) {
		if *to == nil {
			*to = nal
		}
	}
	for _, nal := range u.NALs {
		if len(nal) < 2 {
			continue
		}
		if u.Codec == H264 {
			switch h264.NALUType(nal[0] & 0x1f) { //nolint:exhaustive // the others are no parameter sets
			case h264.NALUTypeSPS:
				keep(&s.SPS, nal)
			case h264.NALUTypePPS:
				keep(&s.PPS, nal)
			}
			continue
		}
		switch h265.NALUType(nal[0] >> 1 & 0x3f) { //nolint:exhaustive // the others are no parameter sets
		case h265.NALUType_VPS_NUT:
			keep(&s.VPS, nal)
		case h265.NALUType_SPS_NUT:
			keep(&s.SPS, nal)
		case h265.NALUType_PPS_NUT:
			keep(&s.PPS, nal)
		}
	}
	return s, s.SPS != nil && s.PPS != nil && (s.VPS != nil || u.Codec == H264)
}
