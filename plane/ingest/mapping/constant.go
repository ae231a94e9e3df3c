package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"

	"polity/plane"
)

// Constant is an attribute that no message brings: it is the same for all devices, or
// said per device. A value is a number, true or false, or a text. Constants have no time
// and no history.
type Constant struct {
	Name     string         `yaml:"name"`
	Value    any            `yaml:"value"`
	OfDevice map[string]any `yaml:"of_device"` // goes before Value
	Unit     Unit           `yaml:"unit"`      // of numbers
}

const maxConstant = 512 // bytes of a text

// constant is a value as JSON, or why it can be none.
func constant(v any) (json.RawMessage, string) {
	switch x := v.(type) {
	case bool, int, int64, uint64:
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, "is no number that there is"
		}
	case string:
		if x == "" || len(x) > maxConstant || !utf8.ValidString(x) || bytes.ContainsFunc([]byte(x), unicode.IsControl) {
			return nil, fmt.Sprintf("is no text of 1 to %d bytes in one line", maxConstant)
		}
	default:
		return nil, "is neither a number, nor true or false, nor a text"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err.Error()
	}
	return text, ""
}

// of is the attribute for a device, and false if there is none.
func (c *Constant) of(device string) (plane.Attribute, bool) {
	v, ok := c.OfDevice[device]
	if !ok {
		v = c.Value
	}
	text, why := constant(v)
	return plane.Attribute{Name: c.Name, Kind: plane.Property, Value: text, Unit: string(c.Unit)}, why == ""
}

func (m *Mapping) checkConstants(seen map[string]bool, w *wrongs) {
	for i := range m.Constants {
		c := &m.Constants[i]
		at := fmt.Sprintf("constants[%d]", i)
		switch {
		case !attributeForm.MatchString(c.Name):
			w.add(at, "the name %q is no attribute's name such as simulated", c.Name)
		case c.Name == plane.Location || c.Name == "type" || c.Name == "id" || seen[c.Name]:
			w.add(at+".name", "the name %s is taken", c.Name)
		case c.Value == nil && len(c.OfDevice) == 0:
			w.add(at, "the constant %s has no value", c.Name)
		case len(c.OfDevice) > 0 && m.Household:
			w.add(at+".of_device", "nothing is said of the meters of households")
		}
		seen[c.Name] = true
		if c.Value != nil {
			if _, why := constant(c.Value); why != "" {
				w.add(at+".value", "%v %s", c.Value, why)
			}
		}
		for device, v := range c.OfDevice {
			if err := CheckDevice(device); err != nil {
				w.add(at+".of_device", "%v", err)
			}
			if _, why := constant(v); why != "" {
				w.add(at+".of_device", "%s: %v %s", device, v, why)
			}
		}
	}
}

// constants sets those of the reading's device.
func (m *Mapping) constants(r *Reading) {
	for i := range m.Constants {
		if a, ok := m.Constants[i].of(r.Device); ok {
			r.Entity.Set(a)
		}
	}
}

// ConstantsOf are the attributes of an area of households that no message brings.
func (m *Mapping) ConstantsOf() (list []plane.Attribute) {
	for i := range m.Constants {
		if a, ok := m.Constants[i].of(""); ok {
			list = append(list, a)
		}
	}
	return list
}
