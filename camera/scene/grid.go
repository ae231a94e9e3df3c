package scene

import "polity/camera/wire"

// side is the side of a cell in pixels of the look; area its pixels.
const (
	side = 4
	area = side * side
)

// grid says how a frame is divided: into cells of side x side pixels of the look,
// which is the frame made smaller by scale.
type grid struct {
	width, height int // of the frame, pixels
	scale         int // pixels of the frame to one of the look, each way
	columns, rows int // cells
}

// widest is how wide a look is at most, pixels. A person then has some 10 to 200
// pixels of the look, in which sway of a fraction of a pixel can be measured, and
// the cost of a frame does not grow with the camera's resolution.
const widest = 700

func newGrid(width, height int) grid {
	g := grid{width: width, height: height, scale: wire.BlockSize / side}
	for width > widest*g.scale {
		g.scale *= 2
	}
	g.columns = (width + g.pixels() - 1) / g.pixels()
	g.rows = (height + g.pixels() - 1) / g.pixels()
	return g
}

// pixels is the side of a cell in pixels of the frame: one or more whole blocks of
// wire.Place.
func (g *grid) pixels() int { return side * g.scale }

func (g *grid) cells() int { return g.columns * g.rows }

// around calls f for the cells that touch cell i, by a side or a corner.
func (g *grid) around(i int, f func(j int)) {
	x, y := i%g.columns, i/g.columns
	for v := max(0, y-1); v <= min(g.rows-1, y+1); v++ {
		for u := max(0, x-1); u <= min(g.columns-1, x+1); u++ {
			if j := v*g.columns + u; j != i {
				f(j)
			}
		}
	}
}

// A region is a connected set of cells.
type region struct {
	cells          []int32
	x0, y0, x1, y1 int // bounds, both included
	kinds          kind
}

func (r *region) across() int { return min(r.x1-r.x0, r.y1-r.y0) + 1 }
func (r *region) length() int { return max(r.x1-r.x0, r.y1-r.y0) + 1 }

// regions calls f for every connected region of cells that have any of the kinds.
// The region is only valid during the call.
func (m *Model) regions(kinds kind, f func(r *region)) {
	m.stamp++
	for i := range m.cells {
		if m.kinds[i]&kinds == 0 || m.marked[i] == m.stamp {
			continue
		}
		r := &m.region
		*r = region{cells: append(r.cells[:0], int32(i)), x0: m.columns, y0: m.rows}
		m.marked[i] = m.stamp
		for k := 0; k < len(r.cells); k++ {
			p := int(r.cells[k])
			x, y := p%m.columns, p/m.columns
			r.x0, r.x1, r.y0, r.y1 = min(r.x0, x), max(r.x1, x), min(r.y0, y), max(r.y1, y)
			r.kinds |= m.kinds[p]
			m.around(p, func(j int) {
				if m.marked[j] != m.stamp && m.kinds[j]&kinds != 0 {
					m.marked[j] = m.stamp
					r.cells = append(r.cells, int32(j))
				}
			})
		}
		f(r)
	}
}
