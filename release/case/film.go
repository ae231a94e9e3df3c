package casefile

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	mc "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"polity/city"
	"polity/recording/segment"
)

// Film is what is in a segment, in memory. Wipe it after use.
type Film struct {
	MP4           []byte // fMP4, cut after the last whole fragment
	Codec         string // as in RFC 6381: avc1.64001f
	Width, Height int
	First         time.Duration // when its first picture is shown, in the file's own time
	Cut           bool          // something after the last whole fragment was left out
}

// Wipe overwrites the pictures, as far as a program in Go can.
func (f *Film) Wipe() { clear(f.MP4) }

// Film decrypts a segment whole. What is not genuine to the last byte gives an error and no
// pictures.
func (s *Shelf) Film(p *Piece) (*Film, error) {
	r, err := s.Open(p)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// Large enough from the beginning: a buffer that grows leaves pictures behind.
	b := bytes.NewBuffer(make([]byte, 0, p.Trailer.Length+bytes.MinRead))
	if _, err := b.ReadFrom(io.LimitReader(r, segment.MaxSize)); err != nil {
		clear(b.Bytes())
		return nil, fmt.Errorf("segment %d of camera %s: %w", p.Header.Sequence, p.Camera(), err)
	}
	f, err := filmOf(b.Bytes())
	if err != nil {
		clear(b.Bytes())
		return nil, city.Errorf(city.Invalid, "segment %d of camera %s: %w", p.Header.Sequence, p.Camera(), err)
	}
	return f, nil
}

// filmOf reads what the pictures are, and leaves out a fragment that is not whole.
func filmOf(b []byte) (*Film, error) {
	whole, begin := 0, 0
	moof, at := -1, 0
	for at+8 <= len(b) {
		size := int(binary.BigEndian.Uint32(b[at:]))
		if size < 8 || size > len(b)-at {
			break
		}
		switch string(b[at+4 : at+8]) {
		case "moov":
			begin = at + size
		case "moof":
			moof = at
		case "mdat":
			if moof >= 0 {
				whole, moof = at+size, -1
			}
		}
		at += size
	}
	if begin == 0 || whole == 0 {
		return nil, city.Errorf(city.Invalid, "what was sealed is no fMP4 with a whole fragment")
	}
	f := &Film{MP4: b[:whole], Cut: at < len(b) || moof >= 0, First: firstShown(b[begin:whole])}
	clear(b[whole:])
	return f, f.describe(b[:begin])
}

// firstShown is the earliest time of presentation in the first fragment, which recorders
// write with duration, size, flags and offset of each picture (recording/fmp4; ISO/IEC
// 14496-12, 8.8.8). The file's time of decoding begins at 0.
func firstShown(b []byte) time.Duration {
	const name, entry, flags = "trun", 16, 0xf01
	at := bytes.Index(b[:min(len(b), 4096)], []byte(name))
	if at < 0 || len(b) < at+16 || binary.BigEndian.Uint32(b[at+4:])&0xffffff != flags {
		return 0
	}
	count := int(binary.BigEndian.Uint32(b[at+8:]))
	first, decoded := int64(-1), int64(0)
	for i := range min(count, 32) {
		e := at + 16 + i*entry
		if e+entry > len(b) {
			break
		}
		if shown := decoded + int64(int32(binary.BigEndian.Uint32(b[e+12:]))); first < 0 || shown < first {
			first = shown
		}
		decoded += int64(binary.BigEndian.Uint32(b[e:]))
	}
	return time.Duration(max(first, 0)) * time.Second / ticks
}

// ticks a second of all times in a segment.
const ticks = 90_000

func (f *Film) describe(begin []byte) (err error) {
	defer func() {
		if recover() != nil { // a decoder of foreign bytes
			err = city.Errorf(city.Invalid, "the stream's parameters cannot be read")
		}
	}()
	var init mc.Init
	if err := init.Unmarshal(bytes.NewReader(begin)); err != nil || len(init.Tracks) != 1 {
		return city.Errorf(city.Invalid, "what was sealed is no fMP4 of one track of pictures")
	}
	switch c := init.Tracks[0].Codec.(type) {
	case *codecs.H264:
		var sps h264.SPS
		if err := sps.Unmarshal(c.SPS); err != nil || len(c.SPS) < 4 {
			return city.Errorf(city.Invalid, "the parameters of the H.264 stream cannot be read")
		}
		f.Codec, f.Width, f.Height = "avc1."+hex.EncodeToString(c.SPS[1:4]), sps.Width(), sps.Height()
	case *codecs.H265:
		var sps h265.SPS
		if err := sps.Unmarshal(c.SPS); err != nil {
			return city.Errorf(city.Invalid, "the parameters of the H.265 stream cannot be read")
		}
		name := "hvc1"
		if bytes.Contains(begin, []byte("hev1")) {
			name = "hev1"
		}
		f.Width, f.Height = sps.Width(), sps.Height()
		f.Codec, err = hevc(name, c.SPS)
		return err
	default:
		return city.Errorf(city.Invalid, "what was sealed is neither H.264 nor H.265")
	}
	return nil
}

// hevc is an H.265 stream's name (ISO/IEC 14496-15, annex E.3) from its SPS.
func hevc(name string, sps []byte) (string, error) {
	b := bytes.ReplaceAll(sps, []byte{0, 0, 3}, []byte{0, 0}) // emulation prevention (H.265, 7.4.2)
	if len(b) < 3+12 {
		return "", errors.New("the SPS is cut off")
	}
	b = b[3:] // NAL header; parameter set's id and sublayers
	space := []string{"", "A", "B", "C"}[b[0]>>6]
	tier := "L"
	if b[0]&0x20 != 0 {
		tier = "H"
	}
	limits := hex.EncodeToString(bytes.TrimRight(b[5:11], "\x00"))
	var groups strings.Builder
	for i := 0; i < len(limits); i += 2 {
		groups.WriteString("." + strings.ToUpper(limits[i:i+2]))
	}
	return fmt.Sprintf("%s.%s%d.%X.%s%d%s", name, space, b[0]&0x1f, bits.Reverse32(binary.BigEndian.Uint32(b[1:])), tier, b[11], groups.String()), nil
}
