package decode

import (
	"errors"
	"io"

	"polity/camera/frame"
)

// output makes ffmpeg write raw planar YUV 4:2:0 in limited range (JPEG has full)
// with timestamps, each frame as soon as it is there. Where a picture is so
// already, scale costs nothing.
func output() []string {
	return []string{
		"-map", "0:v:0", "-threads", "1", "-filter_threads", "1", "-flush_packets", "1",
		"-fps_mode", "passthrough", "-copyts", "-enc_time_base", "1:1000000",
		"-vf", "scale=out_range=tv", "-pix_fmt", "yuv420p", "-c:v", "rawvideo", "-f", "nut", "-write_index", "0", "pipe:1",
	}
}

func frameBytes(width, height int) int {
	return width*height + 2*((width+1)/2)*((height+1)/2)
}

// readFrame reads the planes of a picture, one after another.
func readFrame(r io.Reader, f *frame.Frame) error {
	for _, plane := range [][]byte{f.Y, f.U, f.V} {
		if _, err := io.ReadFull(r, plane); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
	return nil
}
