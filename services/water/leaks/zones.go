package leaks

import (
	"math"
	"time"

	"polity/city"
	"polity/services/water/network"
	"polity/services/water/scada"
)

// zone is a part of the network between flow meters.
type zone struct {
	nodes     []int
	in, out   []int // columns of flows
	tanks     []int // columns of levels
	areas     []float64
	reservoir bool // an unmetered source: no balance can be drawn up
	metered   bool // most of its demand is metered
}

// plant is the network with its instruments in place.
type plant struct {
	n        *network.Network
	zones    []zone
	zoneOf   []int // by node; -1: reservoirs beyond a meter
	pressure []int // node of each pressure column
	flow     []int // link of each flow column
	level    []int // node of each level column
	meter    []int // node of each demand column
	pumps    []bool
	patterns map[string][]float64
	step     time.Duration
	unit     float64 // m³/h per flow unit of the file
}

// place finds the instruments in the network and cuts it into zones.
func place(n *network.Network, d *scada.Data) (*plant, error) {
	p := &plant{n: n, unit: n.CubicMetresPerHour()}
	var err error
	if p.patterns, p.step, err = n.File.Patterns(); err != nil {
		return nil, err
	}
	if !n.Metric() {
		return nil, city.Errorf(city.Invalid, "%s is in %s; the leak detector reads metric networks only (LPS, CMH ...): save it with metric units from EPANET", n.File.Name, n.Units)
	}
	at, err := d.Place(n)
	if err != nil {
		return nil, err
	}
	p.pressure, p.flow, p.level, p.meter = at.Pressure, at.Flow, at.Level, at.Meter
	for _, l := range p.flow {
		p.pumps = append(p.pumps, n.Links[l].Kind == network.Pump)
	}
	p.cut()
	return p, nil
}

func (p *plant) cut() {
	n := p.n
	metered := map[int]int{}
	for c, l := range p.flow {
		metered[l] = c
	}
	p.zoneOf = make([]int, len(n.Nodes))
	for i := range p.zoneOf {
		p.zoneOf[i] = -1
	}
	for i := range n.Nodes {
		if p.zoneOf[i] >= 0 {
			continue
		}
		z := zone{nodes: []int{i}}
		p.zoneOf[i] = len(p.zones)
		for k := 0; k < len(z.nodes); k++ {
			for _, a := range n.Arms(z.nodes[k]) {
				if _, cut := metered[a.Link]; !cut && p.zoneOf[a.To] < 0 {
					p.zoneOf[a.To] = len(p.zones)
					z.nodes = append(z.nodes, a.To)
				}
			}
		}
		p.zones = append(p.zones, z)
	}
	levels := map[int]int{}
	for c, node := range p.level {
		levels[node] = c
	}
	for i, node := range n.Nodes {
		z := &p.zones[p.zoneOf[i]]
		switch node.Kind {
		case network.Reservoir:
			z.reservoir = true
		case network.Tank:
			if c, ok := levels[i]; ok {
				z.tanks = append(z.tanks, c)
				z.areas = append(z.areas, math.Pi/4*node.Diameter*node.Diameter)
			} else {
				z.reservoir = true // what it gives is not known
			}
		}
	}
	for l, c := range metered {
		from, to := p.zoneOf[n.Links[l].From], p.zoneOf[n.Links[l].To]
		if from == to {
			continue
		}
		p.zones[from].out = append(p.zones[from].out, c)
		p.zones[to].in = append(p.zones[to].in, c)
	}
	base := make([]float64, len(p.zones))
	known := make([]float64, len(p.zones))
	for i := range n.Nodes {
		base[p.zoneOf[i]] += n.Nodes[i].BaseDemand()
	}
	for _, node := range p.meter {
		known[p.zoneOf[node]] += n.Nodes[node].BaseDemand()
	}
	for z := range p.zones {
		p.zones[z].metered = base[z] > 0 && known[z] > 0.5*base[z]
	}
}

// balanced says whether a zone's use follows from its meters.
func (p *plant) balanced(z int) bool {
	return !p.zones[z].reservoir && len(p.zones[z].in)+len(p.zones[z].out) > 0
}

// nominal is the model's demand of a node over the hour from at, in m³/h.
func (p *plant) nominal(node int, at time.Time) float64 {
	sum := 0.0
	for _, d := range p.n.Nodes[node].Demands {
		sum += d.Base * p.multiplier(d.Pattern, at)
	}
	return sum * p.unit
}

// monday is when a pattern begins: BattLeDIM's weeks begin with its first day,
// 1 January 2018, a Monday.
var monday = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)

func (p *plant) multiplier(pattern string, at time.Time) float64 {
	values := p.patterns[pattern]
	if len(values) == 0 {
		return 1
	}
	first := int(at.Sub(monday) / p.step)
	n := max(1, int(time.Hour/p.step))
	sum := 0.0
	for i := range n {
		k := (first + i) % len(values)
		if k < 0 {
			k += len(values)
		}
		sum += values[k]
	}
	return sum / float64(n)
}
