package dss

import (
	"fmt"
	"strings"
)

// property runs "class.name.property=value more=…", and "~property=value".
func (r *reader) property(params []parameter) {
	name := params[0].name
	if rest, ok := strings.CutPrefix(name, "~"); ok {
		params[0].name = rest
		r.commandMore(params)
		return
	}
	parts := strings.Split(name, ".")
	if len(parts) < 3 {
		r.fail("%q is neither a command nor class.name.property", clip(name))
		return
	}
	class, element, property := parts[0], strings.Join(parts[1:len(parts)-1], "."), parts[len(parts)-1]
	if leftOut[class] {
		return
	}
	o := r.find(class, element)
	if o == nil {
		r.fail("there is no %s.%s", class, element)
		return
	}
	r.active = o
	params[0].name = property
	r.edit(o, params)
}

// find returns an object, or nil.
func (r *reader) find(class, name string) object {
	if class == "circuit" {
		class, name = "vsource", "source"
	}
	return r.objects[class][name]
}

// split reads "class.name" from the first parameter, which may be called object.
func split(params []parameter) (class, name string, ok bool) {
	if len(params) == 0 || (params[0].name != "" && params[0].name != "object" && params[0].name != "element") {
		return "", "", false
	}
	class, name, ok = strings.Cut(params[0].value.lower(), ".")
	return class, name, ok && name != ""
}

func (r *reader) commandNew(params []parameter) {
	class, name, ok := split(params)
	if !ok {
		r.fail("after 'New' comes class.name")
		return
	}
	if leftOut[class] {
		r.left[class]++
		r.active = nil
		return
	}
	if class == "circuit" {
		r.clear()
		r.circuit = newSource(r, "source")
		r.circuit.circuit = name
		r.register("vsource", r.circuit)
		r.edit(r.circuit, params[1:])
		return
	}
	c, known := classes[class]
	switch {
	case !known:
		r.fail("element class %q is not among those that are read (%s)%s", class, strings.Join(classNames(), ", "), hint(class, classNames()))
		r.active = &discard{}
		return
	case r.circuit == nil:
		r.fail("%s.%s stands before 'New Circuit'", class, name)
		return
	case r.objects[class][name] != nil:
		r.fail("%s.%s is defined a second time; the first is at %s", class, name, r.objects[class][name].common().origin)
		return
	}
	o := c.make(r, name)
	r.register(class, o)
	r.edit(o, params[1:])
}

func (r *reader) register(class string, o object) {
	if r.objects[class] == nil {
		r.objects[class] = map[string]object{}
	}
	r.objects[class][o.common().name] = o
	r.ordered[class] = append(r.ordered[class], o)
	r.active = o
}

func (r *reader) commandEdit(params []parameter) {
	class, name, ok := split(params)
	if ok && leftOut[class] {
		return
	}
	o := r.find(class, name)
	if !ok || o == nil {
		r.fail("after 'Edit' comes class.name of something that is there; %s.%s is not", class, name)
		return
	}
	r.active = o
	r.edit(o, params[1:])
}

func (r *reader) commandMore(params []parameter) {
	if r.active != nil {
		r.edit(r.active, params)
	}
}

// edit sets properties in the order in which they stand; a value without a name
// belongs to the property after the last one.
func (r *reader) edit(o object, params []parameter) {
	class := o.class()
	if class == nil {
		return
	}
	if f, ok := o.(interface{ finish() }); ok {
		defer f.finish()
	}
	next := 0
	for _, p := range params {
		at := next
		if p.name != "" {
			if at = class.index(p.name); at < 0 {
				r.fail("%s has no property %q%s", class.name, p.name, hint(p.name, class.properties))
				continue
			}
		}
		if at >= len(class.properties) {
			r.fail("%s.%s: %q stands where no further property follows", class.name, o.common().name, clip(p.value.text))
			return
		}
		next = at + 1
		property := class.properties[at]
		if err := r.set(o, property, p.value); err != nil {
			r.fail("%s.%s: %s: %w", class.name, o.common().name, property, err)
		}
	}
}

func (r *reader) set(o object, property string, v value) error {
	c := o.common()
	switch property {
	case "enabled":
		on, err := v.boolean()
		c.disabled = !on
		return err
	case "basefreq":
		f, err := v.number()
		c.frequency = f
		return err
	case "like":
		other := r.objects[o.class().name][v.lower()]
		if other == nil || other == o {
			return fmt.Errorf("there is no %s.%s to be like", o.class().name, v.lower())
		}
		origin, name := c.origin, c.name
		o.like(other)
		c.origin, c.name = origin, name
		return nil
	}
	if o.class().inert[property] {
		return nil
	}
	return o.set(property, v)
}
