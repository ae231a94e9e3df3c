package scene

import (
	"context"
	"image"

	"polity/camera/detect"
	"polity/camera/frame"
)

// Detector looks for people on a part of a frame. detect.Client is one. An error
// means that nothing is known about the region.
type Detector interface {
	Detect(ctx context.Context, f *frame.Frame, region image.Rectangle, threshold float32) ([]detect.Box, error)
}

// closeParts is into how many parts, each way, a frame is divided for close looks;
// a crop reaches over its part by half of that on each side.
const closeParts = 3

// freshFor is for how long a close look counts, seconds.
const freshFor = 120.0

// lookClosely asks for a detection on a close crop of the part of the picture where
// most waits to become the place. At most one in CloseEvery.
func (m *Model) lookClosely(ctx context.Context, f *frame.Frame) {
	if m.detector == nil || m.time-m.closeAsked < m.config.CloseEvery.Seconds() {
		return
	}
	var waiting [closeParts * closeParts]int
	for i := range m.cells {
		if m.needsLook(&m.cells[i]) && !m.lookedAt(i) {
			waiting[m.partOf(i)]++
		}
	}
	best := 0
	for p, n := range waiting {
		if n > waiting[best] {
			best = p
		}
	}
	if waiting[best] == 0 {
		return
	}
	m.closeAsked = m.time
	crop := m.crop(best)
	boxes, err := m.detector.Detect(ctx, f, crop, float32(m.config.CloseDoubt))
	if err != nil {
		return // not looked at, so not learnt; asked again later
	}
	for i := range m.cells {
		if c := &m.cells[i]; m.partOf(i) == best && c.fit == same && !m.near[i] {
			c.seen().looked = m.time
		}
	}
	for _, b := range boxes {
		if b.Class == detect.Vehicle {
			continue
		}
		passes := m.passes(b)
		m.within(b, 0, func(i int) {
			if c := &m.cells[i]; !c.there() {
				c.seen().looked = never
				c.seen().doubted = c.seen().doubted || !passes
			}
		})
	}
}

// passesShare is the share of a box that stirs while who is in it walks.
const passesShare = 0.3

// passes says whether a box is of something that moves: what is still in it is then
// the place behind.
func (m *Model) passes(b detect.Box) bool {
	stirs, all := 0, 0
	m.within(b, 0, func(i int) {
		all++
		if m.kinds[i]&stirring != 0 {
			stirs++
		}
	})
	return float64(stirs) > passesShare*float64(all)
}

// oftenBy is how many times the returns that make an appearance common make it so
// certain that a close look, in which a sign may look like a person, is not asked for.
const oftenBy = 4

// needsLook says whether a cell is to be looked at closely before it is promoted.
func (m *Model) needsLook(c *cell) bool {
	a := c.seen()
	return !c.proven() && a.odd && int(a.returns) < oftenBy*m.config.Returns && m.ready(c) || c.proven() && !c.there() && a.quiet >= float32(m.config.Replace.Seconds())
}

// lookedAt says whether a cell needs no close look, or what is seen there had one
// lately.
func (m *Model) lookedAt(i int) bool {
	c := &m.cells[i]
	if m.detector == nil || !m.needsLook(c) {
		return true
	}
	return m.time-c.seen().looked < freshFor
}

func (m *Model) partOf(i int) int {
	return i/m.columns*closeParts/m.rows*closeParts + i%m.columns*closeParts/m.columns
}

// crop returns the part of the frame to look at closely, in pixels.
func (m *Model) crop(part int) image.Rectangle {
	w, h := m.width/closeParts, m.height/closeParts
	x, y := part%closeParts*w, part/closeParts*h
	return image.Rect(x-w/2, y-h/2, x+w+w/2, y+h+h/2).Intersect(image.Rect(0, 0, m.width, m.height))
}
