package dss

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"polity/services/power/grid"
)

// windingSpec is one winding as a script defines it.
type windingSpec struct {
	bus            string
	delta          bool
	kv, kva        float64
	r              float64 // per unit
	tap            float64
	minTap, maxTap float64
	steps          int
	rNeutral       float64 // below zero: open
	xNeutral       float64
}

// windings are what transformers and transformer codes share.
type windings struct {
	phases            int
	list              []windingSpec
	active            int
	xhl, xht, xlt     float64
	xsc               []float64
	noLoad, magnetise float64 // percent
	antiFloat         float64
	normal, emergency float64 // kVA
	lowLeads          bool
}

func defaultWinding() windingSpec {
	return windingSpec{kv: 12.47, kva: 1000, r: 0.002, tap: 1, minTap: 0.9, maxTap: 1.1, steps: 32, rNeutral: -1}
}

func defaultWindings() windings {
	return windings{phases: 3, list: []windingSpec{defaultWinding(), defaultWinding()}, xhl: 0.07, xht: 0.35, xlt: 0.30, antiFloat: 1e-6, normal: 1100, emergency: 1500}
}

func (w *windings) copy() windings {
	c := *w
	c.list, c.xsc = append([]windingSpec(nil), w.list...), append([]float64(nil), w.xsc...)
	return c
}

func (w *windings) now() *windingSpec { return &w.list[w.active] }

// setKVA sets a rating: the first winding's is also the others', and in a
// transformer of two windings either's is both's.
func (w *windings) setKVA(i int, kva float64) {
	w.list[i].kva = kva
	switch {
	case i == 0:
		for k := range w.list {
			w.list[k].kva = kva
		}
	case len(w.list) == 2:
		w.list[0].kva = kva
	}
	w.normal, w.emergency = 1.1*w.list[0].kva, 1.5*w.list[0].kva
}

func connection(v value) (delta bool, err error) {
	switch name := v.lower(); {
	case strings.HasPrefix(name, "d"), name == "ll":
		return true, nil
	case strings.HasPrefix(name, "w"), strings.HasPrefix(name, "y"), name == "ln":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither wye nor delta", v.text)
}

// each sets one thing per winding from a list.
func (w *windings) each(v value, f func(i int, v value) error) error {
	list := v.list()
	if len(list) > len(w.list) {
		return fmt.Errorf("%d values for %d windings", len(list), len(w.list))
	}
	for i, e := range list {
		if err := f(i, e); err != nil {
			return err
		}
	}
	return nil
}

func (w *windings) set(property string, v value) (done bool, err error) {
	scalar := map[string]*float64{
		"kv": &w.now().kv, "tap": &w.now().tap, "rneut": &w.now().rNeutral, "xneut": &w.now().xNeutral, "%noloadloss": &w.noLoad,
		"%imag": &w.magnetise, "normhkva": &w.normal, "emerghkva": &w.emergency, "maxtap": &w.now().maxTap, "mintap": &w.now().minTap,
	}
	percent := map[string]*float64{"%r": &w.now().r, "xhl": &w.xhl, "x12": &w.xhl, "xht": &w.xht, "x13": &w.xht, "xlt": &w.xlt, "x23": &w.xlt}
	number := func(to *float64, factor float64) func(value) error {
		return func(v value) error { f, err := v.number(); *to = f * factor; return err }
	}
	switch {
	case scalar[property] != nil:
		return true, number(scalar[property], 1)(v)
	case percent[property] != nil:
		if strings.HasPrefix(property, "x") {
			w.xsc = nil
		}
		return true, number(percent[property], 0.01)(v)
	}
	switch property {
	case "phases":
		if w.phases, err = v.integer(); err == nil && (w.phases < 1 || w.phases > 3) {
			err = fmt.Errorf("%d phases; 1 to 3 are read", w.phases)
		}
	case "windings":
		var n int
		if n, err = v.integer(); err == nil && (n < 2 || n > 10) {
			err = fmt.Errorf("%d windings; 2 to 10 can be", n)
		}
		if err == nil {
			w.list, w.active, w.xsc = make([]windingSpec, n), 0, nil
			for i := range w.list {
				w.list[i] = defaultWinding()
			}
		}
	case "wdg":
		var n int
		if n, err = v.integer(); err == nil && (n < 1 || n > len(w.list)) {
			err = fmt.Errorf("winding %d of %d", n, len(w.list))
		}
		if err == nil {
			w.active = n - 1
		}
	case "conn":
		w.now().delta, err = connection(v)
	case "conns":
		err = w.each(v, func(i int, v value) (err error) { w.list[i].delta, err = connection(v); return err })
	case "kva":
		var f float64
		f, err = v.number()
		w.setKVA(w.active, f)
	case "kvas":
		err = w.each(v, func(i int, v value) error { f, err := v.number(); w.list[i].kva = f; return err })
		w.normal, w.emergency = 1.1*w.list[0].kva, 1.5*w.list[0].kva
	case "kvs":
		err = w.each(v, func(i int, v value) error { return number(&w.list[i].kv, 1)(v) })
	case "taps":
		err = w.each(v, func(i int, v value) error { return number(&w.list[i].tap, 1)(v) })
	case "%rs":
		err = w.each(v, func(i int, v value) error { return number(&w.list[i].r, 0.01)(v) })
	case "%loadloss":
		var f float64
		f, err = v.number()
		w.list[0].r, w.list[1].r = f/200, f/200
	case "xscarray":
		w.xsc, err = v.numbers()
		for i := range w.xsc {
			w.xsc[i] /= 100
		}
	case "numtaps":
		w.now().steps, err = v.integer()
	case "ppm_antifloat":
		err = number(&w.antiFloat, 1e-6)(v)
	default:
		return false, nil
	}
	return true, err
}

// reactances returns X between all pairs of windings.
func (w *windings) reactances() ([]float64, error) {
	n := len(w.list)
	pairs := n * (n - 1) / 2
	switch {
	case len(w.xsc) > 0 && len(w.xsc) < pairs:
		return nil, fmt.Errorf("XscArray has %d values; %d windings need %d", len(w.xsc), n, pairs)
	case len(w.xsc) > 0:
		return w.xsc[:pairs], nil
	case n > 3:
		x := make([]float64, pairs)
		for i := range x {
			x[i] = 0.30
		}
		return x, nil
	}
	return []float64{w.xhl, w.xht, w.xlt}[:pairs], nil
}

type transformerCode struct {
	basics
	windings
}

func newTransformerCode(r *reader, name string) *transformerCode {
	return &transformerCode{basics: r.newBasics(name), windings: defaultWindings()}
}

func (*transformerCode) class() *class { return transformerCodeClass }

func (t *transformerCode) like(other object) {
	o := other.(*transformerCode)
	t.basics, t.windings = o.basics, o.windings.copy()
}

func (t *transformerCode) set(property string, v value) error {
	_, err := t.windings.set(property, v)
	return err
}

type transformer struct {
	basics
	windings
	r    *reader
	bank string
}

func newTransformer(r *reader, name string) *transformer {
	return &transformer{basics: r.newBasics(name), windings: defaultWindings(), r: r}
}

func (*transformer) class() *class { return transformerClass }

func (t *transformer) like(other object) {
	o := other.(*transformer)
	t.basics, t.windings, t.bank = o.basics, o.windings.copy(), o.bank
}

func (t *transformer) set(property string, v value) error {
	if done, err := t.windings.set(property, v); done {
		return err
	}
	switch property {
	case "bus":
		t.now().bus = v.lower()
	case "buses":
		return t.each(v, func(i int, v value) error { t.list[i].bus = v.lower(); return nil })
	case "bank":
		t.bank = v.lower()
	case "leadlag":
		t.lowLeads = v.lower() == "lead" || v.lower() == "euro"
	case "xfmrcode":
		code, ok := t.r.objects["xfmrcode"][v.lower()].(*transformerCode)
		if !ok {
			return fmt.Errorf("there is no xfmrcode %q%s", v.lower(), t.r.hintName("xfmrcode", v.lower()))
		}
		buses := t.list
		t.windings = code.windings.copy()
		t.active = 0
		for i := range min(len(buses), len(t.list)) {
			t.list[i].bus = buses[i].bus
		}
	default:
		return errors.New("not read")
	}
	return nil
}

func (t *transformer) build(r *reader, n *grid.Network) {
	out := grid.Transformer{
		Name: "transformer." + t.name, Origin: t.origin, Phases: t.phases, AntiFloat: t.antiFloat, NoLoadAt: 1, Bank: t.bank, LowLeads: t.lowLeads,
		NoLoad: complex(t.noLoad/100, -t.magnetise/100), RatedVA: t.normal * 1000, EmergencyVA: t.emergency * 1000,
	}
	var err error
	if out.X, err = t.reactances(); err != nil {
		r.problem(&t.basics, "%v", err)
		return
	}
	for i, w := range t.list {
		at, ok := r.terminal(n, &t.basics, w.bus, t.phases, t.phases+1, fmt.Sprintf("winding %d", i+1))
		if !ok {
			return
		}
		if !(w.kv > 0) || !(w.kva > 0) {
			r.problem(&t.basics, "winding %d has %g kV and %g kVA; both must be above zero", i+1, w.kv, w.kva)
			return
		}
		winding := grid.Winding{
			Terminal: at, Delta: w.delta, Volts: w.kv * 1000, VA: w.kva * 1000, R: w.r, Tap: w.tap, MinTap: w.minTap, MaxTap: w.maxTap,
			Steps: w.steps, NeutralOpen: w.rNeutral < 0, NeutralZ: complex(math.Max(0, w.rNeutral), w.xNeutral),
		}
		out.Windings = append(out.Windings, winding)
	}
	n.Transformers = append(n.Transformers, out)
}

// regulator is a RegControl.
type regulator struct {
	basics
	of                       string
	winding, tapWinding      int
	target, band             float64
	pt, ct, r, x             float64
	bus                      string
	delay                    float64
	reversible, neutral      bool
	revTarget, revBand       float64
	revR, revX, revThreshold float64
	maxChange                int
	limit                    float64
	phase                    string
	remotePT                 float64
	tap                      *int
	unread                   string // a property that changes what it does and is not read
}

func newRegulator(r *reader, name string) *regulator {
	return &regulator{
		basics: r.newBasics(name), winding: 1, target: 120, band: 3, pt: 60, ct: 300, delay: 15, revTarget: 120, revBand: 3,
		revThreshold: 100, maxChange: 16, phase: "1",
	}
}

func (*regulator) class() *class { return regulatorClass }

func (g *regulator) like(other object) { *g = *other.(*regulator) }

func (g *regulator) set(property string, v value) (err error) {
	number := map[string]*float64{
		"vreg": &g.target, "band": &g.band, "ptratio": &g.pt, "ctprim": &g.ct, "r": &g.r, "x": &g.x, "delay": &g.delay, "revvreg": &g.revTarget,
		"revband": &g.revBand, "revr": &g.revR, "revx": &g.revX, "vlimit": &g.limit, "revthreshold": &g.revThreshold, "remoteptratio": &g.remotePT,
	}
	if number[property] != nil {
		*number[property], err = v.number()
		return err
	}
	switch property {
	case "transformer":
		g.of = strings.TrimPrefix(v.lower(), "transformer.")
	case "winding":
		g.winding, err = v.integer()
	case "tapwinding":
		g.tapWinding, err = v.integer()
	case "bus":
		g.bus = v.lower()
	case "reversible":
		g.reversible, err = v.boolean()
	case "revneutral":
		g.neutral, err = v.boolean()
	case "maxtapchange":
		g.maxChange, err = v.integer()
	case "ptphase":
		g.phase = v.lower()
	case "tapnum":
		var n int
		n, err = v.integer()
		g.tap = &n
	case "inversetime", "cogen":
		var yes bool
		if yes, err = v.boolean(); yes {
			g.unread = property
		}
	case "ldc_z", "rev_z":
		var f float64
		if f, err = v.number(); f != 0 {
			g.unread = property
		}
	}
	return err
}

func (g *regulator) build(r *reader, n *grid.Network) {
	if g.unread != "" {
		r.problem(&g.basics, "%s is not read; its taps would come out wrong", g.unread)
		return
	}
	index := -1
	for i := range n.Transformers {
		if n.Transformers[i].Name == "transformer."+g.of {
			index = i
		}
	}
	if index < 0 {
		if o := r.objects["transformer"][g.of]; o == nil || !o.common().disabled {
			r.problem(&g.basics, "there is no transformer %q to regulate%s", g.of, r.hintName("transformer", g.of))
		}
		return
	}
	t := &n.Transformers[index]
	tapWinding := g.tapWinding
	if tapWinding == 0 {
		tapWinding = g.winding
	}
	if g.winding < 1 || g.winding > len(t.Windings) || tapWinding < 1 || tapWinding > len(t.Windings) {
		r.problem(&g.basics, "%s has %d windings, not %d", t.Name, len(t.Windings), max(g.winding, tapWinding))
		return
	}
	if !(g.pt > 0) || !(g.ct > 0) || t.Windings[tapWinding-1].Steps <= 0 {
		r.problem(&g.basics, "ptratio and ctprim must be above zero and the winding must have taps")
		return
	}
	out := grid.Regulator{
		Name: "regcontrol." + g.name, Origin: g.origin, Transformer: index, Winding: g.winding - 1, TapWinding: tapWinding - 1,
		Target: g.target, Band: g.band, PTRatio: g.pt, CTRating: g.ct, R: g.r, X: g.x, Delay: g.delay, MaxSteps: g.maxChange, Limit: g.limit,
		Reversible: g.reversible, ReverseNeutral: g.neutral, ReverseTarget: g.revTarget, ReverseBand: g.revBand, ReverseR: g.revR,
		ReverseX: g.revX, ReverseThreshold: g.revThreshold * 1000, RemotePT: cmpOr(g.remotePT, g.pt),
	}
	switch g.phase {
	case "max":
		out.Phase = grid.MaxPhase
	case "min":
		out.Phase = grid.MinPhase
	default:
		p, err := value{text: g.phase}.integer()
		if err != nil || p < 1 {
			r.problem(&g.basics, "PTphase %q is no phase", g.phase)
			return
		}
		if out.Phase = p - 1; p > t.Phases {
			out.Phase = 0
		}
	}
	if g.bus != "" {
		at, ok := r.terminal(n, &g.basics, g.bus, 1, 2, "bus")
		if !ok {
			return
		}
		out.RegulatedAt = &at
	}
	if g.tap != nil {
		t.Windings[out.TapWinding].SetPosition(*g.tap)
	}
	n.Regulators = append(n.Regulators, out)
}
