package leaks

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/services/water/battledim"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/scada"
	"polity/services/water/steady"
)

// Watch follows a network day by day, as measurements come in. What was computed of a
// day stays, and so does what was thought of leaks, so that a day costs the same however many
// there were before. It is for one caller at a time.
type Watch struct {
	in      Input
	c       Config
	p       *plant
	o       *Observed
	between *network.Between
	members committee // nil: nobody has looked yet
	council *council
	next    int // day that was not looked at
}

// NewWatch learns how the network is from an earlier time, and computes signatures.
func NewWatch(ctx context.Context, dial epanet.Dialer, n *network.Network, history *scada.Data, fixed []battledim.Detection, c Config, progress func(done float64)) (*Watch, error) {
	p, err := place(n, history)
	if err != nil {
		return nil, err
	}
	slots := p.slots(history, c.Hours)
	if len(slots) < c.LeastDays*len(c.Hours) {
		return nil, city.Errorf(city.Invalid, "%s covers %d days; %d are needed at least", history.Pressures.Name, len(slots)/len(c.Hours), c.LeastDays)
	}
	model, err := p.follow(ctx, dial, slots)
	if err != nil {
		return nil, err
	}
	if err := p.plausible(history, slots, model); err != nil {
		return nil, err
	}
	w := &Watch{c: c, p: p, between: n.Between()}
	w.o = &Observed{Start: history.Pressures.Start, Days: p.daily(p.rows(), slots, model, len(c.Hours), c.NightBefore)}
	w.o.Before = len(w.o.Days)
	w.o.Signatures, err = p.signatures(ctx, dial, p.rows(), c, p.meanDay(slots, len(c.Hours)), progress)
	// Of the time that is asked about only its start and its columns matter.
	now := &scada.Data{Pressures: &scada.Table{Name: history.Pressures.Name, Start: w.Next(), Names: history.Pressures.Names}}
	w.in = Input{Network: n, Fixed: fixed, Data: now, History: &scada.Data{Flows: history.Flows.Head(), Levels: history.Levels.Head(), Demands: history.Demands.Head()}}
	return w, err
}

// Next is the day that follows those that are known.
func (w *Watch) Next() time.Time { return w.o.Start.Add(time.Duration(len(w.o.Days)) * dayLong) }

// Days is how many days are known behind the earlier time.
func (w *Watch) Days() int { return len(w.o.Days) - w.o.Before }

// Add takes the measurements of whole days, the first of them Next. Those that are not
// plausible are refused, and nothing is changed.
func (w *Watch) Add(ctx context.Context, dial epanet.Dialer, d *scada.Data) error {
	if err := w.fits(d); err != nil {
		return err
	}
	slots := w.p.slots(d, w.c.Hours)
	model, err := w.p.follow(ctx, dial, slots)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(model, func(e *expected) bool { return e != nil }) { // else it is a gap
		if err := w.p.plausible(d, slots, model); err != nil {
			return err
		}
	}
	w.o.Days = append(w.o.Days, w.p.daily(w.p.rows(), slots, model, len(w.c.Hours), w.c.NightBefore)...)
	return nil
}

func (w *Watch) fits(d *scada.Data) error {
	if !d.Pressures.Start.Equal(w.Next()) || time.Duration(d.Pressures.Len())*d.Pressures.Step%dayLong != 0 || d.Pressures.Len() == 0 {
		return city.Errorf(city.Invalid, "%s begins at %s; whole days from %s on are needed", d.Pressures.Name, d.Pressures.Start.Format(time.DateTime), w.Next().Format(time.DateTime))
	}
	for _, x := range []struct {
		has  *scada.Table
		want []string
	}{{d.Pressures, w.in.Data.Pressures.Names}, {d.Flows, w.in.History.Flows.Names}, {d.Levels, w.in.History.Levels.Names}, {d.Demands, w.in.History.Demands.Names}} {
		if !slices.Equal(x.has.Names, x.want) {
			return city.Errorf(city.Invalid, "%s has not the columns of the earlier time in the same order: %s", x.has.Name, strings.Join(x.want, ", "))
		}
	}
	return nil
}

// Skip passes over a day that says nothing, such as one on which valves were closed.
func (w *Watch) Skip() {
	row := make([]float64, w.p.rows().count())
	for i := range row {
		row[i] = math.NaN()
	}
	w.o.Days = append(w.o.Days, row)
}

// Detect goes through the days that are new, and returns what all days show.
func (w *Watch) Detect(ctx context.Context) (*Result, error) {
	if w.members == nil {
		w.members = gather(w.c, func(c Config) *detector { return newDetector(w.p, w.o, c, w.between) })
		w.council = &council{c: w.c, before: w.o.Before, between: w.between}
		repairs := repaired(w.in, w.o)
		w.members.each(func(d *detector) { d.past(w.o.Before, repairs) })
		w.council.hear(w.members)
		w.next = w.o.Before
	}
	w.members.each(func(d *detector) { d.take(w.o.Days) })
	for ; w.next < len(w.o.Days); w.next++ {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w.members.each(func(d *detector) { d.day(w.next) })
		w.council.hear(w.members)
	}
	return &Result{Leaks: tell(w.in, w.o, w.p, w.council.issued), Suspects: suspects(w.in, w.o, w.c, w.members.faults())}, nil
}

// Residual is what one instrument shows besides the model, day by day, its usual level
// taken off: pressures by day, when much flows and a leak shows in them; what is used or
// lost by night, when little is used.
type Residual struct {
	Instrument string
	Balance    bool    // what a zone uses or loses besides what is expected, m³/h; else a pressure, m
	Spread     float64 // usual, standard deviation
	Days       Series  // of the time that is watched
}

// Series are values of which some are not known: NaN, in JSON null.
type Series []float64

// MarshalJSON writes them.
func (s Series) MarshalJSON() ([]byte, error) {
	list := make([]*float64, len(s))
	for i, v := range s {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			list[i] = &s[i]
		}
	}
	return json.Marshal(list)
}

// Residuals returns those of pressures, then of zones, which are called by their inflows.
func (w *Watch) Residuals() []Residual {
	r := w.p.rows()
	var list []Residual
	add := func(name string, row int, balance bool, least float64) {
		var before []float64
		for _, day := range w.o.Days[:w.o.Before] {
			if !math.IsNaN(day[row]) {
				before = append(before, day[row])
			}
		}
		level := median(before)
		for i, v := range before {
			before[i] = math.Abs(v - level)
		}
		x := Residual{Instrument: name, Balance: balance, Spread: max(least, 1.4826*median(before))}
		for _, day := range w.o.Days[w.o.Before:] {
			x.Days = append(x.Days, day[row]-level)
		}
		list = append(list, x)
	}
	for i := range r.pressures {
		add(w.in.Data.Pressures.Names[i], r.half()+i, false, w.c.FloorP)
	}
	for i, z := range r.zones {
		add(w.zoneName(z), r.pressures+r.flows+i, true, w.c.FloorQ)
	}
	return list
}

// Known is what is otherwise than in the model.
type Known struct {
	Leaks map[int]float64 // m³/h by link
	Shut  []int           // links that are closed
	Dry   []int           // nodes without water
}

// Pressures computes the pressure of every node at hours of the first day of d, m: by
// hour, then node. An hour whose boundary is not known has none.
func (w *Watch) Pressures(ctx context.Context, dial epanet.Dialer, d *scada.Data, hours []int, k Known) ([][]float64, error) {
	slots := w.p.slots(d, hours)[:len(hours)]
	out, demand := make([][]float64, len(hours)), make([][]float64, len(hours))
	var known []int
	for h := range slots {
		nominal := make([]float64, len(w.p.n.Nodes))
		for i := range nominal {
			nominal[i] = w.p.nominal(i, slots[h].at)
		}
		for _, i := range k.Dry {
			nominal[i] = 0
		}
		at, has := w.p.demands(slots[h], nominal)
		if !has {
			continue
		}
		for link, q := range k.Leaks {
			l := w.p.n.Links[link]
			for _, node := range []int{l.From, l.To} {
				if w.p.n.Nodes[node].Kind == network.Junction {
					at = w.p.withLeak(at, slots[h], node, q/2)
				}
			}
		}
		demand[h] = at
		known = append(known, h)
	}
	if len(known) == 0 {
		return out, nil
	}
	m := steady.Model{Network: w.p.n, Tanks: w.p.level, Shut: slices.Clone(k.Shut)}
	for c, pump := range w.p.pumps {
		if pump {
			m.Shut = append(m.Shut, w.p.flow[c])
		}
	}
	err := m.Solve(ctx, dial, len(known), func(i int) steady.State {
		return steady.State{Demand: demand[known[i]], Level: slots[known[i]].level}
	}, func(i int, r steady.Result) error {
		out[known[i]] = r.Pressure
		return nil
	})
	return out, err
}

// Zone is a part of the network between flow meters, over a day.
type Zone struct {
	Name     string // its inflows
	Nodes    []int
	Used     float64 // m³ that flowed in and did not stay in its tanks; NaN: not known
	Expected float64 // m³ by the model's demand, as much more or less as meters show
}

// Zones draws up what flowed into each balanced zone over the first day of d.
func (w *Watch) Zones(d *scada.Data) []Zone {
	hours := make([]int, 24)
	for h := range hours {
		hours[h] = h
	}
	slots := w.p.slots(d, hours)[:len(hours)]
	var list []Zone
	for z := range w.p.zones {
		if !w.p.balanced(z) {
			continue
		}
		x := Zone{Name: w.zoneName(z), Nodes: slices.Clone(w.p.zones[z].nodes)}
		for _, s := range slots {
			nominal := make([]float64, len(w.p.n.Nodes))
			for i := range nominal {
				nominal[i] = w.p.nominal(i, s.at)
			}
			x.Used += s.used[z]
			x.Expected += w.p.expectedUse(z, s, nominal)
		}
		list = append(list, x)
	}
	return list
}

func (w *Watch) zoneName(z int) string {
	var names []string
	for _, c := range w.p.zones[z].in {
		names = append(names, w.in.Network.Links[w.p.flow[c]].ID)
	}
	return strings.Join(names, "+")
}
