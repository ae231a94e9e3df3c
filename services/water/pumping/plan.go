// Package pumping advises when pumps should run: the cheapest hours under a tariff
// that keep tanks and pressures within bounds, with a bound below which no hourly plan
// can cost, and what any plan would do. It gives advice and switches nothing.
//
// Steady states of every combination of pumps at every hour and over a grid of tank
// levels are computed once; dynamic programming over levels finds the plan (U. Zessler,
// U. Shamir, Optimal Operation of Water Distribution Systems, J. Water Resour. Plann.
// Manage. 115(6), 1989); EPANET then runs the whole plan, and its word counts: a plan
// that breaks a bound there is made anew with some room.
package pumping

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
)

// Tariff is the price of a kWh by hour of the day.
type Tariff [24]float64

// ReadTariff reads a table (CSV) with the columns hour and price, for the 24 hours.
func ReadTariff(name string, r io.Reader) (Tariff, error) {
	var t Tariff
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil || len(head) != 2 || strings.TrimSpace(head[0]) != "hour" || strings.TrimSpace(head[1]) != "price" {
		return t, city.Errorf(city.Invalid, "%s:1: the first line must be hour,price", name)
	}
	var seen [24]bool
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return t, city.Errorf(city.Invalid, "%s: %w", name, err)
		}
		line, _ := in.FieldPos(0)
		h, err := strconv.Atoi(strings.TrimSpace(row[0]))
		if err != nil || h < 0 || h > 23 {
			return t, city.Errorf(city.Invalid, "%s:%d: %q is no hour from 0 to 23; are the columns exchanged?", name, line, row[0])
		}
		if seen[h] {
			return t, city.Errorf(city.Invalid, "%s:%d: hour %d is there twice", name, line, h)
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(row[1]), 64)
		if err != nil || v < 0 || math.IsInf(v, 0) || math.IsNaN(v) {
			return t, city.Errorf(city.Invalid, "%s:%d: %q is no price of a kWh", name, line, row[1])
		}
		t[h], seen[h] = v, true
	}
	for h, ok := range seen {
		if !ok {
			return t, city.Errorf(city.Invalid, "%s: hour %d has no price; all 24 hours are needed", name, h)
		}
	}
	return t, nil
}

// Bounds are what a plan must keep.
type Bounds struct {
	Hours    int     // of the plan, from the file's start
	Pressure float64 // m, at every junction that uses water
	Low      float64 // part of a tank's range that stays free at its bottom
	High     float64 // and at its top
}

// Usual bounds.
func Usual() Bounds { return Bounds{Hours: 24, Pressure: 20, Low: 0.1, High: 0.05} }

// Plan says which pumps run: by hour, then pump.
type Plan [][]bool

// Outcome is what EPANET says of a plan.
type Outcome struct {
	Cost, Energy float64     // in the tariff's money; kWh
	Levels       [][]float64 // m, by hour from 0, then tank
	Lowest       float64     // m, pressure at a junction that uses water
	LowestAt     string      // and where
	Broken       []string    // bounds that are broken, in words
}

// Advice is the cheapest plan found.
type Advice struct {
	Pumps, Tanks []string
	Plan         Plan
	Outcome      *Outcome
	// Bound is what every plan that switches on the hour and keeps the bounds costs at
	// least, by the computed steady states.
	Bound float64
	Tries int
}

const (
	mostPumps  = 6
	mostTanks  = 3
	mostStates = 60000
)

// system is a network as planning sees it.
type system struct {
	n            *network.Network
	tariff       Tariff
	b            Bounds
	pumps, tanks []int
	users        []int // junctions that use water
	area         []float64
	low, high    []float64 // m, bounds of levels
	first        int       // hour of the day at the start
}

func newSystem(n *network.Network, tariff Tariff, b Bounds) (*system, error) {
	if !n.Metric() {
		return nil, city.Errorf(city.Invalid, "%s is in %s; plans are made of metric networks only (LPS, CMH ...): save it with metric units from EPANET", n.File.Name, n.Units)
	}
	if b.Hours < 1 || b.Hours > 72 {
		return nil, city.Errorf(city.Invalid, "a plan of %d hours; 1 to 72 are possible", b.Hours)
	}
	if b.Low < 0 || b.High < 0 || b.Low+b.High >= 1 {
		return nil, city.Errorf(city.Invalid, "parts of %g and %g of a tank's range stay free; they must be 0 or more, and below 1 together", b.Low, b.High)
	}
	s := &system{n: n, tariff: tariff, b: b}
	for i, l := range n.Links {
		if l.Kind == network.Pump {
			s.pumps = append(s.pumps, i)
		}
	}
	for i, node := range n.Nodes {
		switch {
		case node.Kind == network.Tank:
			s.tanks = append(s.tanks, i)
			s.area = append(s.area, math.Pi/4*node.Diameter*node.Diameter)
			span := node.MaxLevel - node.MinLevel
			if span <= 0 || node.Diameter <= 0 {
				return nil, city.Errorf(city.Invalid, "%s: tank %s has levels from %g to %g and a diameter of %g m, so it stores nothing", n.File.Name, node.ID, node.MinLevel, node.MaxLevel, node.Diameter)
			}
			s.low, s.high = append(s.low, node.MinLevel+b.Low*span), append(s.high, node.MaxLevel-b.High*span)
		case node.Kind == network.Junction && node.BaseDemand() > 0:
			s.users = append(s.users, i)
		}
	}
	switch {
	case len(s.pumps) == 0 || len(s.tanks) == 0:
		return nil, city.Errorf(city.Invalid, "%s has %d pumps and %d tanks; a plan needs one of each at least", n.File.Name, len(s.pumps), len(s.tanks))
	case len(s.pumps) > mostPumps || len(s.tanks) > mostTanks:
		return nil, city.Errorf(city.Invalid, "%s has %d pumps and %d tanks; plans are made for up to %d and %d: give each zone a file of its own", n.File.Name, len(s.pumps), len(s.tanks), mostPumps, mostTanks)
	}
	for k, node := range s.tanks {
		if l := n.Nodes[node].Level; l < s.low[k] || l > s.high[k] {
			return nil, city.Errorf(city.Invalid, "%s: tank %s begins at %g m, outside the bounds of %.2f to %.2f m", n.File.Name, n.Nodes[node].ID, l, s.low[k], s.high[k])
		}
	}
	for _, row := range n.File.Look("TIMES").Rows() {
		if len(row.Fields) > 2 && strings.EqualFold(row.Fields[0], "START") && strings.EqualFold(row.Fields[1], "CLOCKTIME") {
			if d, err := network.Clock(row.Fields[2:3]); err == nil {
				s.first = int(d / time.Hour)
				if len(row.Fields) > 3 && strings.EqualFold(row.Fields[3], "PM") && s.first < 12 {
					s.first += 12
				}
			}
		}
	}
	return s, nil
}

// price of a kWh in an hour of the plan.
func (s *system) price(hour int) float64 { return s.tariff[(s.first+hour)%24] }

// Advise finds the cheapest plan.
func Advise(ctx context.Context, dial epanet.Dialer, n *network.Network, tariff Tariff, b Bounds) (*Advice, error) {
	s, err := newSystem(n, tariff, b)
	if err != nil {
		return nil, err
	}
	t, err := s.table(ctx, dial)
	if err != nil {
		return nil, err
	}
	a := &Advice{Bound: t.bound()}
	for _, p := range s.pumps {
		a.Pumps = append(a.Pumps, n.Links[p].ID)
	}
	for _, k := range s.tanks {
		a.Tanks = append(a.Tanks, n.Nodes[k].ID)
	}
	const tries = 8
	for a.Tries = 1; a.Tries <= tries; a.Tries++ {
		room := 0.02 * float64(a.Tries-1) // part of each tank's range
		plan := t.cheapest(room)
		if plan == nil {
			break
		}
		o, err := s.evaluate(ctx, dial, plan)
		if err != nil {
			return nil, err
		}
		if a.Outcome == nil || len(o.Broken) < len(a.Outcome.Broken) {
			a.Plan, a.Outcome = plan, o
		}
		if len(o.Broken) == 0 {
			return a, nil
		}
	}
	if a.Outcome == nil && t.unbalanced > 0 {
		return nil, city.Errorf(city.Invalid, "%s: EPANET does not balance %d of the states that plans are made of, and no plan of the others keeps the bounds: 'polity water simulate' shows more", n.File.Name, t.unbalanced)
	}
	if a.Outcome == nil {
		return nil, city.Errorf(city.Invalid, "%s: no plan keeps the bounds: %s", n.File.Name, t.why())
	}
	return nil, city.Errorf(city.Invalid, "%s: no plan was found that keeps the bounds; the nearest breaks these: %s", n.File.Name, strings.Join(a.Outcome.Broken, "; "))
}

// Try says what a plan would do; nil is the file's own controls.
func Try(ctx context.Context, dial epanet.Dialer, n *network.Network, tariff Tariff, b Bounds, plan Plan) (*Outcome, error) {
	s, err := newSystem(n, tariff, b)
	if err != nil {
		return nil, err
	}
	return s.evaluate(ctx, dial, plan)
}

// evaluate runs a plan in EPANET.
func (s *system) evaluate(ctx context.Context, dial epanet.Dialer, plan Plan) (*Outcome, error) {
	f := s.n.File.Clone()
	sc := epanet.Scenario{Seconds: int64(s.b.Hours) * 3600, Restarts: 2, Columns: []epanet.Column{
		{Object: epanet.Link, Property: epanet.Energy, Indices: s.pumps},
		{Object: epanet.Node, Property: epanet.Head, Indices: s.tanks},
		{Object: epanet.Node, Property: epanet.Pressure, Indices: s.users},
	}}
	if plan != nil {
		f.Section("CONTROLS").Lines, f.Section("RULES").Lines = nil, nil
		var rows [][]float64
		for _, hour := range plan {
			rows = append(rows, statuses(hour))
		}
		sc.Drives = func(from, _ int64) ([]epanet.Drive, error) {
			return []epanet.Drive{{Object: epanet.Link, Property: epanet.Status, Indices: s.pumps, Start: from, Step: 3600, Rows: rows}}, nil
		}
	}
	f.Section("TIMES").Add(" Hydraulic Timestep 0:15")
	f.Section("TIMES").Add(" Report Timestep 1:00")
	f.Section("OPTIONS").Add(" Unbalanced Continue 10") // what is not balanced is counted
	sc.Network = f.Text()
	o := &Outcome{Lowest: math.Inf(1)}
	unbalanced := 0
	var last *epanet.Period
	err := epanet.Simulate(ctx, dial, sc, func(_ epanet.Layout, p epanet.Period) error {
		if p.Warning == 1 || p.Warning == 2 {
			unbalanced++
		}
		if last != nil {
			s.spend(o, last, p.Seconds)
		}
		if p.Seconds%3600 == 0 {
			var levels []float64
			for k, node := range s.tanks {
				levels = append(levels, p.Values[1][k]-s.n.Nodes[node].Elevation)
			}
			o.Levels = append(o.Levels, levels)
		}
		for k, v := range p.Values[2] {
			if v < o.Lowest {
				o.Lowest, o.LowestAt = v, s.n.Nodes[s.users[k]].ID
			}
		}
		last = &p
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.n.File.Name, err)
	}
	if unbalanced > 0 {
		return nil, city.Errorf(city.Invalid, "%s: EPANET does not balance %d periods of the plan, so nothing can be said of it: 'polity water simulate' shows more", s.n.File.Name, unbalanced)
	}
	s.judge(o)
	return o, nil
}

// spend adds what pumps use from a period to the next, hour by hour.
func (s *system) spend(o *Outcome, from *epanet.Period, to int64) {
	power := 0.0
	for _, v := range from.Values[0] {
		power += v
	}
	for at := from.Seconds; at < to; {
		next := min(to, (at/3600+1)*3600)
		kwh := power * float64(next-at) / 3600
		o.Energy += kwh
		o.Cost += kwh * s.price(int(at/3600))
		at = next
	}
}

const slack = 0.005 // m, by which a level may pass a bound

func (s *system) judge(o *Outcome) {
	for k, node := range s.tanks {
		least, most := math.Inf(1), math.Inf(-1)
		for _, l := range o.Levels {
			least, most = min(least, l[k]), max(most, l[k])
		}
		id := s.n.Nodes[node].ID
		if least < s.low[k]-slack {
			o.Broken = append(o.Broken, fmt.Sprintf("tank %s falls to %.2f m, below %.2f", id, least, s.low[k]))
		}
		if most > s.high[k]+slack {
			o.Broken = append(o.Broken, fmt.Sprintf("tank %s rises to %.2f m, above %.2f", id, most, s.high[k]))
		}
		if first, last := s.n.Nodes[node].Level, o.Levels[len(o.Levels)-1][k]; last < first-slack {
			o.Broken = append(o.Broken, fmt.Sprintf("tank %s ends at %.2f m, below its beginning at %.2f", id, last, first))
		}
	}
	if o.Lowest < s.b.Pressure {
		o.Broken = append(o.Broken, fmt.Sprintf("%s has %.1f m of pressure, below %.1f", o.LowestAt, o.Lowest, s.b.Pressure))
	}
}

func statuses(run []bool) []float64 {
	out := make([]float64, len(run))
	for i, v := range run {
		if v {
			out[i] = 1
		}
	}
	return out
}
