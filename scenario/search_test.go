package scenario

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"polity/camera/stream"
	"polity/camera/wire"
)

// picture is a frame of the film, or a part of it, made smaller by a whole number.
func (j *judge) picture(frame []byte, by int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, j.width/by, j.height/by))
	for y := range j.height / by {
		for x := range j.width / by {
			i := 3 * (y*by*j.width + x*by)
			img.Set(x, y, color.RGBA{frame[i], frame[i+1], frame[i+2], 255})
		}
	}
	return img
}

func asJPEG(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// atlas is a message with tiles of a frame, as a camera's process would send it.
func atlas(t *testing.T, j *judge, frame []byte, tiles ...uint16) []byte {
	t.Helper()
	rows := (len(tiles) + wire.AtlasColumns - 1) / wire.AtlasColumns
	img := image.NewRGBA(image.Rect(0, 0, wire.TileSize*wire.AtlasColumns, wire.TileSize*rows))
	p := &wire.Place{Width: uint16(j.width), Height: uint16(j.height), Tiles: tiles}
	columns := j.width / wire.TileSize
	for i, tile := range tiles {
		p.Known = append(p.Known, 0xf)
		for k := range wire.TileSize * wire.TileSize {
			x, y := k%wire.TileSize, k/wire.TileSize
			from := 3 * ((int(tile)/columns*wire.TileSize+y)*j.width + int(tile)%columns*wire.TileSize + x)
			img.Set(i%wire.AtlasColumns*wire.TileSize+x, i/wire.AtlasColumns*wire.TileSize+y, color.RGBA{frame[from], frame[from+1], frame[from+2], 255})
		}
	}
	p.Atlas = asJPEG(t, img)
	return wire.Append([]byte("something before"), p)
}

// TestTheSearchFindsWhatItLooksFor hides somebody in every way that the search is to
// notice, and the empty place in each way that it is not.
func TestTheSearchFindsWhatItLooksFor(t *testing.T) {
	t.Parallel()
	s := newSearch(t)
	j := s.judge
	frame := j.frames[len(j.frames)/2]
	var all, somebody []uint16
	for tile := range uint16(j.width / wire.TileSize * j.height / wire.TileSize) {
		all = append(all, tile)
	}
	for tile, frames := range s.tiles.movers {
		if frames[0] == 0 {
			somebody = append(somebody, uint16(tile))
		}
	}
	film, err := stream.OpenFilm(t.Context(), square())
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	unit, err := film.Next()
	if err != nil {
		t.Fatal(err)
	}
	var asPNG bytes.Buffer
	if err := png.Encode(&asPNG, j.picture(j.plate, 4)); err != nil {
		t.Fatal(err)
	}
	for name, hidden := range map[string][]byte{
		"a whole frame":        asJPEG(t, j.picture(frame, 1)),
		"a small one":          asJPEG(t, j.picture(frame, 2)),
		"all tiles of a frame": atlas(t, j, frame, all...),
		"one person's tiles":   atlas(t, j, j.frames[0], somebody...),
		"a part of a frame":    asJPEG(t, j.picture(frame, 1).(*image.RGBA).SubImage(image.Rect(100, 100, 420, 420))),
		"the camera's video":   unit.AppendAnnexB(nil),
		"a raw frame":          frame,
		"another form":         asPNG.Bytes(),
	} {
		clear(s.wrong)
		clear(s.seen)
		s.search(name, append([]byte("in the middle of something else "), hidden...))
		if len(s.wrong) == 0 {
			t.Errorf("%s is not noticed", name)
		}
	}
	for name, allowed := range map[string][]byte{
		"the place":              asJPEG(t, j.picture(j.plate, 1)),
		"the place, small":       asJPEG(t, j.picture(j.plate, 2)),
		"all tiles of the place": atlas(t, j, j.plate, all...),
	} {
		clear(s.wrong)
		s.search(name, allowed)
		s.report(t)
	}
}
