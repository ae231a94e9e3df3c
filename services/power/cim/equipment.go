package cim

import (
	"math"
	"math/cmplx"
	"slices"
	"strings"

	"polity/services/power/grid"
)

// switchOhms stands for a switch without impedance, which the equations cannot have.
const switchOhms = 1e-6

// harmless is equipment that changes nothing in a power flow.
func harmless(class string) bool {
	return slices.Contains([]string{"BusbarSection", "Junction", "Ground", "GroundDisconnector", "PetersenCoil", "GroundingImpedance", "ConnectivityNode", "Clamp"}, class)
}

// readEquipment makes elements of all equipment that has terminals.
func (r *reader) readEquipment() {
	for _, o := range r.list {
		var err error
		switch o.class {
		case "ACLineSegment":
			err = r.line(o, "line", complex(r.value(o, 0, "ACLineSegment.r"), r.value(o, 0, "ACLineSegment.x")), complex(r.value(o, 0, "ACLineSegment.gch"), r.value(o, 0, "ACLineSegment.bch")))
		case "SeriesCompensator":
			err = r.line(o, "line", complex(r.value(o, 0, "SeriesCompensator.r"), r.value(o, 0, "SeriesCompensator.x")), 0)
		case "EquivalentBranch":
			err = r.line(o, "line", complex(r.value(o, 0, "EquivalentBranch.r"), r.value(o, 0, "EquivalentBranch.x")), 0)
		case "Breaker", "Disconnector", "LoadBreakSwitch", "Switch", "Fuse", "Sectionaliser", "Recloser", "Jumper", "Cut", "DisconnectingCircuitBreaker":
			err = r.line(o, "switch", switchOhms, 0)
		case "PowerTransformer":
			err = r.transformer(o)
		case "EnergyConsumer", "ConformLoad", "NonConformLoad", "StationSupply":
			err = r.load(o, complex(r.value(o, 0, "EnergyConsumer.p", "EnergyConsumer.pfixed"), r.value(o, 0, "EnergyConsumer.q", "EnergyConsumer.qfixed")))
		case "AsynchronousMachine":
			err = r.load(o, complex(r.value(o, 0, "RotatingMachine.p"), r.value(o, 0, "RotatingMachine.q")))
		case "SynchronousMachine", "ExternalNetworkInjection", "EnergySource":
			// readSources decides what they are
		case "EquivalentInjection":
			err = r.feed(o, complex(r.value(o, 0, "EquivalentInjection.p"), r.value(o, 0, "EquivalentInjection.q")))
		case "PowerElectronicsConnection":
			err = r.feed(o, complex(r.value(o, 0, "PowerElectronicsConnection.p"), r.value(o, 0, "PowerElectronicsConnection.q")))
		case "LinearShuntCompensator":
			err = r.shunt(o)
		default:
			if len(r.terminals[o.id]) > 0 && !harmless(o.class) {
				err = wrong(o, "equipment of this class is not read")
			}
		}
		r.fail(err)
	}
}

func scalar(z complex128) grid.Matrix {
	m := grid.NewMatrix(1)
	m.Set(0, 0, z)
	return m
}

// inService says whether equipment is (CGMES 3; all older models' is).
func inService(o *object) bool { return o.is(true, "Equipment.inService") }

func (r *reader) line(o *object, kind string, z, shunt complex128) error {
	buses, connected, err := r.ends(o, 2)
	if err != nil {
		return err
	}
	km := r.value(o, 0, "Conductor.length")
	l := grid.Line{
		Name: r.unique(kind, o), Origin: o.origin, Metres: km * 1000, Z: scalar(z), Shunt: scalar(shunt), Switch: kind == "switch",
		Ends: [2]grid.Terminal{{Bus: buses[0], Nodes: []int{1}}, {Bus: buses[1], Nodes: []int{1}}},
	}
	l.RatedA, l.EmergencyA = r.ratings(o)
	for end, on := range connected {
		if !on {
			l.Open[end], l.Switch = 1, true
		}
	}
	if (kind == "switch" && o.is(false, "Switch.open", "Switch.normalOpen")) || !inService(o) {
		l.SetClosed(false)
	}
	r.net.Lines = append(r.net.Lines, l)
	return nil
}

// transformer reads two or three windings: impedances and magnetising admittances in
// ohms and siemens on each end's own voltage (IEC 61970-301, PowerTransformerEnd).
func (r *reader) transformer(o *object) error {
	ends := slices.Clone(r.ofOwner[o.id])
	number := func(e *object) float64 { return r.value(e, 0, "TransformerEnd.endNumber") }
	slices.SortStableFunc(ends, func(a, b *object) int { return int(number(a) - number(b)) })
	if len(ends) != 2 && len(ends) != 3 {
		return wrong(o, "it has %d windings; 2 or 3 are read", len(ends))
	}
	mva := r.value(ends[0], 0, "PowerTransformerEnd.ratedS")
	x := grid.Transformer{Name: r.unique("transformer", o), Origin: o.origin, Phases: 1, OutOfService: !inService(o), RatedVA: mva * 1e6, EmergencyVA: mva * 1e6}
	if mva == 0 {
		mva = 100 // no rating is known: any base will do
	}
	var reactance []float64
	for i, e := range ends {
		kv := r.value(e, 0, "PowerTransformerEnd.ratedU")
		t := r.ref(e, "TransformerEnd.Terminal")
		if t == nil || !(kv > 0) {
			return wrong(e, "it has no terminal, or ratedU %g kV is not above zero", kv)
		}
		bus, connected, err := r.bus(t)
		if err != nil {
			return err
		}
		x.OutOfService = x.OutOfService || !connected
		base := kv * kv / mva
		w := grid.Winding{
			Terminal: grid.Terminal{Bus: bus, Nodes: []int{1, grid.Earth}}, Volts: kv * 1000 / math.Sqrt(3), VA: mva * 1e6 / 3, Tap: 1, MinTap: 1, MaxTap: 1,
			NeutralOpen: true, R: r.value(e, 0, "PowerTransformerEnd.r") / base,
		}
		reactance = append(reactance, r.value(e, 0, "PowerTransformerEnd.x")/base)
		if y := complex(r.value(e, 0, "PowerTransformerEnd.g"), r.value(e, 0, "PowerTransformerEnd.b")) * complex(base, 0); y != 0 {
			if x.NoLoad != 0 {
				return wrong(o, "more than one of its ends has a magnetising admittance")
			}
			x.NoLoad, x.NoLoadAt = y, i
		}
		if err := r.taps(e, &w); err != nil {
			return err
		}
		x.Windings = append(x.Windings, w)
	}
	if len(ends) == 2 {
		x.X = []float64{reactance[0] + reactance[1]}
		clock := r.value(ends[1], 0, "PowerTransformerEnd.phaseAngleClock") - r.value(ends[0], 0, "PowerTransformerEnd.phaseAngleClock")
		x.Shift = -clock * math.Pi / 6
	} else {
		x.X = []float64{reactance[0] + reactance[1], reactance[0] + reactance[2], reactance[1] + reactance[2]}
	}
	r.net.Transformers = append(r.net.Transformers, x)
	return nil
}

// taps sets the ratio tap changer of an end. One that shifts the phase is read at its
// neutral step only.
func (r *reader) taps(end *object, w *grid.Winding) error {
	for _, o := range r.ofOwner[end.id] {
		neutral := r.value(o, 0, "TapChanger.neutralStep")
		step := r.value(o, neutral, "TapChanger.step", "TapChanger.normalStep")
		if o.class != "RatioTapChanger" {
			if step != neutral {
				return wrong(o, "phase shifters off their neutral step are not read")
			}
			continue
		}
		low, high, part := r.value(o, step, "TapChanger.lowStep"), r.value(o, step, "TapChanger.highStep"), r.value(o, 0, "RatioTapChanger.stepVoltageIncrement")/100
		if low > high || high-low > 1000 {
			return wrong(o, "steps from %g to %g cannot be", low, high)
		}
		w.Tap, w.MinTap, w.MaxTap, w.Steps = 1+(step-neutral)*part, 1+(low-neutral)*part, 1+(high-neutral)*part, int(high-low)
		if w.MinTap > w.MaxTap {
			w.MinTap, w.MaxTap = w.MaxTap, w.MinTap
		}
		if !(w.Tap > 0) {
			return wrong(o, "step %g makes a ratio of %g", step, w.Tap)
		}
	}
	return nil
}

// one returns the bus of equipment with a single terminal, and whether it works.
func (r *reader) one(o *object) (int, bool, error) {
	buses, connected, err := r.ends(o, 1)
	if err != nil {
		return 0, false, err
	}
	return buses[0], connected[0] && inService(o), nil
}

func (r *reader) phaseVolts(bus int) float64 { return r.net.Buses[bus].BaseKV * 1000 / math.Sqrt(3) }

func (r *reader) load(o *object, mva complex128) error {
	bus, on, err := r.one(o)
	if err != nil {
		return err
	}
	l := grid.Load{
		Name: r.unique("load", o), Origin: o.origin, At: grid.Terminal{Bus: bus, Nodes: []int{1, grid.Earth}}, Phases: 1, S: mva * 1e6, Volts: r.phaseVolts(bus),
		OutOfService: !on, Customers: int(r.value(o, 1, "EnergyConsumer.customerCount")),
	}
	if c := r.ref(o, "EnergyConsumer.LoadResponse"); c != nil {
		part := func(key string) float64 { return r.value(c, 0, "LoadResponseCharacteristic."+key) }
		if c.is(false, "LoadResponseCharacteristic.exponentModel") {
			l.Model, l.ExpP, l.ExpQ = grid.Exponential, part("pVoltageExponent"), part("qVoltageExponent")
		} else {
			l.Model = grid.Mixed
			l.ZIP = [7]float64{part("pConstantImpedance"), part("pConstantCurrent"), part("pConstantPower"), part("qConstantImpedance"), part("qConstantCurrent"), part("qConstantPower")}
			if p, q := l.ZIP[0]+l.ZIP[1]+l.ZIP[2], l.ZIP[3]+l.ZIP[4]+l.ZIP[5]; math.Abs(p-1) > 1e-3 || math.Abs(q-1) > 1e-3 {
				return wrong(c, "its parts sum to %g and %g, not to 1", p, q)
			}
		}
	}
	r.net.Loads = append(r.net.Loads, l)
	return nil
}

// feed makes a generator; powers in CIM are positive into the equipment.
func (r *reader) feed(o *object, mva complex128) error {
	bus, on, err := r.one(o)
	if err != nil {
		return err
	}
	r.net.Generators = append(r.net.Generators, grid.Generator{
		Name: r.unique("generator", o), Origin: o.origin, At: grid.Terminal{Bus: bus, Nodes: []int{1, grid.Earth}}, Phases: 1, S: -mva * 1e6,
		Volts: r.phaseVolts(bus), OutOfService: !on, RatedVA: 1e6 * r.value(o, 0, "RotatingMachine.ratedS", "PowerElectronicsConnection.ratedS"),
	})
	return nil
}

func (r *reader) shunt(o *object) error {
	bus, on, err := r.one(o)
	if err != nil {
		return err
	}
	y := complex(r.value(o, 0, "LinearShuntCompensator.gPerSection"), r.value(o, 0, "LinearShuntCompensator.bPerSection"))
	sections := r.value(o, 0, "ShuntCompensator.sections", "SvShuntCompensatorSections.sections", "ShuntCompensator.normalSections")
	count := max(r.value(o, 1, "ShuntCompensator.maximumSections"), sections)
	if sections < 0 || count > 1000 || sections != math.Trunc(sections) {
		return wrong(o, "%g of %g sections cannot be", sections, count)
	}
	s := grid.Shunt{Name: r.unique("shunt", o), Origin: o.origin, At: grid.Terminal{Bus: bus, Nodes: []int{1}}, Phases: 1, Capacitor: imag(y) > 0}
	for i := range int(count) {
		s.Steps = append(s.Steps, grid.Step{Y: y, On: on && i < int(sections)})
	}
	r.net.Shunts = append(r.net.Shunts, s)
	return nil
}

// readSources decides which machine or injection holds the voltage: those with the
// first reference priority; without any, sources and external networks do.
func (r *reader) readSources() {
	first := math.Inf(1)
	priority := func(o *object) float64 {
		return r.value(o, 0, "SynchronousMachine.referencePriority", "ExternalNetworkInjection.referencePriority")
	}
	var list []*object
	for _, o := range r.list {
		switch o.class {
		case "SynchronousMachine", "ExternalNetworkInjection", "EnergySource":
			list = append(list, o)
			if p := priority(o); p > 0 {
				first = min(first, p)
			}
		}
	}
	for _, o := range list {
		holds := priority(o) == first || (math.IsInf(first, 1) && o.class != "SynchronousMachine")
		if holds {
			r.fail(r.source(o))
			continue
		}
		err := r.feed(o, complex(r.value(o, 0, "RotatingMachine.p", "ExternalNetworkInjection.p", "EnergySource.activePower"), r.value(o, 0, "RotatingMachine.q", "ExternalNetworkInjection.q", "EnergySource.reactivePower")))
		if r.fail(err); err == nil {
			g := &r.net.Generators[len(r.net.Generators)-1]
			if kv, ok := r.target(o); ok {
				g.Hold = kv / r.net.Buses[g.At.Bus].BaseKV
			}
		}
	}
}

// target is the voltage (kV) that a machine or injection is told to hold.
func (r *reader) target(o *object) (float64, bool) {
	c := r.ref(o, "RegulatingCondEq.RegulatingControl")
	if c == nil || !strings.HasSuffix(c.values["RegulatingControl.mode"], "voltage") || !c.is(true, "RegulatingControl.enabled") || !o.is(true, "RegulatingCondEq.controlEnabled") {
		return 0, false
	}
	kv := r.value(c, 0, "RegulatingControl.targetValue")
	return kv, kv > 0
}

func (r *reader) source(o *object) error {
	bus, on, err := r.one(o)
	if err != nil {
		return err
	}
	kv, degrees := r.net.Buses[bus].BaseKV, 0.0
	if v := r.value(o, 0, "EnergySource.voltageMagnitude"); v > 0 {
		kv, degrees = v, r.value(o, 0, "EnergySource.voltageAngle")*180/math.Pi
	} else if v, ok := r.target(o); ok {
		kv = v
	} else if v := r.voltages[r.terminals[o.id][0].values["Terminal.TopologicalNode"]]; v > 0 {
		kv = v
	}
	r.net.Sources = append(r.net.Sources, grid.Source{
		Name: r.unique("source", o), Origin: o.origin, At: grid.Terminal{Bus: bus, Nodes: []int{1}}, OutOf: !on,
		V: []complex128{cmplx.Rect(kv*1000/math.Sqrt(3), degrees*math.Pi/180)},
	})
	return nil
}
