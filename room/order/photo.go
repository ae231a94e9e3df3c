package order

import (
	"bytes"
	"image"
	"image/jpeg"

	"polity/city"
)

// Form of a photo, in pixels and bytes. Block is the side of the mosaic's blocks and
// the grid of the frame: a picture is 10 to 20 blocks long.
const (
	Block      = 64
	longestMin = 640
	longestMax = 1280
	bytesMax   = 2 << 20
	frameMax   = 0.6 // of the picture's area
	flat       = 8   // the most that samples of one block differ outside the frame, of 255
	quality    = 85
)

// Frame is what the crew framed, in pixels.
type Frame struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// Masked decodes a photo, checks that everything outside the frame is a mosaic, and
// returns the picture encoded anew, which holds nothing else. Invalid says what is wrong.
func Masked(photo []byte, f Frame) (encoded []byte, size image.Point, err error) {
	if len(photo) > bytesMax {
		return nil, size, city.Errorf(city.TooLarge, "the photo has more than %d MiB", bytesMax>>20)
	}
	if err := checkSegments(photo); err != nil {
		return nil, size, err
	}
	head, err := jpeg.DecodeConfig(bytes.NewReader(photo))
	if err != nil {
		return nil, size, notPrepared("it cannot be decoded")
	}
	size = image.Pt(head.Width, head.Height)
	if err := checkSize(size, f); err != nil {
		return nil, size, err
	}
	decoded, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		return nil, size, notPrepared("it cannot be decoded")
	}
	picture, ok := decoded.(*image.YCbCr)
	if !ok {
		return nil, size, notPrepared("it is not in colour")
	}
	if err := flatten(picture, f); err != nil {
		return nil, size, err
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: quality}); err != nil {
		return nil, size, err
	}
	return out.Bytes(), size, nil
}

func checkSize(s image.Point, f Frame) error {
	longest := max(s.X, s.Y)
	switch {
	case longest < longestMin || longest > longestMax || min(s.X, s.Y) < Block:
		return notPrepared("its size is another")
	case s.X%Block != 0 || s.Y%Block != 0:
		return notPrepared("its size is another")
	case f.X%Block != 0 || f.Y%Block != 0 || f.W%Block != 0 || f.H%Block != 0:
		return city.Errorf(city.Invalid, "the frame is not on the mosaic's grid of %d pixels", Block)
	case f.X < 0 || f.Y < 0 || f.W < Block || f.H < Block || f.X > s.X-f.W || f.Y > s.Y-f.H:
		return city.Errorf(city.Invalid, "the frame is empty or reaches past the picture")
	case float64(f.W)*float64(f.H) > frameMax*float64(s.X)*float64(s.Y):
		return city.Errorf(city.Invalid, "the frame is too large: frame the object alone, at most %.0f %% of the picture", frameMax*100)
	}
	return nil
}

// flatten refuses a picture with a block outside the frame that is not one colour, and
// paints those blocks with their mean, so that not even their last bits stay.
func flatten(p *image.YCbCr, f Frame) error {
	frame := image.Rect(f.X, f.Y, f.X+f.W, f.Y+f.H)
	across, down := chroma(p.SubsampleRatio)
	if across == 0 {
		return notPrepared("its form is not baseline JPEG")
	}
	for y := p.Rect.Min.Y; y < p.Rect.Max.Y; y += Block {
		for x := p.Rect.Min.X; x < p.Rect.Max.X; x += Block {
			if (image.Point{x, y}).In(frame) {
				continue
			}
			even := flattenPlane(p.Y, p.YStride, x, y, Block, Block)
			for _, plane := range [][]byte{p.Cb, p.Cr} {
				even = flattenPlane(plane, p.CStride, x/across, y/down, Block/across, Block/down) && even
			}
			if !even {
				return city.Errorf(city.Invalid, "the photo was not masked: outside the frame it still shows the place. Frame the object on the crew's page")
			}
		}
	}
	return nil
}

// chroma is how many samples of luma one of chroma stands for, across and down.
func chroma(r image.YCbCrSubsampleRatio) (across, down int) {
	switch r {
	case image.YCbCrSubsampleRatio444:
		return 1, 1
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	}
	return 0, 0
}

func flattenPlane(plane []byte, stride, x, y, w, h int) (even bool) {
	least, most, sum := byte(255), byte(0), 0
	for row := y; row < y+h; row++ {
		for _, v := range plane[row*stride+x : row*stride+x+w] {
			least, most, sum = min(least, v), max(most, v), sum+int(v)
		}
	}
	mean := byte((sum + w*h/2) / (w * h))
	for row := y; row < y+h; row++ {
		line := plane[row*stride+x : row*stride+x+w]
		for i := range line {
			line[i] = mean
		}
	}
	return most-least <= flat
}
