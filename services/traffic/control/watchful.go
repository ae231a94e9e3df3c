package control

import (
	"slices"
	"time"

	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Watchful lets another controller decide as long as its detectors can be believed.
// A junction where some of them cannot is on actuated control, with those lanes
// served as in its plan; where none can, on its fixed plan. The reason of each
// decision says so.
type Watchful struct {
	net      *network.Network
	inner    Controller
	actuated *Actuated
	fixed    *Fixed
	health   *Health
	second   []Decision // what the fallbacks would do
}

// NewWatchful puts a watch around a controller. Fixed is what runs without detectors.
func NewWatchful(n *network.Network, inner Controller, fixed *Fixed) *Watchful {
	return &Watchful{net: n, inner: inner, actuated: NewActuated(n), fixed: fixed, health: NewHealth(n), second: make([]Decision, len(n.Junctions))}
}

// Name is the inner controller's name.
func (w *Watchful) Name() string { return w.inner.Name() }

// Decide wishes what the inner controller does, or a fallback where it is blind.
func (w *Watchful) Decide(now time.Duration, seen *Reading, shown []safety.Aspects, out []Decision) {
	faults, silent := w.health.Look(now, seen, shown)
	if silent != "" {
		w.fixed.Decide(now, seen, shown, out)
		for i := range out {
			out[i].Reason, out[i].Instead = "on the fixed plan, for "+silent+"; "+out[i].Reason, ByPlan
		}
		return
	}
	w.inner.Decide(now, seen, shown, out)
	clear(w.actuated.Recall)
	for _, of := range faults {
		for lane := range of {
			w.actuated.Recall[lane] = true
		}
	}
	if len(w.actuated.Recall) == 0 {
		return
	}
	for i, of := range faults {
		if len(of) == 0 {
			continue
		}
		lanes := make([]int, 0, len(of))
		for lane := range of {
			lanes = append(lanes, lane)
		}
		slices.Sort(lanes)
		reason := of[lanes[0]]
		if len(of) == w.lanes(i) {
			w.fixed.Decide(now, seen, shown, w.second)
			out[i] = Decision{Want: w.second[i].Want, Presumed: out[i].Presumed, Instead: ByPlan, Reason: "on the fixed plan, for no detector can be believed: " + reason}
			continue
		}
		d := w.actuated.decide(i, now, seen, shown[i])
		out[i] = Decision{Want: d.Want, Presumed: out[i].Presumed, Instead: ByActuated, Reason: "on actuated control, for " + reason + "; " + d.Reason}
	}
}

// lanes counts the lanes that a junction's signals serve.
func (w *Watchful) lanes(junction int) int {
	set := map[int]bool{}
	for g := range w.net.Junctions[junction].Groups {
		for _, lane := range w.net.Junctions[junction].Groups[g].Lanes {
			set[lane] = true
		}
	}
	return len(set)
}
