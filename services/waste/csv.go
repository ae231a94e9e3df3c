package waste

import (
	"io"
	"strings"
	"time"

	"polity/services/waste/roads"
)

// Preview is what an import would do: the containers it understood, and every
// line that it did not. Nothing is stored by reading it.
type Preview struct {
	Containers []Container
	Errors     []LineError
	Ignored    []string // columns of the file that mean nothing here
}

// containerColumns lists names that a column may have, our own first.
var containerColumns = []column{
	{"id", []string{"container", "name", "nr"}, true},
	{"lat", []string{"latitude", "y"}, true},
	{"lon", []string{"lng", "longitude", "x"}, true},
	{"fraction", []string{"waste", "type", "kind"}, false},
	{"litres", []string{"liters", "volume", "volume_l", "volume_litres"}, true},
	{"density", []string{"kg_per_litre"}, false},
	{"fill", []string{"fill_pct", "level"}, false},
	{"must", []string{"required"}, false},
	{"side", []string{"kerb", "curb"}, false},
	{"open_from", nil, false},
	{"open_to", nil, false},
	{"service_s", []string{"service", "service_seconds"}, false},
	{"home", []string{"territory", "vehicle"}, false},
}

// ReadContainers reads containers from CSV: comma, semicolon or tab, with a
// header line. Columns id, lat, lon and litres are needed; fraction, density
// (kg for each litre), fill (0-1 or per cent), must (yes/no), side (near/either),
// open_from and open_to (hh:mm), service_s and home may be there. Everything that
// is wrong is in the preview by line; err is only about a file that is not CSV
// with these columns at all.
func ReadContainers(r io.Reader) (*Preview, error) {
	p := &Preview{}
	t := table{columns: containerColumns, example: "id,lat,lon,litres,fraction", most: maxRows}
	t.row = func(l *line) {
		if c, whole := l.container(); whole {
			p.Containers = append(p.Containers, c)
		}
	}
	err := t.read(r)
	p.Errors, p.Ignored = t.errors, t.ignored
	if err != nil {
		return nil, err
	}
	return p, nil
}

// container takes one line, or says all that is wrong with it.
func (l *line) container() (c Container, whole bool) {
	before := len(l.errors)
	c = Container{ID: l.id(), Fraction: Fraction(strings.ToLower(l.get("fraction"))), Home: l.get("home"), Overflow: 1}
	if c.Fraction == "" {
		c.Fraction = "mixed"
	}
	c.Place = l.place("lat", "lon")
	c.Litres = l.number("litres", 1, 100_000, -1)
	c.Density = l.number("density", 0.005, 5, 0.12)
	c.Fill = l.number("fill", 0, 120, 1)
	if c.Fill > 1.2 || strings.HasSuffix(l.get("fill"), "%") {
		c.Fill /= 100
	}
	c.Service = time.Duration(l.number("service_s", 0, 7200, 45) * float64(time.Second))
	c.Must = l.yes("must")
	switch side := strings.ToLower(l.get("side")); side {
	case "", "near", "right", "left":
	case "either", "both", "any":
		c.Side = roads.Either
	default:
		l.fail("side", "%q is neither near nor either", side)
	}
	c.Open = Hours{l.clock("open_from", 0), l.clock("open_to", 24*time.Hour)}
	if c.Open == (Hours{0, 24 * time.Hour}) {
		c.Open = Hours{}
	} else if c.Open.To <= c.Open.From {
		l.fail("open_to", "it is not after open_from")
	}
	return c, len(l.errors) == before
}
