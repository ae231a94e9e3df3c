package verdict_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/city"
	"polity/room/alert"
	"polity/room/verdict"
)

// TestWilson: at its bounds the score test just rejects, (share - p)² = z² p (1-p) / n.
func TestWilson(t *testing.T) {
	const z = 1.959963984540054
	for _, c := range [][2]int{{1, 10}, {5, 10}, {9, 10}, {12, 42}, {1, 3}, {499, 500}} {
		low, high := verdict.Wilson(c[0], c[1])
		share, n := float64(c[0])/float64(c[1]), float64(c[1])
		for _, p := range []float64{low, high} {
			if d := math.Abs((share-p)*(share-p) - z*z*p*(1-p)/n); d > 1e-12 || low >= share || high <= share {
				t.Errorf("%d of %d: %g to %g", c[0], c[1], low, high)
			}
		}
	}
	if low, high := verdict.Wilson(0, 10); low != 0 || math.Abs(high-z*z/(10+z*z)) > 1e-12 {
		t.Errorf("none of 10: %g to %g", low, high)
	}
	if low, high := verdict.Wilson(0, 0); low != 0 || high != 1 {
		t.Errorf("none of none: %g to %g", low, high)
	}
}

func TestWilsonHoldsTheShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		low, high := verdict.Wilson(k, n)
		p := float64(k) / float64(n)
		if low < 0 || high > 1 || low > p+1e-12 || high < p-1e-12 {
			t.Fatalf("%d of %d: %g to %g", k, n, low, high)
		}
		l, h := verdict.Wilson(n-k, n) // the mirror image
		if math.Abs(l-(1-high)) > 1e-9 || math.Abs(h-(1-low)) > 1e-9 {
			t.Fatalf("%d of %d: %g to %g, mirrored %g to %g", k, n, low, high, l, h)
		}
	})
}

func days(camera string, useful, wrong int, on string) verdict.Day {
	return verdict.Day{Place: verdict.Place{Kind: "crowding", Camera: city.Slug(camera)}, Day: on, Tally: verdict.Tally{Useful: useful, False: wrong}}
}

func TestWhenAKindGoesQuiet(t *testing.T) {
	at := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	here, everywhere := verdict.Place{Kind: "crowding", Camera: "square"}, verdict.Place{Kind: "crowding"}
	for name, c := range map[string]struct {
		days       []verdict.Day
		is         map[verdict.Place]bool
		registered time.Time
		cameras    map[city.Slug]time.Time
		want       []verdict.Place
	}{
		"too few":                    {days: []verdict.Day{days("square", 0, 19, "2026-11-01")}},
		"enough":                     {days: []verdict.Day{days("square", 0, 20, "2026-11-01")}, want: []verdict.Place{here}},
		"not surely below":           {days: []verdict.Day{days("square", 8, 12, "2026-11-01")}},
		"one bad camera":             {days: []verdict.Day{days("square", 0, 500, "2026-11-01"), days("harbour", 15, 5, "2026-11-01")}, want: []verdict.Place{here}},
		"bad by little at many":      {days: []verdict.Day{days("a", 3, 12, "2026-11-01"), days("b", 2, 13, "2026-11-01")}, want: []verdict.Place{everywhere}},
		"no camera":                  {days: []verdict.Day{days("", 2, 28, "2026-11-01")}, want: []verdict.Place{everywhere}},
		"stays while not above":      {days: []verdict.Day{days("square", 30, 30, "2026-11-01")}, is: map[verdict.Place]bool{here: true}, want: []verdict.Place{here}},
		"back above":                 {days: []verdict.Day{days("square", 60, 20, "2026-11-01")}, is: map[verdict.Place]bool{here: true}},
		"registered anew":            {days: []verdict.Day{days("square", 0, 90, "2026-11-01")}, is: map[verdict.Place]bool{here: true}, registered: at("2026-11-02")},
		"registered anew, one":       {days: []verdict.Day{days("square", 0, 90, "2026-11-01")}, is: map[verdict.Place]bool{here: true}, cameras: map[city.Slug]time.Time{"square": at("2026-11-02")}},
		"registered anew, elsewhere": {days: []verdict.Day{days("square", 0, 90, "2026-11-01")}, is: map[verdict.Place]bool{here: true}, cameras: map[city.Slug]time.Time{"harbour": at("2026-11-02")}, want: []verdict.Place{here}},
		"bad again":                  {days: []verdict.Day{days("square", 0, 90, "2026-11-01"), days("square", 1, 40, "2026-11-02")}, registered: at("2026-11-02"), want: []verdict.Place{here}},
	} {
		kinds := alert.Kinds{{Name: "crowding", Precision: .5, Registered: c.registered, Cameras: c.cameras}}
		got := verdict.Judge(kinds, c.days, c.is)
		ok := len(got) == len(c.want)
		for _, p := range c.want {
			ok = ok && got[p]
		}
		if !ok {
			t.Errorf("%s: quiet at %v, want %v", name, got, c.want)
		}
	}
}

func TestRowsAndCSV(t *testing.T) {
	kinds := alert.Kinds{{Name: "crowding", Precision: .5}}
	list := []verdict.Day{days("square", 12, 30, "2026-11-01"), days("harbour", 0, 0, "2026-11-01"), {Place: verdict.Place{Kind: "unknown-now"}, Tally: verdict.Tally{Useful: 3}}}
	list[1].Unclear = 2
	rows := verdict.Rows(kinds, list, map[verdict.Place]time.Time{{Kind: "crowding", Camera: "square"}: time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)})
	if len(rows) != 3 || rows[0].Camera != "" || rows[0].N != 42 || rows[0].Unclear != 2 || rows[1].Camera != "harbour" || rows[1].Precision != nil || !rows[2].Quiet || rows[2].Since != "2026-11-30" {
		t.Errorf("%+v", rows)
	}
	var b strings.Builder
	if err := verdict.CSV(&b, rows); err != nil {
		t.Fatal(err)
	}
	if want := "crowding,square,12,30,0,42,0.286,0.172,0.436,0.5,true,2026-11-30\r\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("got\n%s want at its end\n%s", b.String(), fmt.Sprintf("%q", want))
	}
}
