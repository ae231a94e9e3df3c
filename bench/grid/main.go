// Command grid compares the power flow with OpenDSS and pandapower: losses,
// voltages, taps, and time per solution.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"strings"

	"polity/bench/grid/peer"
	"polity/bench/harness"
	"polity/services/power"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

const cases = "../shared/data/power/Version8/Distrib/IEEETestCases/"

func main() {
	harness.Main(harness.Bench{
		Name: "grid",
		About: `Solves each feeder here and with its peer in the same run, and compares.

Unbalanced feeders (.dss): OpenDSS through its C API. Regulators and capacitor
controls act in both; voltages are compared as |difference| of the complex values
over the nominal voltage, with OpenDSS at tolerance 1e-9 and its taps held.
Balanced networks (.json, or a name of pandapower.networks): pandapower's runpp;
voltage magnitudes per unit.

Time is processor time per solution: the same sequence of load levels (0.7 to 1.1
times) in both, from the last solution, taps held. OpenDSS and this program both
stop at OpenDSS's own tolerance (1e-4 pu); pandapower runs in its fastest mode
(numba, recycled matrices, start from the last result) at its tolerance, this
program at 1e-8 pu.`,
		Variables: []harness.Variable{
			{
				Name: "FEEDERS", Default: cases + "13Bus/IEEE13Nodeckt.dss," + cases + "34Bus/ieee34Mod1.dss," + cases + "34Bus/ieee34Mod2.dss," + cases + "123Bus/IEEE123Master.dss,case33bw,cigre_mv,mv_oberrhein",
				Help: "comma-separated .dss and .json files and names of pandapower.networks",
			},
			{Name: "SOLVES", Default: "1000", Help: "solutions per timing"},
		},
		Quick: "nine tenths of the solutions per timing",
		Run:   run,
	})
}

// outcome is what one feeder's comparison gives.
type outcome struct {
	name                  string
	balanced              bool
	lossKW, peerLossKW    float64
	lossError             float64 // percent
	voltError, flatError  float64 // per unit
	taps                  int     // that differ
	micros, tight         float64 // per solution
	peerMicros, plainPeer float64
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	number, err := r.Number("SOLVES")
	if err != nil {
		return nil, err
	}
	solves := int(number)
	if r.Quick {
		solves = max(20, solves/10)
	}
	dir, err := os.MkdirTemp("", "polity-grid-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var scripts, networks []string
	for _, name := range r.List("FEEDERS") {
		if strings.EqualFold(filepath.Ext(name), ".dss") {
			scripts = append(scripts, name)
		} else {
			networks = append(networks, name)
		}
	}
	var all []outcome
	missing := false
	keep := func(name string, o outcome, err error) error {
		if errors.Is(err, peer.ErrMissing) {
			r.Say("%s: %v", name, err)
			missing = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		say(r, o)
		all = append(all, o)
		return nil
	}
	for _, name := range scripts {
		o, err := unbalanced(ctx, name, solves)
		if err := keep(name, o, err); err != nil {
			return nil, err
		}
	}
	if len(networks) > 0 {
		r.Say("pandapower solves %s", strings.Join(networks, ", "))
	}
	answers, err := pandapower(ctx, dir, networks, max(5, solves/20))
	for _, name := range networks {
		var o outcome
		if err == nil {
			o, err = balanced(dir, name, answers[name], solves)
		}
		if err := keep(name, o, err); err != nil {
			return nil, err
		}
	}
	return figures(all, missing), nil
}

func say(r *harness.Run, o outcome) {
	r.Say("%s: losses %.4f kW, peer %.4f (%.5f%% off); voltages %.2e pu off (%.3f if all were nominal); %d taps differ", o.name, o.lossKW, o.peerLossKW, o.lossError, o.voltError, o.flatError, o.taps)
	r.Say("  %.1f µs a solution (at 1e-8 pu: %.1f), peer %.1f µs: %.1f times as fast", o.micros, o.tight, o.peerMicros, o.peerMicros/o.micros)
	if o.balanced {
		r.Say("  pandapower without recycling: %.1f µs", o.plainPeer)
	}
}

// figures folds the outcomes into the worst of each kind; null where no feeder of
// the kind could be compared.
func figures(all []outcome, missing bool) harness.Figures {
	worst := map[string]any{"loss": nil, "unbalanced": nil, "balanced": nil, "pandapower": nil, "opendss": nil}
	more := func(key string, f float64) {
		if old, ok := worst[key].(float64); !ok || f > old || math.IsNaN(f) {
			worst[key] = f
		}
	}
	less := func(key string, f float64) {
		if old, ok := worst[key].(float64); !ok || f < old || math.IsNaN(f) {
			worst[key] = f
		}
	}
	losses, micros, peers := map[string]float64{}, map[string]float64{}, map[string]float64{}
	different := 0
	for _, o := range all {
		more("loss", o.lossError)
		losses[o.name], micros[o.name], peers[o.name] = o.lossKW, o.micros, o.peerMicros
		different += o.taps
		if o.balanced {
			more("balanced", o.voltError)
			less("pandapower", o.peerMicros/o.micros)
		} else {
			more("unbalanced", o.voltError)
			less("opendss", o.peerMicros/o.micros)
		}
	}
	return harness.Figures{
		{Name: "feeders", Value: len(all)},
		{Name: "peers_missing", Value: missing},
		{Name: "max_loss_error_pct", Value: worst["loss"]},
		{Name: "max_v_error_pu_unbalanced", Value: worst["unbalanced"]},
		{Name: "max_v_error_pu_balanced", Value: worst["balanced"]},
		{Name: "taps_different", Value: different},
		{Name: "faster_than_pandapower_x", Value: worst["pandapower"]},
		{Name: "faster_than_opendss_x", Value: worst["opendss"]},
		{Name: "loss_kw", Value: losses},
		{Name: "us_per_solution", Value: micros},
		{Name: "peer_us_per_solution", Value: peers},
	}
}

// scales is the sequence of load levels, the same as in peers.py.
func scales(n int) []float64 {
	out, x := make([]float64, n), int64(12345)
	for i := range out {
		x = x * 16807 % 2147483647
		out[i] = 0.7 + 0.4*float64(x)/2147483647
	}
	return out
}

// perSolution returns microseconds of processor time per solution.
func perSolution(net *grid.Network, tolerance float64, solves int) (float64, error) {
	s, err := flow.New(net, flow.Options{Tolerance: tolerance, HoldTaps: true})
	if err != nil {
		return 0, err
	}
	if _, err := s.Solve(); err != nil {
		return 0, err
	}
	levels := scales(solves)
	best, err := peer.Best(3, func() error {
		for _, f := range levels {
			s.Scale(f)
			if _, err := s.Solve(); err != nil {
				return err
			}
		}
		return nil
	})
	return float64(best.Nanoseconds()) / 1000 / float64(solves), err
}

func solve(net *grid.Network) (*flow.Result, error) {
	s, err := flow.New(net, flow.Options{})
	if err != nil {
		return nil, err
	}
	return s.Solve()
}

func unbalanced(ctx context.Context, path string, solves int) (outcome, error) {
	o := outcome{name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))}
	if _, err := os.Stat(path); err != nil {
		return o, fmt.Errorf("%w; name others with FEEDERS=", err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return o, err
	}
	var dss struct {
		Converged bool
		Taps      map[string]int
		Volts     map[string][2]float64
		BaseKV    map[string]float64 `json:"base_kv"`
		LossW     float64            `json:"loss_w"`
		Tolerance float64
		Seconds   float64
	}
	if err := peer.Run(ctx, "bench/grid/peers.py", &dss, "opendss", absolute, fmt.Sprint(solves), "OUT"); err != nil {
		return o, err
	}
	if !dss.Converged {
		return o, errors.New("OpenDSS did not converge; its voltages are no reference")
	}
	net, err := power.Read(path)
	if err != nil {
		return o, err
	}
	net.MaxControlSteps = max(net.MaxControlSteps, 300)
	result, err := solve(net)
	if err != nil {
		return o, err
	}
	for _, g := range net.Regulators {
		if net.Transformers[g.Transformer].Windings[g.TapWinding].Position() != dss.Taps[strings.TrimPrefix(g.Name, "regcontrol.")] {
			o.taps++
		}
	}
	top, compared := result.Topology(), 0
	for v, node := range top.Nodes {
		bus := net.Buses[node.Bus].Name
		want, ok := dss.Volts[fmt.Sprintf("%s.%d", bus, node.Number)]
		base := dss.BaseKV[bus] * 1000
		if !ok || !top.Live[v] || base == 0 {
			continue
		}
		compared++
		o.voltError = max(o.voltError, cmplx.Abs(result.Voltage(v)-complex(want[0], want[1]))/base)
		o.flatError = max(o.flatError, math.Abs(math.Hypot(want[0], want[1])/base-1))
	}
	if compared == 0 {
		return o, errors.New("no node in common with OpenDSS")
	}
	o.lossKW, o.peerLossKW = real(result.Losses())/1000, dss.LossW/1000
	o.lossError = 100 * math.Abs(o.lossKW/o.peerLossKW-1)
	o.peerMicros = dss.Seconds * 1e6
	if o.micros, err = perSolution(net, dss.Tolerance, solves); err != nil {
		return o, err
	}
	o.tight, err = perSolution(net, 1e-8, solves)
	return o, err
}

// answer is what pandapower makes of a network.
type answer struct {
	Converged       bool
	PU              map[string]float64
	LossW           float64 `json:"loss_w"`
	Seconds         float64
	SecondsRecycled float64 `json:"seconds_recycled"`
}

// pandapower solves networks, all in one process so that its compiler runs once.
func pandapower(ctx context.Context, dir string, networks []string, solves int) (map[string]answer, error) {
	var answers map[string]answer
	if len(networks) == 0 {
		return nil, nil
	}
	args := append([]string{"pandapower", dir, fmt.Sprint(solves), "OUT"}, networks...)
	err := peer.Run(ctx, "bench/grid/peers.py", &answers, args...)
	return answers, err
}

func balanced(dir, name string, pp answer, solves int) (outcome, error) {
	o := outcome{name: strings.TrimSuffix(filepath.Base(name), ".json"), balanced: true}
	path := name
	if filepath.Ext(name) != ".json" {
		path = filepath.Join(dir, name+".json")
	}
	if !pp.Converged {
		return o, errors.New("pandapower did not converge; its voltages are no reference")
	}
	net, err := power.Read(path)
	if err != nil {
		return o, err
	}
	result, err := solve(net)
	if err != nil {
		return o, err
	}
	top := result.Topology()
	for bus, want := range pp.PU {
		v := top.Index(net.Bus(bus), 1)
		if v < 0 || !top.Live[v] {
			return o, fmt.Errorf("bus %s has a voltage in pandapower and none here", bus)
		}
		o.voltError = max(o.voltError, math.Abs(result.PerUnit(v)-want))
		o.flatError = max(o.flatError, math.Abs(want-1))
	}
	o.lossKW, o.peerLossKW = real(result.Losses())/1000, pp.LossW/1000
	o.lossError = 100 * math.Abs(o.lossKW/o.peerLossKW-1)
	o.peerMicros, o.plainPeer = min(pp.Seconds, pp.SecondsRecycled)*1e6, pp.Seconds*1e6
	if o.micros, err = perSolution(net, 1e-8, solves); err != nil {
		return o, err
	}
	o.tight = o.micros
	return o, nil
}
