// Package compare sets two simulated studies of the same streets side by side: what a
// change of signals would do to delay, stops, queues and waits on foot at each approach
// and junction. It writes tables, a page for print, and time-space diagrams.
//
// Everything here is simulated: nothing was measured on the street.
package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"polity/city"
	"polity/services/traffic"
	"polity/services/traffic/twin"
)

// Run is one study as it was written.
type Run struct {
	Dir    string
	Report traffic.Report
	Record twin.Record
}

// Open reads a study's folder. The error is of kind NotFound or Invalid and says what
// to do.
func Open(dir string) (*Run, error) {
	r := &Run{Dir: dir}
	for _, f := range []struct {
		name string
		into any
	}{{traffic.ReportFile, &r.Report}, {traffic.RecordFile, &r.Record}} {
		path := filepath.Join(dir, f.name)
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil, city.Errorf(city.NotFound, "%s is not there; make the study with 'polity traffic simulate ... --record --out %s'", path, dir)
		}
		if err != nil {
			return nil, fmt.Errorf("read the study: %w", err)
		}
		if err := json.Unmarshal(text, f.into); err != nil {
			return nil, city.Errorf(city.Invalid, "%s is not what a study writes: %v", path, err)
		}
	}
	if len(r.Record.Approaches) == 0 || !(r.Record.End > r.Record.Begin) {
		return nil, city.Errorf(city.Invalid, "%s holds no approach, or no time passed in it", filepath.Join(dir, traffic.RecordFile))
	}
	return r, nil
}

// Measures are the figures of one approach, of a junction, or of all.
type Measures struct {
	Vehicles  int
	Delay     float64 // seconds per vehicle, the wait to get onto the road included
	TimeLoss  float64 // seconds per vehicle
	Stops     float64 // per vehicle
	QueueMean float64 // vehicles; of a junction the sum of its approaches
	QueueMax  int     // vehicles; of a junction that of its worst approach
}

// Row is an approach before and after, or a junction if Edge is empty.
type Row struct {
	Junction, Edge, Street string
	Before, After          Measures
}

// Walk is a crossing before and after, or all of a junction's if Crossing is empty:
// people, and seconds of wait.
type Walk struct {
	Junction, Crossing string
	People             [2]int
	Mean, Longest      [2]float64
}

// Comparison is two runs side by side.
type Comparison struct {
	Before, After *Run
	Junctions     []Row // one for each junction, in the order of the network
	Approaches    []Row
	Walks         []Walk
	JunctionWalks []Walk // one for each junction with crossings

	Notes []string // what a reader should know; nil: what differs between two studies
}

// Of compares two runs. They must be of the same streets and the same time. The error
// is of kind Invalid and says what differs.
func Of(before, after *Run) (*Comparison, error) {
	a, b := &before.Record, &after.Record
	switch {
	case len(a.Approaches) != len(b.Approaches) || len(a.Crossings) != len(b.Crossings):
		return nil, city.Errorf(city.Invalid, "%s and %s are of different streets: %d approaches and %d crossings here, %d and %d there", before.Dir, after.Dir, len(a.Approaches), len(a.Crossings), len(b.Approaches), len(b.Crossings))
	case a.Begin != b.Begin || math.Abs(a.End-b.End) > (a.End-a.Begin)/2 && a.End != b.End:
		return nil, city.Errorf(city.Invalid, "%s is from %g to %g s, %s from %g to %g s: they do not compare", before.Dir, a.Begin, a.End, after.Dir, b.Begin, b.End)
	}
	c := &Comparison{Before: before, After: after}
	type totals struct{ x, y sum }
	byJunction := map[string]*totals{}
	var order []string
	for i := range a.Approaches {
		x, y := a.Approaches[i], b.Approaches[i]
		if x.Junction != y.Junction || x.Edge != y.Edge {
			return nil, city.Errorf(city.Invalid, "%s and %s are of different streets: approach %d is %s of %s here, %s of %s there", before.Dir, after.Dir, i+1, x.Edge, x.Junction, y.Edge, y.Junction)
		}
		t := byJunction[x.Junction]
		if t == nil {
			t = &totals{}
			byJunction[x.Junction] = t
			order = append(order, x.Junction)
		}
		var own totals
		for _, s := range []*totals{t, &own} {
			s.x.add(x)
			s.y.add(y)
		}
		c.Approaches = append(c.Approaches, Row{x.Junction, x.Edge, x.Street, own.x.measures(), own.y.measures()})
	}
	for _, id := range order {
		c.Junctions = append(c.Junctions, Row{Junction: id, Before: byJunction[id].x.measures(), After: byJunction[id].y.measures()})
	}
	type feet struct {
		people  [2]int
		wait    [2]float64
		longest [2]float64
	}
	onFoot := map[string]*feet{}
	for i := range a.Crossings {
		x, y := a.Crossings[i], b.Crossings[i]
		if x.Junction != y.Junction || x.Crossing != y.Crossing {
			return nil, city.Errorf(city.Invalid, "%s and %s have different crossings: %s of %s here, %s of %s there", before.Dir, after.Dir, x.Crossing, x.Junction, y.Crossing, y.Junction)
		}
		c.Walks = append(c.Walks, Walk{
			Junction: x.Junction, Crossing: x.Crossing, People: [2]int{x.People, y.People},
			Mean:    [2]float64{x.Wait / float64(max(1, x.People)), y.Wait / float64(max(1, y.People))},
			Longest: [2]float64{x.Longest, y.Longest},
		})
		f := onFoot[x.Junction]
		if f == nil {
			f = &feet{}
			onFoot[x.Junction] = f
		}
		for k, r := range []twin.CrossingRecord{x, y} {
			f.people[k] += r.People
			f.wait[k] += r.Wait
			f.longest[k] = max(f.longest[k], r.Longest)
		}
	}
	for _, j := range c.Junctions {
		if f := onFoot[j.Junction]; f != nil {
			c.JunctionWalks = append(c.JunctionWalks, Walk{
				Junction: j.Junction, People: f.people, Longest: f.longest,
				Mean: [2]float64{f.wait[0] / float64(max(1, f.people[0])), f.wait[1] / float64(max(1, f.people[1]))},
			})
		}
	}
	return c, nil
}

// sum adds approaches up.
type sum struct {
	vehicles, stops, longest int
	loss, departs, queue     float64
}

func (s *sum) add(a twin.Approach) {
	s.vehicles += a.Vehicles
	s.stops += a.Stops
	s.loss += a.TimeLoss
	s.departs += a.DepartDelay
	s.queue += a.QueueMean
	s.longest = max(s.longest, a.QueueMax)
}

func (s *sum) measures() Measures {
	n := float64(max(1, s.vehicles))
	return Measures{Vehicles: s.vehicles, Delay: (s.loss + s.departs) / n, TimeLoss: s.loss / n, Stops: float64(s.stops) / n, QueueMean: s.queue, QueueMax: s.longest}
}

// notes says what keeps the two runs from being alike in all but the signals, and what
// a reader should know.
func (c *Comparison) notes() []string {
	if c.Notes != nil {
		return c.Notes
	}
	a, b := c.Before.Report, c.After.Report
	var out []string
	if a.Scenario != b.Scenario {
		out = append(out, fmt.Sprintf("The scenarios have different names (%s, %s): make sure that the same people travel.", a.Scenario, b.Scenario))
	}
	if a.Seed != b.Seed {
		out = append(out, fmt.Sprintf("The seeds differ (%d, %d): part of the difference is chance.", a.Seed, b.Seed))
	} else {
		out = append(out, "One seed: small differences may be chance. Several seeds tell.")
	}
	if a.SUMO != b.SUMO {
		out = append(out, fmt.Sprintf("The versions of SUMO differ (%s, %s).", a.SUMO, b.SUMO))
	}
	if a.Imperfect != b.Imperfect {
		out = append(out, "Only one of the runs has imperfect detectors.")
	}
	if c.Before.Record.End != c.After.Record.End {
		out = append(out, fmt.Sprintf("The runs last %g and %g s.", c.Before.Record.End-c.Before.Record.Begin, c.After.Record.End-c.After.Record.Begin))
	}
	return out
}

// CSV returns the two tables: of approaches and junctions, and of crossings.
func (c *Comparison) CSV() (approaches, crossings []byte) {
	var b strings.Builder
	b.WriteString("junction,approach,street,vehicles_before,vehicles_after,delay_s_before,delay_s_after,time_loss_s_before,time_loss_s_after,stops_before,stops_after,queue_mean_before,queue_mean_after,queue_max_before,queue_max_after\n")
	for _, r := range slices.Concat(c.Approaches, c.Junctions) {
		edge := r.Edge
		if edge == "" {
			edge = "all"
		}
		x, y := r.Before, r.After
		fmt.Fprintf(&b, "%s,%s,%s,%d,%d,%.2f,%.2f,%.2f,%.2f,%.3f,%.3f,%.2f,%.2f,%d,%d\n", quote(r.Junction), quote(edge), quote(r.Street), x.Vehicles, y.Vehicles, x.Delay, y.Delay, x.TimeLoss, y.TimeLoss, x.Stops, y.Stops, x.QueueMean, y.QueueMean, x.QueueMax, y.QueueMax)
	}
	var w strings.Builder
	w.WriteString("junction,crossing,people_before,people_after,mean_wait_s_before,mean_wait_s_after,longest_wait_s_before,longest_wait_s_after\n")
	for _, k := range slices.Concat(c.Walks, c.JunctionWalks) {
		crossing := k.Crossing
		if crossing == "" {
			crossing = "all"
		}
		fmt.Fprintf(&w, "%s,%s,%d,%d,%.2f,%.2f,%.0f,%.0f\n", quote(k.Junction), quote(crossing), k.People[0], k.People[1], k.Mean[0], k.Mean[1], k.Longest[0], k.Longest[1])
	}
	return []byte(b.String()), []byte(w.String())
}

// quote writes a field of CSV (RFC 4180). A field that a spreadsheet would take for a
// formula gets a quotation mark before it.
func quote(text string) string {
	if text != "" && strings.ContainsRune("=+@", rune(text[0])) {
		text = "'" + text
	}
	if strings.ContainsAny(text, ",\"\r\n") {
		return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}
