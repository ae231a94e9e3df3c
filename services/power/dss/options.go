package dss

import (
	"fmt"
	"slices"
	"strings"
)

// options are what 'Set' says.
type options struct {
	frequency   float64
	bases       []float64
	controlOff  bool
	carson      bool // the earth's return after Carson, else after Deri
	maxControl  int
	loadMult    float64
	coordinates map[string][2]float64
}

func (r *reader) commandSet(params []parameter) {
	for _, p := range params {
		if err := r.option(p); err != nil {
			r.fail("set %s: %w", p.name, err)
		}
	}
}

// inertOptions change nothing in a snapshot's equations.
var inertOptions = []string{
	"mode", "number", "stepsize", "h", "hour", "sec", "time", "year", "datapath", "casename", "tolerance", "maxiterations", "maxiter",
	"algorithm", "markercode", "nodewidth", "marktransformers", "markregulators", "markcapacitors", "markswitches", "markpvsystems",
	"markstorage", "markfuses", "markreclosers", "markrelays", "marktrmarkersize", "overloadreport", "voltexceptionreport", "voltexcept",
	"demandinterval", "demand", "diverbose", "trapezoidal", "editor", "emergvminpu", "emergvmaxpu", "normvminpu", "normvmaxpu",
	"allowduplicates", "longlinecorrection", "random", "showexport", "numallociterations", "recorder", "debugtrace",
	"query", "miniterations", "samplemeters", "totaltime", "terminal", "object", "element", "class", "bus", "type", "circuit", "editor",
	"genkw", "genpf", "capkvar", "addtype", "cktmodel", "pricesignal", "pricecurve", "percentgrowth", "%growth", "genmult", "ueweight",
	"lossweight", "transmarkercode", "transmarkersize", "daisysize", "reduceoption", "keeplist", "keepload", "zmag", "registryupdate",
	"trmarkersize", "bemarkersize", "seasonrating", "seasonsignal", "neglectloady", "ldcurve", "zonelock", "logevents", "averagenodes",
}

func (r *reader) option(p parameter) error {
	number := func(to *float64) error {
		f, err := p.value.number()
		if err == nil && !(f > 0) {
			err = fmt.Errorf("%g is not above zero", f)
		}
		*to = f
		return err
	}
	switch p.name {
	case "defaultbasefrequency", "defaultbasefreq", "frequency":
		return number(&r.options.frequency)
	case "loadmult":
		return number(&r.options.loadMult)
	case "voltagebases":
		bases, err := p.value.numbers()
		r.options.bases = slices.DeleteFunc(bases, func(f float64) bool { return !(f > 0) })
		return err
	case "controlmode":
		r.options.controlOff = strings.HasPrefix(p.value.lower(), "off")
		return nil
	case "earthmodel":
		switch name := p.value.lower(); {
		case strings.HasPrefix(name, "c"):
			r.options.carson = true
		case strings.HasPrefix(name, "d"):
			r.options.carson = false
		default:
			return fmt.Errorf("%q is neither Deri nor Carson", clip(p.value.text))
		}
		return nil
	case "maxcontroliter", "maxcontroliterations":
		n, err := p.value.integer()
		r.options.maxControl = n
		return err
	}
	if slices.Contains(inertOptions, p.name) {
		return nil
	}
	return fmt.Errorf("unknown option%s", hint(p.name, append([]string{"defaultbasefrequency", "loadmult", "voltagebases", "controlmode", "maxcontroliter", "earthmodel"}, inertOptions...)))
}
