package leaks

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/services/water/battledim"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/scada"
)

// Input is what the detector may know.
type Input struct {
	Network *network.Network
	History *scada.Data           // an earlier time; nil if there is none
	Fixed   []battledim.Detection // leaks repaired in it: pipe and time of repair
	Data    *scada.Data           // the time that is asked about
}

// Found is a leak.
type Found struct {
	Pipe       string
	At         time.Time   // when the alarm was given
	Since      time.Time   // when it is thought to have begun
	Until      time.Time   // when it is thought to have been repaired; zero: it runs
	Flow       float64     // m³/h, at the alarm
	Within     float64     // m along pipes that hold 80% of the probability
	Candidates []Candidate // the ten likeliest
	All        []Candidate // with a probability over 0.001
}

// Suspect is a sensor that reads otherwise than before, by more than any leak explains:
// it drifts, or has jumped.
type Suspect struct {
	Column string
	Since  time.Time
	Until  time.Time // zero: it still does
	Off    float64   // m, at its greatest
}

// Result is what was found.
type Result struct {
	Leaks    []Found
	Suspects []Suspect
}

// Observed is what instruments and model say, day by day.
type Observed struct {
	Days       [][]float64 // history first
	Before     int         // days of history
	Signatures [][]float64 // by link
	Start      time.Time
}

// Observe runs the twin over all of the input and computes signatures. Progress is
// called with what is done, in words and as a part.
func Observe(ctx context.Context, dial epanet.Dialer, in Input, c Config, progress func(what string, done float64)) (*Observed, error) {
	say := func(what string, done float64) {
		if progress != nil {
			progress(what, done)
		}
	}
	o := &Observed{}
	periods := []*scada.Data{in.Data}
	if in.History != nil {
		periods = []*scada.Data{in.History, in.Data}
	}
	var mean []slot
	var last *plant
	for i, d := range periods {
		p, err := place(in.Network, d)
		if err != nil {
			return nil, err
		}
		if last != nil && !slices.Equal(p.pressure, last.pressure) {
			return nil, city.Errorf(city.Invalid, "%s and %s have not the same columns in the same order: %s, and %s", periods[0].Pressures.Name, d.Pressures.Name, strings.Join(periods[0].Pressures.Names, " "), strings.Join(d.Pressures.Names, " "))
		}
		last = p
		slots := p.slots(d, c.Hours)
		if len(slots) < c.LeastDays*len(c.Hours) {
			return nil, city.Errorf(city.Invalid, "%s covers %d days; %d are needed at least", d.Pressures.Name, len(slots)/len(c.Hours), c.LeastDays)
		}
		say("the model follows the measurements", float64(i)/float64(len(periods)))
		model, err := p.follow(ctx, dial, slots)
		if err != nil {
			return nil, err
		}
		if err := p.plausible(d, slots, model); err != nil {
			return nil, err
		}
		if i == 0 {
			o.Start = d.Pressures.Start
			mean = p.meanDay(slots, len(c.Hours))
		}
		days := p.daily(p.rows(), slots, model, len(c.Hours), c.NightBefore)
		if i == 0 && in.History != nil {
			o.Before = len(days)
		}
		o.Days = append(o.Days, days...)
	}
	var err error
	o.Signatures, err = last.signatures(ctx, dial, last.rows(), c, mean, func(done float64) { say("signatures of leaks", done) })
	return o, err
}

// Detect goes through the days and returns the alarms of the time asked about,
// those first that were known at its start.
func Detect(in Input, o *Observed, c Config) (*Result, error) {
	p, err := place(in.Network, in.Data)
	if err != nil {
		return nil, err
	}
	between := in.Network.Between()
	members := gather(c, func(c Config) *detector { return newDetector(p, o, c, between) })
	repairs := repaired(in, o)
	members.each(func(d *detector) { d.past(o.Before, repairs) })
	council := &council{c: c, before: o.Before, between: between}
	council.hear(members)
	for day := o.Before; day < len(o.Days); day++ {
		members.each(func(d *detector) { d.day(day) })
		council.hear(members)
	}
	return &Result{Leaks: tell(in, o, p, council.issued), Suspects: suspects(in, o, c, members.faults())}, nil
}

func newDetector(p *plant, o *Observed, c Config, between *network.Between) *detector {
	d := &detector{c: c, p: p, rows: p.rows(), between: between, signs: make([][]float64, len(o.Signatures)), pipes: len(o.Signatures)}
	calm := o.Days
	if o.Before > 0 {
		calm = o.Days[:o.Before]
	}
	d.noise = learn(d.rows, calm, c)
	for j, g := range o.Signatures {
		if g != nil {
			d.signs[j] = d.noise.white(g)
		}
	}
	for k := range d.rows.pressures { // a sensor that reads a metre more, or less
		for _, off := range []float64{1, -1} {
			g := make([]float64, d.rows.count())
			g[k], g[d.rows.half()+k] = off, off
			d.signs = append(d.signs, d.noise.white(g))
		}
	}
	d.filter = d.noise.filter()
	d.take(o.Days)
	return d
}

// take takes what is new of all days.
func (d *detector) take(days [][]float64) {
	for _, day := range days[len(d.data):] {
		d.data = append(d.data, d.filter.next(day))
		d.blank = append(d.blank, blank(day))
	}
}

const dayLong = 24 * time.Hour

// repaired are the leaks of the earlier time whose repair is known.
func repaired(in Input, o *Observed) (list []repair) {
	for _, f := range in.Fixed {
		if link, ok := in.Network.Link(f.Pipe); ok {
			list = append(list, repair{link, int(f.At.Sub(o.Start) / dayLong)})
		}
	}
	return list
}

// tell puts alarms into the words of the network.
func tell(in Input, o *Observed, p *plant, alarms []alarm) []Found {
	first := in.Data.Pressures.Start
	at := func(day int) time.Time { return first.Add(time.Duration(day-o.Before) * dayLong) }
	var all []Found
	for _, a := range alarms {
		f := Found{Pipe: p.n.Links[a.link].ID, At: at(a.day + 1), Since: at(a.from), Flow: a.size, Within: a.located.radius, All: candidates(p.n, a.located.chance)}
		f.Candidates = f.All[:min(10, len(f.All))]
		if until := a.until(); until != never {
			f.Until = at(until)
		}
		if a.day+1 <= o.Before {
			f.At = first.Add(5 * time.Minute)
		}
		if d := in.Data.Pressures; d.Len() > 0 { // the last day is over with its last value
			if last := first.Add(time.Duration(d.Len()-1) * d.Step); f.At.After(last) {
				f.At = last
			}
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b Found) int { return a.At.Compare(b.At) })
	return all
}

// suspects are the sensors that enough members suspect in the time asked about.
func suspects(in Input, o *Observed, c Config, faults []fault) []Suspect {
	first := in.Data.Pressures.Start
	at := func(day int) time.Time { return first.Add(time.Duration(day-o.Before) * dayLong) }
	var all []Suspect
	for column, name := range in.Data.Pressures.Names {
		members := map[int]fault{}
		for _, f := range faults {
			if f.sign/2 != column || f.until <= o.Before {
				continue
			}
			if was, ok := members[f.member]; !ok || math.Abs(f.size) > math.Abs(was.size) {
				members[f.member] = f
			}
		}
		if len(members) < c.Quorum {
			continue
		}
		var from, until []int
		off := 0.0
		for _, f := range members {
			from, until = append(from, f.from), append(until, f.until)
			off += f.size / float64(len(members))
		}
		slices.Sort(from)
		slices.Sort(until)
		s := Suspect{Column: name, Since: at(from[len(from)/2]), Off: off}
		if u := until[len(until)/2]; u != never {
			s.Until = at(u)
		}
		all = append(all, s)
	}
	return all
}

// flowScale is what flows into balanced zones, as a part of the model's demand there.
func (p *plant) flowScale(slots []slot) float64 {
	used, model := 0.0, 0.0
	for _, s := range slots {
		for z, v := range s.used {
			if p.balanced(z) && !math.IsNaN(v) {
				used += v
				for _, i := range p.zones[z].nodes {
					model += p.nominal(i, s.at)
				}
			}
		}
	}
	if model == 0 {
		return 1
	}
	return used / model
}

// plausible compares measured with expected pressures before anything is built on
// them: it finds wrong units and exchanged columns.
func (p *plant) plausible(d *scada.Data, slots []slot, model []*expected) error {
	n := len(p.pressure)
	measured, should := make([][]float64, n), make([][]float64, n)
	for k := range slots {
		if model[k] == nil {
			continue
		}
		for c := range n {
			if v := slots[k].pressure[c]; !math.IsNaN(v) {
				measured[c], should[c] = append(measured[c], v), append(should[c], model[k].pressure[c])
			}
		}
	}
	m, s := make([]float64, n), make([]float64, n)
	var ratios []float64
	for c := range n {
		m[c], s[c] = median(measured[c]), median(should[c])
		if len(measured[c]) > 0 && s[c] > 1 {
			ratios = append(ratios, m[c]/s[c])
		}
	}
	if len(ratios) == 0 {
		return city.Errorf(city.Invalid, "%s: no hour can be compared with the model: flows or levels are missing, or pumps switch all the time", d.Pressures.Name)
	}
	ratio := median(ratios)
	for _, u := range []struct {
		name  string
		value float64
	}{{"bar", 0.0980665}, {"kPa", 9.80665}, {"psi", 1.42233}, {"MPa", 0.00980665}, {"feet", 3.28084}} {
		if ratio > u.value*0.85 && ratio < u.value*1.15 && math.Abs(u.value-1) > 0.2 {
			return city.Errorf(city.Invalid, "%s: pressures are %.3g times what the model expects, so they seem to be in %s; metres of water are needed", d.Pressures.Name, ratio, u.name)
		}
	}
	if scale := p.flowScale(slots); scale < 0.4 || scale > 2.5 {
		return city.Errorf(city.Invalid, "%s: flows are about %.2g times the demand of the model; m³/h are needed (litres a second would be 0.28 times as much)", d.Flows.Name, scale)
	}
	if ratio < 0.5 || ratio > 2 {
		return city.Errorf(city.Invalid, "%s: pressures are %.3g times what the model expects; metres of water are needed, and flows in m³/h", d.Pressures.Name, ratio)
	}
	for a := range n {
		for b := a + 1; b < n; b++ {
			if far := math.Abs(s[a] - s[b]); far > 3 && math.Abs(m[a]-s[b]) < 0.2*far && math.Abs(m[b]-s[a]) < 0.2*far {
				return city.Errorf(city.Invalid, "%s: columns %s and %s seem exchanged: %s shows %.1f m where the model expects %.1f, %s %.1f for %.1f",
					d.Pressures.Name, d.Pressures.Names[a], d.Pressures.Names[b], d.Pressures.Names[a], m[a], s[a], d.Pressures.Names[b], m[b], s[b])
			}
		}
	}
	return nil
}
