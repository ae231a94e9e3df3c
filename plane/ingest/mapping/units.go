package mapping

import (
	"fmt"

	"polity/city"
)

// Unit is a code of UN/CEFACT Recommendation 20, such as CEL for degrees Celsius.
type Unit string

// symbols are what people write in place of codes, with the code that is meant (UN/CEFACT
// Recommendation 20, annexes I to III).
var symbols = map[string]string{
	"°C": "CEL", "C": "CEL", "celsius": "CEL", "K": "KEL", "%": "P1", "ppm": "59", "ppb": "61", "µg/m³": "GQ", "ug/m3": "GQ", "mg/m³": "GP", "mg/m3": "GP",
	"hPa": "A97", "Pa": "PAL", "kPa": "KPA", "bar": "BAR", "mbar": "MBR", "m": "MTR", "mm": "MMT", "cm": "CMT", "km": "KMT", "m/s": "MTS", "km/h": "KMH",
	"W": "WTT", "kW": "KWT", "Wh": "WHR", "kWh": "KWH", "V": "VLT", "mV": "2Z", "A": "AMP", "mA": "4K", "Hz": "HTZ", "lx": "LUX", "dB": "2N", "dBm": "DBM",
	"l": "LTR", "L": "LTR", "m³": "MTQ", "m3": "MTQ", "l/s": "G51", "m³/h": "MQH", "m3/h": "MQH", "s": "SEC", "min": "MIN", "h": "HUR", "°": "DD", "kg": "KGM", "g": "GRM",
	"mm/h": "H67", "W/m²": "D54", "W/m2": "D54", "count": "C62", "1": "C62",
}

// UnmarshalText refuses what has not the form of a code, and says which is meant.
func (u *Unit) UnmarshalText(b []byte) error {
	s := string(b)
	if code, ok := symbols[s]; ok && !isCode(s) {
		return fmt.Errorf("the unit %q is no UN/CEFACT code; write %s", s, code)
	}
	if !isCode(s) {
		return city.Errorf(city.Invalid, "the unit %q is no UN/CEFACT code of two or three capitals and digits, such as CEL for degrees Celsius (Recommendation 20)", s)
	}
	*u = Unit(s)
	return nil
}

func isCode(s string) bool {
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return len(s) == 2 || len(s) == 3
}
