package switching

import (
	"fmt"
	"math/cmplx"

	"polity/services/power/flow"
	"polity/services/power/grid"
)

// Device is a breaker, recloser or fuse in a line: it trips above its pickup.
type Device struct {
	Line   int
	Pickup float64 // amperes
}

// A device must not trip on load, with the first margin, and must see the smallest
// short circuit in its zone, with the second: factors as distribution overcurrent
// protection usually keeps (IEEE Std C37.230 discusses them).
const (
	loadMargin  = 1.2
	reachMargin = 1.5
)

func abs(c complex128) float64 { return cmplx.Abs(c) }

// protect checks that devices carry the load without tripping and see every short
// circuit up to the next device.
func protect(r *flow.Result, devices []Device) []Violation {
	if len(devices) == 0 {
		return nil
	}
	net := r.Network()
	var out []Violation
	amps := map[int]float64{}
	r.Branches(func(b *flow.Branch) {
		if b.Kind == grid.LineKind {
			amps[b.Index] = b.Amperes()
		}
	})
	short, err := flow.NewShortCircuit(net)
	if err != nil {
		return []Violation{{Element: net.Name, Text: fmt.Sprintf("Short-circuit currents cannot be computed: %v.", err)}}
	}
	zones := protectionZones(r, devices)
	for k, d := range devices {
		name := net.Lines[d.Line].Name
		load, live := amps[d.Line]
		if !live {
			continue
		}
		if load*loadMargin > d.Pickup {
			out = append(out, Violation{name, load, d.Pickup / loadMargin, fmt.Sprintf("%s carries %.0f A and trips at %.0f A: too near.", name, load, d.Pickup)})
		}
		for _, bus := range zones[k] {
			least, ok := short.Least(bus)
			if ok && least < d.Pickup*reachMargin {
				text := fmt.Sprintf("%s trips at %.0f A and may not see a short circuit at bus %s, which draws %.0f A.", name, d.Pickup, net.Buses[bus].Name, least)
				out = append(out, Violation{name, least, d.Pickup * reachMargin, text})
				break
			}
		}
	}
	return out
}

// protectionZones lists for each device the buses behind it, as power comes from
// the sources, up to the next device.
func protectionZones(r *flow.Result, devices []Device) [][]int {
	net, top := r.Network(), r.Topology()
	device := map[int]int{}
	for k, d := range devices {
		device[d.Line] = k
	}
	type link struct{ bus, device int }
	next := make([][]link, len(net.Buses))
	join := func(a, b, d int) {
		next[a] = append(next[a], link{b, d})
		next[b] = append(next[b], link{a, d})
	}
	for i := range net.Lines {
		if l := &net.Lines[i]; l.Closed() {
			d, ok := device[i]
			if !ok {
				d = -1
			}
			join(l.Ends[0].Bus, l.Ends[1].Bus, d)
		}
	}
	for i := range net.Transformers {
		if t := &net.Transformers[i]; !t.OutOfService {
			for w := 1; w < len(t.Windings); w++ {
				join(t.Windings[0].Bus, t.Windings[w].Bus, -1)
			}
		}
	}
	zones := make([][]int, len(devices))
	zone := make([]int, len(net.Buses))
	seen := make([]bool, len(net.Buses))
	var queue []int
	for i := range net.Sources {
		if s := &net.Sources[i]; !s.OutOf && !seen[s.At.Bus] {
			seen[s.At.Bus], zone[s.At.Bus] = true, -1
			queue = append(queue, s.At.Bus)
		}
	}
	for len(queue) > 0 {
		bus := queue[0]
		queue = queue[1:]
		for _, l := range next[bus] {
			if seen[l.bus] || !top.BusLive(l.bus) {
				continue
			}
			seen[l.bus], zone[l.bus] = true, zone[bus]
			if l.device >= 0 {
				zone[l.bus] = l.device
			}
			if z := zone[l.bus]; z >= 0 {
				zones[z] = append(zones[z], l.bus)
			}
			queue = append(queue, l.bus)
		}
	}
	return zones
}
