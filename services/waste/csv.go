package waste

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/services/waste/roads"
)

// LineError is what is wrong with one line of an imported file.
type LineError struct {
	Line   int
	Column string // "" if it is about the line as a whole
	What   string
}

func (e LineError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.What)
	}
	return fmt.Sprintf("line %d, %s: %s", e.Line, e.Column, e.What)
}

// Preview is what an import would do: the containers it understood, and every
// line that it did not. Nothing is stored by reading it.
type Preview struct {
	Containers []Container
	Errors     []LineError
	Ignored    []string // columns of the file that mean nothing here
}

const (
	maxRows   = 200_000
	maxErrors = 1000
)

// columns lists names that a column may have, our own first.
var columns = []struct {
	name string
	also []string
	must bool
}{
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
	text, err := io.ReadAll(io.LimitReader(r, 64<<20+1))
	if err != nil {
		return nil, err
	}
	if len(text) > 64<<20 {
		return nil, city.Errorf(city.TooLarge, "the file is larger than 64 MiB; import it in parts")
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	reader := csv.NewReader(bytes.NewReader(text))
	reader.Comma = separator(text)
	reader.FieldsPerRecord = -1
	reader.TrimLeadingSpace = true
	header, err := reader.Read()
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the file has no header line; the first line names the columns, as in: id,lat,lon,litres,fraction")
	}
	p := &Preview{}
	at, err := p.header(header)
	if err != nil {
		return nil, err
	}
	seen := map[string]int{}
	for {
		row, err := reader.Read()
		line := 0
		if err == nil {
			line, _ = reader.FieldPos(0)
		}
		switch {
		case errors.Is(err, io.EOF):
			return p, nil
		case err != nil:
			bad, _ := errors.AsType[*csv.ParseError](err)
			if bad == nil {
				return nil, err
			}
			p.fail(bad.Line, "", "not CSV: "+bad.Err.Error())
		case len(p.Containers) >= maxRows:
			return nil, city.Errorf(city.TooLarge, "the file has more than %d containers; import it in parts", maxRows)
		default:
			p.row(line, row, at, seen)
		}
		if len(p.Errors) >= maxErrors {
			p.fail(line, "", fmt.Sprintf("more than %d errors: the rest of the file was not looked at", maxErrors))
			return p, nil
		}
	}
}

func separator(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	best, count := ',', bytes.Count(line, []byte(","))
	for _, c := range []rune{';', '\t'} {
		if n := bytes.Count(line, []byte(string(c))); n > count {
			best, count = c, n
		}
	}
	return best
}

// header finds which column is which.
func (p *Preview) header(names []string) (map[string]int, error) {
	at := map[string]int{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		known := false
		for _, c := range columns {
			matches := name == c.name
			for _, also := range c.also {
				matches = matches || name == also
			}
			if !matches {
				continue
			}
			if _, twice := at[c.name]; twice {
				return nil, city.Errorf(city.Invalid, "line 1: two columns mean %s", c.name)
			}
			at[c.name], known = i, true
		}
		if !known {
			p.Ignored = append(p.Ignored, names[i])
		}
	}
	for _, c := range columns {
		if _, ok := at[c.name]; c.must && !ok {
			return nil, city.Errorf(city.Invalid, "line 1: there is no column %q (the file has: %s); the columns needed are id, lat, lon and litres", c.name, strings.Join(names, ", "))
		}
	}
	return at, nil
}

func (p *Preview) fail(line int, column, what string) {
	p.Errors = append(p.Errors, LineError{line, column, what})
}

// row takes one line, or says all that is wrong with it.
func (p *Preview) row(line int, row []string, at map[string]int, seen map[string]int) {
	before := len(p.Errors)
	get := func(name string) string {
		if i, ok := at[name]; ok && i < len(row) {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	number := func(name string, low, high, missing float64) float64 {
		text := get(name)
		if text == "" && missing >= 0 {
			return missing
		}
		v, err := strconv.ParseFloat(strings.Replace(strings.TrimSuffix(text, "%"), ",", ".", 1), 64)
		if err != nil || !(v >= low && v <= high) {
			p.fail(line, name, fmt.Sprintf("%q is not a number from %g to %g", text, low, high))
			return low
		}
		return v
	}
	c := Container{ID: get("id"), Fraction: Fraction(strings.ToLower(get("fraction"))), Home: get("home"), Overflow: 1}
	if c.Fraction == "" {
		c.Fraction = "mixed"
	}
	switch first, twice := seen[c.ID]; {
	case c.ID == "":
		p.fail(line, "id", "it is empty")
	case twice:
		p.fail(line, "id", fmt.Sprintf("%q stands on line %d already", c.ID, first))
	}
	c.Place = city.Point{Lat: number("lat", -90, 90, -1), Lon: number("lon", -180, 180, -1)}
	c.Litres = number("litres", 1, 100_000, -1)
	c.Density = number("density", 0.005, 5, 0.12)
	c.Fill = number("fill", 0, 120, 1)
	if c.Fill > 1.2 || strings.HasSuffix(get("fill"), "%") {
		c.Fill /= 100
	}
	c.Service = time.Duration(number("service_s", 0, 7200, 45) * float64(time.Second))
	c.Must = p.yes(line, "must", get("must"))
	switch side := strings.ToLower(get("side")); side {
	case "", "near", "right", "left":
	case "either", "both", "any":
		c.Side = roads.Either
	default:
		p.fail(line, "side", fmt.Sprintf("%q is neither near nor either", side))
	}
	c.Open = Hours{p.clock(line, "open_from", get("open_from"), 0), p.clock(line, "open_to", get("open_to"), 24*time.Hour)}
	if c.Open == (Hours{0, 24 * time.Hour}) {
		c.Open = Hours{}
	} else if c.Open.To <= c.Open.From {
		p.fail(line, "open_to", "it is not after open_from")
	}
	if len(p.Errors) == before {
		seen[c.ID] = line
		p.Containers = append(p.Containers, c)
	}
}

func (p *Preview) yes(line int, column, text string) bool {
	switch strings.ToLower(text) {
	case "", "no", "false", "0", "n":
		return false
	case "yes", "true", "1", "y":
		return true
	}
	p.fail(line, column, fmt.Sprintf("%q is neither yes nor no", text))
	return false
}

func (p *Preview) clock(line int, column, text string, missing time.Duration) time.Duration {
	if text == "" {
		return missing
	}
	if text == "24:00" {
		return 24 * time.Hour
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		p.fail(line, column, fmt.Sprintf("%q is not a time as in 06:30", text))
		return missing
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}
