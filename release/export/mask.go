package export

import "polity/city"

// MaskKind says what is left of a masked place.
type MaskKind string

// The kinds.
const (
	Mosaic MaskKind = "mosaic" // a mean brightness of large squares, once a second
	Grey   MaskKind = "grey"   // nothing
)

// The mosaic's numbers; why they are these: formats/bundle.md, "Masking".
const (
	minBlock = 32    // pixels
	levels   = 16    // of brightness
	hold     = 1_000 // milliseconds
	neutral  = 128   // of chroma, and of luma where nothing is left
)

// Mask is how places are masked.
type Mask struct {
	Hold   int64    `json:"hold"` // milliseconds that a square stays as it is; 0 for Grey
	Kind   MaskKind `json:"kind"`
	Levels int64    `json:"levels"` // of brightness; 0 for Grey
}

// MaskOf is the mask of a kind; empty means Mosaic.
func MaskOf(kind MaskKind) (Mask, error) {
	switch kind {
	case Mosaic, "":
		return Mask{Hold: hold, Kind: Mosaic, Levels: levels}, nil
	case Grey:
		return Mask{Kind: Grey}, nil
	}
	return Mask{}, city.Errorf(city.Invalid, "a mask of kind %.40q; there are mosaic and grey", string(kind))
}

// Block is the side of a mosaic's square in pixels: a sixteenth of the shorter side, at
// least 32, rounded up to 16.
func Block(width, height int) int {
	return (max(minBlock, min(width, height)/16) + 15) / 16 * 16
}

// picture is in planar YUV 4:2:0, of even width and height, brightness 16 to 235.
type picture struct {
	width, height int
	data          []byte // Y, U, V
}

func newPicture(width, height int) *picture {
	return &picture{width, height, make([]byte, width*height*3/2)}
}

// planes are Y, U and V.
func (p *picture) planes() (y, u, v []byte) {
	n := p.width * p.height
	return p.data[:n], p.data[n : n+n/4], p.data[n+n/4:]
}

// grey leaves nothing of the picture.
func (p *picture) grey() {
	for i := range p.data {
		p.data[i] = neutral
	}
}

// masker makes pictures in which all is masked but the marks. It is used by one
// goroutine.
type masker struct {
	kind  MaskKind
	marks []Mark
	bare  *picture // the mask without any mark
	out   *picture
	taken int64 // hold that bare is of, counted from 1970; -1: none
}

func newMasker(kind MaskKind, marks []Mark, width, height int) *masker {
	m := &masker{kind: kind, marks: marks, bare: newPicture(width, height), out: newPicture(width, height), taken: -1}
	m.bare.grey()
	return m
}

// mask returns what may be shown of a picture that was taken at a time. The result is good
// until the next call.
func (m *masker) mask(p *picture, ms int64) *picture {
	if m.kind == Mosaic && m.taken != ms/hold {
		m.lay(p)
		m.taken = ms / hold
	}
	copy(m.out.data, m.bare.data)
	for i := range m.marks {
		if at, ok := m.marks[i].at(ms); ok {
			m.open(p, at)
		}
	}
	return m.out
}

// blank returns a picture that shows nothing.
func (m *masker) blank() *picture {
	m.out.grey()
	return m.out
}

// lay covers the whole picture with squares, each of its mean brightness in levels.
func (m *masker) lay(p *picture) {
	from, _, _ := p.planes()
	to, _, _ := m.bare.planes()
	block := Block(p.width, p.height)
	for top := 0; top < p.height; top += block {
		for left := 0; left < p.width; left += block {
			bottom, right := min(top+block, p.height), min(left+block, p.width)
			sum := 0
			for row := top; row < bottom; row++ {
				for _, v := range from[row*p.width+left : row*p.width+right] {
					sum += int(v)
				}
			}
			const step = 256 / levels
			level := byte(sum/((bottom-top)*(right-left))/step*step + step/2)
			for row := top; row < bottom; row++ {
				line := to[row*p.width+left : row*p.width+right]
				for i := range line {
					line[i] = level
				}
			}
		}
	}
}

// open copies the blocks of 2 x 2 that lie wholly in a position.
func (m *masker) open(p *picture, at Position) {
	inside := func(from, length, size int64) (a, b int) {
		first := (from*size + full - 1) / full // up
		end := (from + length) * size / full   // down
		return int((first + 1) / 2 * 2), int(end / 2 * 2)
	}
	left, right := inside(at.Left, at.Width, int64(p.width))
	top, bottom := inside(at.Top, at.Height, int64(p.height))
	if left >= right || top >= bottom {
		return
	}
	fromY, fromU, fromV := p.planes()
	y, u, v := m.out.planes()
	for row := top; row < bottom; row++ {
		a := row * p.width
		copy(y[a+left:a+right], fromY[a+left:a+right])
		if row%2 == 0 {
			a = row / 2 * (p.width / 2)
			copy(u[a+left/2:a+right/2], fromU[a+left/2:a+right/2])
			copy(v[a+left/2:a+right/2], fromV[a+left/2:a+right/2])
		}
	}
}
