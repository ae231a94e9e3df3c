package scene

// What looks like much around it (ground, walls, sky) is more easily believed to be
// the place than what looks like nothing around it, as a person mostly does. So the
// colours of the look are counted over thirds of the picture's height, and a cell of
// whose pixels a quarter has colours that are rare around it is odd: it must be
// still for longer.

const (
	levels = 16 // of luma and of each chroma
	bins   = levels * levels * levels
	// oddPixels of a cell's pixels make it odd.
	oddPixels = area / 4
	// Chroma is counted from -64 to 64, in steps of 8, luma in steps of 16.
	chromaStep = 8
	lumaStep   = 16
)

type colours struct {
	group         int // cells to the side of a group
	columns, rows int // groups
	bin           []uint16
	counts        []uint16 // bins per group
	around        []uint32
	common        []bool
}

func newColours(g *grid) colours {
	c := colours{group: max(4, g.rows/9)}
	c.columns, c.rows = (g.columns+c.group-1)/c.group, (g.rows+c.group-1)/c.group
	c.bin = make([]uint16, g.cells()*area)
	c.counts = make([]uint16, c.columns*c.rows*bins)
	c.around = make([]uint32, bins)
	c.common = make([]bool, bins)
	return c
}

// findOdd says of what is seen in each cell whether it is odd.
func (m *Model) findOdd() {
	m.countColours()
	c := &m.colours
	for gy := range c.rows {
		for gx := range c.columns {
			c.lookAround(gx, gy, float32(m.config.OddShare))
			for y := gy * c.group; y < min((gy+1)*c.group, m.rows); y++ {
				for x := gx * c.group; x < min((gx+1)*c.group, m.columns); x++ {
					m.judgeOdd(y*m.columns + x)
				}
			}
		}
	}
}

func (m *Model) judgeOdd(i int) {
	c := &m.cells[i]
	if c.fit != same {
		return
	}
	rare := 0
	for _, b := range m.colours.bin[i*area:][:area] {
		if !m.colours.common[b] {
			rare++
		}
	}
	c.seen().odd = rare >= oddPixels
}

// countColours counts the colours of the look, group by group.
func (m *Model) countColours() {
	c := &m.colours
	clear(c.counts)
	for i := range m.cells {
		x, y := i%m.columns, i/m.columns
		counts := c.counts[(y/c.group*c.columns+x/c.group)*bins:][:bins]
		for k := range area {
			px, py := x*side+k%side, y*side+k/side
			chroma := py/2*(m.look.width/2) + px/2
			b := level(m.look.luma[py*m.look.width+px], 0, lumaStep)*levels*levels +
				level(m.look.cb[chroma], levels/2, chromaStep)*levels +
				level(m.look.cr[chroma], levels/2, chromaStep)
			c.bin[i*area+k] = uint16(b)
			counts[b]++
		}
	}
}

func level(v float32, zero int, step float32) int {
	return min(levels-1, max(0, zero+floor(v/step)))
}

// lookAround finds which colours are common in a group and those around it. A
// colour counts with its neighbours, so that a shade between two bins is not rare.
func (c *colours) lookAround(gx, gy int, share float32) {
	clear(c.around)
	total := uint32(0)
	for y := max(0, gy-1); y <= min(c.rows-1, gy+1); y++ {
		for x := max(0, gx-1); x <= min(c.columns-1, gx+1); x++ {
			for b, n := range c.counts[(y*c.columns+x)*bins:][:bins] {
				if n != 0 {
					c.around[b] += uint32(n)
					total += uint32(n)
				}
			}
		}
	}
	least := share * float32(total)
	for b, n := range c.around {
		if n == 0 {
			c.common[b] = false
			continue
		}
		for _, step := range [...]int{1, levels, levels * levels} {
			if at := b / step % levels; at > 0 {
				n += c.around[b-step]
			}
			if at := b / step % levels; at < levels-1 {
				n += c.around[b+step]
			}
		}
		c.common[b] = float32(n) >= least
	}
}
