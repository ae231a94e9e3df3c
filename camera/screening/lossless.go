package screening

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"polity/camera/frame"
	"polity/internal/ffmpeg"
)

// lossless writes pictures as FFV1 (RFC 9043) in Matroska, by an ffmpeg that has
// two pipes and nothing else.
type lossless struct {
	run    *ffmpeg.Process
	in     *bufio.Writer
	copied chan error
}

func newLossless(ctx context.Context, to io.Writer, width, height int, rate float64) (*lossless, error) {
	run, err := ffmpeg.Start(ctx, ffmpeg.Limits{}, []string{
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-color_range", "tv", "-video_size", fmt.Sprintf("%dx%d", width, height),
		"-framerate", strconv.FormatFloat(rate, 'f', -1, 64), "-i", "pipe:0",
		"-threads", "1", "-c:v", "ffv1", "-level", "3", "-g", "1", "-slices", "4", "-slicecrc", "1",
		"-bitexact", "-f", "matroska", "pipe:1",
	})
	if err != nil {
		return nil, err
	}
	l := &lossless{run: run, in: bufio.NewWriterSize(run.In, 1<<20), copied: make(chan error, 1)}
	go func() {
		_, err := io.Copy(to, run.Out)
		if err != nil {
			run.Kill() // or it would wait for ever to write on
		}
		l.copied <- err
	}()
	return l, nil
}

func (l *lossless) write(f *frame.Frame) error {
	for _, plane := range [][]byte{f.Y, f.U, f.V} {
		if _, err := l.in.Write(plane); err != nil {
			return l.broken(err)
		}
	}
	return nil
}

// broken returns why the film cannot be written: the file's own error where there
// is one.
func (l *lossless) broken(err error) error {
	said := l.run.End()
	if file := <-l.copied; file != nil {
		err, said = file, ""
	}
	l.copied <- nil
	if said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return fmt.Errorf("write what is shown: %w", err)
}

// close ends the film. After an error of write it says nothing more.
func (l *lossless) close() error {
	err := errors.Join(l.in.Flush(), l.run.In.Close())
	file := <-l.copied
	if ended := l.run.Wait(); err == nil {
		err = ended
	}
	l.run.Out.Close()
	switch {
	case file != nil:
		return fmt.Errorf("write what is shown: %w", file)
	case err != nil && l.run.Said() != "":
		return fmt.Errorf("write what is shown: %w: %s", err, l.run.Said())
	case err != nil:
		return fmt.Errorf("write what is shown: %w", err)
	}
	return nil
}
