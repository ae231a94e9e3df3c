package dss

import (
	"fmt"
	"math"
	"strings"

	"polity/services/power/grid"
)

// powerSpec says which properties a load's power was last given by.
type powerSpec uint8

const (
	byPF powerSpec = iota // kW and power factor
	byKvar
	byKVA
	byRating // connected transformer and allocation factor
	byEnergy // kWh and load factor
)

type load struct {
	basics
	phases             int
	bus                string
	kv                 float64
	spec               powerSpec
	kw, kvar, kva, pf  float64
	rating, allocation float64
	kwh, days, cFactor float64
	model              int
	delta              bool
	vMin, vMax, vLow   float64
	cvrWatts, cvrVars  float64
	zip                []float64
	fixed              bool
	customers          int
}

func newLoad(r *reader, name string) *load {
	return &load{
		basics: r.newBasics(name), phases: 3, kv: 12.47, kw: 10, kvar: 5, pf: 0.88, allocation: 0.5, days: 30, cFactor: 4, model: 1,
		vMin: 0.95, vMax: 1.05, vLow: 0.5, cvrWatts: 1, cvrVars: 2, customers: 1,
	}
}

func (*load) class() *class { return loadClass }

func (l *load) like(other object) { *l = *other.(*load) }

func (l *load) set(property string, v value) (err error) {
	number := map[string]struct {
		to   *float64
		spec powerSpec
		sets bool
	}{
		"kv": {to: &l.kv}, "kw": {&l.kw, byPF, true}, "pf": {to: &l.pf}, "kvar": {&l.kvar, byKvar, true}, "kva": {&l.kva, byKVA, true},
		"xfkva": {&l.rating, byRating, true}, "allocationfactor": {&l.allocation, byRating, true}, "kwh": {&l.kwh, byEnergy, true},
		"kwhdays": {&l.days, byEnergy, true}, "cfactor": {&l.cFactor, byEnergy, true}, "vminpu": {to: &l.vMin}, "vmaxpu": {to: &l.vMax},
		"vlowpu": {to: &l.vLow}, "cvrwatts": {to: &l.cvrWatts}, "cvrvars": {to: &l.cvrVars},
	}
	if n, ok := number[property]; ok {
		*n.to, err = v.number()
		if n.sets {
			l.spec = n.spec
			l.allocate()
		}
		if property == "pf" && err == nil && (l.pf == 0 || math.Abs(l.pf) > 1) {
			err = fmt.Errorf("power factor %g is not within -1 to 1 without 0", l.pf)
		}
		return err
	}
	switch property {
	case "phases":
		if l.phases, err = v.integer(); err == nil && (l.phases < 1 || l.phases > 3) {
			err = fmt.Errorf("%d phases; 1 to 3 are read", l.phases)
		}
	case "bus1":
		l.bus = v.lower()
	case "model":
		if l.model, err = v.integer(); err == nil && (l.model < 1 || l.model > 8) {
			err = fmt.Errorf("load model %d; 1 to 8 can be", l.model)
		}
	case "conn":
		l.delta, err = connection(v)
	case "status":
		l.fixed = strings.HasPrefix(v.lower(), "f") || strings.HasPrefix(v.lower(), "e")
	case "numcust":
		l.customers, err = v.integer()
	case "zipv":
		if l.zip, err = v.numbers(); err == nil && len(l.zip) != 7 {
			err = fmt.Errorf("ZIPV has %d numbers; 7 are right", len(l.zip))
		}
	}
	return err
}

// allocate computes kW where it follows from a transformer's rating or from
// energy. OpenDSS does so when one of these is set, with the power factor known
// then, and a rating of zero leaves kW as it was; so do we.
func (l *load) allocate() {
	switch {
	case l.spec == byRating && l.rating > 0:
		l.kw = l.rating * l.allocation * math.Abs(l.pf)
	case l.spec == byEnergy:
		l.kw = l.kwh / (l.days * 24) * l.cFactor
	}
}

// finish follows a line of properties: vars that were given become a power
// factor, which a later change of kW alone keeps.
func (l *load) finish() {
	if kva := math.Hypot(l.kw, l.kvar); l.spec == byKvar && kva > 0 && l.kw != 0 {
		l.pf = math.Copysign(l.kw/kva, l.kw*l.kvar)
		if l.kvar == 0 {
			l.pf = 1
		}
	}
}

// power returns kW and kvar.
func (l *load) power() (kw, kvar float64) {
	kw = l.kw
	switch l.spec {
	case byKvar:
		return kw, l.kvar
	case byKVA:
		kw = l.kva * math.Abs(l.pf)
	}
	return kw, math.Copysign(kw*math.Sqrt(1/(l.pf*l.pf)-1), kw*l.pf)
}

// conductors is how many a load or generator has: a neutral for wye, one more
// for one or two phases in delta.
func conductors(phases int, delta bool) int {
	if delta && phases == 3 {
		return 3
	}
	return phases + 1
}

func (l *load) build(r *reader, n *grid.Network) {
	at, ok := r.terminal(n, &l.basics, l.bus, l.phases, conductors(l.phases, l.delta), "bus1")
	if !ok {
		return
	}
	if !(l.kv > 0) {
		r.problem(&l.basics, "kV is %g; it must be above zero", l.kv)
		return
	}
	if l.spec == byRating && l.rating <= 0 {
		r.note(&l.basics, "xfkVA is 0, so that it draws %g kW, as in OpenDSS", l.kw)
	}
	kw, kvar := l.power()
	out := grid.Load{
		Name: "load." + l.name, Origin: l.origin, At: at, Phases: l.phases, Delta: l.delta, S: complex(kw, kvar) * 1000,
		Volts: grid.PhaseVolts(l.kv*1000, l.phases, l.delta), Model: grid.Model(l.model - 1), ExpP: l.cvrWatts, ExpQ: l.cvrVars,
		VMin: l.vMin, VMax: l.vMax, VLow: l.vLow, Fixed: l.fixed, Customers: l.customers,
	}
	if l.model == 8 {
		if len(l.zip) != 7 {
			r.problem(&l.basics, "model 8 needs ZIPV with 7 numbers")
			return
		}
		copy(out.ZIP[:], l.zip)
	}
	if !l.fixed {
		out.S *= complex(r.options.loadMult, 0)
	}
	n.Loads = append(n.Loads, out)
}

// generator is a Generator, PVSystem or Storage.
type generator struct {
	basics
	kind                       grid.GeneratorKind
	phases                     int
	bus                        string
	kv, kw, kvar, pf, kva      float64
	kvarGiven                  bool
	model                      int
	delta                      bool
	vMin, vMax, vHold          float64
	qMax, qMin                 float64
	irradiance, pmpp, pmppPart float64
	rated, charge, discharge   float64 // storage
	idle, stored, reserve      float64 // percent
	state                      string
	curve                      string
	kwGiven                    bool
}

func newGenerator(r *reader, name string, kind grid.GeneratorKind) *generator {
	g := &generator{
		basics: r.newBasics(name), kind: kind, phases: 3, kv: 12.47, kw: 1000, kvar: 60, pf: 0.88, model: 1, vMin: 0.9, vMax: 1.1, vHold: 1,
		irradiance: 1, pmpp: 500, pmppPart: 100, rated: 25, charge: 100, discharge: 100, idle: 1, stored: 100, reserve: 20, state: "idling",
	}
	if kind != grid.Machine {
		g.pf, g.kvar, g.kva, g.kw = 1, 0, 500, 0
	}
	if kind == grid.Storage {
		g.kva = 25
	}
	return g
}

func (g *generator) class() *class {
	return [...]*class{grid.Machine: generatorClass, grid.Solar: solarClass, grid.Storage: storageClass}[g.kind]
}

func (g *generator) like(other object) { *g = *other.(*generator) }

func (g *generator) set(property string, v value) (err error) {
	number := map[string]*float64{
		"kv": &g.kv, "kw": &g.kw, "kvar": &g.kvar, "pf": &g.pf, "kva": &g.kva, "vminpu": &g.vMin, "vmaxpu": &g.vMax, "vpu": &g.vHold,
		"maxkvar": &g.qMax, "minkvar": &g.qMin, "irradiance": &g.irradiance, "pmpp": &g.pmpp, "%pmpp": &g.pmppPart, "kwrated": &g.rated,
		"%charge": &g.charge, "%discharge": &g.discharge, "%idlingkw": &g.idle,
		"%stored": &g.stored, "%reserve": &g.reserve,
	}
	if to := number[property]; to != nil {
		if *to, err = v.number(); err != nil {
			return err
		}
		switch property {
		case "pf":
			g.kvarGiven = false
			if g.pf == 0 || math.Abs(g.pf) > 1 {
				return fmt.Errorf("power factor %g is not within -1 to 1 without 0", g.pf)
			}
		case "kvar":
			g.kvarGiven = true
		case "kw":
			g.kwGiven = true
			if g.kind == grid.Machine {
				g.kvarGiven = false
			}
		}
		return nil
	}
	switch property {
	case "phases":
		if g.phases, err = v.integer(); err == nil && (g.phases < 1 || g.phases > 3) {
			err = fmt.Errorf("%d phases; 1 to 3 are read", g.phases)
		}
	case "bus1":
		g.bus = v.lower()
	case "conn":
		g.delta, err = connection(v)
	case "model":
		g.model, err = v.integer()
	case "mva":
		g.kva, err = v.number()
		g.kva *= 1000
	case "%kwrated":
	case "state":
		g.state = v.lower()
	case "effcurve", "p-tcurve":
		g.curve = v.lower()
	}
	return err
}

// watts returns what it feeds in, in kW.
func (g *generator) watts() float64 {
	switch g.kind {
	case grid.Solar:
		return min(g.irradiance*g.pmpp*g.pmppPart/100, g.kva)
	case grid.Storage:
		switch { // a full battery does not charge, an empty one does not discharge
		case g.kwGiven && g.kw != 0:
			return g.kw
		case strings.HasPrefix(g.state, "d") && g.stored > g.reserve:
			return g.rated * g.discharge / 100
		case strings.HasPrefix(g.state, "c") && g.stored < 100:
			return -g.rated * g.charge / 100
		}
		return -g.rated * g.idle / 100
	}
	return g.kw
}

func (g *generator) build(r *reader, n *grid.Network) {
	at, ok := r.terminal(n, &g.basics, g.bus, g.phases, conductors(g.phases, g.delta), "bus1")
	if !ok {
		return
	}
	if !(g.kv > 0) {
		r.problem(&g.basics, "kV is %g; it must be above zero", g.kv)
		return
	}
	kw := g.watts()
	kvar := g.kvar
	if !g.kvarGiven {
		kvar = math.Copysign(math.Abs(kw)*math.Sqrt(1/(g.pf*g.pf)-1), kw*g.pf)
	}
	out := grid.Generator{
		Name: g.class().name + "." + g.name, Origin: g.origin, At: at, Phases: g.phases, Delta: g.delta, Kind: g.kind,
		S: complex(kw, kvar) * 1000, Volts: grid.PhaseVolts(g.kv*1000, g.phases, g.delta), VMin: g.vMin, VMax: g.vMax, RatedVA: g.kva * 1000,
	}
	if g.curve != "" {
		r.note(&g.basics, "its efficiency and temperature curves are left out: both count as 1")
	}
	if g.kind == grid.Machine {
		switch g.model {
		case 1:
		case 3:
			out.Hold, out.QMin, out.QMax = g.vHold, -2000*math.Abs(kvar), 2000*math.Abs(kvar)
			if g.qMin != 0 || g.qMax != 0 {
				out.QMin, out.QMax = g.qMin*1000, g.qMax*1000
			}
			out.S = complex(real(out.S), 0)
		default:
			r.problem(&g.basics, "generator model %d is not read; 1 is", g.model)
			return
		}
	}
	n.Generators = append(n.Generators, out)
}
