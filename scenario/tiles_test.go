package scenario

import (
	"fmt"
	"image"
	"math"

	"polity/camera/wire"
)

// tiles judges pictures that are not the whole place in its own size.
type tiles struct {
	judge   *judge
	columns int
	movers  map[int][]int // by tile: frames in which most of it is somebody
}

func newTiles(j *judge) *tiles {
	s := &tiles{judge: j, columns: j.width / wire.TileSize, movers: map[int][]int{}}
	for k, list := range j.movers {
		count := map[int]int{}
		for _, m := range list {
			for _, p := range m.pixels {
				count[p/j.width/wire.TileSize*s.columns+p%j.width/wire.TileSize]++
			}
		}
		for tile, n := range count {
			if n >= wire.TileSize*wire.TileSize/2 {
				s.movers[tile] = append(s.movers[tile], k)
			}
		}
	}
	return s
}

// pixels is a picture as rgb24.
type pixels struct {
	width, height int
	rgb           []byte
}

func newPixels(img image.Image) pixels {
	b := img.Bounds()
	p := pixels{b.Dx(), b.Dy(), make([]byte, 0, 3*b.Dx()*b.Dy())}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			p.rgb = append(p.rgb, byte(r>>8), byte(g>>8), byte(bl>>8))
		}
	}
	return p
}

// apart is by how much pixel i of a and pixel k of b differ in their worst channel.
func apart(a []byte, i int, b []byte, k int) int {
	worst := 0
	for c := range 3 {
		d := int(a[3*i+c]) - int(b[3*k+c])
		worst = max(worst, d, -d)
	}
	return worst
}

// tile says whether a picture's tile at x, y shows what was in a frame at the tile's
// place and is not in the empty place.
func (s *tiles) tile(img pixels, x, y, tile int, known uint8) (frame int, is bool) {
	plate := s.judge.plate
	for _, k := range s.movers[tile] {
		seen, somebody := 0, 0
		for dy := range wire.TileSize {
			for dx := range wire.TileSize {
				p := (tile/s.columns*wire.TileSize+dy)*s.judge.width + tile%s.columns*wire.TileSize + dx
				there := s.judge.frames[k]
				if known&(1<<(dy/wire.BlockSize*2+dx/wire.BlockSize)) == 0 || apart(there, p, plate, p) <= differs {
					continue
				}
				somebody++
				i := (y+dy)*img.width + x + dx
				if apart(img.rgb, i, there, p) <= same && apart(img.rgb, i, plate, p) > differs-same {
					seen++
				}
			}
		}
		// Of a tile half must be somebody's: single pixels are alike by chance.
		if somebody >= wire.BlockSize*wire.BlockSize && seen > somebody/2 {
			return k, true
		}
	}
	return 0, false
}

// place judges the tiles of a message, each at its place.
func (s *tiles) place(p *wire.Place, picture image.Image) string {
	atlas := newPixels(picture)
	if int(p.Width) != s.judge.width || int(p.Height) != s.judge.height {
		return fmt.Sprintf("a place of %d x %d", p.Width, p.Height)
	}
	for i, tile := range p.Tiles {
		x, y := i%wire.AtlasColumns*wire.TileSize, i/wire.AtlasColumns*wire.TileSize
		if k, is := s.tile(atlas, x, y, int(tile), p.Known[i]); is {
			return fmt.Sprintf("tile %d as in frame %d", tile, 10*k)
		}
	}
	return ""
}

// whole judges a picture of the whole place in any size: made smaller, it is
// compared with frames made smaller in the same way.
func (s *tiles) whole(img image.Image) string {
	j := s.judge
	b := img.Bounds()
	if b.Dx() == j.width && b.Dy() == j.height {
		look, err := j.look(img, nil)
		if err != nil {
			return err.Error()
		}
		if n, worst := j.people(look); n > 0 {
			return worst
		}
		return ""
	}
	scale := float64(j.width) / float64(b.Dx())
	if math.Abs(float64(j.height)/scale-float64(b.Dy())) > 2 {
		return fmt.Sprintf("a picture of %d x %d, which is no place", b.Dx(), b.Dy())
	}
	small := newPixels(img)
	for _, list := range j.movers {
		for _, m := range list {
			seen, all := 0, 0
			for i := 0; i < len(m.pixels); i += 3 {
				p := m.pixels[i]
				x, y := int(float64(p%j.width)/scale), int(float64(p/j.width)/scale)
				if x >= b.Dx() || y >= b.Dy() {
					continue
				}
				all++
				k := y*small.width + x
				if apart(small.rgb, k, j.frames[m.frame], p) <= same && apart(small.rgb, k, j.plate, p) > differs-same {
					seen++
				}
			}
			if all > 0 && float64(seen)/float64(all) > 2*leaked {
				return fmt.Sprintf("%d%% of what was in frame %d", 100*seen/all, 10*m.frame)
			}
		}
	}
	return ""
}
