package decode

import (
	"errors"
	"io"

	"polity/camera/frame"
)

// output makes ffmpeg write raw planar YUV 4:2:0 in limited range (JPEG has full)
// with timestamps, each frame as soon as it is there, of those that chosen, a
// filter, lets through. A frame that is dropped costs neither copying nor a turn
// of the process that reads.
func output(chosen string) []string {
	return append([]string{"-map", "0:v:0", "-filter_threads", "1", "-vf", chosen + toLimited, "-pix_fmt", "yuv420p", "-flush_packets", "1"}, raw...)
}

const toLimited = "scale=out_range=tv"

var raw = []string{
	"-threads", "1", "-fps_mode", "passthrough", "-copyts", "-enc_time_base", "1:1000000",
	"-c:v", "rawvideo", "-f", "nut", "-write_index", "0", "pipe:1",
}

// Streams of what filmOutput writes.
const (
	pictures = iota
	ticks
)

// filmOutput makes ffmpeg write two streams: the pictures that the pace takes, and
// for every frame a tick, its upper left corner. A picture comes before the tick of
// the same frame, and ticks tell what number it has and when the film ends.
//
// Times are made to rise as ffmpeg's muxers would make them, but before the choice.
func filmOutput(p pace) []string {
	if p.rate <= 0 {
		return output("")
	}
	return append([]string{
		"-filter_complex_threads", "1", "-filter_complex",
		"[0:v:0]settb=1/1000000,setpts='max(PREV_OUTPTS+1,PTS)',split[all][each];" +
			"[all]select='" + p.expression() + "'," + toLimited + ",format=yuv420p[pictures];[each]crop=16:16:0:0[ticks]",
		"-map", "[pictures]", "-map", "[ticks]", "-flush_packets", "0",
	}, raw...)
}

func frameBytes(width, height int) int {
	return width*height + 2*((width+1)/2)*((height+1)/2)
}

// readFrame reads the planes of a picture, one after another.
func readFrame(r io.Reader, f *frame.Frame) error {
	for _, plane := range [...][]byte{f.Y, f.U, f.V} {
		if _, err := io.ReadFull(r, plane); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
	return nil
}
