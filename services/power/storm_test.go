package power_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"polity/services/power"
	"polity/services/power/grid"
	"polity/services/power/outage"
	"polity/services/power/restore"
	"polity/services/power/switching"
)

// homes puts ten customers with a load each in place of every load.
func homes(net *grid.Network) {
	loads := net.Loads
	net.Loads = nil
	for _, l := range loads {
		l.S /= 10
		for range 10 {
			l.Customers = 1
			net.Loads = append(net.Loads, l)
		}
	}
}

// reports draws what meters and residents say: six of ten homes have a meter; of
// those in the dark three in ten are silent, of the others one in two hundred lies.
func reports(net *grid.Network, rng *rand.Rand) outage.Evidence {
	e := outage.Evidence{Metered: func(l int) bool { return l%10 < 6 }}
	top := net.Topology()
	for l := range net.Loads {
		dark := !top.BusLive(net.Loads[l].At.Bus)
		switch metered := e.Metered(l); {
		case metered && dark && rng.Float64() < 0.7, metered && !dark && rng.Float64() < 0.005:
			e.Reports = append(e.Reports, outage.Report{Load: l, Dark: true})
		case !metered && dark && rng.Float64() < 0.1:
			e.Reports = append(e.Reports, outage.Report{Load: l, Dark: true, Call: true})
		}
	}
	return e
}

// TestStormFromAlarmToRestored: three faults in the 33-bus network are inferred from
// meters and calls, and worked one after the other, the most customers first: every
// step within limits, no faulty line ever live, and in the end everything fed that
// can be.
func TestStormFromAlarmToRestored(t *testing.T) {
	normal, err := power.Read("example/networks/case33.m")
	if err != nil {
		t.Fatal(err)
	}
	homes(normal)
	broken := []int{9, 19, 25}
	state := normal.Clone()
	for _, i := range broken {
		state.Lines[i].SetClosed(false) // its fuse has blown; nobody has told
	}
	picture, err := outage.Infer(normal, reports(state, rand.New(rand.NewPCG(7, 1))))
	if err != nil || len(picture.Outages) != len(broken) {
		t.Fatalf("%+v, %v", picture, err)
	}
	start := time.Date(2026, 11, 30, 18, 0, 0, 0, time.UTC)
	now, steps := start, 0
	var interruptions []outage.Interruption
	o := restore.Options{Limits: switching.Standard(), AtEnds: true, Switchable: func(int) bool { return true }}
	for _, i := range broken {
		o.Tags = append(o.Tags, switching.Tag{Line: i, Reason: "faulty", By: "the crew"})
	}
	for _, out := range picture.Outages {
		if !slices.Contains(broken, out.Line) {
			t.Fatalf("%s is whole: %s", normal.Lines[out.Line].Name, out.Reason)
		}
		plan, err := restore.Restore(t.Context(), state, restore.Fault{Line: out.Line, Dark: out.Buses}, o)
		if err != nil {
			t.Fatal(err)
		}
		board := switching.NewBoard(state, o.Limits, o.Tags)
		for _, step := range plan.Order.Steps {
			_, before := switching.Fed(board.Network())
			after, err := board.Do(step.Action)
			if err != nil || len(after.Violations) > 0 || step.Why == "" {
				t.Fatalf("%s: %v, %+v", step.Text, err, after.Violations)
			}
			now = now.Add(5 * time.Minute)
			steps++
			interruptions = append(interruptions, outage.Interruption{Start: start, End: now, Customers: after.Customers - before})
		}
		state = board.Network()
	}
	fed, customers := switching.Fed(state)
	whole, all := switching.Fed(normal)
	if math.Abs(fed-whole) > 1 || customers != all {
		t.Errorf("%.0f of %.0f W fed, %d of %d customers", fed, whole, customers, all)
	}
	for _, i := range broken {
		if state.Lines[i].Closed() {
			t.Errorf("%s is closed again", state.Lines[i].Name)
		}
	}
	x, err := outage.Reliability(interruptions, start, start.AddDate(0, 0, 1), all, false)
	if err != nil || steps != 3 || x.SAIFI <= 0 || x.SAIDI <= 0 {
		t.Errorf("%d steps, %+v, %v", steps, x, err)
	}
}
