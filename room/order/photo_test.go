package order_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/room/order"
)

// street is a picture with something in every corner; outside the frame it is a mosaic
// where masked is set.
func street(w, h int, f order.Frame, masked bool) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(1, 2))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{uint8(x / 5), uint8(r.IntN(256)), uint8(y / 4), 255})
		}
	}
	if !masked {
		return m
	}
	frame := image.Rect(f.X, f.Y, f.X+f.W, f.Y+f.H)
	for y := 0; y < h; y += order.Block {
		for x := 0; x < w; x += order.Block {
			if (image.Point{x, y}).In(frame) {
				continue
			}
			c := color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
			for dy := range order.Block {
				for dx := range order.Block {
					m.Set(x+dx, y+dy, c)
				}
			}
		}
	}
	return m
}

func encoded(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 82}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var frame = order.Frame{X: 256, Y: 192, W: 448, H: 320}

func TestAMaskedPhotoIsTaken(t *testing.T) {
	for _, size := range [][2]int{{1280, 960}, {960, 1280}, {640, 640}} {
		f := frame
		if size[0] == 640 {
			f = order.Frame{X: 0, Y: 320, W: 320, H: 320} // at the edge
		}
		out, got, err := order.Masked(encoded(t, street(size[0], size[1], f, true)), f)
		if err != nil || got != image.Pt(size[0], size[1]) {
			t.Fatalf("%v: %v, %v", size, got, err)
		}
		if _, _, err := order.Masked(out, f); err != nil {
			t.Errorf("%v: the hub's own picture is refused: %v", size, err)
		}
	}
}

func segment(marker byte, body string) []byte {
	b := []byte{0xff, marker, 0, 0}
	binary.BigEndian.PutUint16(b[2:], uint16(len(body)+2))
	return append(b, body...)
}

// behind puts a segment behind the start of a JPEG.
func behind(photo []byte, segments ...[]byte) []byte {
	return bytes.Join([][]byte{photo[:2], bytes.Join(segments, nil), photo[2:]}, nil)
}

func TestPhotosThatLieAreRefused(t *testing.T) {
	good := encoded(t, street(1280, 960, frame, true))
	var gifFile, pngFile bytes.Buffer
	small := image.NewPaletted(image.Rect(0, 0, 640, 640), color.Palette{color.Black})
	if err := gif.Encode(&gifFile, small, nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&pngFile, small); err != nil {
		t.Fatal(err)
	}
	bomb := bytes.Clone(good)
	at := bytes.Index(bomb, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(bomb[at+5:], 65472)
	binary.BigEndian.PutUint16(bomb[at+7:], 65472)
	progressive := bytes.Clone(good)
	progressive[at+1] = 0xc2
	grey := image.NewGray(image.Rect(0, 0, 1280, 960))
	for name, c := range map[string]struct {
		photo []byte
		f     order.Frame
		says  string
	}{
		"nothing":                 {nil, frame, "no JPEG"},
		"a script in SVG":         {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), frame, "no JPEG"},
		"a page":                  {[]byte("<!doctype html><script>alert(1)</script>"), frame, "no JPEG"},
		"a GIF":                   {gifFile.Bytes(), frame, "no JPEG"},
		"a PNG":                   {pngFile.Bytes(), frame, "no JPEG"},
		"a page behind":           {append(bytes.Clone(good), "<script>alert(1)</script>"...), frame, "behind the picture"},
		"a ZIP behind":            {append(bytes.Clone(good), "PK\x03\x04"...), frame, "behind the picture"},
		"a page in a comment":     {behind(good, segment(0xfe, "*/<script>alert(1)</script>")), frame, "comment"},
		"EXIF with a place":       {behind(good, segment(0xe1, "Exif\x00\x00MM\x00*GPS")), frame, "such as place"},
		"another segment":         {behind(good, segment(0xed, "Photoshop 3.0")), frame, "such as place"},
		"a huge picture":          {bomb, frame, "size"},
		"progressive":             {progressive, frame, "baseline"},
		"cut off":                 {good[:len(good)/2], frame, "damaged"},
		"grey":                    {encoded(t, grey), frame, "not in colour"},
		"too small":               {encoded(t, street(320, 320, order.Frame{W: 64, H: 64}, true)), order.Frame{W: 64, H: 64}, "size"},
		"too large":               {encoded(t, street(1344, 960, frame, true)), frame, "size"},
		"off the grid":            {encoded(t, street(1280, 950, frame, true)), frame, "size"},
		"not masked":              {encoded(t, street(1280, 960, frame, false)), frame, "was not masked"},
		"masked for another":      {good, order.Frame{X: 320, Y: 192, W: 448, H: 320}, "was not masked"},
		"a frame off the grid":    {good, order.Frame{X: 250, Y: 192, W: 448, H: 320}, "grid"},
		"a frame of everything":   {good, order.Frame{W: 1280, H: 960}, "too large"},
		"no frame":                {good, order.Frame{}, "empty"},
		"a negative frame":        {good, order.Frame{X: -64, Y: 192, W: 448, H: 320}, "reaches past"},
		"a frame that overflows":  {good, order.Frame{X: 64, Y: 64, W: 1 << 62, H: 64}, "reaches past"},
		"a frame past the border": {good, order.Frame{X: 1024, Y: 192, W: 448, H: 320}, "reaches past"},
		"three megabytes":         {make([]byte, 3<<20), frame, "MiB"},
	} {
		out, _, err := order.Masked(c.photo, c.f)
		if err == nil || out != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// One block with a faint figure in it is enough.
func TestOneBlockThatShowsThePlaceIsEnough(t *testing.T) {
	m := street(1280, 960, frame, true)
	for y := range 40 {
		for x := range 12 {
			m.Set(1100+x, 700+y, color.RGBA{90, 90, 90, 255})
		}
	}
	if _, _, err := order.Masked(encoded(t, m), frame); err == nil || !strings.Contains(err.Error(), "was not masked") {
		t.Error(err)
	}
}

func TestNothingButThePictureIsKept(t *testing.T) {
	m := street(1280, 960, frame, true)
	for y := range 960 { // faint bits that a mosaic may not carry on
		for x := range 1280 {
			if !(image.Point{x, y}).In(image.Rect(frame.X, frame.Y, frame.X+frame.W, frame.Y+frame.H)) {
				c := m.RGBAAt(x, y)
				m.SetRGBA(x, y, color.RGBA{c.R&^1 | uint8(x>>3&1), c.G, c.B, 255})
			}
		}
	}
	photo := behind(encoded(t, m), segment(0xe0, "JFXX\x00secret"))
	out, _, err := order.Masked(photo, frame)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte("secret")) {
		t.Error("what stood beside the picture is kept")
	}
	got, err := jpeg.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	p := got.(*image.YCbCr)
	for y := range order.Block {
		for x := range order.Block {
			if p.Y[y*p.YStride+x] != p.Y[0] {
				t.Fatalf("a block of the mosaic is not one colour at %d, %d", x, y)
			}
		}
	}
}

func upload(t testing.TB) order.Upload {
	t.Helper()
	return order.Upload{Stage: order.Before, Frame: frame, JPEG: encoded(t, street(1280, 960, frame, true))}
}

func TestPhotosOfAnOrder(t *testing.T) {
	b, clock := newBook(t)
	o := given(t, b, toAnna)
	u := upload(t)
	_, err := b.AddPhoto(t.Context(), anna, key(), o.ID, u)
	kind(t, "a photo before the order was accepted", err, city.Conflict)
	do(t, b, anna, o.ID, order.Accepted)
	_, err = b.AddPhoto(t.Context(), water, key(), o.ID, u)
	kind(t, "a desk's photo", err, city.Forbidden)
	k := key()
	for range 3 {
		if o, err = b.AddPhoto(t.Context(), anna, k, o.ID, u); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.Photos) != 1 {
		t.Fatalf("sent three times, kept %d times", len(o.Photos))
	}
	id := o.Photos[0].ID
	for _, by := range []order.Asker{anna, water, auditor} {
		if p, err := b.Photo(t.Context(), by, o.ID, id); err != nil || !bytes.HasPrefix(p, []byte{0xff, 0xd8}) {
			t.Errorf("%s: %v", by.Who.ID, err)
		}
	}
	other := given(t, b, toNorth)
	for _, path := range [][2]string{{other.ID, id}, {o.ID, "../" + id}, {o.ID, "p-aaaaaaaaaaaaaaaa"}, {o.ID, ""}, {o.ID, "%"}} {
		_, err := b.Photo(t.Context(), water, path[0], path[1])
		kind(t, path[1]+" of another order", err, city.NotFound)
	}
	_, err = b.Photo(t.Context(), cleo, o.ID, id)
	kind(t, "a stranger", err, city.NotFound)
	for range order.PhotosMax - 1 {
		if _, err := b.AddPhoto(t.Context(), anna, key(), o.ID, u); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.AddPhoto(t.Context(), anna, key(), o.ID, u)
	kind(t, "the seventh", err, city.Conflict)
	clock.forward(time.Hour)
}

// Photos are gone from the file and its log when their time is over, and so are orders.
func TestPhotosAreRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.db")
	b, clock := open(t, path)
	o := given(t, b, toAnna)
	do(t, b, anna, o.ID, order.Accepted, order.AtThePlace)
	o, err := b.AddPhoto(t.Context(), anna, key(), o.ID, upload(t))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := b.Photo(t.Context(), water, o.ID, o.Photos[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	piece := kept[len(kept)/2 : len(kept)/2+64]
	if !onDisk(t, path, piece) {
		t.Fatal("the photo is not found where it should be: this test looks in the wrong place")
	}
	do(t, b, anna, o.ID, order.Done)
	clock.forward(30*24*time.Hour - time.Minute)
	if err := b.Sweep(t.Context()); err != nil || !onDisk(t, path, piece) {
		t.Fatalf("removed before its time, %v", err)
	}
	clock.forward(time.Minute)
	if err := b.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if onDisk(t, path, piece) {
		t.Error("the photo's bytes are still on the disk")
	}
	now, err := b.Get(t.Context(), water, o.ID)
	if last := now.Timeline[len(now.Timeline)-1]; err != nil || len(now.Photos) != 0 || last.What != order.PhotosGone || last.Text != "1" {
		t.Errorf("%+v, %v", now, err)
	}
	clock.forward(365 * 24 * time.Hour)
	if err := b.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = b.Get(t.Context(), water, o.ID)
	kind(t, "after a year", err, city.NotFound)
	if onDisk(t, path, []byte("Find the leak")) {
		t.Error("the order's words are still on the disk")
	}
}

func onDisk(t testing.TB, path string, piece []byte) bool {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, piece) {
			return true
		}
	}
	return false
}

func TestStrangersCostNoDecoding(t *testing.T) {
	b, _ := newBook(t)
	o := given(t, b, toAnna)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.AddPhoto(ctx, public, key(), o.ID, upload(t)); city.KindOf(err) != city.Forbidden {
		t.Error(err)
	}
}

func FuzzMasked(f *testing.F) {
	good := encoded(f, street(640, 640, order.Frame{X: 64, Y: 64, W: 128, H: 128}, true))
	f.Add(good, 64, 64, 128, 128)
	f.Add(good[:300], 0, 0, 64, 64)
	f.Add([]byte("GIF89a"), 0, 0, 0, 0)
	f.Fuzz(func(t *testing.T, b []byte, x, y, w, h int) {
		fr := order.Frame{X: x, Y: y, W: w, H: h}
		out, _, err := order.Masked(b, fr)
		if err != nil {
			if k := city.KindOf(err); k != city.Invalid && k != city.TooLarge {
				t.Fatalf("%v", err)
			}
			return
		}
		if _, _, err := order.Masked(out, fr); err != nil {
			t.Fatalf("the hub's own picture is refused: %v", err)
		}
	})
}
