package dss

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"polity/services/power/grid"
)

type capacitor struct {
	basics
	bus    [2]string
	phases int
	kvar   []float64
	kv     float64
	delta  bool
	steps  int
	states []float64
	cuf    []float64
}

func newCapacitor(r *reader, name string) *capacitor {
	return &capacitor{basics: r.newBasics(name), phases: 3, kvar: []float64{1200}, kv: 12.47, steps: 1}
}

func (*capacitor) class() *class { return capacitorClass }

func (c *capacitor) like(other object) { *c = *other.(*capacitor) }

func (c *capacitor) set(property string, v value) (err error) {
	switch property {
	case "bus1":
		c.bus[0] = v.lower()
	case "bus2":
		c.bus[1] = v.lower()
	case "phases":
		if c.phases, err = v.integer(); err == nil && (c.phases < 1 || c.phases > 3) {
			err = fmt.Errorf("%d phases; 1 to 3 are read", c.phases)
		}
	case "kvar":
		c.kvar, err = v.numbers()
		c.cuf = nil
	case "kv":
		c.kv, err = v.number()
	case "conn":
		c.delta, err = connection(v)
	case "cuf":
		c.cuf, err = v.numbers()
	case "numsteps":
		if c.steps, err = v.integer(); err == nil && (c.steps < 1 || c.steps > 100) {
			err = fmt.Errorf("%d steps", c.steps)
		}
	case "states":
		c.states, err = v.numbers()
	case "r", "xl", "harm":
		var list []float64
		list, err = v.numbers()
		for _, f := range list {
			if f != 0 {
				return errors.New("filters are not read")
			}
		}
	case "cmatrix":
		return errors.New("not read; give kvar or cuf")
	}
	return err
}

func (c *capacitor) build(r *reader, n *grid.Network) {
	wide := c.phases
	if c.delta {
		wide = conductors(c.phases, true)
	}
	at, ok := r.terminal(n, &c.basics, c.bus[0], c.phases, wide, "bus1")
	if !ok {
		return
	}
	if !(c.kv > 0) || len(c.kvar) == 0 {
		r.problem(&c.basics, "kV and kvar must be given and kV above zero")
		return
	}
	out := grid.Shunt{Name: "capacitor." + c.name, Origin: c.origin, At: at, Phases: c.phases, Delta: c.delta, Capacitor: true}
	for i := range c.steps {
		var y complex128
		if len(c.cuf) > 0 {
			y = complex(0, 2*math.Pi*r.options.frequency*c.cuf[min(i, len(c.cuf)-1)]*1e-6)
		} else {
			share := 1.0
			if len(c.kvar) == 1 {
				share = float64(c.steps)
			}
			y = grid.Capacitance(c.kvar[min(i, len(c.kvar)-1)]*1000/share, c.kv*1000, c.phases, c.delta)
		}
		on := i >= len(c.states) || c.states[i] != 0
		out.Steps = append(out.Steps, grid.Step{Y: y, On: on})
	}
	if c.bus[1] != "" {
		low, ok := r.terminal(n, &c.basics, c.bus[1], c.phases, c.phases, "bus2")
		if !ok {
			return
		}
		out.Low, out.Capacitor = low, false
	}
	n.Shunts = append(n.Shunts, out)
}

type reactor struct {
	basics
	bus    [2]string
	phases int
	kvar   float64
	kv     float64
	delta  bool
	r, x   float64
	rp     float64
	given  bool
	r1, r0 []float64 // z1, z0
}

func newReactor(r *reader, name string) *reactor {
	return &reactor{basics: r.newBasics(name), phases: 3, kvar: 1200, kv: 12.47}
}

func (*reactor) class() *class { return reactorClass }

func (x *reactor) like(other object) { *x = *other.(*reactor) }

func (x *reactor) set(property string, v value) (err error) {
	number := map[string]*float64{"kvar": &x.kvar, "kv": &x.kv, "r": &x.r, "x": &x.x, "rp": &x.rp}
	if to := number[property]; to != nil {
		*to, err = v.number()
		x.given = x.given || property == "x"
		return err
	}
	switch property {
	case "bus1":
		x.bus[0] = v.lower()
	case "bus2":
		x.bus[1] = v.lower()
	case "phases":
		if x.phases, err = v.integer(); err == nil && (x.phases < 1 || x.phases > maxConductors) {
			err = fmt.Errorf("%d phases; 1 to %d can be", x.phases, maxConductors)
		}
	case "conn":
		x.delta, err = connection(v)
	case "lmh":
		var f float64
		f, err = v.number()
		x.x, x.given = 2*math.Pi*x.frequency*f/1000, true
	case "z1":
		x.r1, err = pair(v)
		x.given = true
	case "z0":
		x.r0, err = pair(v)
	case "z":
		var z []float64
		if z, err = pair(v); err == nil {
			x.r, x.x, x.given = z[0], z[1], true
		}
	case "parallel":
		var yes bool
		if yes, err = v.boolean(); yes {
			err = errors.New("not read")
		}
	case "rmatrix", "xmatrix", "z2", "rcurve", "lcurve":
		err = errors.New("not read; give r and x, kvar, or z1 and z0")
	}
	return err
}

// pair reads "[re, im]".
func pair(v value) ([]float64, error) {
	z, err := v.numbers()
	if err == nil && len(z) != 2 {
		err = fmt.Errorf("%q is not two numbers", v.text)
	}
	return z, err
}

// ohms is the impedance per phase.
func (x *reactor) ohms() complex128 {
	reactance := x.x
	if !x.given {
		volts := x.kv * 1000
		if !x.delta && (x.phases == 2 || x.phases == 3) {
			volts /= math.Sqrt(3)
		}
		reactance = volts * volts / (x.kvar * 1000 / float64(x.phases))
	}
	return complex(x.r, reactance)
}

func (x *reactor) build(r *reader, n *grid.Network) {
	wide := x.phases
	if x.delta {
		wide = conductors(x.phases, true)
	}
	at, ok := r.terminal(n, &x.basics, x.bus[0], x.phases, wide, "bus1")
	if !ok {
		return
	}
	z := x.ohms()
	matrix := grid.NewMatrix(x.phases)
	for i := range x.phases {
		matrix.Set(i, i, z)
	}
	if x.r1 != nil {
		zero := x.r0
		if zero == nil {
			zero = x.r1
		}
		matrix = grid.SequenceZ(complex(x.r1[0], x.r1[1]), complex(zero[0], zero[1]), x.phases)
		z = matrix.At(0, 0)
	}
	if z == 0 {
		r.problem(&x.basics, "its impedance is zero")
		return
	}
	if x.bus[1] != "" && !x.delta {
		low, ok := r.terminal(n, &x.basics, x.bus[1], x.phases, x.phases, "bus2")
		if !ok {
			return
		}
		if x.rp != 0 {
			r.problem(&x.basics, "Rp of a series reactor is not read")
			return
		}
		n.Lines = append(n.Lines, grid.Line{Name: "reactor." + x.name, Origin: x.origin, Ends: [2]grid.Terminal{at, low}, Z: matrix})
		return
	}
	y := 1 / z
	if x.rp > 0 {
		y += complex(1/x.rp, 0)
	}
	n.Shunts = append(n.Shunts, grid.Shunt{Name: "reactor." + x.name, Origin: x.origin, At: at, Phases: x.phases, Delta: x.delta, Steps: []grid.Step{{Y: y, On: true}}})
}

// fault is a short circuit through a resistance.
type fault struct {
	basics
	bus    [2]string
	phases int
	r      float64
}

func newFault(r *reader, name string) *fault {
	return &fault{basics: r.newBasics(name), phases: 1, r: 0.0001}
}

func (*fault) class() *class { return faultClass }

func (f *fault) like(other object) { *f = *other.(*fault) }

func (f *fault) set(property string, v value) (err error) {
	switch property {
	case "bus1":
		f.bus[0] = v.lower()
	case "bus2":
		f.bus[1] = v.lower()
	case "phases":
		if f.phases, err = v.integer(); err == nil && (f.phases < 1 || f.phases > maxConductors) {
			err = fmt.Errorf("%d phases", f.phases)
		}
	case "r":
		if f.r, err = v.number(); err == nil && !(f.r > 0) {
			err = fmt.Errorf("%g ohms is not above zero", f.r)
		}
	case "gmatrix":
		err = errors.New("not read; give r")
	}
	return err
}

func (f *fault) build(r *reader, n *grid.Network) {
	at, ok := r.terminal(n, &f.basics, f.bus[0], f.phases, f.phases, "bus1")
	if !ok {
		return
	}
	if f.bus[1] == "" {
		step := []grid.Step{{Y: complex(1/f.r, 0), On: true}}
		n.Shunts = append(n.Shunts, grid.Shunt{Name: "fault." + f.name, Origin: f.origin, At: at, Phases: f.phases, Steps: step})
		return
	}
	low, ok := r.terminal(n, &f.basics, f.bus[1], f.phases, f.phases, "bus2")
	if !ok {
		return
	}
	z := grid.NewMatrix(f.phases)
	for i := range f.phases {
		z.Set(i, i, complex(f.r, 0))
	}
	n.Lines = append(n.Lines, grid.Line{Name: "fault." + f.name, Origin: f.origin, Ends: [2]grid.Terminal{at, low}, Z: z})
}

// capacitorControl is a CapControl.
type capacitorControl struct {
	basics
	of, element              string
	terminal                 int
	watch                    string
	pt, ct, on, off          float64
	delay, delayOff, dead    float64
	override                 bool
	vMin, vMax, minVars      float64
	currentPhase, voltsPhase string
	bus                      string
}

func newCapacitorControl(r *reader, name string) *capacitorControl {
	return &capacitorControl{
		basics: r.newBasics(name), terminal: 1, watch: "current", pt: 60, ct: 60, on: 300, off: 200, delay: 15, delayOff: 15, dead: 300,
		vMin: 115, vMax: 126, minVars: 50, currentPhase: "1", voltsPhase: "1",
	}
}

func (*capacitorControl) class() *class { return capacitorControlClass }

func (c *capacitorControl) like(other object) { *c = *other.(*capacitorControl) }

func (c *capacitorControl) set(property string, v value) (err error) {
	number := map[string]*float64{
		"ptratio": &c.pt, "ctratio": &c.ct, "onsetting": &c.on, "offsetting": &c.off, "delay": &c.delay, "delayoff": &c.delayOff,
		"deadtime": &c.dead, "vmin": &c.vMin, "vmax": &c.vMax, "pctminkvar": &c.minVars,
	}
	if to := number[property]; to != nil {
		*to, err = v.number()
		return err
	}
	switch property {
	case "element":
		c.element = v.lower()
	case "terminal":
		c.terminal, err = v.integer()
	case "capacitor":
		c.of = strings.TrimPrefix(v.lower(), "capacitor.")
	case "type":
		c.watch = v.lower()
		if strings.HasPrefix(c.watch, "p") {
			c.on, c.off = 0.95, 1.05
		}
	case "voltoverride":
		c.override, err = v.boolean()
	case "ctphase":
		c.currentPhase = v.lower()
	case "ptphase":
		c.voltsPhase = v.lower()
	case "vbus":
		c.bus = v.lower()
	}
	return err
}

// phase reads a phase number or avg, max, min.
func phase(text string) (int, error) {
	switch {
	case strings.HasPrefix(text, "av"):
		return grid.AllPhases, nil
	case strings.HasPrefix(text, "ma"):
		return grid.MaxPhase, nil
	case strings.HasPrefix(text, "mi"):
		return grid.MinPhase, nil
	}
	n, err := value{text: text}.integer()
	if err == nil && n < 1 {
		err = fmt.Errorf("%d is no phase", n)
	}
	return n - 1, err
}

func (c *capacitorControl) build(r *reader, n *grid.Network) {
	out := grid.CapacitorControl{
		Name: "capcontrol." + c.name, Origin: c.origin, Shunt: -1, Terminal: c.terminal - 1, PTRatio: c.pt, CTRatio: c.ct, On: c.on, Off: c.off,
		Delay: c.delay, DelayOff: c.delayOff, DeadTime: c.dead, Override: c.override, VMin: c.vMin, VMax: c.vMax, MinVarsPart: c.minVars / 100,
	}
	for i := range n.Shunts {
		if n.Shunts[i].Name == "capacitor."+c.of {
			out.Shunt = i
		}
	}
	if out.Shunt < 0 {
		if o := r.objects["capacitor"][c.of]; o == nil || !o.common().disabled {
			r.problem(&c.basics, "there is no capacitor %q to control%s", c.of, r.hintName("capacitor", c.of))
		}
		return
	}
	watch := map[byte]grid.Quantity{'c': grid.WatchCurrent, 'v': grid.WatchVoltage, 'k': grid.WatchVars, 'p': grid.WatchPowerFactor, 't': grid.WatchTime}
	var known bool
	if out.Watch, known = watch[(c.watch + " ")[0]]; !known {
		r.problem(&c.basics, "type %q is not read (current, voltage, kvar, pf, time)", c.watch)
		return
	}
	var err error
	if out.CurrentPhase, err = phase(c.currentPhase); err == nil {
		out.VoltagePhase, err = phase(c.voltsPhase)
	}
	if err != nil {
		r.problem(&c.basics, "%v", err)
		return
	}
	if !c.find(r, n, &out) {
		return
	}
	if c.bus != "" && c.override {
		r.problem(&c.basics, "VBus is not read: the voltage is watched where the element is")
		return
	}
	n.CapacitorControls = append(n.CapacitorControls, out)
}

// find looks up the watched element; a control by the clock needs none.
func (c *capacitorControl) find(r *reader, n *grid.Network, out *grid.CapacitorControl) bool {
	if c.element == "" && out.Watch == grid.WatchTime {
		out.Element, out.Terminal = grid.Element{Kind: grid.ShuntKind, Index: out.Shunt}, 0
		return true
	}
	kinds := []struct {
		kind  grid.Kind
		count int
		ends  int
	}{{grid.LineKind, len(n.Lines), 2}, {grid.TransformerKind, len(n.Transformers), 2}, {grid.ShuntKind, len(n.Shunts), 1}}
	for _, k := range kinds {
		for i := range k.count {
			e := grid.Element{Kind: k.kind, Index: i}
			if name, _ := n.Describe(e); name != c.element {
				continue
			}
			if c.terminal < 1 || c.terminal > k.ends {
				r.problem(&c.basics, "%s has no terminal %d", c.element, c.terminal)
				return false
			}
			out.Element = e
			return true
		}
	}
	r.problem(&c.basics, "there is no element %q to watch", c.element)
	return false
}
