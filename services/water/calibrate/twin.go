package calibrate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/scada"
	"polity/services/water/steady"
)

// difference is the step of a multiplier's logarithm that slopes are taken over.
const difference = 0.05

// twin is the model beside its measurements.
type twin struct {
	n       *network.Network
	d       *scada.Data
	o       Options
	at      *scada.Places
	use     *network.Use
	model   steady.Model
	open    []int // columns of flows in links that the model leaves open
	pumps   []int // columns of flows in pumps
	area    []int // of each node; -1: none
	group   []int // of each link; -1: none
	perHour int
}

// moment is one hour, measured: means.
type moment struct {
	at                           time.Time
	pressure, flow, level, meter []float64 // m, m³/h, m, m³/h
	days                         float64   // that the means are of
}

func newTwin(n *network.Network, d *scada.Data, o Options) (*twin, error) {
	if !n.Metric() {
		return nil, city.Errorf(city.Invalid, "%s is in %s; calibration reads metric networks only (LPS, CMH ...): save it with metric units from EPANET", n.File.Name, n.Units)
	}
	t := &twin{n: n, d: d, o: o, perHour: int(time.Hour / d.Pressures.Step)}
	if t.perHour < 1 || d.Pressures.Len() < t.perHour {
		return nil, city.Errorf(city.Invalid, "%s has %d rows every %v; one hour at least is needed, in steps of an hour or less", d.Pressures.Name, d.Pressures.Len(), d.Pressures.Step)
	}
	var err error
	if t.at, err = d.Place(n); err != nil {
		return nil, err
	}
	if t.use, err = n.Use(); err != nil {
		return nil, err
	}
	for c, l := range t.at.Flow {
		if n.Links[l].Kind == network.Pump {
			t.pumps = append(t.pumps, c)
		} else {
			t.open = append(t.open, c)
		}
	}
	if len(t.o.Areas) == 0 {
		t.o.Areas = Zones(n, t.at.Flow)
	}
	if len(t.o.Pipes) == 0 {
		t.o.Pipes = Pipes(n)
	}
	t.area, t.group = slices.Repeat([]int{-1}, len(n.Nodes)), slices.Repeat([]int{-1}, len(n.Links))
	for k, g := range t.o.Areas {
		for _, i := range g.Members {
			t.area[i] = k
		}
	}
	for k, g := range t.o.Pipes {
		for _, i := range g.Members {
			t.group[i] = k
		}
	}
	t.model = steady.Model{Network: n, Tanks: t.at.Level, Nodes: t.at.Pressure, Links: t.at.Flow}
	for _, c := range t.pumps {
		t.model.Shut = append(t.model.Shut, t.at.Flow[c])
	}
	return t, nil
}

// mean is the mean of one hour of all days.
func (t *twin) mean(hour int) (moment, bool) {
	var firsts []int
	start := t.d.Pressures.Start
	for first := 0; first+t.perHour <= t.d.Pressures.Len(); first += t.perHour {
		if start.Add(time.Duration(first)*t.d.Pressures.Step).Hour() == hour {
			firsts = append(firsts, first)
		}
	}
	if len(firsts) == 0 {
		return moment{}, false
	}
	return t.hour(firsts)
}

// hour is the mean of hours that begin at the rows given. It says whether the boundary
// is known.
func (t *twin) hour(firsts []int) (moment, bool) {
	m := moment{at: t.d.Pressures.Start.Add(time.Duration(firsts[0]) * t.d.Pressures.Step), days: float64(len(firsts))}
	mean := func(table *scada.Table, scale float64) []float64 {
		out := make([]float64, len(table.Names))
		for c, column := range table.Values {
			sum, n := 0.0, 0
			for _, first := range firsts {
				for _, v := range column[first : first+t.perHour] {
					if !math.IsNaN(float64(v)) {
						sum, n = sum+float64(v), n+1
					}
				}
			}
			out[c] = sum / float64(n) * scale // NaN where there was nothing
		}
		return out
	}
	m.pressure, m.flow, m.level, m.meter = mean(t.d.Pressures, 1), mean(t.d.Flows, 1), mean(t.d.Levels, 1), mean(t.d.Demands, 0.001)
	if slices.ContainsFunc(m.level, math.IsNaN) {
		return m, false
	}
	for _, c := range t.pumps {
		if math.IsNaN(m.flow[c]) {
			return m, false
		}
	}
	return m, true
}

// state is what EPANET is asked for a moment, under parameters.
func (t *twin) state(m moment, theta []float64) steady.State {
	s := steady.State{Demand: make([]float64, len(t.n.Nodes)), Level: m.level, Rough: make([]float64, len(t.n.Links))}
	since := time.Duration(m.at.Hour()) * time.Hour
	for i, node := range t.n.Nodes {
		if node.Kind != network.Junction {
			continue
		}
		if m.days > 1 { // a mean day: the mean of the week's
			for day := range 7 {
				s.Demand[i] += t.use.Mean(i, since+time.Duration(day)*24*time.Hour) / 7
			}
		} else {
			s.Demand[i] = t.use.Mean(i, since+time.Duration((int(m.at.Weekday())+6)%7)*24*time.Hour)
		}
		if k := t.area[i]; k >= 0 {
			s.Demand[i] *= math.Exp(theta[k])
		}
	}
	for c, node := range t.at.Meter {
		if !math.IsNaN(m.meter[c]) {
			s.Demand[node] = m.meter[c]
		}
	}
	for _, c := range t.pumps {
		l := t.n.Links[t.at.Flow[c]]
		s.Demand[l.From] += m.flow[c]
		s.Demand[l.To] -= m.flow[c]
	}
	for i, l := range t.n.Links {
		s.Rough[i] = l.Rough
		if k := t.group[i]; k >= 0 {
			s.Rough[i] *= math.Exp(theta[len(t.o.Areas)+k])
		}
	}
	return s
}

// name of a parameter.
func (t *twin) name(j int) string {
	if j < len(t.o.Areas) {
		return t.o.Areas[j].Name
	}
	if j -= len(t.o.Areas); j < len(t.o.Pipes) {
		return t.o.Pipes[j].Name
	}
	return t.d.Pressures.Names[j-len(t.o.Pipes)]
}

// unbelieved is the spread of a value that was not measured.
const unbelieved = 1e6

// problem puts moments into rows: for each the pressures, then the flows of open links.
func (t *twin) problem(ctx context.Context, dial epanet.Dialer, moments []moment) *problem {
	p := &problem{}
	fixed := len(t.o.Areas) + len(t.o.Pipes)
	for range t.o.Areas {
		p.prior, p.step = append(p.prior, t.o.Demand), append(p.step, difference)
	}
	for range t.o.Pipes {
		p.prior, p.step = append(p.prior, t.o.Rough), append(p.step, difference)
	}
	for range t.at.Pressure {
		p.prior, p.step = append(p.prior, t.o.Offset), append(p.step, 0)
	}
	per := len(t.at.Pressure) + len(t.open)
	row := func(v, sigma float64) {
		if math.IsNaN(v) {
			v, sigma = 0, unbelieved
		}
		p.y, p.sigma = append(p.y, v), append(p.sigma, sigma)
	}
	for _, m := range moments {
		for _, v := range m.pressure {
			row(v, t.o.Pressure)
		}
		for _, c := range t.open {
			row(m.flow[c], max(t.o.Flow*math.Abs(m.flow[c]), 0.2))
		}
	}
	p.slope = func(row, j int) float64 {
		if row%per == j-fixed {
			return 1
		}
		return 0
	}
	p.model = func(points [][]float64) ([][]float64, error) {
		out := make([][]float64, len(points))
		bad := 0
		err := t.model.Solve(ctx, dial, len(points)*len(moments), func(i int) steady.State {
			return t.state(moments[i%len(moments)], points[i/len(moments)])
		}, func(i int, r steady.Result) error {
			if r.Warning == 1 || r.Warning == 2 {
				bad++
			}
			k := i / len(moments)
			for c, v := range r.Pressure {
				if len(points[k]) > fixed {
					v += points[k][fixed+c]
				}
				out[k] = append(out[k], v)
			}
			for _, c := range t.open {
				out[k] = append(out[k], r.Flow[c])
			}
			return nil
		})
		if bad > 0 && err == nil {
			err = city.Errorf(city.Invalid, "%s: EPANET does not balance %d of %d states: 'polity water simulate' shows where pressures are impossible", t.n.File.Name, bad, len(points)*len(moments))
		}
		return out, err
	}
	return p
}

// pressures are the rows of a problem that are measured pressures.
func (t *twin) pressures(p *problem, moments int) []int {
	var rows []int
	per := len(t.at.Pressure) + len(t.open)
	for m := range moments {
		for c := range t.at.Pressure {
			if p.sigma[m*per+c] < unbelieved {
				rows = append(rows, m*per+c)
			}
		}
	}
	return rows
}

// withoutMean takes every sensor's mean off.
func (t *twin) withoutMean(residual []float64, moments int) []float64 {
	out := slices.Clone(residual)
	per := len(t.at.Pressure) + len(t.open)
	for c := range t.at.Pressure {
		mean := 0.0
		for m := range moments {
			mean += residual[m*per+c] / float64(moments)
		}
		for m := range moments {
			out[m*per+c] -= mean
		}
	}
	return out
}

// file writes demands and roughness as calibrated.
func (t *twin) file(theta []float64) *network.File {
	f := t.n.File.Clone()
	f.Section("DEMANDS").Lines = nil
	for i, node := range t.n.Nodes {
		for _, d := range node.Demands {
			base := d.Base
			if k := t.area[i]; k >= 0 {
				base *= math.Exp(theta[k])
			}
			f.Section("DEMANDS").Add(" %s %.6g %s", node.ID, base, d.Pattern)
		}
	}
	pipes := f.Section("PIPES")
	for k, line := range pipes.Lines {
		text, comment, _ := strings.Cut(line.Text, ";")
		fields := strings.Fields(text)
		if len(fields) < 6 {
			continue
		}
		i, ok := t.n.Link(fields[0])
		if !ok || t.group[i] < 0 {
			continue
		}
		fields[5] = fmt.Sprintf("%.6g", t.n.Links[i].Rough*math.Exp(theta[len(t.o.Areas)+t.group[i]]))
		pipes.Lines[k].Text = " " + strings.Join(fields, " ") + " ;" + comment
	}
	return f
}
