package consoletest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"polity/camera/wire"
	"polity/console"
)

// picture is a place with some of it not shown.
type picture struct {
	width, height int
	pixels        image.Image
	jpeg          []byte
	hidden        []image.Rectangle // in blocks
}

// newPicture takes a JPEG, or draws a square of its own.
func newPicture(data []byte) (*picture, error) {
	var img image.Image = drawnSquare(768, 576)
	if data != nil {
		var err error
		if img, err = jpeg.Decode(bytes.NewReader(data)); err != nil {
			return nil, fmt.Errorf("place: %w", err)
		}
	}
	p := &picture{
		width: img.Bounds().Dx(), height: img.Bounds().Dy(),
		hidden: []image.Rectangle{image.Rect(60, 22, 74, 27), image.Rect(62, 27, 70, 31), image.Rect(12, 60, 15, 63)},
	}
	full := image.NewRGBA(image.Rect(0, 0, p.width, p.height))
	draw.Draw(full, full.Bounds(), img, img.Bounds().Min, draw.Src)
	for _, h := range p.hidden {
		draw.Draw(full, image.Rect(h.Min.X*8, h.Min.Y*8, h.Max.X*8, h.Max.Y*8), image.NewUniform(color.Gray{Y: 128}), image.Point{}, draw.Src)
	}
	p.pixels = full
	var b bytes.Buffer
	if err := jpeg.Encode(&b, full, &jpeg.Options{Quality: 88}); err != nil {
		return nil, err
	}
	p.jpeg = b.Bytes()
	return p, nil
}

func (p *picture) hides(x, y int) bool {
	return slices.ContainsFunc(p.hidden, func(h image.Rectangle) bool { return (image.Point{X: x, Y: y}).In(h) })
}

// unknown is the share that is not shown.
func (p *picture) unknown() float32 {
	if p.width == 0 {
		return 0
	}
	n := 0
	for _, h := range p.hidden {
		n += h.Dx() * h.Dy()
	}
	return float32(n*64) / float32(p.width*p.height)
}

// place is the picture as the hub keeps it.
func (p *picture) place(at time.Time, sequence uint32) console.Place {
	columns, rows := (p.width+7)/8, (p.height+7)/8
	known := make([]byte, (columns*rows+7)/8)
	for y := range rows {
		for x := range columns {
			if n := y*columns + x; !p.hides(x, y) {
				known[n/8] |= 1 << (n % 8)
			}
		}
	}
	return console.Place{At: at, Sequence: sequence, Width: p.width, Height: p.height, Known: known, JPEG: p.jpeg}
}

// whole is the picture as a camera sends it.
func (p *picture) whole(at time.Time) *wire.Place {
	columns, rows := wire.TilesIn(p.width, p.height)
	all := make([]uint16, columns*rows)
	for i := range all {
		all[i] = uint16(i)
	}
	m := p.tiles(at, all, p.pixels)
	m.Whole, m.Sequence = true, 1
	return m
}

// tiles cuts tiles out of an image of the picture's size.
func (p *picture) tiles(at time.Time, list []uint16, from image.Image) *wire.Place {
	columns, _ := wire.TilesIn(p.width, p.height)
	m := &wire.Place{At: at, Sequence: 2, Width: uint16(p.width), Height: uint16(p.height), Tiles: list}
	atlas := image.NewRGBA(image.Rect(0, 0, wire.AtlasColumns*16, (len(list)+15)/16*16))
	for i, t := range list {
		x, y := int(t)%columns, int(t)/columns
		draw.Draw(atlas, image.Rect(i%16*16, i/16*16, i%16*16+16, i/16*16+16), from, image.Pt(x*16, y*16), draw.Src)
		bits := uint8(0)
		for b := range 4 {
			if !p.hides(2*x+b%2, 2*y+b/2) {
				bits |= 1 << b
			}
		}
		m.Known = append(m.Known, bits)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, atlas, &jpeg.Options{Quality: 90}); err != nil {
		panic(err) // an image in memory always encodes
	}
	m.Atlas = b.Bytes()
	return m
}

// Tile returns a message that paints one tile of the square plainly.
func Tile(tile uint16, c color.Color) wire.Message {
	p, err := newPicture(nil)
	if err != nil {
		panic(err) // as above
	}
	p.hidden = nil
	return p.tiles(time.Now(), []uint16{tile}, image.NewUniform(c))
}

// drawnSquare is a paved square with a lawn, a lane and a row of trees, seen from a
// roof.
func drawnSquare(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(3, 5))
	grain := make([]float64, w*h)
	for i := range grain {
		grain[i] = r.Float64()*10 - 5
	}
	for y := range h {
		for x := range w {
			u, v := float64(x)/float64(w), float64(y)/float64(h)
			c := ground(u, v)
			g := grain[y*w+x] * (.4 + .6*v)
			img.SetRGBA(x, y, color.RGBA{shade(c[0], g), shade(c[1], g), shade(c[2], g), 255})
		}
	}
	return img
}

func ground(u, v float64) [3]float64 {
	paving := [3]float64{176, 172, 164}
	switch {
	case v < .13: // houses along the far side
		bay := math.Mod(u*23, 1)
		if v > .04 && v < .1 && bay > .3 && bay < .7 {
			return [3]float64{96, 104, 112}
		}
		return [3]float64{190 - 20*math.Mod(math.Floor(u*7), 3), 178, 160}
	case v < .16:
		return [3]float64{120, 118, 114}
	}
	if tree(u, v) {
		leaf := math.Mod(math.Abs(math.Sin(u*913+v*517)*43758), 1) // speckled
		return [3]float64{60 + 30*leaf, 84 + 34*leaf, 52 + 12*leaf}
	}
	if d := u - (.6 + .42*(v-.16)); d > 0 && d < .1+.2*v { // the lane
		if math.Abs(d-(.05+.1*v)) < .004 && math.Mod(v*14, 1) < .5 {
			return [3]float64{220, 220, 214}
		}
		return [3]float64{104, 106, 110}
	}
	if u < .56-.1*math.Abs(v-.42)*4 && v > .22+.1*(.4-u) && v < .64-.3*u+.12 { // the lawn
		return [3]float64{116, 140 + 5*math.Sin(u*7+v*11), 86}
	}
	row := math.Mod(math.Pow(v, .6)*26, 1)
	if row < .06 || math.Mod((u-.5)/(.2+v)*18+math.Floor(math.Pow(v, .6)*26)*.5, 1) < .05 {
		return [3]float64{160, 156, 148}
	}
	return paving
}

func tree(u, v float64) bool {
	for i := range 4 {
		cx, cy := .1+.13*float64(i), .22+.02*float64(i%2)
		if math.Hypot((u-cx)*1.3, v-cy) < .055+.008*math.Sin(math.Atan2(v-cy, u-cx)*9) {
			return true
		}
	}
	return false
}

func shade(c, g float64) uint8 { return uint8(math.Max(0, math.Min(255, c+g))) }
