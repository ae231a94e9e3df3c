package nowcast

import (
	"math"
	"slices"

	"polity/services/traffic/safety"
)

// How vehicles drive: the model of Krauß ("Microscopic modeling of traffic flow", 1998),
// with the mean of what it draws at random.
const (
	accel    = 2.6 // m/s²
	brake    = 4.5 // m/s²
	dawdle   = 1.1 // m/s: slower than could be, in each second
	reaction = 1.0 // seconds
	apart    = 2.5 // metres between two that stand
	usual    = 5.0 // metres: length of whom nobody measured
	standing = 1.0 // m/s: slower is standing
	lateral  = 5.5 // m/s²: at most, in a turn
	gap      = 4.0 // seconds to the next of a stream that is crossed
	horizon  = 80  // metres that a driver looks ahead
)

// turnSpeed returns the speed in m/s at which a quarter of a circle of this length is
// driven.
func turnSpeed(length float64) float64 {
	return math.Sqrt(lateral * max(3, length) / (math.Pi / 2))
}

// second lets one second pass: everyone chooses his speed by what the others do now, then
// all move.
func (c *Cast) second() {
	for i := range c.lanes {
		for k := range c.lanes[i] {
			c.chooseOnLane(i, k)
		}
	}
	for l := range c.links {
		for k := range c.links[l] {
			c.chooseInside(l, k)
		}
	}
	for l := range c.links {
		move(c.links[l])
		for len(c.links[l]) > 0 && c.links[l][0].Distance < 0 {
			v := c.links[l][0]
			c.links[l] = slices.Delete(c.links[l], 0, 1)
			c.enter(l, v)
		}
	}
	for i := range c.lanes {
		move(c.lanes[i])
		for len(c.lanes[i]) > 0 && c.lanes[i][0].Distance < 0 {
			v := c.lanes[i][0]
			c.lanes[i] = slices.Delete(c.lanes[i], 0, 1)
			if v.way >= 0 { // else it leaves the map
				c.pass(v)
			}
		}
	}
}

// move moves those of one lane or link; nobody overtakes, whatever the picture was.
func move(cars []car) {
	for k := range cars {
		v := &cars[k]
		v.Speed, v.Distance = v.next, v.Distance-v.next
		if k > 0 {
			v.Distance = max(v.Distance, cars[k-1].Distance)
		}
	}
}

// pass puts v, past the end of its lane, on its link.
func (c *Cast) pass(v car) {
	c.out.Passed[v.way]++
	if v.Distance += c.net.Links[v.way].Length; v.Distance < 0 {
		c.enter(v.way, v)
		return
	}
	c.links[v.way] = append(c.links[v.way], v) // the last one to enter
}

// enter puts v, past the end of link l, on the lane there.
func (c *Cast) enter(l int, v car) {
	to := c.net.Links[l].To
	v.Distance += c.net.Lanes[to].Length
	v.way = c.most(to)
	at := len(c.lanes[to])
	for at > 0 && c.lanes[to][at-1].Distance > v.Distance {
		at--
	}
	c.lanes[to] = slices.Insert(c.lanes[to], at, v)
}

// most returns the link that most of a lane take, -1: it has none.
func (c *Cast) most(lane int) int {
	best := -1
	for _, o := range c.net.Lanes[lane].Out {
		if best < 0 || c.ways[o].share > c.ways[best].share {
			best = o
		}
	}
	return best
}

// behind returns the safe speed of one at speed v, free metres behind one at speed lead.
func behind(v, free, lead float64) float64 {
	return max(0, lead+(free-lead*reaction)/((v+lead)/(2*brake)+reaction))
}

// choose sets the speed of v for the next second.
func (v *car) choose(limit, safe float64) {
	top := min(v.Speed+accel, max(limit, min(v.Speed, limit*1.2)), safe)
	v.next = max(0, top-min(dawdle, top/4))
}

func (c *Cast) chooseOnLane(i, k int) {
	v, safe := &c.lanes[i][k], math.Inf(1)
	if k > 0 {
		safe = follow(v, v.Distance, &c.lanes[i][k-1])
	}
	if v.way >= 0 {
		if k == 0 {
			safe = c.toLine(v)
		}
		turn := c.ways[v.way].speed
		safe = min(safe, math.Sqrt(turn*turn+2*brake*max(0, v.Distance)))
	}
	v.choose(c.net.Lanes[i].Speed, safe)
}

// follow returns the safe speed of v at this distance from where lead's distance counts.
func follow(v *car, distance float64, lead *car) float64 {
	return behind(v.Speed, distance-lead.Distance-lead.Length-apart, lead.Speed)
}

// toLine returns the safe speed of the first of a lane.
func (c *Cast) toLine(v *car) float64 {
	if !c.goes(v.way, v.Speed, v.Distance) {
		return behind(v.Speed, max(0, v.Distance-0.5), 0)
	}
	length := c.net.Links[v.way].Length
	if inside := c.links[v.way]; len(inside) > 0 {
		return follow(v, v.Distance+length, &inside[len(inside)-1])
	}
	if c.crossed(v.way) { // it waits inside the junction
		return behind(v.Speed, v.Distance+length/2, 0)
	}
	return c.exit(v.way, v, v.Distance+length)
}

// exit returns the safe speed of v at this distance from the end of link l, for what it
// finds on the lanes beyond.
func (c *Cast) exit(l int, v *car, distance float64) float64 {
	for distance < horizon {
		to := c.net.Links[l].To
		distance += c.net.Lanes[to].Length
		if cars := c.lanes[to]; len(cars) > 0 {
			return follow(v, distance, &cars[len(cars)-1])
		}
		if l = c.most(to); l < 0 {
			break
		}
		if !c.goes(l, v.Speed, distance) {
			return behind(v.Speed, max(0, distance-0.5), 0)
		}
		distance += c.net.Links[l].Length
		if cars := c.links[l]; len(cars) > 0 {
			return follow(v, distance, &cars[len(cars)-1])
		}
	}
	return math.Inf(1)
}

func (c *Cast) aspect(l int) safety.Aspect {
	if c.ways[l].group < 0 {
		return safety.Green
	}
	return c.shown[c.net.Links[l].Junction].Of(c.ways[l].group)
}

// goes tells whether one at this distance before link l passes its signal: at amber who
// cannot stop any more.
func (c *Cast) goes(l int, speed, distance float64) bool {
	switch c.aspect(l) {
	case safety.Green, safety.Flashing:
		return true
	case safety.Amber:
		return speed*speed/(2*brake)+speed/2 >= distance
	}
	return false
}

func (c *Cast) chooseInside(l, k int) {
	v, half := &c.links[l][k], c.net.Links[l].Length/2
	var safe float64
	if k > 0 {
		safe = follow(v, v.Distance, &c.links[l][k-1])
	} else {
		safe = c.exit(l, v, v.Distance)
	}
	if v.Distance >= half-1 && c.crossed(l) {
		safe = min(safe, behind(v.Speed, max(0, v.Distance-half), 0))
	}
	v.choose(c.ways[l].speed, safe)
}

// crossed tells whether somebody comes whom those on link l must let go.
func (c *Cast) crossed(l int) bool {
	for _, o := range c.ways[l].yields {
		link := &c.net.Links[o]
		for k := range c.links[o] {
			if v := &c.links[o][k]; v.Distance > link.Length/2 && v.Speed > standing {
				return true
			}
		}
		if c.aspect(o) == safety.Red {
			continue
		}
		for k := range c.lanes[link.From] {
			v := &c.lanes[link.From][k]
			if v.way != o {
				continue
			}
			if reach(v.Distance, v.Speed, c.net.Lanes[link.From].Speed) <= gap && c.goes(o, v.Speed, v.Distance) {
				return true
			}
			break
		}
	}
	return false
}

// reach returns the seconds to a stop line for one whom nobody hinders.
func reach(d, v, limit float64) float64 {
	if v >= limit || d <= 0 {
		return d / max(v, limit)
	}
	if need := (limit*limit - v*v) / (2 * accel); d > need {
		return (limit-v)/accel + (d-need)/limit
	}
	return (math.Sqrt(v*v+2*accel*d) - v) / accel
}
