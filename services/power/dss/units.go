package dss

import "fmt"

// metres per unit of length; "none" has none.
var metres = map[string]float64{
	"none": 0, "mi": 1609.344, "kft": 304.8, "km": 1000, "m": 1, "ft": 0.3048, "in": 0.0254, "cm": 0.01, "mm": 0.001,
}

// unit reads a unit of length and returns its metres, 0 for none.
func (v value) unit() (float64, error) {
	name := v.lower()
	if m, ok := metres[name]; ok {
		return m, nil
	}
	for long, short := range map[string]string{"miles": "mi", "mile": "mi", "meter": "m", "meters": "m", "feet": "ft", "foot": "ft", "inch": "in", "kilometers": "km", "no": "none"} {
		if name == long {
			return metres[short], nil
		}
	}
	return 0, fmt.Errorf("%q is no unit of length (mi, kft, km, m, ft, in, cm, mm, none)", v.text)
}
