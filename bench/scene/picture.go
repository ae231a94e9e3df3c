package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // a plate may be one
	"image/png"
	"io"
	"os"

	"polity/camera/decode"
	"polity/camera/frame"
)

// picture is 8-bit RGB, three bytes a pixel, without padding.
type picture struct {
	width, height int
	pix           []byte
}

func newPicture(width, height int) picture {
	return picture{width: width, height: height, pix: make([]byte, 3*width*height)}
}

// at returns one pixel.
func (p *picture) at(x, y int) (r, g, b byte) {
	i := 3 * (y*p.width + x)
	return p.pix[i], p.pix[i+1], p.pix[i+2]
}

func (p *picture) set(x, y int, r, g, b byte) {
	i := 3 * (y*p.width + x)
	p.pix[i], p.pix[i+1], p.pix[i+2] = r, g, b
}

// luma returns the picture's luma by ITU-R BT.601, 0 to 255.
func (p *picture) luma() []byte {
	out := make([]byte, p.width*p.height)
	for i := range out {
		out[i] = byte((299*int(p.pix[3*i]) + 587*int(p.pix[3*i+1]) + 114*int(p.pix[3*i+2]) + 500) / 1000)
	}
	return out
}

// colour returns a pixel of a frame in RGB: ITU-R BT.601, limited range, in the
// usual integer form; chroma is that of the pixel's square.
func colour(f *frame.Frame, x, y int) (r, g, b byte) {
	at := y/2*f.ChromaWidth() + x/2
	c, d, e := 298*(int(f.Y[y*f.Width+x])-16)+128, int(f.U[at])-128, int(f.V[at])-128
	return clip(c + 409*e), clip(c - 100*d - 208*e), clip(c + 516*d)
}

func clip(v int) byte { return byte(min(max(v>>8, 0), 255)) }

// convert writes a frame into p.
func (p *picture) convert(f *frame.Frame) {
	i := 0
	for y := range f.Height {
		for x := range f.Width {
			p.pix[i], p.pix[i+1], p.pix[i+2] = colour(f, x, y)
			i += 3
		}
	}
}

// apart is the greatest difference in a channel.
func apart(r, g, b, r2, g2, b2 byte) int {
	return max(difference(r, r2), difference(g, g2), difference(b, b2))
}

func difference(a, b byte) int { return max(int(a)-int(b), int(b)-int(a)) }

// plateEvery is which of the film's frames the median is taken over.
const plateEvery = 10

// medianOf returns the median over time of every tenth frame of a film, by pixel
// and channel. It reads the film twice, for the upper and the lower four bits, so
// that its memory does not grow with the film.
//
// frames is how many the film has.
func medianOf(ctx context.Context, film string) (out picture, frames int, err error) {
	var upper, lower []uint16 // 16 counts for each value of the picture
	n := 0
	count := func(p picture) {
		if upper == nil {
			upper = make([]uint16, 16*len(p.pix))
			out = newPicture(p.width, p.height)
		}
		for i, v := range p.pix {
			upper[16*i+int(v>>4)]++
		}
		n++
	}
	if frames, err = everyTenth(ctx, film, count); err != nil {
		return out, 0, err
	}
	before := make([]uint16, len(out.pix)) // values below the median's sixteen
	for i := range out.pix {
		bin, sum := rank(upper[16*i:16*i+16], n/2)
		out.pix[i], before[i] = byte(bin<<4), uint16(sum)
	}
	lower = upper
	clear(lower)
	_, err = everyTenth(ctx, film, func(p picture) {
		for i, v := range p.pix {
			if v>>4 == out.pix[i]>>4 {
				lower[16*i+int(v&15)]++
			}
		}
	})
	for i := range out.pix {
		bin, _ := rank(lower[16*i:16*i+16], n/2-int(before[i]))
		out.pix[i] |= byte(bin)
	}
	return out, frames, err
}

// rank returns the bin in which the value of that rank (from 0) lies, and how many
// values lie in bins before it.
func rank(bins []uint16, rank int) (bin, before int) {
	for bin = range bins {
		if before+int(bins[bin]) > rank {
			return bin, before
		}
		before += int(bins[bin])
	}
	return bin, before
}

// everyTenth gives every tenth frame of a film, and returns how many frames it has.
func everyTenth(ctx context.Context, path string, each func(picture)) (frames int, err error) {
	film, err := decode.OpenFilm(ctx, path, 0)
	if err != nil {
		return 0, err
	}
	defer film.Close()
	p := newPicture(film.Size())
	for {
		f, err := film.Next()
		if errors.Is(err, io.EOF) {
			return film.Number() + 1, nil
		}
		if err != nil {
			return 0, err
		}
		if film.Number()%plateEvery == 0 {
			p.convert(f)
			each(p)
		}
		film.Release(f)
	}
}

// readPicture reads a PNG or JPEG file, which must have the film's size.
func readPicture(path string, width, height int) (picture, error) {
	file, err := os.Open(path)
	if err != nil {
		return picture{}, err
	}
	defer file.Close()
	img, _, err := image.Decode(file)
	if err != nil {
		return picture{}, fmt.Errorf("plate %s: %w; give a PNG or JPEG", path, err)
	}
	if got := img.Bounds().Size(); got != image.Pt(width, height) {
		return picture{}, fmt.Errorf("plate %s is %d x %d, the film %d x %d; give a picture of the film's size", path, got.X, got.Y, width, height)
	}
	p := newPicture(width, height)
	for y := range height {
		for x := range width {
			r, g, b, _ := img.At(img.Bounds().Min.X+x, img.Bounds().Min.Y+y).RGBA()
			p.set(x, y, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return p, nil
}

// write writes the part of the picture in r, enlarged, as a PNG file.
func (p *picture) write(path string, r image.Rectangle, enlarged int) error {
	r = r.Intersect(image.Rect(0, 0, p.width, p.height))
	img := image.NewNRGBA(image.Rect(0, 0, r.Dx()*enlarged, r.Dy()*enlarged))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			i := img.PixOffset(x, y)
			img.Pix[i], img.Pix[i+1], img.Pix[i+2] = p.at(r.Min.X+x/enlarged, r.Min.Y+y/enlarged)
			img.Pix[i+3] = 255
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(file, img), file.Close())
}
