package dss

import (
	"math"
	"strings"
)

// commandOpen opens or closes conductors: class.name, terminal, conductor (0:
// all).
func (r *reader) commandOpen(params []parameter, open bool) {
	class, name, ok := split(params)
	o, isLine := r.find(class, name).(*line)
	if !ok || !isLine {
		r.fail("only lines can be opened and closed here; there is no line %s.%s", class, name)
		return
	}
	terminal, conductor := 1, 0
	for i, p := range params[1:] {
		n, err := p.value.integer()
		switch {
		case err != nil:
			r.fail("%w", err)
			return
		case strings.HasPrefix(p.name, "t") || (p.name == "" && i == 0):
			terminal = n
		default:
			conductor = n
		}
	}
	if terminal < 1 || terminal > 2 || conductor < 0 || conductor > 30 {
		r.fail("line %s has terminals 1 and 2, not %d", name, terminal)
		return
	}
	mask := uint32(math.MaxUint32)
	if conductor > 0 {
		mask = 1 << (conductor - 1)
	}
	if open {
		o.open[terminal-1] |= mask
	} else {
		o.open[terminal-1] &^= mask
	}
}

func (r *reader) commandEnable(params []parameter, on bool) {
	class, name, ok := split(params)
	if ok && leftOut[class] {
		return
	}
	if name == "*" {
		for _, o := range r.ordered[class] {
			o.common().disabled = !on
		}
		return
	}
	o := r.find(class, name)
	if !ok || o == nil {
		r.fail("there is no %s.%s", class, name)
		return
	}
	o.common().disabled = !on
}

// commandBatch edits all objects of a class whose names match a pattern; only
// ".*" (all of them) and plain beginnings are understood.
func (r *reader) commandBatch(params []parameter) {
	class, pattern, ok := split(params)
	if ok && leftOut[class] {
		return
	}
	prefix, all := strings.CutSuffix(pattern, ".*")
	if !ok || !all || strings.ContainsAny(prefix, `.*+?[](){}|^$\`) {
		r.fail("of BatchEdit only class..* and class.beginning.* are read")
		return
	}
	for _, o := range r.ordered[class] {
		if strings.HasPrefix(o.common().name, prefix) {
			r.edit(o, params[1:])
		}
	}
}
