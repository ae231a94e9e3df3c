package settings

import (
	"math"

	"polity/services/power/flow"
	"polity/services/power/grid"
)

// device is a tap changer or a capacitor. Its levels count from 0: from the lowest
// tap upwards, or steps that are on, switched on in their order as controls do.
type device struct {
	element grid.Element
	winding int // of a transformer
	levels  int
	now     int // the nearest level
	bank    string
}

func (d *device) isTap() bool { return d.element.Kind == grid.TransformerKind }

// collect lists what may be set, in the network's order.
func collect(net *grid.Network, o Options) []device {
	may := o.Tap
	if may == nil {
		regulated := map[[2]int]bool{}
		for i := range net.Regulators {
			if r := &net.Regulators[i]; !r.OutOfService {
				regulated[[2]int{r.Transformer, r.TapWinding}] = true
			}
		}
		may = func(t, w int) bool { return regulated[[2]int{t, w}] }
	}
	top := net.Topology()
	var out []device
	for t := range net.Transformers {
		x := &net.Transformers[t]
		for w := range x.Windings {
			k := &x.Windings[w]
			if x.OutOfService || k.Steps <= 0 || !(k.MaxTap > k.MinTap) || !(k.MinTap > 0) || !top.BusLive(k.Bus) || !may(t, w) {
				continue
			}
			now := int(math.Round((k.Tap - k.MinTap) / k.Step()))
			out = append(out, device{grid.Element{Kind: grid.TransformerKind, Index: t}, w, k.Steps + 1, min(k.Steps, max(0, now)), x.Bank})
		}
	}
	for s := range net.Shunts {
		x := &net.Shunts[s]
		if x.Capacitor && len(x.Steps) > 0 && top.BusLive(x.At.Bus) && (o.Shunt == nil || o.Shunt(s)) {
			out = append(out, device{grid.Element{Kind: grid.ShuntKind, Index: s}, 0, len(x.Steps) + 1, x.On(), ""})
		}
	}
	return out
}

// tap is a level of a tap changer, per unit.
func (d *device) tap(net *grid.Network, level int) float64 {
	w := &net.Transformers[d.element.Index].Windings[d.winding]
	return min(w.MaxTap, w.MinTap+float64(level)*w.Step())
}

// put sets the device in a network.
func (d *device) put(net *grid.Network, level int) {
	if d.isTap() {
		net.Transformers[d.element.Index].Windings[d.winding].Tap = d.tap(net, level)
		return
	}
	steps := net.Shunts[d.element.Index].Steps
	for i := range steps {
		steps[i].On = i < level
	}
}

// move sets the device in a network and in its equations.
func (d *device) move(s *flow.Solver, net *grid.Network, level int) error {
	if d.isTap() {
		return s.SetTap(d.element.Index, d.winding, d.tap(net, level))
	}
	d.put(net, level)
	s.SetShunt(d.element.Index)
	return nil
}

func (d *device) setting(now, to *grid.Network) Setting {
	name, origin := now.Describe(d.element)
	out := Setting{Device: name, Origin: origin, Element: d.element, Winding: d.winding}
	if !d.isTap() {
		out.Now, out.To = now.Shunts[d.element.Index].On(), to.Shunts[d.element.Index].On()
		return out
	}
	a, b := &now.Transformers[d.element.Index].Windings[d.winding], &to.Transformers[d.element.Index].Windings[d.winding]
	out.Now, out.NowTap, out.To, out.ToTap = a.Position(), a.Tap, b.Position(), b.Tap
	if math.Abs(out.ToTap-out.NowTap) < 1e-9 {
		out.ToTap = out.NowTap // the same, but for the last digits of a step's size
	}
	return out
}
