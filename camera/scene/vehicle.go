package scene

import "polity/camera/detect"

// A vehicle counts as standing on a cell when what is seen there has not changed for
// parked seconds. What is seen is shown as a mosaic when a vehicle was found there by
// vehicleShare of the last looks at the whole picture, manyLooks of them: detectors now
// and then see vehicles in signs, windows and the edges of lawns, and never miss one
// whose plate is large enough to be read so often.
const (
	parked       = 3.0
	vehicleShare = 0.35
	manyLooks    = 16
	// fewLooks must have been had before what was once found to be a vehicle is shown.
	fewLooks = 4
	// vehicleBeside of the cells around belong to the same vehicle at least.
	vehicleBeside = 2
)

// parking is what the last look at the whole picture found of vehicles.
type parking struct {
	at    float64 // when
	boxes []detect.Box
}

// mosaic says whether the appearance is only to be shown coarsely.
func (a *appearance) mosaic() bool { return a.vehicle > 0 && a.vehicle >= vehicleShare*a.looks }

// park counts the looks at the whole picture, and those that found a standing vehicle,
// with each appearance. What came to rest after the look counts, too.
func (m *Model) park(s *detect.Sight) {
	if m.sawAll(s) {
		p := &m.parking
		p.at, p.boxes = m.time, p.boxes[:0]
		for _, b := range s.Boxes {
			if b.Class == detect.Vehicle && b.Score >= float32(m.config.VehicleDoubt) {
				p.boxes = append(p.boxes, b)
			}
		}
		for i := range m.cells {
			if m.rests(i) {
				m.weighVehicle(i, (*appearance).look)
			}
		}
	}
	for _, b := range m.parking.boxes {
		m.within(b, 0, func(i int) {
			if m.rests(i) && m.cells[i].parked < m.parking.at {
				m.cells[i].parked = m.time
				m.weighVehicle(i, (*appearance).park)
			}
		})
	}
}

// rests says whether a standing vehicle would be seen in a cell.
func (m *Model) rests(i int) bool {
	c := &m.cells[i]
	return m.time-c.stirred > parked && m.time-c.covered >= moment
}

// undecided says whether it is not known yet how the appearance may be shown.
func (a *appearance) undecided() bool { return a.vehicle > 0 && a.looks < fewLooks }

// weighVehicle changes the evidence of what is seen in a cell.
func (m *Model) weighVehicle(i int, by func(*appearance)) {
	c := &m.cells[i]
	a := c.seen()
	was := a.mosaic()
	by(a)
	if a.mosaic() != was {
		m.redraw(i)
		m.around(i, m.redraw)
	}
}

// coarse says whether a cell of the place is shown as a part of a vehicle: what is seen
// beside it is one, too, since no vehicle is as small as a cell.
func (m *Model) coarse(i int) bool {
	c := &m.cells[i]
	if !m.trusted || !c.proven() || !c.memory[c.place].mosaic() {
		return false
	}
	beside := 0
	m.around(i, func(j int) {
		if m.cells[j].placeOrSeen().mosaic() {
			beside++
		}
	})
	return beside >= vehicleBeside
}

// placeOrSeen is the appearance of the place, or the one that is seen while the place is
// not known.
func (c *cell) placeOrSeen() *appearance {
	if c.proven() {
		return &c.memory[c.place]
	}
	return &c.memory[max(0, c.now)]
}

func (a *appearance) look() {
	if a.looks >= manyLooks {
		a.vehicle *= 1 - 1/a.looks
		a.looks--
	}
	a.looks++
}

func (a *appearance) park() { a.vehicle = min(a.vehicle+1, max(1, a.looks)) }
