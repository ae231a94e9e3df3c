// Package battledim reads and writes the result form of the Battle of the Leakage
// Detection and Isolation Methods 2020 and scores results as the competition did.
//
// Rules: S. G. Vrachimis et al., Battle of the Leakage Detection and Isolation
// Methods, J. Water Resour. Plann. Manage. 148(12), 2022, doi
// 10.1061/(ASCE)WR.1943-5452.0001601, and the competition's own description.
package battledim

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
)

// The competition's parameters.
const (
	Radius    = 300.0 // m, along pipes, between the middles of two pipes
	WaterCost = 0.80  // EUR/m³
	CrewCost  = 500.0 // EUR, at most, for an assignment
	Step      = 5 * time.Minute
)

// Detection is one line of a result: a pipe, and since when a leak is known.
type Detection struct {
	Pipe string
	At   time.Time
}

// Leak is a leak that was there.
type Leak struct {
	Pipe       string
	Start, End time.Time
	// From is the time of Flow's first value; one every five minutes, in m³/h.
	From time.Time
	Flow []float64
}

// lost returns the water that runs out from a time on, in m³. As in the competition
// the step before the time counts with it: its list of flows begins at the period's
// first step, its count of times one step later.
func (l *Leak) lost(at time.Time) float64 {
	sum := 0.0
	for i := max(0, int(at.Sub(l.From)/Step)-1); i < len(l.Flow); i++ {
		sum += l.Flow[i]
	}
	return sum * Step.Hours()
}

// Outcome is what became of one detection.
type Outcome struct {
	Detection
	Leak     int     // index of the leak it found; -1: none, or one found before
	Distance float64 // m to that leak
	Repeated bool    // it named a leak that was found before: no gain, no cost
	Euro     float64
}

// Score is a result's.
type Score struct {
	Euro     float64
	Outcomes []Outcome
	Found    int // leaks found
	False    int // detections of nothing
	Missed   int
	Delays   []time.Duration // of the leaks found, from their start or the period's
}

// Rate scores detections against the leaks of a period that begins at start.
// Detections before it do not count. Distance gives metres between two pipes, by
// id; an unknown pipe is +Inf from all.
func Rate(leaks []Leak, detections []Detection, start time.Time, distance func(a, b string) float64) Score {
	detections = slices.Clone(detections)
	detections = slices.DeleteFunc(detections, func(d Detection) bool { return d.At.Before(start) })
	slices.SortStableFunc(detections, func(a, b Detection) int { return a.At.Compare(b.At) })
	found := make([]bool, len(leaks))
	var s Score
	for _, d := range detections {
		o := Outcome{Detection: d, Leak: -1}
		near, nearest := false, math.Inf(1)
		for i := range leaks {
			l := &leaks[i]
			x := distance(l.Pipe, d.Pipe)
			if d.At.Before(l.Start) || d.At.After(l.End) || x > Radius {
				continue
			}
			near = true
			if !found[i] && x < nearest {
				o.Leak, nearest = i, x
			}
		}
		switch {
		case o.Leak >= 0:
			l := &leaks[o.Leak]
			found[o.Leak], o.Distance = true, nearest
			o.Euro = l.lost(d.At)*WaterCost - nearest/Radius*CrewCost
			s.Found++
			since := l.Start
			if since.Before(start) {
				since = start
			}
			s.Delays = append(s.Delays, d.At.Sub(since))
		case near:
			o.Repeated = true
		default:
			o.Euro = -CrewCost
			s.False++
		}
		s.Euro += o.Euro
		s.Outcomes = append(s.Outcomes, o)
	}
	s.Missed = len(leaks) - s.Found
	s.Euro = math.Round(s.Euro*100) / 100
	return s
}

// Perfect returns the detections of whoever knows all: each leak at its start, or
// at the first step of the period.
func Perfect(leaks []Leak, start time.Time) []Detection {
	var all []Detection
	for _, l := range leaks {
		at := l.Start
		if at.Before(start.Add(Step)) {
			at = start.Add(Step)
		}
		all = append(all, Detection{Pipe: l.Pipe, At: at})
	}
	return all
}

const form = "2006-01-02 15:04"

// ReadDetections reads a result file: lines "pipe, 2019-02-03 10:00", comments with
// #. Lists of repaired leaks have the same form. Further fields are ignored.
func ReadDetections(name string, r io.Reader) ([]Detection, error) {
	var all []Detection
	in := bufio.NewScanner(r)
	for line := 1; in.Scan(); line++ {
		text := strings.TrimSpace(in.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		fields := strings.Split(text, ",")
		if len(fields) < 2 {
			return nil, city.Errorf(city.Invalid, "%s:%d: %q is not of the form pipe, %s", name, line, text, form)
		}
		at, err := time.Parse(form, strings.TrimSpace(fields[1]))
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s:%d: time %q is not of the form %s", name, line, strings.TrimSpace(fields[1]), form)
		}
		all = append(all, Detection{Pipe: strings.TrimSpace(fields[0]), At: at})
	}
	if err := in.Err(); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
	}
	return all, nil
}

// WriteDetections writes a result file.
func WriteDetections(w io.Writer, detections []Detection) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "# linkID, startTime")
	for _, d := range detections {
		fmt.Fprintf(out, "%s, %s\n", d.Pipe, d.At.Format(form))
	}
	return out.Flush()
}
