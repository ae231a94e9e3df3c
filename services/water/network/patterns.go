package network

import (
	"strconv"
	"strings"
	"time"

	"polity/city"
)

// Patterns returns the multipliers of every pattern, and how long each holds.
func (f *File) Patterns() (patterns map[string][]float64, step time.Duration, err error) {
	patterns, step = map[string][]float64{}, time.Hour // EPANET's default
	for _, row := range f.Look("PATTERNS").Rows() {
		for _, field := range row.Fields[1:] {
			v, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return nil, 0, city.Errorf(city.Invalid, "%s:%d: pattern %s has %q, which is not a number", f.Name, row.Number, row.Fields[0], field)
			}
			patterns[row.Fields[0]] = append(patterns[row.Fields[0]], v)
		}
	}
	for _, row := range f.Look("TIMES").Rows() {
		if len(row.Fields) > 2 && strings.EqualFold(row.Fields[0], "PATTERN") && strings.EqualFold(row.Fields[1], "TIMESTEP") {
			if step, err = Clock(row.Fields[2:]); err != nil || step <= 0 {
				return nil, 0, city.Errorf(city.Invalid, "%s:%d: pattern time step %q is no duration above 0 such as 0:05", f.Name, row.Number, strings.Join(row.Fields[2:], " "))
			}
		}
	}
	return patterns, step, nil
}

// Clock reads a duration as EPANET writes it: hours ("1.5"), hours and minutes
// ("1:30"), or a number with a unit ("90 MIN").
func Clock(fields []string) (time.Duration, error) {
	parts := strings.Split(fields[0], ":")
	units := []time.Duration{time.Hour, time.Minute, time.Second}
	if len(parts) > len(units) {
		return 0, strconv.ErrSyntax
	}
	if len(parts) == 1 && len(fields) > 1 {
		switch unit := strings.ToUpper(fields[1]); {
		case strings.HasPrefix(unit, "SEC"):
			units[0] = time.Second
		case strings.HasPrefix(unit, "MIN"):
			units[0] = time.Minute
		case strings.HasPrefix(unit, "DAY"):
			units[0] = 24 * time.Hour
		}
	}
	total := 0.0
	for i, p := range parts {
		v, err := strconv.ParseFloat(p, 64)
		if err != nil {
			return 0, err
		}
		total += v * float64(units[i])
	}
	return time.Duration(total), nil
}

// Sensors are the instruments that a file names in the comments of its nodes and
// links, as BattLeDIM's does.
type Sensors struct {
	Pressure, Demand, Level []string // nodes
	Flow                    []string // links
}

// Sensors reads them.
func (f *File) Sensors() Sensors {
	var s Sensors
	for _, section := range []string{"JUNCTIONS", "TANKS", "PIPES", "PUMPS", "VALVES"} {
		for _, l := range f.Look(section).Lines {
			text, comment, _ := strings.Cut(l.Text, ";")
			fields := strings.Fields(text)
			if len(fields) == 0 {
				continue
			}
			for word, list := range map[string]*[]string{
				"PRESSURE SENSOR": &s.Pressure, "AMR": &s.Demand, "LEVEL SENSOR": &s.Level, "FLOW SENSOR": &s.Flow,
			} {
				if strings.Contains(strings.ToUpper(comment), word) {
					*list = append(*list, fields[0])
				}
			}
		}
	}
	return s
}
