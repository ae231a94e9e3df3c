package stream

import (
	"bytes"
	"fmt"
	"time"
)

// jpeg makes a unit of a JPEG image.
func (a *Assembler) jpeg(images [][]byte, pts time.Duration, arrived time.Time) ([]*Unit, error) {
	image := bytes.Join(images, nil)
	if len(image) > MaxUnit {
		return nil, fmt.Errorf("%w: a picture of %d bytes", ErrBad, len(image))
	}
	width, height, ok := jpegSize(image)
	if !ok {
		return nil, fmt.Errorf("%w: a picture that is no JPEG", ErrBad)
	}
	if err := a.resize(width, height); err != nil {
		return nil, err
	}
	return []*Unit{{
		Codec: MJPEG, NALs: [][]byte{image}, Key: true, PTS: pts, Arrived: arrived,
		Stream: a.stream, Width: width, Height: height,
	}}, nil
}

// jpegSize finds the frame header of a JPEG image (ISO/IEC 10918-1, B.2.2).
func jpegSize(b []byte) (width, height int, ok bool) {
	if !bytes.HasPrefix(b, []byte{0xff, 0xd8}) {
		return 0, 0, false
	}
	for b = b[2:]; len(b) >= 9 && b[0] == 0xff; {
		marker, size := b[1], int(b[2])<<8|int(b[3])
		switch {
		case marker == 0xff: // fill
			b = b[1:]
			continue
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			return int(b[7])<<8 | int(b[8]), int(b[5])<<8 | int(b[6]), true
		case marker == 0xda || size < 2 || 2+size > len(b):
			return 0, 0, false
		}
		b = b[2+size:]
	}
	return 0, 0, false
}
