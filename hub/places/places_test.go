package places_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
	"time"

	"polity/camera/canvas"
	"polity/camera/wire"
	"polity/city"
	"polity/hub/places"
)

var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// place is one of 32 x 16 pixels, two tiles, of a shade.
func place(t *testing.T, at time.Time, sequence uint32, shade uint8, tiles ...uint16) *wire.Place {
	t.Helper()
	p := &wire.Place{At: at, Sequence: sequence, Width: 32, Height: 16, Whole: len(tiles) == 2, Tiles: tiles}
	img := image.NewGray(image.Rect(0, 0, 16*len(tiles), 16))
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	for range tiles {
		p.Known = append(p.Known, 0xf)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	p.Atlas = b.Bytes()
	return p
}

// shades returns the lumas of both tiles, rounded to tens.
func shades(t *testing.T, c *canvas.Canvas) [2]int {
	t.Helper()
	b, err := c.JPEG()
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out [2]int
	for i := range out {
		out[i] = (int(color.GrayModel.Convert(img.At(16*i+8, 8)).(color.Gray).Y) + 5) / 10 * 10
	}
	return out
}

func add(t *testing.T, a *places.Archive, p *wire.Place, want bool) {
	t.Helper()
	if got, err := a.Add("square", p); err != nil || got != want {
		t.Fatalf("place %d at %v: new %v, %v", p.Sequence, p.At, got, err)
	}
}

func look(t *testing.T, a *places.Archive, at time.Time, want [2]int) {
	t.Helper()
	c, err := a.At("square", at)
	if err != nil {
		t.Fatalf("at %v: %v", at, err)
	}
	if got := shades(t, c); got != want {
		t.Errorf("at %v the place is %v, want %v", at, got, want)
	}
}

func open(t *testing.T, dir string) *places.Archive {
	t.Helper()
	a, err := places.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func TestThePlaceAtAnyTime(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	at := func(h, m int) time.Time { return day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute) }
	add(t, a, place(t, at(1, 0), 5, 50, 0), false) // tiles before any whole place
	add(t, a, place(t, at(8, 0), 1, 50, 0, 1), true)
	add(t, a, place(t, at(9, 0), 2, 100, 0), true)
	add(t, a, place(t, at(9, 0), 2, 100, 0), false) // comes again
	add(t, a, place(t, at(10, 0), 3, 150, 1), true)
	add(t, a, place(t, at(11, 0), 1, 200, 0, 1), true) // the edge began anew
	add(t, a, place(t, at(12, 0), 9, 30, 0), false)    // something was missed
	add(t, a, place(t, at(12, 1), 10, 30, 1), false)
	add(t, a, place(t, at(13, 0), 12, 80, 0, 1), true)
	add(t, a, place(t, at(24, 30), 13, 120, 0), true) // the next day

	check := func(a *places.Archive) {
		t.Helper()
		if _, err := a.At("square", at(7, 59)); city.KindOf(err) != city.NotFound {
			t.Errorf("before the first: %v", err)
		}
		look(t, a, at(8, 30), [2]int{50, 50})
		look(t, a, at(9, 0), [2]int{100, 50})
		look(t, a, at(10, 59), [2]int{100, 150})
		look(t, a, at(12, 30), [2]int{200, 200})
		look(t, a, at(20, 0), [2]int{80, 80})
		look(t, a, at(24, 29), [2]int{80, 80})
		look(t, a, at(30, 0), [2]int{120, 80}) // the new day's file begins whole
		look(t, a, time.Time{}, [2]int{120, 80})
	}
	check(a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(t, dir)
	check(a)
	add(t, a, place(t, at(24, 30), 13, 120, 0), false) // still recognised
	add(t, a, place(t, at(25, 0), 14, 160, 1), true)   // and goes on
	look(t, a, time.Time{}, [2]int{120, 160})

	if n, err := a.Forget("square", at(24, 0)); err != nil || n != 1 {
		t.Fatalf("forgot %d days, %v", n, err)
	}
	if _, err := a.At("square", at(20, 0)); city.KindOf(err) != city.NotFound {
		t.Errorf("forgotten: %v", err)
	}
	look(t, a, at(25, 0), [2]int{120, 160})
	if _, err := a.At("harbour", at(9, 0)); city.KindOf(err) != city.NotFound {
		t.Errorf("another camera: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "harbour")); err == nil {
		t.Error("asking for a camera made a folder")
	}
}

func TestHalfAMessageAtTheEndIsCutOff(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	add(t, a, place(t, day, 1, 50, 0, 1), true)
	add(t, a, place(t, day.Add(time.Minute), 2, 100, 0), true)
	path := filepath.Join(dir, "square", "2026-11-22.places")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for cut := len(whole) - 1; cut > len(whole)/2; cut -= 7 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		a := open(t, dir)
		c, err := a.At("square", time.Time{})
		if err != nil {
			t.Fatalf("cut to %d of %d bytes: %v", cut, len(whole), err)
		}
		sequence := c.Sequence()
		add(t, a, place(t, day.Add(time.Hour), sequence+1, 150, 1), true)
		look(t, a, time.Time{}, [2]int{map[uint32]int{1: 50, 2: 100}[sequence], 150})
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWrongPlacesAreRefusedAndHideNothing(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	p := place(t, day, 1, 50, 0, 1)
	p.Atlas = append(wire.Picture{0xff, 0xd8, 0xff, 0xfe, 0, 8, 's', 'e', 'c', 'r', 'e', 't'}, p.Atlas[2:]...)
	add(t, a, p, true)
	b, err := os.ReadFile(filepath.Join(dir, "square", "2026-11-22.places"))
	if err != nil || bytes.Contains(b, []byte("secret")) {
		t.Errorf("foreign bytes were kept (%v)", err)
	}
	bad := place(t, day.Add(time.Minute), 2, 50, 0)
	bad.Atlas = wire.Picture{0xff, 0xd8, 0, 0xff, 0xd9}
	if _, err := a.Add("square", bad); city.KindOf(err) != city.Invalid {
		t.Errorf("a picture that is none: %v", err)
	}
	add(t, a, place(t, day.Add(2*time.Minute), 3, 50, 0), false) // waits for a whole one
	add(t, a, place(t, day.Add(3*time.Minute), 4, 90, 0, 1), true)
}
