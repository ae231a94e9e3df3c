package flow

import (
	"math"
	"math/cmplx"

	"polity/services/power/grid"
)

// regulator is a tap changer's relay.
type regulator struct {
	s       *Solver
	r       *grid.Regulator
	t       *grid.Transformer
	pending float64 // per-unit change of tap that is wanted
	wants   bool
	reverse bool // looks backwards
	toggle  bool // wants to look the other way
}

// reverseDelay is how long power must flow the other way before a reversible
// regulator turns round, in seconds (OpenDSS's default).
const reverseDelay = 60

func (g *regulator) waits() (float64, bool) {
	if g.toggle && (!g.wants || g.r.Delay > reverseDelay) {
		return reverseDelay, true
	}
	return g.r.Delay, g.wants
}

// act moves the tap by seven tenths of what is wanted, in whole steps, one at
// least.
func (g *regulator) act() error {
	if delay, _ := g.waits(); g.toggle && (!g.wants || delay == reverseDelay) {
		g.toggle, g.reverse = false, !g.reverse
		return nil
	}
	w := &g.t.Windings[g.r.TapWinding]
	change := g.pending
	g.pending, g.wants = 0, false
	if change == 0 { // back to where less than half a step is wanted
		return nil
	}
	steps := min(max(1, math.Trunc(0.7*math.Abs(change)/w.Step())), float64(g.r.MaxSteps))
	return g.s.SetTap(g.r.Transformer, g.r.TapWinding, w.Tap+math.Copysign(steps*w.Step(), change))
}

func (g *regulator) sample() {
	m, live := g.measure()
	if !live {
		g.wants, g.toggle = false, false
		return
	}
	w := &g.t.Windings[g.r.TapWinding]
	if g.r.Reversible && g.r.RegulatedAt == nil {
		forward := m.power * g.s.perNode
		g.toggle = (!g.reverse && forward < -g.r.ReverseThreshold) || (g.reverse && forward > g.r.ReverseThreshold)
		if g.reverse && g.r.ReverseNeutral {
			if !g.wants && math.Abs(w.Tap-1) > 1e-12 {
				g.pending = math.RoundToEven((1-w.Tap)/w.Step()) * w.Step()
				g.wants = g.pending != 0
			}
			return
		}
	}
	target, band, actual := g.r.Target, g.r.Band, m.volts
	if g.reverse {
		target, band, actual = g.r.ReverseTarget, g.r.ReverseBand, actual/w.Tap
	}
	boost := target - actual
	out := math.Abs(boost) > band/2
	if g.r.Limit > 0 && m.local > g.r.Limit {
		boost, out = g.r.Limit-m.local, true
	}
	if !out {
		g.pending, g.wants = 0, false
		return
	}
	g.pending = math.RoundToEven(boost*g.r.PTRatio/g.t.BaseVolts(g.r.Winding)/w.Step()) * w.Step()
	if g.r.TapWinding != g.r.Winding || g.reverse {
		g.pending = -g.pending
	}
	if g.pending > 0 && w.Tap < w.MaxTap || g.pending < 0 && w.Tap > w.MinTap {
		g.wants = true
	}
}

// reading is what the relay sees.
type reading struct {
	volts float64 // with line-drop compensation
	local float64
	power float64 // watts per node through the watched winding, outwards
}

func (g *regulator) measure() (reading, bool) {
	if g.r.RegulatedAt != nil {
		return g.remote()
	}
	e := g.s.element(grid.Element{Kind: grid.TransformerKind, Index: g.r.Transformer})
	if e == nil {
		return reading{}, false
	}
	m, _ := g.s.measure(e.Element, g.r.Winding)
	volts := make([]complex128, g.t.Phases)
	for p := range volts {
		high, low := g.t.Coil(g.r.Winding, p)
		volts[p] = g.s.v[e.places[high]] - g.s.v[e.places[low]]
	}
	phase := watched(g.r.Phase, volts)
	v := volts[phase] / complex(g.r.PTRatio, 0)
	out := reading{local: cmplx.Abs(v), power: -real(m.power)}
	if g.r.R != 0 || g.r.X != 0 { // the current into the winding: what flows out counts as a drop
		drop := complex(g.r.R, g.r.X)
		if g.reverse {
			drop = complex(g.r.ReverseR, g.r.ReverseX)
		}
		v += drop * m.amperes[phase] / complex(g.r.CTRating, 0)
	}
	out.volts = cmplx.Abs(v)
	return out, volts[phase] != 0
}

// remote measures at another bus than the transformer's.
func (g *regulator) remote() (reading, bool) {
	places := g.s.at(*g.r.RegulatedAt)
	v := g.s.v[places[0]]
	if g.t.Windings[g.r.Winding].Delta && len(places) > 1 {
		v -= g.s.v[places[1]]
	}
	m := cmplx.Abs(v) / g.r.RemotePT
	return reading{volts: m, local: m}, m > 0
}

// watched returns the phase of that number, or the highest or lowest one.
func watched(phase int, volts []complex128) int {
	if phase >= 0 {
		return min(phase, len(volts)-1)
	}
	best := 0
	for i, v := range volts {
		a, b := cmplx.Abs(v), cmplx.Abs(volts[best])
		if (phase == grid.MaxPhase && a > b) || (phase == grid.MinPhase && a < b) {
			best = i
		}
	}
	return best
}
