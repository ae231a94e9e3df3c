package adaptive

import "polity/services/traffic/control"

// minGap is the distance between standing vehicles in metres.
const minGap = 2.5

// look finds how much room there is at the start of each lane: up to the last
// vehicle that stands or crawls.
func (c *Control) look(seen *control.Reading) {
	if c.room == nil {
		c.room = make([]float64, len(c.net.Lanes))
		c.full = make([]float64, len(c.net.Lanes))
	}
	for i := range c.full {
		taken := 0.0
		for _, v := range seen.Lanes[i] {
			if v.Speed < c.set.Crawl {
				taken += v.Length + minGap
			}
		}
		c.full[i] = min(1, taken/min(c.sight.Before, c.net.Lanes[i].Length))
	}
	for i := range c.room {
		c.room[i] = c.roomFrom(i, seen, 0)
	}
}

// roomFrom returns the metres free from the start of a lane on; past is how far the
// start is behind the junction. Beyond 30 m nothing matters.
func (c *Control) roomFrom(lane int, seen *control.Reading, past float64) float64 {
	l := &c.net.Lanes[lane]
	if vs := seen.Lanes[lane]; len(vs) > 0 {
		v := vs[len(vs)-1]
		if v.Speed >= c.set.Crawl {
			return 1000
		}
		return past + l.Length - v.Distance - v.Length
	}
	if past+l.Length > 30 {
		return 1000
	}
	best := 1000.0
	for k, o := range l.Out {
		if c.net.Links[o].Junction >= 0 {
			return 1000
		}
		r := c.roomFrom(c.net.Links[o].To, seen, past+l.Length+c.net.Links[o].Length)
		if k == 0 || r > best {
			best = r
		}
	}
	return best
}
