package decode

import "fmt"

// Bounds of a picture. They are those of frame.New; 8192 x 8192 in YUV 4:2:0.
const (
	minSide       = 16
	maxSide       = 8192
	maxFrameBytes = maxSide * maxSide * 3 / 2
)

func checkSize(width, height int) error {
	if width < minSide || height < minSide || width > maxSide || height > maxSide {
		return fmt.Errorf("a picture of %d x %d: from %d x %d to %d x %d can be decoded", width, height, minSide, minSide, maxSide, maxSide)
	}
	return nil
}
