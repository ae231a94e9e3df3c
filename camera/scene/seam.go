package scene

// What cannot be told from the place beside it shows nothing of anybody. So a plain
// cell near someone who stands there is shown when it goes on from a plain part of the
// place without a seam: its shades are those of the cell beside it. Each step may add
// a little, and steps are few, so that no pixel that is shown for this alone differs
// from what was proven by more than plain + seams * shade levels of luma (36), which
// is less than what counts as a thing of its own (40; docs/benchmarks.md). In the dark,
// where contrasts are smaller, so are these (Weber's law).

const (
	plain     = 20.0 // levels of luma between a plain cell's lightest and darkest pixel
	shade     = 4.0  // levels of luma by which a cell may leave the range of the one beside it
	tint      = 3.0  // the same of chroma
	brightly  = 160  // luma from which plain and shade hold in full
	seams     = 4    // steps from what was proven by its own evidence
	seamAfter = 3.0  // seconds without anything stirring
)

// seamless says whether a cell goes on from the place beside it, and by how many steps
// from what was proven otherwise.
func (m *Model) seamless(i int) (steps uint8, ok bool) {
	c := &m.cells[i]
	a := c.seen()
	if c.fit != same || a.frames < longMean/2 || m.time-c.stirred < seamAfter || m.kinds[i]&covered != 0 || a.vehicle > 0 {
		return 0, false
	}
	steps = seams
	m.around(i, func(j int) {
		if o := &m.cells[j]; o.there() && o.fit == same && m.kinds[j] == 0 && o.seam < steps && continues(o.seen(), a) {
			steps, ok = o.seam, true
		}
	})
	return steps + 1, ok
}

// continues says whether what goes on from a plain appearance is another.
func continues(from, to *appearance) bool {
	if from.mosaic() {
		return false
	}
	least, most := span(from.luma[:])
	low, high := span(to.luma[:])
	share := min(1, max(0, least+most)/2/brightly)
	if max(most-least, high-low) > plain*share || low < least-shade*share || high > most+shade*share {
		return false
	}
	for _, c := range [...][2][]float32{{from.cb[:], to.cb[:]}, {from.cr[:], to.cr[:]}} {
		least, most := span(c[0])
		low, high := span(c[1])
		if low < least-tint || high > most+tint {
			return false
		}
	}
	return true
}

func span(v []float32) (least, most float32) {
	least, most = v[0], v[0]
	for _, x := range v[1:] {
		least, most = min(least, x), max(most, x)
	}
	return least, most
}
