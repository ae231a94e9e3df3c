package network

import (
	"strings"
	"time"
)

// Use gives what junctions use by the file: base demands and their patterns.
type Use struct {
	n        *Network
	patterns map[string][]float64
	step     time.Duration
	standard string
}

// Use reads patterns and options. Errors are of kind city.Invalid and name the line.
func (n *Network) Use() (*Use, error) {
	u := &Use{n: n, standard: "1"} // EPANET 2.2 User Manual, [OPTIONS] PATTERN
	var err error
	if u.patterns, u.step, err = n.File.Patterns(); err != nil {
		return nil, err
	}
	for _, row := range n.File.Look("OPTIONS").Rows() {
		if len(row.Fields) > 1 && strings.EqualFold(row.Fields[0], "PATTERN") {
			u.standard = row.Fields[1]
		}
	}
	return u, nil
}

// Mean is a node's mean demand over an hour that begins since the start of the
// patterns, in m³/h.
func (u *Use) Mean(node int, since time.Duration) float64 {
	sum := 0.0
	for _, d := range u.n.Nodes[node].Demands {
		name := d.Pattern
		if name == "" {
			name = u.standard
		}
		sum += d.Base * u.multiplier(name, since)
	}
	return sum * u.n.CubicMetresPerHour()
}

func (u *Use) multiplier(pattern string, since time.Duration) float64 {
	values := u.patterns[pattern]
	if len(values) == 0 {
		return 1
	}
	first, n := int(since/u.step), max(1, int(time.Hour/u.step))
	sum := 0.0
	for i := range n {
		sum += values[((first+i)%len(values)+len(values))%len(values)]
	}
	return sum / float64(n)
}
