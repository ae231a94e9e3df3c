// Package canvas puts the picture of a place together from the tiles that a
// camera sends, and takes tiles out of it again.
//
// It is also the wall against foreign bytes: what it hands out was encoded here,
// from pixels, whatever a sender hid in its own JPEG.
package canvas

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"time"

	"polity/camera/wire"
	"polity/city"
)

const (
	tile  = wire.TileSize
	block = wire.BlockSize

	// maxSide bounds a picture, pixels; memory is 1.5 bytes a pixel.
	maxSide = 8192
	grey    = 128
)

// Quality is the JPEG quality of what a Canvas encodes. At 85 a tile that was
// encoded at 90 or above changes by less than two levels on average.
const Quality = 85

// Canvas is the picture of one place, with what of it is known. The zero Canvas
// is empty. It is not safe for concurrent use.
type Canvas struct {
	at            time.Time
	sequence      uint32
	width, height int
	columns, rows int
	pixels        *image.YCbCr // 4:2:0, padded to whole tiles
	known         []uint8      // per tile, bits as in wire.Place.Known
}

// Empty reports whether no place was ever applied.
func (c *Canvas) Empty() bool { return c.pixels == nil }

// At is when the last frame that the picture rests on was taken.
func (c *Canvas) At() time.Time { return c.at }

// Sequence is that of the last place applied.
func (c *Canvas) Sequence() uint32 { return c.sequence }

// Size is the picture's size in pixels.
func (c *Canvas) Size() (width, height int) { return c.width, c.height }

// Apply draws the tiles of p. A place that is not Whole must have the size of the
// canvas; otherwise, and when its picture cannot be decoded or has the wrong
// size, the error is of kind Invalid and nothing is drawn. Whether an update was
// missed in between is for the caller to judge, by Sequence.
func (c *Canvas) Apply(p *wire.Place) error {
	w, h := int(p.Width), int(p.Height)
	if w < 1 || h < 1 || w > maxSide || h > maxSide {
		return city.Errorf(city.Invalid, "place of %d x %d pixels", w, h)
	}
	if !p.Whole && (c.Empty() || w != c.width || h != c.height) {
		return city.Errorf(city.Invalid, "tiles of a %d x %d place for a %d x %d one", w, h, c.width, c.height)
	}
	columns, rows := wire.TilesIn(w, h)
	if len(p.Known) != len(p.Tiles) || (p.Whole && len(p.Tiles) != columns*rows) {
		return city.Errorf(city.Invalid, "place lists %d tiles and %d of their knowledge", len(p.Tiles), len(p.Known))
	}
	for _, t := range p.Tiles {
		if int(t) >= columns*rows {
			return city.Errorf(city.Invalid, "tile %d of %d", t, columns*rows)
		}
	}
	atlas, err := decodeAtlas(p.Atlas, len(p.Tiles))
	if err != nil {
		return err
	}
	if p.Whole && (c.Empty() || w != c.width || h != c.height) {
		c.width, c.height, c.columns, c.rows = w, h, columns, rows
		c.pixels = newPixels(columns*tile, rows*tile)
		c.known = make([]uint8, columns*rows)
	}
	for i, t := range p.Tiles {
		copyTile(c.pixels, int(t)%columns, int(t)/columns, atlas, i%wire.AtlasColumns, i/wire.AtlasColumns)
		c.known[t] = p.Known[i] & 0x0f
		c.hide(int(t))
	}
	c.at, c.sequence = p.At, p.Sequence
	return nil
}

// hide makes the unknown blocks of a tile plain grey, whatever the sender drew
// there.
func (c *Canvas) hide(t int) {
	for b := range 4 {
		if c.known[t]&(1<<b) != 0 {
			continue
		}
		x, y := (t%c.columns)*tile+(b%2)*block, (t/c.columns)*tile+(b/2)*block
		for r := range block {
			row := c.pixels.Y[(y+r)*c.pixels.YStride+x:]
			fill(row[:block])
		}
		for r := range block / 2 {
			o := (y/2+r)*c.pixels.CStride + x/2
			fill(c.pixels.Cb[o : o+block/2])
			fill(c.pixels.Cr[o : o+block/2])
		}
	}
}

func fill(b []byte) {
	for i := range b {
		b[i] = grey
	}
}

// Tiles encodes the given tiles, rising, as a place with the sequence number of
// the caller's own series. With nil it encodes all of them, Whole. It panics on a
// tile that is not there or on an empty canvas.
func (c *Canvas) Tiles(tiles []uint16, sequence uint32) (*wire.Place, error) {
	p := &wire.Place{At: c.at, Sequence: sequence, Width: uint16(c.width), Height: uint16(c.height), Tiles: tiles}
	if tiles == nil {
		p.Whole = true
		p.Tiles = make([]uint16, c.columns*c.rows)
		for i := range p.Tiles {
			p.Tiles[i] = uint16(i)
		}
	}
	if len(p.Tiles) == 0 {
		return p, nil
	}
	atlas := newPixels(min(len(p.Tiles), wire.AtlasColumns)*tile, atlasRows(len(p.Tiles))*tile)
	p.Known = make([]uint8, len(p.Tiles))
	for i, t := range p.Tiles {
		copyTile(atlas, i%wire.AtlasColumns, i/wire.AtlasColumns, c.pixels, int(t)%c.columns, int(t)/c.columns)
		p.Known[i] = c.known[t]
	}
	var err error
	p.Atlas, err = encode(atlas)
	return p, err
}

// JPEG encodes the whole picture at its own size.
func (c *Canvas) JPEG() (wire.Picture, error) {
	if c.Empty() {
		return nil, city.Errorf(city.NotFound, "there is no picture of the place yet")
	}
	return encode(c.pixels.SubImage(image.Rect(0, 0, c.width, c.height)))
}

// Known returns a bit per block, in rows of ceil(width/8) blocks from the top
// left, lowest bit of a byte first: known (1) or not (0).
func (c *Canvas) Known() []byte {
	columns, rows := (c.width+block-1)/block, (c.height+block-1)/block
	out := make([]byte, (columns*rows+7)/8)
	for y := range rows {
		for x := range columns {
			if c.known[(y/2)*c.columns+x/2]&(1<<((y%2)*2+x%2)) != 0 {
				n := y*columns + x
				out[n/8] |= 1 << (n % 8)
			}
		}
	}
	return out
}

// Clean decodes a small picture and encodes it anew, no side longer than limit
// pixels allowed. The error is of kind Invalid.
func Clean(p wire.Picture, limit int) (wire.Picture, error) {
	head, err := jpeg.DecodeConfig(bytes.NewReader(p))
	if err != nil || head.Width > limit || head.Height > limit || head.Width < 1 || head.Height < 1 {
		return nil, city.Errorf(city.Invalid, "picture of %d x %d pixels is not a small JPEG: %w", head.Width, head.Height, orNil(err))
	}
	img, err := jpeg.Decode(bytes.NewReader(p))
	if err != nil {
		return nil, city.Errorf(city.Invalid, "picture cannot be decoded: %w", err)
	}
	return encode(img)
}

func orNil(err error) error {
	if err == nil {
		return fmt.Errorf("too large")
	}
	return err
}

func encode(img image.Image) (wire.Picture, error) {
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: Quality}); err != nil {
		return nil, fmt.Errorf("encode the place: %w", err)
	}
	return buf.Bytes(), nil
}

func atlasRows(tiles int) int { return (tiles + wire.AtlasColumns - 1) / wire.AtlasColumns }

// decodeAtlas returns the atlas of n tiles in 4:2:0, nil for none. Its width may
// be that of a full row of tiles or of those there are.
func decodeAtlas(p wire.Picture, n int) (*image.YCbCr, error) {
	if n == 0 {
		return nil, nil
	}
	head, err := jpeg.DecodeConfig(bytes.NewReader(p))
	if err != nil {
		return nil, city.Errorf(city.Invalid, "tiles cannot be decoded: %w", err)
	}
	narrow := min(n, wire.AtlasColumns) * tile
	if (head.Width != narrow && head.Width != wire.AtlasColumns*tile) || head.Height != atlasRows(n)*tile {
		return nil, city.Errorf(city.Invalid, "%d tiles came in a picture of %d x %d pixels", n, head.Width, head.Height)
	}
	img, err := jpeg.Decode(bytes.NewReader(p))
	if err != nil {
		return nil, city.Errorf(city.Invalid, "tiles cannot be decoded: %w", err)
	}
	if y, ok := img.(*image.YCbCr); ok && y.SubsampleRatio == image.YCbCrSubsampleRatio420 {
		return y, nil
	}
	return convert(img), nil
}

// convert makes 4:2:0 of any other picture, chroma from each 2x2's top left.
func convert(img image.Image) *image.YCbCr {
	b := img.Bounds()
	out := newPixels(b.Dx(), b.Dy())
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := color.YCbCrModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.YCbCr)
			out.Y[out.YOffset(x, y)] = c.Y
			if x%2 == 0 && y%2 == 0 {
				out.Cb[out.COffset(x, y)], out.Cr[out.COffset(x, y)] = c.Cb, c.Cr
			}
		}
	}
	return out
}

func newPixels(width, height int) *image.YCbCr {
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	fill(img.Y)
	fill(img.Cb)
	fill(img.Cr)
	return img
}

func copyTile(dst *image.YCbCr, dc, dr int, src *image.YCbCr, sc, sr int) {
	for y := range tile {
		d, s := (dr*tile+y)*dst.YStride+dc*tile, (sr*tile+y)*src.YStride+sc*tile
		copy(dst.Y[d:d+tile], src.Y[s:s+tile])
	}
	for y := range tile / 2 {
		d, s := (dr*tile/2+y)*dst.CStride+dc*tile/2, (sr*tile/2+y)*src.CStride+sc*tile/2
		copy(dst.Cb[d:d+tile/2], src.Cb[s:s+tile/2])
		copy(dst.Cr[d:d+tile/2], src.Cr[s:s+tile/2])
	}
}
