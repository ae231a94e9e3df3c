// Command estimate measures the state estimator on the 33-bus network: its error,
// how close that is to the least possible, and how often it finds a wrong meter.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"path/filepath"

	"polity/bench/grid/peer"
	"polity/bench/harness"
	"polity/services/power"
	"polity/services/power/estimate"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

const case33 = "services/power/example/networks/case33.m"

func main() {
	harness.Main(harness.Bench{
		Name: "estimate",
		About: `Estimates the state of the 33-bus network of Baran and Wu from noisy meters:
voltage at every bus (standard deviation 0.4%), power and vars drawn at every bus
and flowing at both ends of every line (2% of the value, at least 100 W).

rmse_pu: root mean square error of the voltage magnitudes over buses and seeds;
ratio_to_bound: over the Cramér-Rao bound of the same measurements. slack_known:
the source's voltage is known. Baseline: the voltmeters as they read.

One gross error per seed, in a meter drawn evenly from all: a power meter
connected the wrong way round, stuck at zero, or off by a decimal; a voltmeter
between phases instead of to neutral, stuck at zero, or 10% off. It counts as
found when that meter is named. Near the substation no method can see small
loads' meters: the lines beside them carry forty times as much, known to 2%.

Peer: pandapower's estimator on some of the same draws.`,
		Variables: []harness.Variable{
			{Name: "SEEDS", Default: "1000", Help: "how many draws of noise"},
			{Name: "FIRST", Default: "0", Help: "the first seed"},
		},
		Quick: "all but 300 seeds, and the peer",
		Run:   run,
	})
}

// gross are the ways in which a meter is wrong: what it reads of the true value.
var gross = map[bool][]struct {
	name string
	part float64
}{
	false: {{"reversed", -1}, {"stuck at zero", 0}, {"decimal slip", 10}},
	true:  {{"phase to phase", math.Sqrt(3)}, {"stuck at zero", 0}, {"10% off", 1.1}},
}

// bench is the network and its exact measurements.
type bench struct {
	result *flow.Result
	exact  []estimate.Measurement
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	seeds, err := r.Number("SEEDS")
	if err != nil {
		return nil, err
	}
	first, err := r.Number("FIRST")
	if err != nil {
		return nil, err
	}
	if r.Quick {
		seeds = math.Min(seeds, 300)
	}
	b, err := prepare()
	if err != nil {
		return nil, err
	}
	var errs [2]float64
	var bounds [2]float64
	raw := 0.0
	for known := range 2 {
		set := estimate.Set{Measurements: b.exact, SourceKnown: known == 1}
		if bounds[known], err = estimate.Bound(b.result, set); err != nil {
			return nil, err
		}
		for k := range int(seeds) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			set.Measurements = b.draw(uint64(first) + uint64(k))
			e, err := estimate.Solve(b.result.Network(), set, estimate.Options{KeepBad: true})
			if err != nil {
				return nil, err
			}
			errs[known] += b.square(func(n grid.Node) float64 { return cmplx.Abs(e.Voltage(n)) }) / seeds
			if known == 0 {
				raw += b.rawSquare(set.Measurements) / seeds
			}
		}
		r.Say("source known %v: error %.3e pu, bound %.3e", known == 1, math.Sqrt(errs[known]), bounds[known])
	}
	r.Say("the voltmeters as they read: %.3e pu", math.Sqrt(raw))
	found, byKind, alarms, micros, err := b.grossErrors(ctx, int(seeds), uint64(first))
	if err != nil {
		return nil, err
	}
	r.Say("gross errors found: %.1f%% of %.0f (%v); good meters set aside: %.3f an estimate; %.1f ms each", found, seeds, byKind, alarms, micros/1000)
	figures := harness.Figures{
		{Name: "seeds", Value: int(seeds)},
		{Name: "rmse_pu", Value: math.Sqrt(errs[0])},
		{Name: "bound_pu", Value: bounds[0]},
		{Name: "ratio_to_bound", Value: math.Sqrt(errs[0]) / bounds[0]},
		{Name: "rmse_pu_slack_known", Value: math.Sqrt(errs[1])},
		{Name: "ratio_to_bound_slack_known", Value: math.Sqrt(errs[1]) / bounds[1]},
		{Name: "rmse_pu_meters", Value: math.Sqrt(raw)},
		{Name: "gross_error_found_pct", Value: found},
		{Name: "gross_error_found_pct_by_kind", Value: byKind},
		{Name: "good_meters_set_aside_per_estimate", Value: alarms},
		{Name: "ms_per_estimate_with_bad_data", Value: micros / 1000},
	}
	other, err := b.pandapower(ctx, r, uint64(first))
	return append(figures, other...), err
}

func prepare() (*bench, error) {
	net, err := power.Read(case33)
	if err != nil {
		return nil, err
	}
	s, err := flow.New(net, flow.Options{})
	if err != nil {
		return nil, err
	}
	result, err := s.Solve()
	if err != nil {
		return nil, err
	}
	return &bench{result, estimate.Sample(result, estimate.Errors{Voltage: 0.004, Power: 0.02}, true)}, nil
}

// draw adds noise.
func (b *bench) draw(seed uint64) []estimate.Measurement {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := append([]estimate.Measurement(nil), b.exact...)
	for i := range out {
		out[i].Value += out[i].Sigma * rng.NormFloat64()
	}
	return out
}

func (b *bench) base(n grid.Node) float64 {
	return b.result.Network().Buses[n.Bus].BaseKV * 1000 / math.Sqrt(3)
}

// square is the mean square error of voltages, per unit.
func (b *bench) square(volts func(grid.Node) float64) float64 {
	top := b.result.Topology()
	sum := 0.0
	for v, node := range top.Nodes {
		d := (volts(node) - cmplx.Abs(b.result.Voltage(v))) / b.base(node)
		sum += d * d
	}
	return sum / float64(len(top.Nodes))
}

func (b *bench) rawSquare(z []estimate.Measurement) float64 {
	read := map[grid.Node]float64{}
	for _, m := range z {
		if m.Kind == estimate.Voltage {
			read[m.Node] = m.Value
		}
	}
	return b.square(func(n grid.Node) float64 { return read[n] })
}

// grossErrors spoils one meter per seed and counts how often it is named.
func (b *bench) grossErrors(ctx context.Context, seeds int, first uint64) (found float64, byKind map[string]float64, alarms, micros float64, err error) {
	hits, tries := map[string]float64{}, map[string]float64{}
	start := peer.CPU()
	total := 0
	for k := range seeds {
		if ctx.Err() != nil {
			return 0, nil, 0, 0, ctx.Err()
		}
		seed := first + uint64(k)
		rng := rand.New(rand.NewPCG(seed, 2))
		set := estimate.Set{Measurements: b.draw(seed)}
		i := rng.IntN(len(b.exact))
		kinds := gross[b.exact[i].Kind == estimate.Voltage]
		kind := kinds[rng.IntN(len(kinds))]
		set.Measurements[i].Value *= kind.part
		e, err := estimate.Solve(b.result.Network(), set, estimate.Options{})
		if err != nil {
			return 0, nil, 0, 0, err
		}
		tries[kind.name]++
		for _, bad := range e.Bad {
			if bad.Index == i {
				hits[kind.name]++
				total++
			} else {
				alarms += 1 / float64(seeds)
			}
		}
	}
	byKind = map[string]float64{}
	for name, n := range tries {
		byKind[name] = math.Round(1000*hits[name]/n) / 10
	}
	return 100 * float64(total) / float64(seeds), byKind, alarms, float64((peer.CPU() - start).Microseconds()) / float64(seeds), nil
}

// pandapower estimates some of the same draws with the peer.
func (b *bench) pandapower(ctx context.Context, r *harness.Run, first uint64) (harness.Figures, error) {
	missing := harness.Figures{{Name: "pandapower_rmse_pu", Value: nil}, {Name: "pandapower_ms_per_estimate", Value: nil}, {Name: "rmse_pu_same_draws", Value: nil}}
	if r.Quick {
		return missing, nil
	}
	const draws = 10
	var list [][][]any
	own := 0.0
	for k := range draws {
		set := estimate.Set{Measurements: b.draw(first + uint64(k))}
		var rows [][]any
		for _, m := range set.Measurements {
			rows = append(rows, b.translate(m))
		}
		list = append(list, rows)
		e, err := estimate.Solve(b.result.Network(), set, estimate.Options{KeepBad: true})
		if err != nil {
			return nil, err
		}
		own += b.square(func(n grid.Node) float64 { return cmplx.Abs(e.Voltage(n)) }) / draws
	}
	dir, err := os.MkdirTemp("", "polity-estimate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "draws.json")
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	var answer struct {
		Volts   [][]float64
		Seconds float64
	}
	err = peer.Run(ctx, "bench/estimate/peer.py", &answer, "case33bw", path, "OUT")
	if errors.Is(err, peer.ErrMissing) {
		r.Say("%v", err)
		return missing, nil
	}
	if err != nil {
		return nil, err
	}
	sum := 0.0
	for _, volts := range answer.Volts {
		if volts == nil {
			return nil, errors.New("pandapower's estimator failed on a draw")
		}
		sum += b.square(func(n grid.Node) float64 { return volts[n.Bus] * b.base(n) }) / draws
	}
	r.Say("pandapower on %d of the draws: error %.3e pu (here %.3e), %.1f ms each", draws, math.Sqrt(sum), math.Sqrt(own), answer.Seconds*1000)
	return harness.Figures{
		{Name: "pandapower_rmse_pu", Value: math.Sqrt(sum)},
		{Name: "pandapower_ms_per_estimate", Value: answer.Seconds * 1000},
		{Name: "rmse_pu_same_draws", Value: math.Sqrt(own)},
	}, nil
}

// translate puts a measurement into pandapower's terms: buses from 0, per unit,
// MW drawn, MW into the line.
func (b *bench) translate(m estimate.Measurement) []any {
	kind := map[estimate.Kind]string{estimate.Voltage: "v", estimate.Injection: "p", estimate.InjectionVars: "q", estimate.Flow: "p", estimate.FlowVars: "q"}[m.Kind]
	switch m.Kind {
	case estimate.Voltage:
		return []any{kind, m.Node.Bus, nil, m.Value / b.base(m.Node), m.Sigma / b.base(m.Node)}
	case estimate.Injection, estimate.InjectionVars:
		return []any{kind, m.Node.Bus, nil, m.Value / 1e6, m.Sigma / 1e6}
	}
	return []any{kind, m.Element.Index, []string{"from", "to"}[m.Terminal], m.Value / 1e6, m.Sigma / 1e6}
}
