package leaksim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"polity/services/water/network"
)

// Perturbation says how far the true network is from its model. All are assumed;
// they are of the order that BattLeDIM's paper gives for its own (10%).
type Perturbation struct {
	PipeRoughness  float64 // each pipe's, uniform ±
	GroupRoughness float64 // of all pipes of one diameter and roughness, normal
	BaseDemand     float64 // of each node and category, uniform ±
	Season         float64 // greatest amplitude over the year, of each category
	Daily          float64 // city-wide from day to day, normal, correlated by 0.8
	Node           float64 // of each node from hour to hour, normal, correlated by 0.7
	Pressure       float64 // m, noise of a sensor
	PressureOffset float64 // m, constant of a sensor
	Flow           float64 // relative noise
	Level          float64 // m
	Meter          float64 // relative noise of a demand meter
}

// Assumed are the perturbations of the surrogate.
var Assumed = Perturbation{
	PipeRoughness: 0.10, GroupRoughness: 0.05, BaseDemand: 0.10, Season: 0.10, Daily: 0.02, Node: 0.15,
	Pressure: 0.02, PressureOffset: 0.05, Flow: 0.005, Level: 0.005, Meter: 0.01,
}

// world is the true network: what the detector never sees.
type world struct {
	model    *network.Network
	true     *network.File // with leak nodes, without demands
	leaks    []Leak
	start    time.Time
	p        Perturbation
	seed     uint64
	classes  []class
	bases    [][]float64 // by node, then class
	patterns map[string][]float64
	step     time.Duration
}

// class is a category of demand and how it varies over two years.
type class struct {
	pattern          string
	amplitude, phase float64
	daily            []float64
}

// newWorld perturbs a model.
func newWorld(n *network.Network, seed uint64, p Perturbation, start time.Time, leaks []Leak) (*world, error) {
	w := &world{model: n, leaks: leaks, start: start, p: p, seed: seed}
	var err error
	if w.patterns, w.step, err = n.File.Patterns(); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(seed, 0x776f_726c))
	w.demands(random)
	w.roughness(random)
	return w, nil
}

func (w *world) demands(random *rand.Rand) {
	index := map[string]int{}
	days := 2*366 + 10 // whole weeks are driven
	w.bases = make([][]float64, len(w.model.Nodes))
	for i, node := range w.model.Nodes {
		for _, d := range node.Demands {
			k, ok := index[d.Pattern]
			if !ok {
				k = len(w.classes)
				index[d.Pattern] = k
				c := class{pattern: d.Pattern, amplitude: w.p.Season * (0.5 + 0.5*random.Float64()), phase: 2 * math.Pi * (0.55 + 0.1*random.Float64()), daily: make([]float64, days)}
				state := 0.0
				for j := range c.daily {
					state = 0.8*state + math.Sqrt(1-0.64)*random.NormFloat64()*w.p.Daily
					c.daily[j] = state
				}
				w.classes = append(w.classes, c)
			}
			for len(w.bases[i]) <= k {
				w.bases[i] = append(w.bases[i], 0)
			}
			w.bases[i][k] += d.Base * (1 + w.p.BaseDemand*(2*random.Float64()-1))
		}
	}
}

// roughness writes the true file: pipes perturbed, leaking ones parted by a node.
func (w *world) roughness(random *rand.Rand) {
	f := w.model.File.Clone()
	groups := map[[2]float64]float64{}
	at := map[string]int{}
	for i, l := range w.leaks {
		at[l.Pipe] = i
	}
	pipes, junctions := f.Section("PIPES"), f.Section("JUNCTIONS")
	pipes.Lines = nil
	for _, l := range w.model.Links {
		if l.Kind != network.Pipe {
			continue
		}
		key := [2]float64{l.Diameter, l.Rough}
		if groups[key] == 0 {
			groups[key] = math.Exp(w.p.GroupRoughness * random.NormFloat64())
		}
		rough := l.Rough * groups[key] * (1 + w.p.PipeRoughness*(2*random.Float64()-1))
		from, to := &w.model.Nodes[l.From], &w.model.Nodes[l.To]
		status := "Open"
		if l.Closed {
			status = "Closed"
		}
		leak, leaking := at[l.ID]
		if !leaking {
			pipes.Add(" %s %s %s %g %g %.4f 0 %s", l.ID, from.ID, to.ID, l.Length, l.Diameter, rough, status)
			continue
		}
		node := leakNode(leak)
		junctions.Add(" %s %g 0", node, (from.Elevation+to.Elevation)/2)
		pipes.Add(" %s %s %s %g %g %.4f 0 %s", l.ID, from.ID, node, l.Length/2, l.Diameter, rough, status)
		pipes.Add(" %s-2 %s %s %g %g %.4f 0 %s", l.ID, node, to.ID, l.Length/2, l.Diameter, rough, status)
	}
	// Demands come from outside, step by step: one category at each node, constant.
	f.Section("DEMANDS").Lines = nil
	f.Section("PATTERNS").Add(" simulated-one 1.0")
	for _, n := range w.model.Nodes {
		if n.Kind == network.Junction {
			f.Section("DEMANDS").Add(" %s 0 simulated-one", n.ID)
		}
	}
	options := f.Section("OPTIONS")
	kept := options.Lines[:0]
	for _, l := range options.Lines {
		if upper := strings.ToUpper(l.Text); !strings.Contains(upper, "EMITTER EXPONENT") && !strings.Contains(upper, "ACCURACY") {
			kept = append(kept, l)
		}
	}
	options.Lines = kept
	options.Add(" Emitter Exponent 0.5")
	options.Add(" Accuracy 0.001")
	f.Section("TIMES").Lines = nil
	for _, what := range []string{"Hydraulic", "Pattern", "Report"} {
		f.Section("TIMES").Add(" %s Timestep %d MIN", what, int(held/time.Minute))
	}
	f.Section("REPORT").Lines = nil
	f.Section("REPORT").Add(" Status No")
	w.true = f
}

func leakNode(i int) string { return fmt.Sprintf("leak-%d", i+1) }

// factor is a class's multiplier at a time, its pattern included.
func (w *world) factor(c *class, at time.Time) float64 {
	since := at.Sub(w.start)
	season := 1 + c.amplitude*math.Sin(2*math.Pi*since.Hours()/24/365.25-c.phase+math.Pi/2)
	multiplier := 1.0
	if p := w.patterns[c.pattern]; len(p) > 0 {
		// The mean over the time that a demand is held for.
		k := int(since / w.step)
		n := max(1, int(held/w.step))
		sum := 0.0
		for i := range n {
			sum += p[(k+i)%len(p)]
		}
		multiplier = sum / float64(n)
	}
	d := int(since / day)
	part := float64(since%day) / float64(day)
	daily := c.daily[d]*(1-part) + c.daily[d+1]*part
	return multiplier * season * (1 + daily)
}
