package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"polity/city"
	"polity/internal/ffmpeg"
)

// Film reads the units of a film file without decoding them. It is used by one
// goroutine.
type Film struct {
	Codec Codec

	path    string
	run     *ffmpeg.Process
	nut     *ffmpeg.NUT
	lengths int // bytes of a NAL unit's length; 0: start codes
	make    *Assembler
	first   time.Duration
	begun   bool
}

// OpenFilm opens a film (mp4, mkv, avi and more) that is coded as H.264, H.265 or
// MJPEG. ctx ends it. Taking the file apart is left to a sandboxed ffmpeg.
func OpenFilm(ctx context.Context, path string) (*Film, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("film %s: %w", path, err)
	}
	if _, err := os.Stat(absolute); errors.Is(err, os.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "film %s: there is no such file", path)
	}
	run, err := ffmpeg.Start(ctx, ffmpeg.Limits{}, []string{
		"-protocol_whitelist", "file", "-format_whitelist", ffmpeg.Demuxers, "-i", "file:" + absolute,
		"-map", "0:v:0", "-c", "copy", "-copyts", "-f", "nut", "-write_index", "0", "pipe:1",
	}, absolute)
	if err != nil {
		return nil, fmt.Errorf("film %s: %w", path, err)
	}
	f := &Film{path: path, run: run}
	if f.nut, err = ffmpeg.NewNUT(run.Out); err == nil {
		err = f.begin()
	}
	if err != nil {
		if said := run.End(); said != "" && errors.Is(err, io.EOF) {
			err = errors.New(said)
		}
		return nil, city.Errorf(city.Invalid, "film %s: %w", path, err)
	}
	return f, nil
}

// begin finds the codec and its parameter sets.
func (f *Film) begin() error {
	switch strings.ToLower(f.nut.FourCC) {
	case "h264", "avc1", "avc3", "x264":
		f.Codec = H264
	case "hevc", "hev1", "hvc1", "h265", "x265":
		f.Codec = H265
	case "mjpg", "jpeg", "mjpa", "avrn":
		f.Codec = MJPEG
	default:
		return fmt.Errorf("it is coded as %q; as a camera's stream only H.264, H.265 and MJPEG can be sent", f.nut.FourCC)
	}
	sets, lengths, err := parametersOf(f.Codec, f.nut.Extra)
	if err != nil {
		return err
	}
	f.lengths = lengths
	f.make = NewAssembler(f.Codec, 0, sets...)
	return nil
}

// Next returns the next unit, without times of arrival, and io.EOF after the
// last. PTS counts from the first unit.
func (f *Film) Next() (*Unit, error) {
	for {
		micros, size, err := f.nut.Next()
		if err != nil {
			return nil, err
		}
		if size > MaxUnit {
			return nil, fmt.Errorf("film %s: %w: a picture of %d bytes", f.path, ErrBad, size)
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(f.nut, b); err != nil {
			return nil, fmt.Errorf("film %s: %w", f.path, noEOF(err))
		}
		pts := time.Duration(micros) * time.Microsecond
		if !f.begun {
			f.begun, f.first = true, pts
		}
		var nals [][]byte
		switch {
		case f.Codec == MJPEG:
			nals = [][]byte{b}
		case f.lengths > 0:
			nals = SplitLengths(b, f.lengths)
		default:
			nals = SplitAnnexB(b)
		}
		units, err := f.make.Add(nals, pts-f.first, time.Time{})
		if err != nil {
			return nil, fmt.Errorf("film %s: %w", f.path, err)
		}
		if len(units) > 0 {
			return units[0], nil
		}
	}
}

// Close ends the reading.
func (f *Film) Close() error {
	f.run.End()
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parametersOf reads the codec's own header: the parameter sets in it, and how
// long the lengths before NAL units are (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1).
// A header that is a byte stream itself has start codes, and so have the packets.
func parametersOf(codec Codec, b []byte) (sets [][]byte, lengths int, err error) {
	if codec == MJPEG || len(b) == 0 || b[0] == 0 {
		return SplitAnnexB(b), 0, nil
	}
	r := &boxReader{b: b}
	if codec == H264 {
		r.skip(4)
		lengths = r.number(1)&3 + 1
		for range r.number(1) & 0x1f { // SPS
			sets = append(sets, r.set())
		}
		for range r.number(1) { // PPS
			sets = append(sets, r.set())
		}
		return sets, lengths, r.err
	}
	r.skip(21)
	lengths = r.number(1)&3 + 1
	for range r.number(1) { // arrays of one type each
		r.skip(1)
		for range r.number(2) {
			sets = append(sets, r.set())
		}
	}
	return sets, lengths, r.err
}

// boxReader reads big-endian numbers and what they count.
type boxReader struct {
	b   []byte
	err error
}

func (r *boxReader) skip(n int) []byte {
	if n > len(r.b) {
		r.b, r.err = nil, errors.New("its decoder configuration is cut short")
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *boxReader) number(bytes int) int {
	n := 0
	for _, c := range r.skip(bytes) {
		n = n<<8 | int(c)
	}
	return n
}

func (r *boxReader) set() []byte { return r.skip(r.number(2)) }
