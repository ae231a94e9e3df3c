package measure

import (
	"math"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
)

// Marks are on a grid of so many pixels, or of half metres where the ground is
// known.
const (
	markPixels = 16
	markMetres = 0.5
	// markReach is how far, in metres, beyond the ground's four points a mark may be;
	// the half metres are counted from there, eastward and northward.
	markReach = 250
)

// Marks says what is in view now, for those who look on live. A thing is at its
// foot, on the coarse grid; with a ground plane, things farther than 250 m from its
// points are left out. Column 0, row 0 of the half-metre grid is [Plane.Origin].
func (m *Measure) Marks(at time.Time) *wire.Marks {
	out := &wire.Marks{At: at, Grid: wire.Pixels16}
	if m.plane != nil {
		out.Grid = wire.HalfMetres
	}
	for _, t := range m.tracker.tracks {
		if !t.counts() {
			continue
		}
		k := wire.Mark{Class: t.class()}
		ok := false
		if m.plane != nil {
			k.Column, k.Row, ok = m.metreCell(t)
		} else {
			k.Column, k.Row, ok = m.pixelCell(t)
		}
		if ok {
			out.Marks = append(out.Marks, k)
		}
	}
	out.Sort()
	return out
}

func (m *Measure) pixelCell(t *track) (column, row uint16, ok bool) {
	cell := func(v float64, size int) uint16 {
		return uint16(min(max(0, v), float64(size-1)) / markPixels)
	}
	return cell(t.x.at, m.size.X), cell(t.y.at, m.size.Y), m.size.X > 0
}

func (m *Measure) metreCell(t *track) (column, row uint16, ok bool) {
	at, ok := m.plane.Metres(layout.Point{X: t.x.at / float64(m.size.X), Y: t.y.at / float64(m.size.Y)})
	if !ok {
		return 0, 0, false
	}
	origin, end := m.plane.Origin(), m.plane.end
	x, y := math.Floor((at.X-origin.X)/markMetres), math.Floor((at.Y-origin.Y)/markMetres)
	if x < 0 || y < 0 || at.X > end.X || at.Y > end.Y || x > math.MaxUint16 || y > math.MaxUint16 {
		return 0, 0, false
	}
	return uint16(x), uint16(y), true
}
