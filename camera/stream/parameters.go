package stream

import (
	"bytes"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// parameterSet is one VPS, SPS or PPS, told apart by its type and number.
type parameterSet struct {
	kind uint8
	id   uint32
	ref  uint32 // of a PPS: the number of its SPS
	nal  []byte
}

// Bounds of what is kept: H.264 allows 32 SPS and 256 PPS, no camera sends that.
const (
	maxSets    = 24
	maxSetSize = 4096
)

// headerBits is as much of a NAL unit as is looked at for numbers; 48 bytes.
func headerBits(nal []byte, header int) *bitReader {
	return &bitReader{b: h264.EmulationPreventionRemove(nal[min(header, len(nal)):min(len(nal), 48)])}
}

// keep stores a parameter set in the place of the one with its number. When there
// are too many, the one kept longest goes.
func (a *Assembler) keep(nal []byte) {
	if len(nal) > maxSetSize {
		return
	}
	s := parameterSet{nal: bytes.Clone(nal)}
	if a.codec == H264 {
		s.kind = nal[0] & 0x1f
		bits := headerBits(nal, 1)
		if h264.NALUType(s.kind) == h264.NALUTypeSPS {
			bits.at = 24 // profile, constraints, level (7.3.2.1.1)
		}
		s.id = bits.ue()
		s.ref = bits.ue() // 7.3.2.2; of an SPS something else, and not looked at
	} else {
		s.kind = nal[0] >> 1 & 0x3f
		if h265.NALUType(s.kind) == h265.NALUType_PPS_NUT { // 7.3.2.3.1
			bits := headerBits(nal, 2)
			s.id, s.ref = bits.ue(), bits.ue()
		}
	}
	for i, old := range a.sets {
		if old.kind == s.kind && old.id == s.id {
			a.sets[i] = s
			return
		}
	}
	if len(a.sets) == maxSets {
		a.sets = append(a.sets[:0], a.sets[1:]...)
	}
	a.sets = append(a.sets, s)
}

// activate finds the parameter sets that a picture refers to, reads its size out
// of them, and counts a new stream when that changed. Sets that it does not refer
// to are not sent: they may be left from a stream that was damaged.
func (a *Assembler) activate(picture [][]byte) ([][]byte, error) {
	pps, ok := a.find(a.kinds().pps, a.refersTo(picture))
	if !ok {
		return nil, fmt.Errorf("%w: it refers to parameter sets that the camera has not sent", ErrBad)
	}
	// Of H.265 one VPS and one SPS are kept: their numbers stand behind more than is
	// worth reading, and no camera sends several.
	spsID := pps.ref
	if a.codec == H265 {
		spsID = 0
	}
	sps, ok := a.find(a.kinds().sps, spsID)
	if !ok {
		return nil, fmt.Errorf("%w: it refers to a parameter set that the camera has not sent", ErrBad)
	}
	width, height := a.sizeIn(sps.nal)
	if err := a.resize(width, height); err != nil {
		return nil, err
	}
	var nals [][]byte
	if vps, ok := a.find(uint8(h265.NALUType_VPS_NUT), 0); ok && a.codec == H265 {
		nals = append(nals, vps.nal)
	}
	nals = append(nals, sps.nal)
	for _, s := range a.sets { // other pictures up to the next key may use another PPS
		if s.kind == a.kinds().pps && s.ref == pps.ref {
			nals = append(nals, s.nal)
		}
	}
	return nals, nil
}

// kinds are the NAL unit types of a codec's parameter sets.
func (a *Assembler) kinds() struct{ sps, pps uint8 } {
	if a.codec == H265 {
		return struct{ sps, pps uint8 }{uint8(h265.NALUType_SPS_NUT), uint8(h265.NALUType_PPS_NUT)}
	}
	return struct{ sps, pps uint8 }{uint8(h264.NALUTypeSPS), uint8(h264.NALUTypePPS)}
}

func (a *Assembler) find(kind uint8, id uint32) (parameterSet, bool) {
	for _, s := range a.sets {
		if s.kind == kind && s.id == id {
			return s, true
		}
	}
	return parameterSet{}, false
}

// refersTo reads the number of the PPS out of a picture's first slice (H.264
// 7.3.3; H.265 7.3.6.1).
func (a *Assembler) refersTo(picture [][]byte) uint32 {
	for _, nal := range picture {
		k := kindOf(a.codec, nal)
		if k != slice && k != intra {
			continue
		}
		if a.codec == H264 {
			bits := headerBits(nal, 1)
			bits.ue() // first_mb_in_slice
			bits.ue() // slice_type
			return bits.ue()
		}
		bits := headerBits(nal, 2)
		bits.bit() // first_slice_segment_in_pic_flag
		if k == intra {
			bits.bit() // no_output_of_prior_pics_flag
		}
		return bits.ue()
	}
	return 0
}

// sizeIn reads the picture's size, or 0 x 0 where the set cannot be read: then the
// decoder will tell.
func (a *Assembler) sizeIn(sps []byte) (width, height int) {
	if a.codec == H264 {
		var s h264.SPS
		if s.Unmarshal(sps) != nil {
			return 0, 0
		}
		return s.Width(), s.Height()
	}
	var s h265.SPS
	if s.Unmarshal(sps) != nil {
		return 0, 0
	}
	return s.Width(), s.Height()
}
