// Package verdict says how precise kinds of alerts are, by what people say when they close
// them, and when a kind goes quiet by itself.
package verdict

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/room/alert"
)

// Least is how many verdicts there must be before a kind goes quiet.
const Least = 20

// Tally counts verdicts.
type Tally struct {
	Useful, False, Unclear int
	None                   int // closed by themselves, without a verdict
}

// Add adds another.
func (t *Tally) Add(x Tally) {
	t.Useful, t.False, t.Unclear, t.None = t.Useful+x.Useful, t.False+x.False, t.Unclear+x.Unclear, t.None+x.None
}

// Of is the tally of one verdict; of none for "".
func Of(v alert.Verdict) Tally {
	switch v {
	case alert.Useful:
		return Tally{Useful: 1}
	case alert.False:
		return Tally{False: 1}
	case alert.Unclear:
		return Tally{Unclear: 1}
	}
	return Tally{None: 1}
}

// N is how many verdicts precision is of.
func (t Tally) N() int { return t.Useful + t.False }

// z is the 97.5 % quantile of the standard normal distribution.
const z = 1.959963984540054

// Wilson is the 95 % score interval of a share of successes among n. E. B. Wilson,
// Probable inference, the law of succession, and statistical inference, JASA 22 (1927)
// 209-212. Of no trials it is 0 to 1.
func Wilson(successes, n int) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	m, p := float64(n), float64(successes)/float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, centre-half), min(1, centre+half)
}

// Quiet says whether a kind with a registered precision is to be quiet, by its tally and by
// whether it is: it goes when the interval lies below, and comes back when it lies above,
// or too few verdicts count since it was registered anew.
func Quiet(is bool, t Tally, registered float64) bool {
	if t.N() < Least {
		return false
	}
	low, high := Wilson(t.Useful, t.N())
	if is {
		return low <= registered
	}
	return high < registered
}

// Place is a kind at a camera, or everywhere where Camera is empty.
type Place struct {
	Kind   city.Slug
	Camera city.Slug
}

// Day is the tally of one place on one day (2006-01-02, UTC) of closing. Those of
// kinds without cameras have the empty camera.
type Day struct {
	Place
	Day string
	Tally
}

// Judge returns the places that are to be quiet, by all days and by those that are quiet
// now. Everywhere is judged by the cameras at which the kind is not quiet on its own: one
// bad camera silences no other.
func Judge(kinds alert.Kinds, days []Day, is map[Place]bool) map[Place]bool {
	counted := map[Place]Tally{}
	for _, d := range days {
		k, ok := kinds.Of(d.Kind)
		if !ok || d.Day < since(&k, d.Camera) {
			continue
		}
		t := counted[d.Place]
		t.Add(d.Tally)
		counted[d.Place] = t
	}
	out, pooled := map[Place]bool{}, map[city.Slug]Tally{}
	for p, t := range counted {
		k, _ := kinds.Of(p.Kind)
		if p.Camera != "" && Quiet(is[p], t, k.Precision) {
			out[p] = true
			continue
		}
		sum := pooled[p.Kind]
		sum.Add(t)
		pooled[p.Kind] = sum
	}
	for kind, t := range pooled {
		k, _ := kinds.Of(kind)
		if p := (Place{Kind: kind}); Quiet(is[p], t, k.Precision) {
			out[p] = true
		}
	}
	return out
}

// since is the first day whose verdicts count.
func since(k *alert.Kind, camera city.Slug) string {
	at := k.Registered
	if own, ok := k.Cameras[camera]; ok && own.After(at) {
		at = own
	}
	if at.IsZero() {
		return ""
	}
	return at.Format(time.DateOnly)
}

// Row is one line of what is published. It names no person and no alert.
type Row struct {
	Kind       city.Slug `json:"kind"`
	Camera     city.Slug `json:"camera,omitempty"` // left out: everywhere
	Useful     int       `json:"useful"`
	False      int       `json:"false"`
	Unclear    int       `json:"unclear"`
	N          int       `json:"n"`                   // useful and false
	Precision  *float64  `json:"precision,omitempty"` // left out where N is 0
	Low        float64   `json:"low"`                 // of Wilson's 95 % interval
	High       float64   `json:"high"`
	Registered float64   `json:"registered"`
	Quiet      bool      `json:"quiet"`
	Since      string    `json:"since,omitempty"` // day from which it is quiet
}

// Rows are the lines of all places with a verdict, by kind, everywhere before cameras.
// quiet holds when each quiet place went so.
func Rows(kinds alert.Kinds, days []Day, quiet map[Place]time.Time) []Row {
	all := map[Place]Tally{}
	for _, d := range days {
		places := []Place{{Kind: d.Kind}}
		if d.Camera != "" {
			places = append(places, d.Place)
		}
		for _, p := range places {
			t := all[p]
			t.Add(d.Tally)
			all[p] = t
		}
	}
	rows := []Row{}
	for p, t := range all {
		k, ok := kinds.Of(p.Kind)
		if !ok || t.N()+t.Unclear == 0 {
			continue
		}
		r := Row{Kind: p.Kind, Camera: p.Camera, Useful: t.Useful, False: t.False, Unclear: t.Unclear, N: t.N(), Registered: k.Precision}
		low, high := Wilson(t.Useful, t.N())
		r.Low, r.High = round(low), round(high)
		if t.N() > 0 {
			share := round(float64(t.Useful) / float64(t.N()))
			r.Precision = &share
		}
		if at, is := quiet[p]; is {
			r.Quiet, r.Since = true, at.UTC().Format(time.DateOnly)
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return strings.Compare(string(a.Kind)+" "+string(a.Camera), string(b.Kind)+" "+string(b.Camera))
	})
	return rows
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// CSV writes rows (RFC 4180) with a head.
func CSV(w io.Writer, rows []Row) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write([]string{"kind", "camera", "useful", "false", "unclear", "n", "precision", "low", "high", "registered", "quiet", "since"}); err != nil {
		return err
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	for _, r := range rows {
		share := ""
		if r.Precision != nil {
			share = number(*r.Precision)
		}
		if err := out.Write([]string{string(r.Kind), string(r.Camera), fmt.Sprint(r.Useful), fmt.Sprint(r.False), fmt.Sprint(r.Unclear), fmt.Sprint(r.N), share, number(r.Low), number(r.High), number(r.Registered), strconv.FormatBool(r.Quiet), r.Since}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
