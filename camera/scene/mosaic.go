package scene

// A mosaic is how standing vehicles are shown: the mean colours of coarse squares, one
// running over into the next. Its squares have a 36th of the picture's height, and at
// least 16 pixels, to a side: a plate that could be read is some ten of them wide and
// two high.
type mosaic struct {
	side    int // of a square, cells
	columns int
	squares []tessera
	drawing []int32 // squares that changed
	marked  []bool
	around  []int32 // reused
}

// tessera is a square's mean colour, in the frame's values. Only what is a vehicle in it
// counts.
type tessera struct {
	y, u, v float32
	cells   int // that are a vehicle
}

func newMosaic(g *grid) mosaic {
	p := g.pixels()
	m := mosaic{side: max(16, (g.height/36+p-1)/p*p) / p}
	m.columns = (g.columns + m.side - 1) / m.side
	n := m.columns * ((g.rows + m.side - 1) / m.side)
	m.squares, m.marked = make([]tessera, n), make([]bool, n)
	return m
}

// touch notes that a cell's square is to be drawn anew.
func (s *mosaic) touch(m *Model, i int) {
	k := i/m.columns/s.side*s.columns + i%m.columns/s.side
	if !s.marked[k] && (s.squares[k].cells > 0 || m.coarse(i)) {
		s.marked[k] = true
		s.drawing = append(s.drawing, int32(k))
	}
}

// draw draws the squares that changed, and those around them.
func (s *mosaic) draw(m *Model) {
	if len(s.drawing) == 0 {
		return
	}
	s.around = s.around[:0]
	for _, k := range s.drawing {
		s.squares[k] = s.mean(m, int(k))
		s.around = append(s.around, k)
	}
	rows := len(s.squares) / s.columns
	for _, k := range s.drawing {
		x, y := int(k)%s.columns, int(k)/s.columns
		for v := max(0, y-1); v <= min(rows-1, y+1); v++ {
			for u := max(0, x-1); u <= min(s.columns-1, x+1); u++ {
				if j := v*s.columns + u; !s.marked[j] {
					s.marked[j] = true
					s.around = append(s.around, int32(j))
				}
			}
		}
	}
	for _, k := range s.around {
		s.marked[k] = false
		s.each(m, int(k), func(i int) {
			s.paint(m, int(k), i)
			m.touch(i)
		})
	}
	s.drawing = s.drawing[:0]
}

// each calls f for the cells of a square that show a vehicle.
func (s *mosaic) each(m *Model, k int, f func(i int)) {
	x0, y0 := k%s.columns*s.side, k/s.columns*s.side
	for y := y0; y < min(y0+s.side, m.rows); y++ {
		for x := x0; x < min(x0+s.side, m.columns); x++ {
			if i := y*m.columns + x; m.coarse(i) {
				f(i)
			}
		}
	}
}

func (s *mosaic) mean(m *Model, k int) tessera {
	var luma, cb, cr, n, nc uint64
	t := tessera{}
	s.each(m, k, func(i int) {
		m.sumCell(i, &luma, &cb, &cr, &n, &nc)
		t.cells++
	})
	if t.cells > 0 {
		t.y, t.u, t.v = float32(luma)/float32(n)/256, float32(cb)/float32(nc)/256, float32(cr)/float32(nc)/256
	}
	return t
}

func (m *Model) sumCell(i int, luma, cb, cr, n, nc *uint64) {
	x0, y0, x1, y1 := m.rect(i)
	for y := y0; y < y1; y++ {
		for _, v := range m.picture.y[y*m.width+x0 : y*m.width+x1] {
			*luma += uint64(v)
			*n++
		}
	}
	w := m.shown.ChromaWidth()
	for y := y0 / 2; y < (y1+1)/2; y++ {
		for at := y*w + x0/2; at < y*w+(x1+1)/2; at++ {
			*cb += uint64(m.picture.u[at])
			*cr += uint64(m.picture.v[at])
			*nc++
		}
	}
}

// paint draws a cell of square k, between the colours of the four squares whose
// centres are nearest.
func (s *mosaic) paint(m *Model, k, i int) {
	x0, y0, x1, y1 := m.rect(i)
	w := m.shown.ChromaWidth()
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			luma, cb, cr := s.colour(m, k, float32(x)+0.5, float32(y)+0.5)
			m.shown.Y[y*m.width+x] = byte(luma + 0.5)
			if x%2 == 0 && y%2 == 0 {
				m.shown.U[y/2*w+x/2], m.shown.V[y/2*w+x/2] = byte(cb+0.5), byte(cr+0.5)
			}
		}
	}
}

// colour is that of a point of square k, pixels: bilinear between squares, square k's
// own in place of those without a vehicle.
func (s *mosaic) colour(m *Model, k int, x, y float32) (luma, cb, cr float32) {
	side := float32(s.side * m.pixels())
	u, v := x/side-0.5, y/side-0.5
	left, top := floor(u), floor(v)
	fx, fy := u-float32(left), v-float32(top)
	add := func(column, row int, share float32) {
		t := &s.squares[k]
		if column >= 0 && row >= 0 && column < s.columns && row*s.columns < len(s.squares) {
			if o := &s.squares[row*s.columns+column]; o.cells > 0 {
				t = o
			}
		}
		luma, cb, cr = luma+share*t.y, cb+share*t.u, cr+share*t.v
	}
	add(left, top, (1-fx)*(1-fy))
	add(left+1, top, fx*(1-fy))
	add(left, top+1, (1-fx)*fy)
	add(left+1, top+1, fx*fy)
	return luma, cb, cr
}
