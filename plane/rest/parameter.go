package rest

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/plane"
)

// form is how a parameter is written.
type form uint8

const (
	text form = iota
	number
	moment // RFC 3339 with a zone, or a day as 2006-01-02 of the city
	box    // west,south,east,north
	word   // one of words
)

// parameter is one of a query string.
type parameter struct {
	name, about string
	form        form
	words       []string // of a word
	least, most int      // of a number
	needed      bool
	example     string
}

var (
	pType   = parameter{name: "type", about: "Only entities of this type.", example: "AirQualityObserved"}
	pBox    = parameter{name: "bbox", about: "Only entities whose location touches the box west,south,east,north, degrees (WGS 84).", form: box, example: "24.9,60.1,25,60.2"}
	pSince  = parameter{name: "updated_since", about: "Only entities of which something changed at this time or later.", form: moment, example: "2026-11-30T00:00:00Z"}
	pQ      = parameter{name: "q", about: "Conditions on attributes in NGSI-LD's query language: ==, !=, <, <=, >, >=, a..b, ; for and, | for or.", example: "temperature>20"}
	pLimit  = parameter{name: "limit", about: "At most so many.", form: number, least: 1, most: maxPage, example: "100"}
	pCursor = parameter{name: "cursor", about: "Go on where a page ended: its next."}
	pFormat = parameter{name: "format", about: "What to answer with, in place of the header Accept.", form: word, words: []string{"json", "geojson", "csv"}}
	pTable  = parameter{name: "format", about: "What to answer with, in place of the header Accept.", form: word, words: []string{"json", "csv"}}
	pAs     = parameter{name: "as", about: "See what everyone sees, whoever asks.", form: word, words: []string{"public"}}

	pAttribute = parameter{name: "attribute", about: "The attribute whose past is asked for.", needed: true, example: "temperature"}
	pDataset   = parameter{name: "dataset", about: "Which of several series of the attribute, * for all; without it the default one, or all where there is no default."}
	pFrom      = parameter{name: "from", about: "What began at this time or later; without it a day before to.", form: moment, example: "2026-11-30T00:00:00Z"}
	pTo        = parameter{name: "to", about: "And before this time; without it now.", form: moment, example: "2026-12-01T00:00:00Z"}
	pBy        = parameter{name: "by", about: "How long an interval is.", form: word, words: []string{string(ByHour), string(ByDay)}, needed: true}
)

const (
	maxPage     = 1000
	defaultPage = 100
)

// values are parameters that were read.
type values struct {
	words   map[string]string
	times   map[string]time.Time
	numbers map[string]int
	box     *plane.Box
}

// read checks a query string against what a route knows.
func read(raw string, known []parameter, zone *time.Location) (*values, error) {
	q, err := parse(raw)
	if err != nil {
		return nil, bad("the query string is not percent-encoded right: %v", err)
	}
	v := &values{words: map[string]string{}, times: map[string]time.Time{}, numbers: map[string]int{}}
	for name, given := range q {
		i := slices.IndexFunc(known, func(p parameter) bool { return p.name == name })
		if i < 0 {
			return nil, bad("there is no parameter %q here; there are: %s", name, names(known))
		}
		if len(given) > 1 {
			return nil, bad("the parameter %s is given %d times; give it once", name, len(given))
		}
		if err := v.take(&known[i], given[0], zone); err != nil {
			return nil, err
		}
	}
	for _, p := range known {
		if p.needed && v.words[p.name] == "" {
			return nil, bad("the parameter %s is missing: %s", p.name, p.about)
		}
	}
	return v, nil
}

// parse reads a query string in which a semicolon is one, as conditions have it.
func parse(raw string) (url.Values, error) {
	return url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
}

func names(known []parameter) string {
	if len(known) == 0 {
		return "none"
	}
	var list []string
	for _, p := range known {
		list = append(list, p.name)
	}
	return strings.Join(list, ", ")
}

const maxText = 4096 // bytes of a parameter

func (v *values) take(p *parameter, given string, zone *time.Location) error {
	if given == "" || len(given) > maxText {
		return bad("the parameter %s is empty or longer than %d bytes; leave it out or give a value", p.name, maxText)
	}
	v.words[p.name] = given
	switch p.form {
	case number:
		n, err := strconv.Atoi(given)
		if err != nil || n < p.least || n > p.most {
			return bad("%s is %.40q; it is a number from %d to %d", p.name, given, p.least, p.most)
		}
		v.numbers[p.name] = n
	case moment:
		t, err := parseMoment(given, zone)
		if err != nil {
			return bad("%s is %.40q; write a time such as 2026-11-30T12:00:00Z or a day such as 2026-11-30", p.name, given)
		}
		v.times[p.name] = t
	case box:
		b, err := parseBox(given)
		if err != nil {
			return err
		}
		v.box = b
	case word:
		if !slices.Contains(p.words, given) {
			return bad("%s is %.40q; it is one of %s", p.name, given, strings.Join(p.words, ", "))
		}
	}
	return nil
}

func parseMoment(s string, zone *time.Location) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	if err != nil {
		t, err = time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1)) // an unescaped + of the zone
	}
	if err == nil && (t.Year() < 1970 || t.Year() > 9998) {
		return t, bad("out of range")
	}
	return t, err
}

func parseBox(s string) (*plane.Box, error) {
	parts := strings.Split(s, ",")
	var n [4]float64
	ok := len(parts) == 4
	for i := 0; ok && i < 4; i++ {
		var err error
		n[i], err = strconv.ParseFloat(strings.TrimSpace(parts[i]), 64)
		ok = err == nil && !math.IsNaN(n[i]) && math.Abs(n[i]) <= [2]float64{180, 90}[i%2]
	}
	if !ok || n[1] > n[3] {
		return nil, bad("bbox is %.80q; it is west,south,east,north in degrees, such as 24.9,60.1,25,60.2", s)
	}
	return &plane.Box{West: n[0], South: n[1], East: n[2], North: n[3]}, nil
}

// touches says whether two boxes have a point in common. West above east crosses the
// 180th meridian.
func touches(a, b plane.Box) bool {
	if a.South > b.North || b.South > a.North {
		return false
	}
	for _, x := range unrolled(a) {
		for _, y := range unrolled(b) {
			if x[0] <= y[1] && y[0] <= x[1] {
				return true
			}
		}
	}
	return false
}

func unrolled(b plane.Box) [][2]float64 {
	if b.West > b.East {
		return [][2]float64{{b.West, 180}, {-180, b.East}}
	}
	return [][2]float64{{b.West, b.East}}
}
