// Package outage infers what failed from what is known (last gasps of meters,
// residents' calls, states of breakers), narrows down where a fault lies, and counts
// how long customers were without power.
//
// Meters are looked at one by one here because a fault is being sought; what is
// published are sums.
package outage

import (
	"fmt"
	"math"
	"slices"

	"polity/city"
	"polity/service"
	"polity/services/power/grid"
)

// Report is what one meter or one resident says.
type Report struct {
	Load int // index into Network.Loads
	// Dark: a last gasp, or a call that the light is out. Otherwise the meter
	// answered, or the resident says that there is power.
	Dark bool
	Call bool // by a resident, not a meter
}

// Rates are how far reports can be trusted: parts of all meters and of all
// customers per outage.
type Rates struct {
	// Gasp is the part of meters in the dark whose last gasp arrives, FalseGasp the
	// part of the others that send one nonetheless.
	Gasp, FalseGasp float64
	// Call is the part of customers in the dark who have called by now, FalseCall
	// that of others (a fuse of their own).
	Call, FalseCall float64
	// FalseAnswer is the part of meters in the dark that seem to answer.
	FalseAnswer float64
	// Failure is the chance of each device to be open, before any report.
	Failure float64
}

// Usual are cautious values for a network with meters that send last gasps; the
// storm of an evening with several faults is within them.
func Usual() Rates {
	return Rates{Gasp: 0.7, FalseGasp: 0.005, Call: 0.1, FalseCall: 0.002, FalseAnswer: 0.01, Failure: 0.002}
}

func (r Rates) check() error {
	for name, p := range map[string]float64{"Gasp": r.Gasp, "FalseGasp": r.FalseGasp, "Call": r.Call, "FalseCall": r.FalseCall, "FalseAnswer": r.FalseAnswer, "Failure": r.Failure} {
		if !(p > 0 && p < 1) {
			return city.Errorf(city.Invalid, "rate %s is %g; it must lie between 0 and 1", name, p)
		}
	}
	if r.Gasp <= r.FalseGasp || r.Call <= r.FalseCall {
		return city.Errorf(city.Invalid, "reports must be likelier in the dark than in the light (Gasp > FalseGasp, Call > FalseCall)")
	}
	return nil
}

// Evidence is all that is known at one moment.
type Evidence struct {
	Reports []Report
	// Metered says which loads have a meter that sends last gasps: their silence
	// counts. nil: none.
	Metered func(load int) bool
	// Devices says which lines have a fuse, recloser or breaker that may have opened
	// without telling; nil: any line may have failed.
	Devices func(line int) bool
	Rates   Rates // zero: Usual
}

// Outage is one place where the network is open, most probably.
type Outage struct {
	Line int // the line that is open, or whose device is
	// Probability that it is exactly this one, given the reports and the rates.
	Probability float64
	// Others are lines that it could be as well, each with more than a tenth of the
	// probability of the likeliest, the likeliest first.
	Others    []Candidate
	Buses     []int // without power because of it
	Loads     []int
	Customers int
	// Against are reports that do not fit: meters that lie, or homes with a fault of
	// their own or a supply of their own.
	Against []Report
	Reason  string
}

// Candidate is a line that may be open, and how probable that is.
type Candidate struct {
	Line        int
	Probability float64
}

// Picture is what most probably is the matter.
type Picture struct {
	Outages []Outage // the most customers first
	// Dark is the probability of each bus to be without power; of buses that no
	// closed switch connects to a source it is 1.
	Dark []float64
	// Stray are reports of darkness where there is power, most probably.
	Stray []Report
}

// Infer weighs the reports. The network must be radial as its switches are known to
// stand; breakers that reported themselves open are open in it already.
//
// Each device may be open, independently and with the same chance; a report depends
// on whether its place is dark alone. In a tree the likeliest set of open devices and
// the probability of each are then exact: one pass from the ends to the source and
// one back (belief propagation; Pearl, "Probabilistic Reasoning in Intelligent
// Systems", 1988, chapter 4).
func Infer(net *grid.Network, e Evidence) (*Picture, error) {
	if e.Rates == (Rates{}) {
		e.Rates = Usual()
	}
	if err := e.Rates.check(); err != nil {
		return nil, err
	}
	for _, r := range e.Reports {
		if r.Load < 0 || r.Load >= len(net.Loads) {
			return nil, city.Errorf(city.NotFound, "a report names load %d of %d", r.Load, len(net.Loads))
		}
	}
	t, err := newTree(net)
	if err != nil {
		return nil, err
	}
	w := t.weigh(net, &e)
	return t.picture(net, &e, w), nil
}

// weights are the logarithms of the passes, per bus of the tree.
type weights struct {
	dark     []float64 // of the evidence in the subtree if all of it is dark, over all lit
	up       []float64 // of the evidence in the subtree if the bus above is lit
	best     []float64 // as up, for the likeliest set alone
	cut      []bool    // whether that set opens the way to this bus
	marginal []float64 // probability that the way is open here and lit above
	lit      []float64 // probability that the bus has power
}

// evidence is the log-likelihood ratio of dark to lit of each load's reports.
func (e *Evidence) ratio(net *grid.Network) []float64 {
	out := make([]float64, len(net.Loads))
	gasped, answered, calls := map[int]bool{}, map[int]bool{}, map[int]int{}
	for _, r := range e.Reports {
		switch {
		case r.Call && r.Dark:
			calls[r.Load]++
		case r.Dark:
			gasped[r.Load] = true
		default:
			answered[r.Load] = true
		}
	}
	for l := range net.Loads {
		// one household calling twice is no second witness
		homes := max(1, net.Loads[l].Customers)
		heard := min(calls[l], homes)
		out[l] += float64(heard)*math.Log(e.Rates.Call/e.Rates.FalseCall) + float64(homes-heard)*math.Log((1-e.Rates.Call)/(1-e.Rates.FalseCall))
		switch {
		case answered[l]: // whatever it said before: it has power now
			out[l] += math.Log(e.Rates.FalseAnswer)
		case gasped[l]:
			out[l] += math.Log(e.Rates.Gasp / e.Rates.FalseGasp)
		case e.Metered != nil && e.Metered(l):
			out[l] += math.Log((1 - e.Rates.Gasp) / (1 - e.Rates.FalseGasp))
		}
	}
	return out
}

// weigh runs both passes.
func (t *tree) weigh(net *grid.Network, e *Evidence) *weights {
	n := len(net.Buses)
	w := &weights{make([]float64, n), make([]float64, n), make([]float64, n), make([]bool, n), make([]float64, n), make([]float64, n)}
	for l, ratio := range e.ratio(net) {
		if !net.Loads[l].OutOfService {
			w.dark[net.Loads[l].At.Bus] += ratio
		}
	}
	open, shut := math.Log(e.Rates.Failure), math.Log(1-e.Rates.Failure)
	for _, b := range slices.Backward(t.order) { // children come first: order is from the sources
		line, possible := t.by[b], false
		if line >= 0 {
			possible = e.Devices == nil || e.Devices(line)
		}
		if possible {
			stay, fail := shut+w.best[b], open+w.dark[b]
			w.cut[b], w.best[b] = fail > stay, max(fail, stay)
			w.up[b] = logSum(shut+w.up[b], fail)
		}
		if p := t.parent[b]; p >= 0 {
			w.dark[p] += w.dark[b]
			w.up[p] += w.up[b]
			w.best[p] += w.best[b]
		}
	}
	for _, b := range t.order {
		above := 1.0
		if p := t.parent[b]; p >= 0 {
			above = w.lit[p]
		}
		w.lit[b] = above
		if line := t.by[b]; line >= 0 && (e.Devices == nil || e.Devices(line)) {
			w.marginal[b] = above * math.Exp(open+w.dark[b]-w.up[b])
			w.lit[b] = max(0, above-w.marginal[b])
		}
	}
	return w
}

func logSum(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// picture reads the likeliest set of open devices off the weights.
func (t *tree) picture(net *grid.Network, e *Evidence, w *weights) *Picture {
	p := &Picture{Dark: make([]float64, len(net.Buses))}
	cutAt := make([]int, len(net.Buses)) // index+1 of the outage that darkens a bus
	for b := range p.Dark {
		p.Dark[b] = 1
	}
	for _, b := range t.order {
		p.Dark[b] = 1 - w.lit[b]
		switch {
		case t.parent[b] >= 0 && cutAt[t.parent[b]] > 0:
			cutAt[b] = cutAt[t.parent[b]]
		case w.cut[b]:
			p.Outages = append(p.Outages, Outage{Line: t.by[b], Probability: w.marginal[b], Others: t.others(b, w)})
			cutAt[b] = len(p.Outages)
		}
		if k := cutAt[b]; k > 0 {
			p.Outages[k-1].Buses = append(p.Outages[k-1].Buses, b)
		}
	}
	for l := range net.Loads {
		if k := cutAt[net.Loads[l].At.Bus]; k > 0 && !net.Loads[l].OutOfService {
			o := &p.Outages[k-1]
			o.Loads = append(o.Loads, l)
			o.Customers += net.Loads[l].Customers
		}
	}
	said := make([]int, len(p.Outages))
	for _, r := range e.Reports {
		k := cutAt[net.Loads[r.Load].At.Bus]
		switch {
		case k == 0 && r.Dark && t.reached[net.Loads[r.Load].At.Bus]:
			p.Stray = append(p.Stray, r)
		case k > 0 && !r.Dark:
			p.Outages[k-1].Against = append(p.Outages[k-1].Against, r)
		case k > 0:
			said[k-1]++
		}
	}
	for k := range p.Outages {
		o := &p.Outages[k]
		slices.Sort(o.Buses)
		o.Reason = fmt.Sprintf("%d reports of darkness behind %s, %d against: it is open with a probability of %s.", said[k], net.Lines[o.Line].Name, len(o.Against), service.Chance(o.Probability))
	}
	slices.SortStableFunc(p.Outages, func(a, b Outage) int {
		if a.Customers != b.Customers {
			return b.Customers - a.Customers
		}
		return len(b.Loads) - len(a.Loads)
	})
	return p
}

// others lists what else could explain the reports around a cut: the lines above it
// and those below.
func (t *tree) others(cut int, w *weights) []Candidate {
	var out []Candidate
	most := w.marginal[cut]
	add := func(b int) {
		if b != cut && t.by[b] >= 0 && w.marginal[b] > 0 {
			out = append(out, Candidate{t.by[b], w.marginal[b]})
		}
	}
	for b := t.parent[cut]; b >= 0; b = t.parent[b] {
		add(b)
	}
	below := map[int]bool{cut: true}
	for _, b := range t.order {
		if t.parent[b] >= 0 && below[t.parent[b]] {
			below[b] = true
			add(b)
		}
	}
	for _, c := range out {
		most = max(most, c.Probability)
	}
	out = slices.DeleteFunc(out, func(c Candidate) bool { return c.Probability < most/10 })
	slices.SortStableFunc(out, func(a, b Candidate) int {
		switch {
		case a.Probability > b.Probability:
			return -1
		case a.Probability < b.Probability:
			return 1
		}
		return a.Line - b.Line
	})
	return out
}
