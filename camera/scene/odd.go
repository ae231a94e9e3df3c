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
	counts        []uint16   // bins per group
	used          [][]uint16 // which bins of each group are not empty
	around        []uint32
	found         []uint16 // which bins of around are not empty
	common        []bool   // of those
}

func newColours(g *grid) colours {
	c := colours{group: max(4, g.rows/9)}
	c.columns, c.rows = (g.columns+c.group-1)/c.group, (g.rows+c.group-1)/c.group
	c.bin = make([]uint16, g.cells()*area)
	c.counts = make([]uint16, c.columns*c.rows*bins)
	c.used = make([][]uint16, c.columns*c.rows)
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
			if m.knownIn(gx, gy) {
				continue
			}
			c.lookAround(gx, gy, float32(m.config.OddShare))
			for y := gy * c.group; y < min((gy+1)*c.group, m.rows); y++ {
				for x := gx * c.group; x < min((gx+1)*c.group, m.columns); x++ {
					m.judgeOdd(y*m.columns + x)
				}
			}
		}
	}
}

// knownIn says whether the place is seen in all of a group, so that nothing is to be
// judged.
func (m *Model) knownIn(gx, gy int) bool {
	c := &m.colours
	for y := gy * c.group; y < min((gy+1)*c.group, m.rows); y++ {
		for x := gx * c.group; x < min((gx+1)*c.group, m.columns); x++ {
			if !m.cells[y*m.columns+x].there() {
				return false
			}
		}
	}
	return true
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
	for group, used := range c.used {
		for _, b := range used {
			c.counts[group*bins+int(b)] = 0
		}
		c.used[group] = used[:0]
	}
	for i := range m.cells {
		x, y := i%m.columns, i/m.columns
		group := y/c.group*c.columns + x/c.group
		counts := c.counts[group*bins:][:bins]
		for k := range area {
			px, py := x*side+k%side, y*side+k/side
			chroma := py/2*(m.look.width/2) + px/2
			b := level(m.look.luma[py*m.look.width+px], 0, lumaStep)*levels*levels +
				level(m.look.cb[chroma], levels/2, chromaStep)*levels +
				level(m.look.cr[chroma], levels/2, chromaStep)
			c.bin[i*area+k] = uint16(b)
			if counts[b] == 0 {
				c.used[group] = append(c.used[group], uint16(b))
			}
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
	for _, b := range c.found {
		c.around[b] = 0
	}
	c.found = c.found[:0]
	total := uint32(0)
	for y := max(0, gy-1); y <= min(c.rows-1, gy+1); y++ {
		for x := max(0, gx-1); x <= min(c.columns-1, gx+1); x++ {
			group := y*c.columns + x
			for _, b := range c.used[group] {
				if c.around[b] == 0 {
					c.found = append(c.found, b)
				}
				n := uint32(c.counts[group*bins+int(b)])
				c.around[b] += n
				total += n
			}
		}
	}
	least := share * float32(total)
	for _, b := range c.found {
		b, n := int(b), c.around[b]
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
