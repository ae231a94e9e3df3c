package canvas_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
	"time"

	"polity/camera/canvas"
	"polity/camera/wire"
	"polity/city"
)

var at = time.Date(2026, 11, 22, 14, 2, 0, 0, time.UTC)

// atlas draws n tiles, each plain in the colour that shade gives it.
func atlas(t testing.TB, n int, shade func(i int) color.Color) wire.Picture {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, min(n, wire.AtlasColumns)*16, (n+15)/16*16))
	for i := range n {
		for y := range 16 {
			for x := range 16 {
				img.Set((i%16)*16+x, (i/16)*16+y, shade(i))
			}
		}
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func whole(t testing.TB, w, h uint16, known uint8) *wire.Place {
	columns, rows := wire.TilesIn(int(w), int(h))
	p := &wire.Place{At: at, Sequence: 1, Width: w, Height: h, Whole: true}
	for i := range columns * rows {
		p.Tiles, p.Known = append(p.Tiles, uint16(i)), append(p.Known, known)
	}
	p.Atlas = atlas(t, len(p.Tiles), func(i int) color.Color { return color.Gray{uint8(20 + 10*i)} })
	return p
}

func picture(t testing.TB, c *canvas.Canvas) image.Image {
	t.Helper()
	b, err := c.JPEG()
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func luma(img image.Image, x, y int) int {
	return int(color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y)
}

func near(a, b int) bool { return a-b < 6 && b-a < 6 }

func TestTilesLandWhereTheyBelong(t *testing.T) {
	var c canvas.Canvas
	if err := c.Apply(whole(t, 40, 20, 0xf)); err != nil { // 3 x 2 tiles, cut at the right and bottom
		t.Fatal(err)
	}
	img := picture(t, &c)
	if img.Bounds().Dx() != 40 || img.Bounds().Dy() != 20 {
		t.Fatalf("size %v", img.Bounds())
	}
	for i, p := range []image.Point{{8, 8}, {24, 8}, {36, 8}, {8, 18}, {24, 18}, {36, 18}} {
		if got := luma(img, p.X, p.Y); !near(got, 20+10*i) {
			t.Errorf("tile %d has luma %d, want about %d", i, got, 20+10*i)
		}
	}
	change := &wire.Place{At: at, Sequence: 2, Width: 40, Height: 20, Tiles: []uint16{4}, Known: []uint8{0xf}, Atlas: atlas(t, 1, func(int) color.Color { return color.White })}
	if err := c.Apply(change); err != nil {
		t.Fatal(err)
	}
	if img = picture(t, &c); !near(luma(img, 24, 18), 255) || !near(luma(img, 8, 18), 50) {
		t.Errorf("after the change: %d and %d", luma(img, 24, 18), luma(img, 8, 18))
	}
}

func TestUnknownBlocksAreGreyWhateverWasDrawn(t *testing.T) {
	var c canvas.Canvas
	p := whole(t, 32, 16, 0xf)
	p.Known = []uint8{0x0, 0x9} // tile 1: top left and bottom right known
	p.Atlas = atlas(t, 2, func(int) color.Color { return color.RGBA{255, 0, 0, 255} })
	if err := c.Apply(p); err != nil {
		t.Fatal(err)
	}
	img := picture(t, &c)
	for _, at := range []image.Point{{4, 4}, {12, 12}, {28, 4}, {20, 12}} {
		if r, g, b, _ := img.At(at.X, at.Y).RGBA(); r>>8 > 150 || g>>8 < 100 || b>>8 < 100 {
			t.Errorf("unknown block at %v shows %d %d %d", at, r>>8, g>>8, b>>8)
		}
	}
	if got := c.Known(); len(got) != 1 || got[0] != 0b10000100 {
		t.Errorf("known %08b", got)
	}
}

func TestTilesRoundTrip(t *testing.T) {
	var a, b canvas.Canvas
	if err := a.Apply(whole(t, 100, 50, 0xf)); err != nil {
		t.Fatal(err)
	}
	p, err := a.Tiles(nil, 9)
	if err != nil || !p.Whole || p.Sequence != 9 {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := wire.Parse(wire.Append(nil, p)); err != nil {
		t.Fatalf("not a message: %v", err)
	}
	if err := b.Apply(p); err != nil {
		t.Fatal(err)
	}
	some, err := a.Tiles([]uint16{2, 27}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Apply(some); err != nil {
		t.Fatal(err)
	}
	x, y := picture(t, &a), picture(t, &b)
	for i := range 28 {
		px, py := i%7*16+2, i/7*16+1
		if px < 100 && py < 50 && !near(luma(x, px, py), luma(y, px, py)) {
			t.Errorf("tile %d: %d became %d", i, luma(x, px, py), luma(y, px, py))
		}
	}
	if b.Sequence() != 10 {
		t.Errorf("sequence %d", b.Sequence())
	}
}

func TestForeignBytesDoNotPass(t *testing.T) {
	secret := []byte("a plate or a name")
	p := whole(t, 32, 16, 0xf)
	// A comment segment (ITU-T T.81, B.2.4.5) after SOI.
	hidden := append([]byte{0xff, 0xd8, 0xff, 0xfe, 0, byte(len(secret) + 2)}, secret...)
	p.Atlas = append(hidden, p.Atlas[2:]...)
	var c canvas.Canvas
	if err := c.Apply(p); err != nil {
		t.Fatal(err)
	}
	out, err := c.Tiles(nil, 1)
	if err != nil || bytes.Contains(out.Atlas, secret) {
		t.Fatalf("hidden bytes passed (%v)", err)
	}
	clean, err := canvas.Clean(p.Atlas, 64)
	if err != nil || bytes.Contains(clean, secret) {
		t.Fatalf("hidden bytes passed Clean (%v)", err)
	}
}

func TestWrongPlacesChangeNothing(t *testing.T) {
	var c canvas.Canvas
	if err := c.Apply(&wire.Place{Width: 32, Height: 16, Tiles: []uint16{0}, Known: []uint8{1}, Atlas: atlas(t, 1, func(int) color.Color { return color.White })}); city.KindOf(err) != city.Invalid {
		t.Fatalf("tiles before a whole place: %v", err)
	}
	if err := c.Apply(whole(t, 32, 16, 0xf)); err != nil {
		t.Fatal(err)
	}
	before := luma(picture(t, &c), 8, 8)
	white := atlas(t, 1, func(int) color.Color { return color.White })
	for name, p := range map[string]*wire.Place{
		"other size":       {Width: 48, Height: 16, Tiles: []uint16{0}, Known: []uint8{15}, Atlas: white},
		"tile outside":     {Width: 32, Height: 16, Tiles: []uint16{2}, Known: []uint8{15}, Atlas: white},
		"no knowledge":     {Width: 32, Height: 16, Tiles: []uint16{0}, Atlas: white},
		"atlas too large":  {Width: 32, Height: 16, Tiles: []uint16{0}, Known: []uint8{15}, Atlas: atlas(t, 20, func(int) color.Color { return color.White })},
		"not a JPEG":       {Width: 32, Height: 16, Tiles: []uint16{0}, Known: []uint8{15}, Atlas: wire.Picture{0xff, 0xd8, 0xff, 0xd9}},
		"no size":          {Tiles: []uint16{0}, Known: []uint8{15}, Atlas: white, Whole: true},
		"whole with holes": {Width: 32, Height: 16, Tiles: []uint16{0}, Known: []uint8{15}, Atlas: white, Whole: true},
	} {
		if err := c.Apply(p); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := luma(picture(t, &c), 8, 8); got != before {
		t.Errorf("a refused place changed luma %d to %d", before, got)
	}
}

func FuzzApply(f *testing.F) {
	f.Add(wire.Append(nil, whole(f, 40, 20, 0xf)))
	f.Fuzz(func(_ *testing.T, b []byte) {
		m, err := wire.Parse(b)
		if err != nil {
			return
		}
		if p, ok := m.(*wire.Place); ok && int(p.Width)*int(p.Height) < 1<<20 {
			var c canvas.Canvas
			if c.Apply(p) == nil && !c.Empty() {
				_, _ = c.Tiles(nil, 1)
				c.Known()
			}
		}
	})
}

// FuzzClean gives it pictures of any bytes: what comes out was encoded here, is no
// larger than allowed, and is the same when it is cleaned again.
func FuzzClean(f *testing.F) {
	f.Add([]byte(atlas(f, 1, func(int) color.Color { return color.White })))
	f.Add([]byte(atlas(f, 20, func(i int) color.Color { return color.Gray{uint8(12 * i)} })))
	f.Add([]byte{0xff, 0xd8, 0xff, 0xd9})
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 256
		clean, err := canvas.Clean(b, limit)
		if err != nil {
			if city.KindOf(err) != city.Invalid {
				t.Fatal(err)
			}
			return
		}
		head, err := jpeg.DecodeConfig(bytes.NewReader(clean))
		if err != nil || head.Width > limit || head.Height > limit {
			t.Fatalf("%+v, %v", head, err)
		}
		for at := 2; at+4 <= len(clean) && clean[at+1] != 0xda; at += 2 + int(clean[at+2])<<8 + int(clean[at+3]) {
			if marker := clean[at+1]; marker == 0xfe || marker >= 0xe0 && marker <= 0xef {
				t.Fatalf("a comment or application segment (%#x) came through", marker)
			}
		}
	})
}
