// Package nowcast works out of a late picture of the street what is there now: it
// drives everyone on, second by second, by the signals that were shown since.
package nowcast

import (
	"cmp"
	"math"
	"slices"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Longest is the age up to which a picture is brought up to date; of an older one, only
// that much.
const Longest = 15 * time.Second

const (
	seconds = int(Longest / time.Second)
	// halfLife of what is known of where vehicles turn, seconds.
	halfLife = 600
	// crawling is the speed in m/s below which detectors tell that somebody in a junction
	// stands there.
	crawling = 3
)

// Cast brings the pictures of one network up to date. It serves one goroutine.
type Cast struct {
	net    *network.Network
	past   [][]safety.Aspects // what the last seconds showed, the newest last
	at     time.Duration      // of the newest
	ways   []way              // per link
	passed []int              // per link, as last told
	lanes  [][]car            // the first at the end of the lane first
	links  [][]car            // the same inside a junction
	shown  []safety.Aspects   // in the second that passes
	out    control.Reading
}

// way is what driving on needs to know of a link.
type way struct {
	group  int     // signal group, -1: none
	yields []int   // links whose vehicles it lets go first
	speed  float64 // limit, m/s, for turns too
	share  float64 // how many of its lane took it lately
}

// car is a vehicle with the link it will take, -1: none. Its distance is to the end of
// its lane, or of its link.
type car struct {
	control.Vehicle
	way  int
	next float64 // speed in the second that begins
}

// New makes a Cast of a network.
func New(n *network.Network) *Cast {
	c := &Cast{
		net: n, ways: make([]way, len(n.Links)), passed: make([]int, len(n.Links)),
		lanes: make([][]car, len(n.Lanes)), links: make([][]car, len(n.Links)),
		out: control.Reading{Lanes: make([][]control.Vehicle, len(n.Lanes)), Inside: make([]int, len(n.Links)), Standing: make([]int, len(n.Links))},
	}
	for l := range n.Links {
		link, w := &n.Links[l], &c.ways[l]
		w.group, w.speed = -1, min(n.Lanes[link.From].Speed, n.Lanes[link.To].Speed)
		if link.Turn != network.Straight {
			w.speed = min(w.speed, turnSpeed(link.Length))
		}
		switch {
		case !n.Lanes[link.To].Motor:
		case link.Turn == network.Straight:
			w.share = 3
		case link.Turn == network.Around:
			w.share = 0.1
		default:
			w.share = 1
		}
		if link.Junction < 0 {
			continue
		}
		j := n.Junctions[link.Junction]
		w.group = j.Signals[link.Signal].Group
		for _, s := range j.Signals[link.Signal].YieldsTo {
			for _, o := range j.Signals[s].Links {
				if n.Links[o].From != link.From {
					w.yields = append(w.yields, o)
				}
			}
		}
	}
	return c
}

// Remember takes what the signals have shown since a second ago. It is called once a
// second; after a break it begins anew.
func (c *Cast) Remember(now time.Duration, shown []safety.Aspects) {
	if now-c.at > 3*time.Second/2 {
		c.past = c.past[:0]
	}
	c.at = now
	if len(c.past) < seconds {
		c.past = append(c.past, slices.Clone(shown))
		return
	}
	first := c.past[0]
	copy(c.past, c.past[1:])
	copy(first, shown)
	c.past[seconds-1] = first
}

// Now returns what is likely to be there now, until the next call; a picture of this very
// second as it is.
func (c *Cast) Now(now time.Duration, seen *control.Reading) *control.Reading {
	c.learn(seen)
	age := min(int((now-seen.At+time.Second/2)/time.Second), len(c.past))
	if age <= 0 {
		return seen
	}
	c.out.Passed = append(c.out.Passed[:0], seen.Passed...)
	c.load(seen, age)
	for _, c.shown = range c.past[len(c.past)-age:] {
		c.second()
	}
	return c.tell(now, seen)
}

// learn follows who takes which link.
func (c *Cast) learn(seen *control.Reading) {
	fade := math.Exp2(-1.0 / halfLife)
	for l := range c.ways {
		w := &c.ways[l]
		w.share += float64(max(0, seen.Passed[l]-c.passed[l]))
		c.passed[l] = seen.Passed[l]
		if w.share > 0.2 {
			w.share = 0.02 + (w.share-0.02)*fade
		}
	}
}

// load takes the picture over, age seconds old.
func (c *Cast) load(seen *control.Reading, age int) {
	for i := range c.lanes {
		c.lanes[i] = c.lanes[i][:0]
		for _, v := range seen.Lanes[i] {
			c.lanes[i] = append(c.lanes[i], car{Vehicle: v, way: -1})
		}
		c.assign(i, age)
	}
	for l := range c.links {
		c.links[l] = c.links[l][:0]
		for k := range seen.Inside[l] {
			c.links[l] = append(c.links[l], c.inside(l, k, seen))
		}
		slices.SortFunc(c.links[l], func(a, b car) int { return cmp.Compare(a.Distance, b.Distance) })
	}
}

// inside places the kth vehicle inside a junction on link l: detectors tell only how many
// are there, and how many of them stand.
func (c *Cast) inside(l, k int, seen *control.Reading) car {
	length := c.net.Links[l].Length
	v := car{Vehicle: control.Vehicle{Length: usual}, way: l}
	if k >= seen.Standing[l] {
		v.Distance, v.Speed = length*float64(k+1)/float64(seen.Inside[l]+1), min(7, c.ways[l].speed)
		return v
	}
	v.Distance = float64(k) * (usual + apart)
	if len(c.ways[l].yields) > 0 {
		v.Distance += length / 2
	} else if next := c.lanes[c.net.Links[l].To]; len(next) > 0 {
		last := &next[len(next)-1]
		v.Distance += max(0, last.Distance+last.Length+apart-c.net.Lanes[c.net.Links[l].To].Length)
	}
	v.Distance = min(length, v.Distance)
	return v
}

// assign says who of lane i goes where: as many each way as the shares are.
func (c *Cast) assign(i, age int) {
	out, cars := c.net.Lanes[i].Out, c.lanes[i]
	sum := 0.0
	for _, o := range out {
		sum += c.ways[o].share
	}
	if sum == 0 {
		return
	}
	given := make([]float64, len(out))
	for k := range cars {
		best, most := 0, math.Inf(-1)
		for w, o := range out {
			lacks := c.ways[o].share/sum*float64(k+1) - given[w]
			if k == 0 && cars[0].Speed < standing && cars[0].Distance < 4 && c.couldGo(o, age) {
				lacks -= 100 // it would be gone
			}
			if lacks > most {
				best, most = w, lacks
			}
		}
		cars[k].way = out[best]
		given[best]++
	}
}

// couldGo tells whether link o was green, with nobody to wait for, in the three seconds
// before the picture was taken.
func (c *Cast) couldGo(o, age int) bool {
	at := len(c.past) - age
	if j := c.net.Links[o].Junction; j >= 0 && len(c.ways[o].yields) == 0 && at >= 3 {
		return !slices.ContainsFunc(c.past[at-3:at], func(shown []safety.Aspects) bool {
			return shown[j].Of(c.ways[o].group) != safety.Green
		})
	}
	return false
}

// tell makes a reading of where everyone is.
func (c *Cast) tell(now time.Duration, seen *control.Reading) *control.Reading {
	c.out.At, c.out.Waiting = now, seen.Waiting
	for i := range c.lanes {
		c.out.Lanes[i] = c.out.Lanes[i][:0]
		for k := range c.lanes[i] {
			v := c.lanes[i][k].Vehicle
			v.Distance = max(0, v.Distance) // on a lane shorter than what a second takes
			c.out.Lanes[i] = append(c.out.Lanes[i], v)
		}
	}
	for l := range c.links {
		c.out.Inside[l], c.out.Standing[l] = len(c.links[l]), 0
		for k := range c.links[l] {
			if c.links[l][k].Speed < crawling {
				c.out.Standing[l]++
			}
		}
	}
	return &c.out
}
