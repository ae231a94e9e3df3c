package pandapower

import (
	"fmt"
	"math"

	"polity/services/power/grid"
)

// winding makes one side of a transformer; balanced networks have the voltage to
// neutral and a third of the power.
func winding(bus int, kv, mva float64) grid.Winding {
	return grid.Winding{Terminal: terminal(bus), Volts: kv * 1000 / math.Sqrt(3), VA: mva * 1e6 / 3, Tap: 1, MinTap: 1, MaxTap: 1, NeutralOpen: true}
}

// noLoad is the core's admittance per unit: losses pfe_kw, current i0_percent.
func noLoad(pfeKW, i0Percent, mva float64) complex128 {
	g := pfeKW / 1000 / mva
	y := i0Percent / 100
	return complex(g, -math.Sqrt(math.Max(0, y*y-g*g)))
}

func (r *reader) readTransformers() {
	r.trafos = map[int]int{}
	r.each("trafo", func(t *table, row int) error {
		hv, err := r.bus(t, row, "hv_bus")
		if err != nil {
			return err
		}
		lv, err := r.bus(t, row, "lv_bus")
		if err != nil {
			return err
		}
		var v [5]float64
		for i, column := range []string{"sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent"} {
			if v[i], err = t.need(row, column); err != nil {
				return err
			}
		}
		mva, vk, vkr := v[0], v[3]/100, v[4]/100
		if !(mva > 0) || !(v[1] > 0) || !(v[2] > 0) || !(vk > 0) || vkr > vk {
			return fmt.Errorf("trafo %d: sn_mva %g, vn_hv_kv %g, vn_lv_kv %g, vk_percent %g, vkr_percent %g cannot be", t.index[row], v[0], v[1], v[2], v[3], v[4])
		}
		parallel := max(1, t.number(row, "parallel", 1))
		x := grid.Transformer{
			Name: fmt.Sprintf("trafo.%d", t.index[row]), Origin: r.origin(t, row), Phases: 1, Centred: true,
			Windings: []grid.Winding{winding(hv, v[1], mva*parallel), winding(lv, v[2], mva*parallel)},
			X:        []float64{math.Sqrt(vk*vk - vkr*vkr)}, NoLoad: noLoad(t.number(row, "pfe_kw", 0), t.number(row, "i0_percent", 0), mva),
			Shift: -t.number(row, "shift_degree", 0) * math.Pi / 180, OutOfService: !t.boolean(row, "in_service", true) || !r.busLive(hv) || !r.busLive(lv),
			RatedVA: mva * parallel * t.number(row, "df", 1) * 1e6,
		}
		x.Windings[0].R, x.Windings[1].R = vkr/2, vkr/2
		x.EmergencyVA = x.RatedVA
		if err := r.taps(t, row, &x); err != nil {
			return err
		}
		r.trafos[t.index[row]] = len(r.net.Transformers)
		r.net.Transformers = append(r.net.Transformers, x)
		return nil
	})
}

// taps sets the tap changer of a transformer.
func (r *reader) taps(t *table, row int, x *grid.Transformer) error {
	step := t.number(row, "tap_step_percent", 0) / 100
	position := t.number(row, "tap_pos", math.NaN())
	neutral := t.number(row, "tap_neutral", 0)
	side := t.text(row, "tap_side")
	if math.IsNaN(position) || side == "" {
		return nil
	}
	degrees := t.number(row, "tap_step_degree", 0)
	kind := t.text(row, "tap_changer_type")
	if t.boolean(row, "tap_phase_shifter", false) {
		kind = "Ideal"
	}
	if kind == "Tabular" || t.boolean(row, "tap_dependency_table", false) {
		return fmt.Errorf("%s %d: taps from a table are not read", t.name, t.index[row])
	}
	w, sign := &x.Windings[0], 1.0
	switch side {
	case "hv":
	case "lv":
		w, sign = &x.Windings[1], -1
	default:
		return fmt.Errorf("%s %d: tap_side %q is not read (hv, lv)", t.name, t.index[row], side)
	}
	if kind == "Ideal" {
		angle := degrees * math.Pi / 180
		if degrees == 0 {
			angle = 2 * math.Asin(step/2)
		}
		x.Shift -= sign * (position - neutral) * angle
		return nil
	}
	if step == 0 {
		return nil
	}
	if degrees == 0 {
		low, high := t.number(row, "tap_min", position), t.number(row, "tap_max", position)
		w.Tap, w.MinTap, w.MaxTap, w.Steps = 1+(position-neutral)*step, 1+(low-neutral)*step, 1+(high-neutral)*step, int(math.Abs(high-low))
		if w.MinTap > w.MaxTap {
			w.MinTap, w.MaxTap = w.MaxTap, w.MinTap
		}
		return nil
	}
	re, im := 1+(position-neutral)*step*math.Cos(degrees*math.Pi/180), (position-neutral)*step*math.Sin(degrees*math.Pi/180)
	w.Tap = math.Hypot(re, im)
	x.Shift -= sign * math.Atan2(im, re)
	return nil
}

// readTransformers3 reads transformers of three windings. The angles between
// these, which matter in meshes over several voltage levels only, are left out.
func (r *reader) readTransformers3() {
	r.three = map[int]int{}
	sides := []string{"hv", "mv", "lv"}
	r.each("trafo3w", func(t *table, row int) error {
		x := grid.Transformer{
			Name: fmt.Sprintf("trafo3w.%d", t.index[row]), Origin: r.origin(t, row), Phases: 1, OutOfService: !t.boolean(row, "in_service", true),
		}
		var mva, kv, vk, vkr [3]float64
		for i, side := range sides {
			bus, err := r.bus(t, row, side+"_bus")
			if err != nil {
				return err
			}
			for to, column := range map[*float64]string{&mva[i]: "sn_" + side + "_mva", &kv[i]: "vn_" + side + "_kv", &vk[i]: "vk_" + side + "_percent", &vkr[i]: "vkr_" + side + "_percent"} {
				if *to, err = t.need(row, column); err != nil {
					return err
				}
			}
			x.Windings = append(x.Windings, winding(bus, kv[i], mva[i]))
		}
		// vk_hv is between hv and mv, vk_mv between mv and lv, vk_lv between lv and hv,
		// each on the smaller rating of the two (pandapower, "Three Winding Transformer").
		pairs := [3][2]int{{0, 1}, {1, 2}, {2, 0}}
		var xp, rp [3]float64
		for i, p := range pairs {
			to := mva[0] / min(mva[p[0]], mva[p[1]]) / 100
			rp[i] = vkr[i] * to
			xp[i] = math.Sqrt(math.Max(0, vk[i]*vk[i]-vkr[i]*vkr[i])) * to
		}
		x.X = []float64{xp[0], xp[2], xp[1]}
		x.Windings[0].R, x.Windings[1].R, x.Windings[2].R = (rp[0]+rp[2]-rp[1])/2, (rp[0]+rp[1]-rp[2])/2, (rp[1]+rp[2]-rp[0])/2
		x.NoLoad = noLoad(t.number(row, "pfe_kw", 0), t.number(row, "i0_percent", 0), mva[0])
		x.RatedVA, x.EmergencyVA = mva[0]*1e6, mva[0]*1e6
		position, neutral := t.number(row, "tap_pos", math.NaN()), t.number(row, "tap_neutral", 0)
		if step := t.number(row, "tap_step_percent", 0) / 100; !math.IsNaN(position) && step != 0 {
			for i, side := range sides {
				if t.text(row, "tap_side") == side {
					x.Windings[i].Tap = 1 + (position-neutral)*step
				}
			}
		}
		r.three[t.index[row]] = len(r.net.Transformers)
		r.net.Transformers = append(r.net.Transformers, x)
		return nil
	})
}

func (r *reader) readLoads() {
	r.each("load", func(t *table, row int) error {
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		s := complex(t.number(row, "p_mw", 0), t.number(row, "q_mvar", 0)) * complex(t.number(row, "scaling", 1)*1e6, 0)
		l := r.load1(t, row, "load", bus, s)
		part := func(kind string, q string) float64 {
			return t.number(row, "const_"+kind+q+"percent", t.number(row, "const_"+kind+"percent", 0)) / 100
		}
		zp, ip, zq, iq := part("z_", "p_"), part("i_", "p_"), part("z_", "q_"), part("i_", "q_")
		if zp != 0 || ip != 0 || zq != 0 || iq != 0 {
			l.Model, l.ZIP = grid.Mixed, [7]float64{zp, ip, 1 - zp - ip, zq, iq, 1 - zq - iq}
		}
		r.net.Loads = append(r.net.Loads, l)
		return nil
	})
	r.each("motor", func(t *table, row int) error {
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		mech := t.number(row, "pn_mech_mw", 0) * t.number(row, "scaling", 1) * t.number(row, "loading_percent", 100) / t.number(row, "efficiency_percent", 100)
		cos := t.number(row, "cos_phi", 1)
		s := complex(mech, mech*math.Tan(math.Acos(cos))) * 1e6
		r.net.Loads = append(r.net.Loads, r.load1(t, row, "motor", bus, s))
		return nil
	})
	r.each("storage", func(t *table, row int) error {
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		s := complex(t.number(row, "p_mw", 0), t.number(row, "q_mvar", 0)) * complex(t.number(row, "scaling", 1)*1e6, 0)
		g := r.generator(t, row, bus, -s)
		g.Kind = grid.Storage
		r.net.Generators = append(r.net.Generators, g)
		return nil
	})
}

func (r *reader) load1(t *table, row int, kind string, bus int, s complex128) grid.Load {
	return grid.Load{
		Name: fmt.Sprintf("%s.%d", kind, t.index[row]), Origin: r.origin(t, row), At: terminal(bus), Phases: 1, S: s, Volts: r.phaseVolts(bus),
		OutOfService: !t.boolean(row, "in_service", true) || !r.busLive(bus), Customers: 1,
	}
}

func (r *reader) generator(t *table, row, bus int, s complex128) grid.Generator {
	return grid.Generator{
		Name: fmt.Sprintf("%s.%d", t.name, t.index[row]), Origin: r.origin(t, row), At: terminal(bus), Phases: 1, S: s, Volts: r.phaseVolts(bus),
		RatedVA: t.number(row, "sn_mva", 0) * 1e6, OutOfService: !t.boolean(row, "in_service", true) || !r.busLive(bus),
	}
}

func (r *reader) readGenerators() {
	r.each("sgen", func(t *table, row int) error {
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		s := complex(t.number(row, "p_mw", 0), t.number(row, "q_mvar", 0)) * complex(t.number(row, "scaling", 1)*1e6, 0)
		g := r.generator(t, row, bus, s)
		if kind := t.text(row, "type"); kind == "PV" || kind == "pv" || kind == "solar" {
			g.Kind = grid.Solar
		}
		r.net.Generators = append(r.net.Generators, g)
		return nil
	})
	r.each("gen", func(t *table, row int) error {
		if t.boolean(row, "slack", false) {
			return nil
		}
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		g := r.generator(t, row, bus, complex(t.number(row, "p_mw", 0)*t.number(row, "scaling", 1)*1e6, 0))
		g.Hold = t.number(row, "vm_pu", 1) // limits of vars are not enforced, as in runpp's default
		r.net.Generators = append(r.net.Generators, g)
		return nil
	})
}

func (r *reader) readShunts() {
	r.each("shunt", func(t *table, row int) error {
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		kv := t.number(row, "vn_kv", r.net.Buses[bus].BaseKV) * 1000
		p, q := t.number(row, "p_mw", 0)*1e6, t.number(row, "q_mvar", 0)*1e6
		s := grid.Shunt{
			Name: fmt.Sprintf("shunt.%d", t.index[row]), Origin: r.origin(t, row), At: grid.Terminal{Bus: bus, Nodes: []int{1}}, Phases: 1, Capacitor: q < 0,
		}
		live := t.boolean(row, "in_service", true) && r.busLive(bus)
		on, most := int(t.number(row, "step", 1)), int(t.number(row, "max_step", 1))
		for i := range max(on, most, 1) {
			s.Steps = append(s.Steps, grid.Step{Y: complex(p, -q) / complex(kv*kv, 0), On: live && i < on})
		}
		r.net.Shunts = append(r.net.Shunts, s)
		return nil
	})
}

// readWards reads wards: a constant power and a constant impedance.
func (r *reader) readWards() {
	r.each("ward", func(t *table, row int) error {
		bus, err := r.bus(t, row, "bus")
		if err != nil {
			return err
		}
		power := r.load1(t, row, "ward", bus, complex(t.number(row, "ps_mw", 0), t.number(row, "qs_mvar", 0))*1e6)
		impedance := r.load1(t, row, "ward-z", bus, complex(t.number(row, "pz_mw", 0), t.number(row, "qz_mvar", 0))*1e6)
		impedance.Model = grid.ConstantImpedance
		r.net.Loads = append(r.net.Loads, power, impedance)
		return nil
	})
}

// readImpedances reads per-unit impedances between buses of one voltage.
func (r *reader) readImpedances() {
	r.each("impedance", func(t *table, row int) error {
		from, err := r.bus(t, row, "from_bus")
		if err != nil {
			return err
		}
		to, err := r.bus(t, row, "to_bus")
		if err != nil {
			return err
		}
		rf, xf := t.number(row, "rft_pu", 0), t.number(row, "xft_pu", 0)
		if t.number(row, "rtf_pu", rf) != rf || t.number(row, "xtf_pu", xf) != xf || t.number(row, "gf_pu", 0) != 0 || t.number(row, "bf_pu", 0) != 0 {
			return fmt.Errorf("impedance %d: one that differs by direction or has shunts is not read", t.index[row])
		}
		if a, b := r.net.Buses[from].BaseKV, r.net.Buses[to].BaseKV; a != b {
			return fmt.Errorf("impedance %d joins %g kV to %g kV: that is not read", t.index[row], a, b)
		}
		kv := r.net.Buses[from].BaseKV
		mva, err := t.need(row, "sn_mva")
		if err != nil {
			return err
		}
		l := grid.Line{
			Name: fmt.Sprintf("impedance.%d", t.index[row]), Origin: r.origin(t, row), Z: scalar(complex(rf, xf) * complex(kv*kv/mva, 0)),
			Ends: [2]grid.Terminal{{Bus: from, Nodes: []int{1}}, {Bus: to, Nodes: []int{1}}},
		}
		l.SetClosed(t.boolean(row, "in_service", true))
		r.net.Lines = append(r.net.Lines, l)
		return nil
	})
}
