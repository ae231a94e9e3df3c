package scene

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"

	"polity/camera/wire"
)

// quality is that of the JPEG pictures of the place. Receivers encode them again at
// 85 (camera/canvas); from 92 that costs less than a level on average.
const quality = 92

func (m *Model) tileCount() int {
	c, r := wire.TilesIn(m.width, m.height)
	return c * r
}

// touch notes that the tiles of a cell are to be sent.
func (m *Model) touch(i int) {
	columns, _ := wire.TilesIn(m.width, m.height)
	x0, y0, x1, y1 := m.rect(i)
	for y := y0 / wire.TileSize; y <= (y1-1)/wire.TileSize; y++ {
		for x := x0 / wire.TileSize; x <= (x1-1)/wire.TileSize; x++ {
			m.touched[y*columns+x] = true
		}
	}
}

// updateEvery is the least time between two updates, seconds: a place changes slowly,
// and each update carries the head of a JPEG picture.
const updateEvery = 0.9

// Update returns what changed in the picture since the last call, nil if nothing
// did or the last was less than a second ago. With whole, the first time, and when
// the place was forgotten, it returns all of the picture at once.
func (m *Model) Update(whole bool) (*wire.Place, error) {
	if m.cells == nil {
		return nil, nil
	}
	whole = whole || m.whole
	if !whole && m.time-m.updated < updateEvery {
		return nil, nil
	}
	var tiles []uint16
	for t := range m.touched {
		if whole || m.touched[t] {
			tiles = append(tiles, uint16(t))
		}
	}
	if len(tiles) == 0 {
		return nil, nil
	}
	p := &wire.Place{At: m.at, Sequence: m.sequence + 1, Width: uint16(m.width), Height: uint16(m.height), Whole: whole, Tiles: tiles}
	for _, t := range tiles {
		p.Known = append(p.Known, m.knownBlocks(int(t)))
	}
	var err error
	if p.Atlas, err = m.atlas(tiles); err != nil {
		return nil, err
	}
	clear(m.touched)
	m.whole = false
	m.updated = m.time
	m.sequence++
	return p, nil
}

// knownBlocks returns the bits of wire.Place.Known for a tile.
func (m *Model) knownBlocks(tile int) uint8 {
	columns, _ := wire.TilesIn(m.width, m.height)
	var bits uint8
	for b := range 4 {
		x, y := tile%columns*wire.TileSize+b%2*wire.BlockSize, tile/columns*wire.TileSize+b/2*wire.BlockSize
		if x < m.width && y < m.height && m.Known(x, y) {
			bits |= 1 << b
		}
	}
	return bits
}

// atlas draws tiles side by side in full range, as JPEG has it.
func (m *Model) atlas(tiles []uint16) (wire.Picture, error) {
	const size = wire.TileSize
	columns, _ := wire.TilesIn(m.width, m.height)
	rows := (len(tiles) + wire.AtlasColumns - 1) / wire.AtlasColumns
	img := image.NewYCbCr(image.Rect(0, 0, min(len(tiles), wire.AtlasColumns)*size, rows*size), image.YCbCrSubsampleRatio420)
	for k, t := range tiles {
		m.copyTile(img, k%wire.AtlasColumns*size, k/wire.AtlasColumns*size, int(t)%columns*size, int(t)/columns*size, size)
	}
	return encode(img)
}

// copyTile copies a square of what is shown, repeating its last pixels beyond the
// picture's edge.
func (m *Model) copyTile(img *image.YCbCr, toX, toY, x, y, size int) {
	for r := range size {
		row := m.shown.Y[inside(y+r, m.height)*m.width:][:m.width]
		out := img.Y[(toY+r)*img.YStride+toX:][:size]
		for k := range out {
			out[k] = fullLuma[row[inside(x+k, m.width)]]
		}
	}
	w, h := m.shown.ChromaWidth(), m.shown.ChromaHeight()
	for r := range size / 2 {
		from, to := inside(y/2+r, h)*w, (toY/2+r)*img.CStride+toX/2
		for k := range size / 2 {
			img.Cb[to+k] = fullChroma[m.shown.U[from+inside(x/2+k, w)]]
			img.Cr[to+k] = fullChroma[m.shown.V[from+inside(x/2+k, w)]]
		}
	}
}

// fullLuma and fullChroma take values of limited range (ITU-R BT.601, 2.5.3) to the
// full range of JFIF 1.02.
var fullLuma, fullChroma = ranges()

func ranges() (luma, chroma [256]byte) {
	for v := range 256 {
		luma[v] = byte(min(255, max(0, (float32(v)-16)*255/219+0.5)))
		chroma[v] = byte(min(255, max(0, (float32(v)-128)*255/224+128.5)))
	}
	return luma, chroma
}

func encode(img image.Image) (wire.Picture, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode the place: %w", err)
	}
	return b.Bytes(), nil
}

// thumbnailSide is the longer side of a thumbnail, pixels.
const thumbnailSide = 192

// Thumbnail returns the place as shown, small, for an event.
func (m *Model) Thumbnail() (wire.Picture, error) {
	if m.cells == nil {
		return nil, nil
	}
	by := max(1, (max(m.width, m.height)+thumbnailSide-1)/thumbnailSide)
	w, h := max(1, m.width/by), max(1, m.height/by)
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio444)
	cw := m.shown.ChromaWidth()
	for y := range h {
		for x := range w {
			var l, u, v int
			for k := range by * by {
				sx, sy := x*by+k%by, y*by+k/by
				l += int(fullLuma[m.shown.Y[sy*m.width+sx]])
				u += int(fullChroma[m.shown.U[sy/2*cw+sx/2]])
				v += int(fullChroma[m.shown.V[sy/2*cw+sx/2]])
			}
			at := y*img.YStride + x
			img.Y[at], img.Cb[at], img.Cr[at] = byte(l/(by*by)), byte(u/(by*by)), byte(v/(by*by))
		}
	}
	return encode(img)
}
