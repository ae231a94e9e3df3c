package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/traffic/network"
)

// Timetable is a plan as an engineer writes it: when each group is green, in seconds
// from the start of the cycle.
type Timetable struct {
	Junction string              `yaml:"junction"`
	ID       string              `yaml:"plan"`
	Cycle    float64             `yaml:"cycle_s"`
	Offset   float64             `yaml:"offset_s"`
	Greens   map[string][]Window `yaml:"greens"` // by network.Junction.GroupID
}

// Window is a green from the first second to the second one; a green over the end of
// the cycle ends at a smaller number than it begins.
type Window []float64

// file is a YAML file of plans.
type file struct {
	Plans []Timetable `yaml:"plans"`
}

// Read reads plans in YAML. Errors are of kind Invalid and give file and line, or the
// plan and the group.
func Read(name string, text []byte) ([]Timetable, error) {
	var f file
	if err := strictyaml.Decode(name, text, &f); err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	if len(f.Plans) == 0 {
		return nil, city.Errorf(city.Invalid, "%s holds no plan; it begins with \"plans:\"", name)
	}
	for i, t := range f.Plans {
		if err := t.form(); err != nil {
			return nil, city.Errorf(city.Invalid, "%s: plan %d (%s of junction %s): %w", name, i+1, t.ID, t.Junction, err)
		}
	}
	return f.Plans, nil
}

// form checks what needs no junction.
func (t *Timetable) form() error {
	switch {
	case t.Junction == "":
		return fmt.Errorf("its junction is missing")
	case t.ID == "":
		return fmt.Errorf("its name (plan) is missing")
	case !(t.Cycle >= 10) || t.Cycle > 600:
		return fmt.Errorf("cycle_s is %g; it must be from 10 to 600", t.Cycle)
	case !(t.Offset >= 0) || t.Offset >= t.Cycle:
		return fmt.Errorf("offset_s is %g; it must be from 0 to below the cycle of %g s", t.Offset, t.Cycle)
	}
	for _, id := range t.groups() {
		for _, w := range t.Greens[id] {
			if len(w) != 2 {
				return fmt.Errorf("%s has a green of %d numbers; it takes two, [from, to]", id, len(w))
			}
			for _, v := range w {
				if !(v >= 0) || v > t.Cycle || math.Abs(v*10-math.Round(v*10)) > 1e-6 {
					return fmt.Errorf("%s has a green at %g s; times go from 0 to the cycle of %g s, in tenths", id, v, t.Cycle)
				}
			}
			if w[0] == w[1] {
				return fmt.Errorf("%s has a green from %g s to %g s: is it [0, %g], always green?", id, w[0], w[1], t.Cycle)
			}
		}
	}
	return nil
}

// groups returns the ids of the groups, sorted, V2 before V10.
func (t *Timetable) groups() []string {
	ids := make([]string, 0, len(t.Greens))
	for id := range t.Greens {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(-cmp.Compare(a[:min(1, len(a))], b[:min(1, len(b))]), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return ids
}

// YAML writes the plan so that Read reads it, with the groups' names beside it.
func (t *Timetable) YAML(j *network.Junction) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - junction: %s\n    plan: %s\n    cycle_s: %s\n    offset_s: %s\n    greens:\n", strconv.Quote(t.Junction), strconv.Quote(t.ID), number(t.Cycle), number(t.Offset))
	names := map[string]string{}
	for g := range j.Groups {
		names[j.GroupID(g)] = j.Groups[g].Name
	}
	for _, id := range t.groups() {
		var windows []string
		for _, w := range t.Greens[id] {
			windows = append(windows, "["+number(w[0])+", "+number(w[1])+"]")
		}
		fmt.Fprintf(&b, "      %s: [%s] # %s\n", id, strings.Join(windows, ", "), names[id])
	}
	return b.String()
}

func number(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// Of returns a junction's own plan as a timetable.
func Of(j *network.Junction, p network.Plan) Timetable {
	t := Timetable{Junction: j.ID, ID: p.ID, Cycle: p.Cycle().Seconds(), Offset: p.Offset.Seconds(), Greens: map[string][]Window{}}
	for g := range j.Groups {
		var windows []Window
		at := 0.0
		for _, ph := range p.Phases {
			greens, _ := j.StateGroups(ph.State)
			end := at + ph.Duration.Seconds()
			if n := len(windows); greens.Has(g) && n > 0 && windows[n-1][1] == at {
				windows[n-1][1] = end
			} else if greens.Has(g) && end > at {
				windows = append(windows, Window{at, end})
			}
			at = end
		}
		if n := len(windows); n > 1 && windows[0][0] == 0 && windows[n-1][1] == at { // over the end of the cycle
			windows[0][0] = windows[n-1][0]
			windows = windows[:n-1]
		}
		t.Greens[j.GroupID(g)] = windows
	}
	return t
}

// green tells whether a group is green at a moment of the cycle.
func (t *Timetable) green(id string, at float64) bool {
	for _, w := range t.Greens[id] {
		if t.within(w[0], w[1], at) {
			return true
		}
	}
	return false
}

func (t *Timetable) within(from, to, at float64) bool {
	length := t.lasts(from, to)
	return t.after(from, at) < length-1e-9 || length >= t.Cycle-1e-9
}

// lasts returns how long a green is, after how long it is from one moment of the
// cycle to the next time another comes.
func (t *Timetable) lasts(from, to float64) float64 {
	if d := t.after(from, to); d > 1e-9 {
		return d
	}
	return t.Cycle
}

func (t *Timetable) after(from, to float64) float64 {
	d := math.Mod(to-from, t.Cycle)
	if d < -1e-9 {
		d += t.Cycle
	}
	return math.Max(0, d)
}

// Plan returns the timetable as a plan of the junction, with ambers, letter by letter.
func (t *Timetable) Plan(j *network.Junction) network.Plan {
	cuts := []float64{0}
	for g := range j.Groups {
		for _, w := range t.Greens[j.GroupID(g)] {
			for _, v := range []float64{w[0], w[1], w[1] + j.Groups[g].Timing.Amber.Seconds()} {
				cuts = append(cuts, t.after(0, v))
			}
		}
	}
	for i := range cuts {
		cuts[i] = math.Round(cuts[i]*10) / 10
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	p := network.Plan{ID: t.ID, Offset: time.Duration(t.Offset * float64(time.Second))}
	for i, from := range cuts {
		to := t.Cycle
		if i+1 < len(cuts) {
			to = cuts[i+1]
		}
		if to-from < 0.05 {
			continue
		}
		p.Phases = append(p.Phases, network.Phase{State: t.state(j, from), Duration: time.Duration(math.Round((to-from)*10)) * 100 * time.Millisecond})
	}
	return p
}

func (t *Timetable) state(j *network.Junction, at float64) string {
	b := make([]byte, len(j.Signals))
	for s := range j.Signals {
		sig := &j.Signals[s]
		b[s] = 'r'
		if sig.Group < 0 {
			continue
		}
		id := j.GroupID(sig.Group)
		if t.green(id, at) {
			b[s] = 'G'
			for _, y := range sig.YieldsTo {
				if t.green(j.GroupID(j.Signals[y].Group), at) {
					b[s] = 'g'
				}
			}
			continue
		}
		for _, w := range t.Greens[id] {
			if t.after(w[1], at) < j.Groups[sig.Group].Timing.Amber.Seconds()-1e-9 {
				b[s] = 'y'
			}
		}
	}
	return string(b)
}
