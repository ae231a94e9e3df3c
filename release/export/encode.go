package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"polity/city"
	"polity/internal/ffmpeg"
	"polity/recording/fmp4"
)

// encoding is how masked pictures become film. One thread and no B-frames: the same
// pictures give the same bytes, and each comes out in the order in which it went in.
func encoding(width, height int) []string {
	return []string{
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-color_range", "tv", "-video_size", fmt.Sprintf("%dx%d", width, height), "-framerate", "25", "-i", "pipe:0",
		"-map", "0:v:0", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-crf", "20", "-bf", "0", "-g", "50", "-threads", "1",
		"-fps_mode", "passthrough", "-f", "nut", "-write_index", "0", "pipe:1",
	}
}

// encodingForm is encoding's arguments as the record has them.
func encodingForm() string {
	return strings.Replace(strings.Join(encoding(0, 0), " "), "0x0", "WIDTHxHEIGHT", 1)
}

// encoder writes pictures as H.264 in MP4.
type encoder struct {
	Version string // what the encoder says of itself, once a picture is written

	run   *ffmpeg.Process
	in    *bufio.Writer
	times chan span // of pictures that went in
	done  chan error
}

// span is when a picture is shown, milliseconds from the film's beginning.
type span struct{ from, length int64 }

// maxDelay bounds the pictures that the encoder holds.
const maxDelay = 256

// newEncoder begins a film that is written to w.
func newEncoder(ctx context.Context, w io.Writer, width, height int) (*encoder, error) {
	run, err := ffmpeg.Start(ctx, ffmpeg.Limits{}, encoding(width, height))
	if err != nil {
		return nil, err
	}
	e := &encoder{run: run, in: bufio.NewWriterSize(run.In, 1<<20), times: make(chan span, maxDelay), done: make(chan error, 1)}
	go func() {
		err := e.mux(w)
		if err != nil {
			run.Kill() // or it would wait for ever to write on
			for range e.times {
			}
		}
		e.done <- err
	}()
	return e, nil
}

// add encodes a picture. The error of an earlier one may come with it.
func (e *encoder) add(p *picture, at span) error {
	e.times <- at
	_, err := e.in.Write(p.data)
	return err
}

// close ends the film, and says what went wrong since it began.
func (e *encoder) close() error {
	err := errors.Join(e.in.Flush(), e.run.In.Close())
	close(e.times)
	if muxed := <-e.done; muxed != nil {
		err = muxed
	}
	said := e.run.End()
	switch {
	case strings.Contains(said, "Unknown encoder"):
		return city.Errorf(city.Unavailable, "this ffmpeg has no encoder libx264: install your system's full package ffmpeg")
	case err != nil && said != "":
		return fmt.Errorf("encode: %w: %s", err, said)
	case err != nil:
		return fmt.Errorf("encode: %w", err)
	}
	return nil
}

// maxUnit bounds an encoded picture, in bytes.
const maxUnit = 64 << 20

// mux puts what comes out of the encoder into MP4, with the times of what went in.
func (e *encoder) mux(w io.Writer) error {
	const ticks = fmp4.TimeScale / 1000
	nut, err := ffmpeg.NewNUT(e.run.Out)
	if err != nil {
		return fmt.Errorf("the encoder gave nothing: %w", err)
	}
	sets, ok := fmp4.SetsOf(&fmp4.Unit{Codec: fmp4.H264, NALs: annexB(nut.Extra)})
	var out *fmp4.Muxer
	for {
		_, size, err := nut.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if size > maxUnit {
			return fmt.Errorf("an encoded picture of %d bytes", size)
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(nut, b); err != nil {
			return err
		}
		u := e.unit(annexB(b))
		if out == nil {
			if !ok {
				if sets, ok = fmp4.SetsOf(u); !ok {
					return errors.New("the encoder gave no parameter sets")
				}
			}
			if out, err = fmp4.NewMuxer(w, fmp4.H264, sets); err != nil {
				return err
			}
		}
		at, more := <-e.times
		if !more {
			return errors.New("the encoder gave more pictures than it was given")
		}
		if err := out.Add(u, at.from*ticks, at.from*ticks, at.length*ticks); err != nil {
			return err
		}
	}
	if _, more := <-e.times; more || out == nil {
		return errors.New("the encoder gave fewer pictures than it was given")
	}
	return out.Close()
}

// Types of NAL units (ITU-T H.264, table 7-1).
const (
	nalIDR = 5
	nalSEI = 6
	nalAUD = 9
)

// unit makes a picture's unit, without what is no part of the picture.
func (e *encoder) unit(nals [][]byte) *fmp4.Unit {
	u := &fmp4.Unit{Codec: fmp4.H264}
	for _, n := range nals {
		switch n[0] & 31 {
		case nalSEI:
			if e.Version == "" {
				e.Version = encoderVersion(n)
			}
			continue
		case nalAUD:
			continue
		case nalIDR:
			u.Key = true
		}
		u.NALs = append(u.NALs, n)
	}
	return u
}

// encoderVersion finds x264's own words in a message to decoders: "x264 - core 164 r3095".
func encoderVersion(sei []byte) string {
	_, text, ok := strings.Cut(string(sei), "x264 - core ")
	if !ok {
		return ""
	}
	text, _, _ = strings.Cut(text, " - ")
	return printable("x264 core " + text)
}

// annexB splits a byte stream at its start codes (ITU-T H.264, annex B).
func annexB(b []byte) (nals [][]byte) {
	begin := -1
	cut := func(end int) {
		if begin < 0 {
			return
		}
		for end > begin && b[end-1] == 0 {
			end--
		}
		if end > begin {
			nals = append(nals, b[begin:end])
		}
	}
	for i := 0; i+3 <= len(b); i++ {
		if b[i] == 0 && b[i+1] == 0 && b[i+2] == 1 {
			cut(i)
			begin = i + 3
			i += 2
		}
	}
	cut(len(b))
	return nals
}
