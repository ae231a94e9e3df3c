package detect

import (
	"image"
	"slices"

	"polity/camera/frame"
)

// Change tells where a picture differs from the one that was last looked at. It
// sees cells of some 8 x 8 pixels by four samples each, so that it costs next to
// nothing.
type Change struct {
	cell          int // side of a cell in pixels
	columns, rows int
	width, height int
	seen          []int16 // mean of each cell when it was last looked at
	now           []int16
	changed       []bool
}

const (
	changeColumns = 96 // about; more would cost more and see noise
	changeLevels  = 7  // a cell whose mean moved by more than this has changed
)

// resize starts anew for another size of picture.
func (c *Change) resize(f *frame.Frame) {
	c.width, c.height = f.Width, f.Height
	c.cell = max(4, (f.Width+changeColumns/2)/changeColumns)
	c.columns, c.rows = (f.Width+c.cell-1)/c.cell, (f.Height+c.cell-1)/c.cell
	n := c.columns * c.rows
	c.seen, c.now, c.changed = make([]int16, n), make([]int16, n), make([]bool, n)
}

// watch compares f with what was looked at. The first picture has changed
// everywhere.
func (c *Change) watch(f *frame.Frame) {
	fresh := f.Width != c.width || f.Height != c.height
	if fresh {
		c.resize(f)
	}
	for row := range c.rows {
		top := row * c.cell
		first := f.Y[min(top+c.cell/4, f.Height-1)*f.Width:][:f.Width]
		second := f.Y[min(top+3*c.cell/4, f.Height-1)*f.Width:][:f.Width]
		for column := range c.columns {
			left := column * c.cell
			a, b := min(left+c.cell/4, f.Width-1), min(left+3*c.cell/4, f.Width-1)
			c.now[row*c.columns+column] = int16(first[a]) + int16(first[b]) + int16(second[a]) + int16(second[b])
		}
	}
	if fresh {
		for i := range c.changed {
			c.changed[i] = true
		}
		return
	}
	shift := c.shift()
	for i, v := range c.now {
		d := v - c.seen[i] - shift
		c.changed[i] = d > 4*changeLevels || d < -4*changeLevels
	}
}

// shift is by how much most of the picture has become lighter or darker: the
// median over some cells. A camera's exposure and the sun change everything at
// once, people do not.
func (c *Change) shift() int16 {
	const samples = 255
	step := max(1, len(c.now)/samples)
	var d []int16
	for i := step / 2; i < len(c.now); i += step {
		d = append(d, c.now[i]-c.seen[i])
	}
	slices.Sort(d)
	return d[len(d)/2]
}

// looked takes the picture inside the region as seen.
func (c *Change) looked(region image.Rectangle) {
	r := c.cells(region)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		copy(c.seen[y*c.columns+r.Min.X:y*c.columns+r.Max.X], c.now[y*c.columns+r.Min.X:])
	}
}

// cells returns which cells lie wholly in the region of the picture; the last
// ones of a row or column may be cut by the picture's edge.
func (c *Change) cells(region image.Rectangle) image.Rectangle {
	up := func(v int) int { return (v + c.cell - 1) / c.cell }
	r := image.Rect(up(max(0, region.Min.X)), up(max(0, region.Min.Y)), max(0, region.Max.X)/c.cell, max(0, region.Max.Y)/c.cell)
	if region.Max.X >= c.width {
		r.Max.X = c.columns
	}
	if region.Max.Y >= c.height {
		r.Max.Y = c.rows
	}
	return r.Intersect(image.Rect(0, 0, c.columns, c.rows))
}

// Share returns the share, 0 to 1, of the region's cells that have changed.
func (c *Change) Share(region image.Rectangle) float32 {
	r := c.cells(region)
	if r.Empty() {
		return 0
	}
	n := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if c.changed[y*c.columns+x] {
				n++
			}
		}
	}
	return float32(n) / float32(r.Dx()*r.Dy())
}

// regions returns where the picture has changed, in pixels: the rectangles around
// changed cells that touch. A cell that changed alone is noise.
func (c *Change) regions() []image.Rectangle {
	var out []image.Rectangle
	done := make([]bool, len(c.changed))
	var stack []int
	for i, changed := range c.changed {
		if !changed || done[i] {
			continue
		}
		r, n := image.Rectangle{}, 0
		stack = append(stack[:0], i)
		done[i] = true
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			x, y := at%c.columns, at/c.columns
			r = r.Union(image.Rect(x, y, x+1, y+1))
			n++
			for ny := max(0, y-1); ny <= min(c.rows-1, y+1); ny++ {
				for nx := max(0, x-1); nx <= min(c.columns-1, x+1); nx++ {
					if k := ny*c.columns + nx; c.changed[k] && !done[k] {
						done[k] = true
						stack = append(stack, k)
					}
				}
			}
		}
		if n > 1 {
			out = append(out, image.Rect(r.Min.X*c.cell, r.Min.Y*c.cell, r.Max.X*c.cell, r.Max.Y*c.cell))
		}
	}
	return out
}
