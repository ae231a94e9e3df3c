package stream

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// kind is what a NAL unit is to us, whatever the codec.
type kind uint8

const (
	other      kind = iota // passed on
	parameters             // VPS, SPS, PPS
	slice                  // of a picture that needs others
	intra                  // slice of a picture that a decoder can start at
	recovery               // says that decoding can start here (SEI recovery point)
	worthless              // delimiter, filler, end marks, layers that no decoder here reads
	unreadable             // not a NAL unit
)

// kindOf looks at a NAL unit's header (H.264 7.3.1, table 7-1; H.265 7.3.1.2,
// table 7-1).
func kindOf(codec Codec, nal []byte) kind {
	switch {
	case codec == H264 && len(nal) >= 1 && nal[0]&0x80 == 0:
		return kind264(nal)
	case codec == H265 && len(nal) >= 2 && nal[0]&0x80 == 0:
		return kind265(nal)
	}
	return unreadable
}

func kind264(nal []byte) kind {
	switch h264.NALUType(nal[0] & 0x1f) {
	case h264.NALUTypeSPS, h264.NALUTypePPS:
		return parameters
	case h264.NALUTypeIDR:
		return intra
	case h264.NALUTypeNonIDR, h264.NALUTypeDataPartitionA:
		return slice
	case h264.NALUTypeSEI:
		if len(nal) > 1 && nal[1] == 6 { // D.1.8, recovery point
			return recovery
		}
		return other
	case h264.NALUTypeDataPartitionB, h264.NALUTypeDataPartitionC:
		return other
	}
	return worthless
}

func kind265(nal []byte) kind {
	if nal[0]&1 != 0 || nal[1]>>3 != 0 { // nuh_layer_id: a layer above the base
		return worthless
	}
	switch t := h265.NALUType(nal[0] >> 1 & 0x3f); {
	case t >= h265.NALUType_BLA_W_LP && t <= h265.NALUType_RSV_IRAP_VCL23:
		return intra
	case t <= 31: // the last of the picture's slices
		return slice
	case t == h265.NALUType_VPS_NUT || t == h265.NALUType_SPS_NUT || t == h265.NALUType_PPS_NUT:
		return parameters
	case t == h265.NALUType_PREFIX_SEI_NUT:
		if len(nal) > 2 && nal[2] == 6 { // D.2.8, recovery point
			return recovery
		}
		return other
	case t == h265.NALUType_SUFFIX_SEI_NUT:
		return other
	}
	return worthless
}

// firstOfPicture says whether a slice is the first of its picture: its first
// macroblock or block is number 0.
func firstOfPicture(codec Codec, nal []byte) bool {
	if codec == H265 {
		return len(nal) > 2 && nal[2]&0x80 != 0 // first_slice_segment_in_pic_flag
	}
	return len(nal) > 1 && nal[1]&0x80 != 0 // first_mb_in_slice is ue(v) 0: one bit 1
}

// intraCoded says whether an H.264 slice that is no IDR is of type I or SI
// (7.4.3, table 7-6). Cameras with gradual refresh send no IDR at all.
func intraCoded(nal []byte) bool {
	bits := bitReader{b: h264.EmulationPreventionRemove(nal[1:min(len(nal), 16)])}
	bits.ue() // first_mb_in_slice
	switch bits.ue() {
	case 2, 4, 7, 9:
		return !bits.short
	}
	return false
}

// bitReader reads Exp-Golomb codes (H.264 9.1). It never reads past its bytes.
type bitReader struct {
	b     []byte
	at    int
	short bool
}

func (r *bitReader) bit() uint32 {
	if r.at >= 8*len(r.b) {
		r.short = true
		return 0
	}
	v := r.b[r.at/8] >> (7 - r.at%8) & 1
	r.at++
	return uint32(v)
}

func (r *bitReader) ue() uint32 {
	zeros := 0
	for r.bit() == 0 {
		if zeros++; r.short || zeros > 31 {
			r.short = true
			return 0
		}
	}
	v := uint32(1)
	for range zeros {
		v = v<<1 | r.bit()
	}
	return v - 1
}

// SplitAnnexB cuts a byte stream with start codes into its NAL units (Annex B.1).
// Bytes before the first start code are dropped. The parts share b's memory.
func SplitAnnexB(b []byte) [][]byte {
	var nals [][]byte
	start := -1
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte{0, 0, 1})
		end := len(b)
		if i >= 0 {
			end = at + i
		}
		if start >= 0 {
			if nal := bytes.TrimRight(b[start:end], "\x00"); len(nal) > 0 {
				nals = append(nals, nal)
			}
		}
		if i < 0 {
			return nals
		}
		start = end + 3
		at = start
	}
}

// SplitLengths cuts a sample of an mp4 file, in which each NAL unit follows its
// length of size bytes (ISO/IEC 14496-15, 5.3.2). A length that passes the end
// ends it. The parts share b's memory.
func SplitLengths(b []byte, size int) [][]byte {
	var nals [][]byte
	for len(b) >= size {
		n := 0
		for _, c := range b[:size] {
			n = n<<8 | int(c)
		}
		if b = b[size:]; n > len(b) {
			break
		}
		if n > 0 {
			nals = append(nals, b[:n])
		}
		b = b[n:]
	}
	return nals
}
