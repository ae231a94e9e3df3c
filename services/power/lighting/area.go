package lighting

import (
	"fmt"
	"slices"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
)

// What keeps the lamps from telling of one person: whoever looks at them, at what they
// draw, or at the public log, learns no more than that a crowd of LeastCrowd was out in an
// area of LeastStreets in a whole Quarter. There is no setting below these.
const (
	LeastStreets = 3
	LeastCrowd   = 5
	Quarter      = 15 * time.Minute
	LeastHold    = 30 * time.Minute
)

// Source is a camera whose counts say how many are out.
type Source struct {
	Camera city.Slug `yaml:"camera"`
	Zone   city.Slug `yaml:"zone"` // empty: all that it sees
}

// Area is streets that are dimmed together by how many people and vehicles are out in all of
// them.
type Area struct {
	Name     city.Slug     `yaml:"name"`
	Title    string        `yaml:"title"`    // as people call it; empty: the name
	Register city.Slug     `yaml:"register"` // the algorithm's entry in the public register
	Groups   []string      `yaml:"groups"`
	Counts   []Source      `yaml:"counts"`
	Hold     time.Duration `yaml:"hold"` // how long fewer must be out before the light falls; 0: LeastHold

	upTo []int // of each step
}

// Town is all lamps of a city that are run from one desk.
type Town struct {
	Groups []Group
	Areas  []Area
}

// ReadTown reads groups and areas from a YAML file's text.
func ReadTown(name string, text []byte) (*Town, error) {
	var file struct {
		Groups []Group `yaml:"groups"`
		Areas  []Area  `yaml:"areas"`
	}
	if err := strictyaml.Decode(name, text, &file); err != nil {
		return nil, err
	}
	if len(file.Groups) == 0 {
		return nil, city.Errorf(city.Invalid, "%s: no groups", name)
	}
	t := &Town{Groups: file.Groups, Areas: file.Areas}
	for i := range t.Groups {
		if err := t.Groups[i].Prepare(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if slices.ContainsFunc(t.Groups[:i], func(g Group) bool { return g.Name == t.Groups[i].Name }) {
			return nil, city.Errorf(city.Invalid, "%s: two groups are called %q", name, t.Groups[i].Name)
		}
	}
	taken := map[string]city.Slug{}
	for i := range t.Areas {
		a := &t.Areas[i]
		if slices.ContainsFunc(t.Areas[:i], func(b Area) bool { return b.Name == a.Name }) {
			return nil, city.Errorf(city.Invalid, "%s: two areas are called %q", name, a.Name)
		}
		if err := t.prepare(a, taken); err != nil {
			return nil, city.Errorf(city.Invalid, "%s: area %q: %w", name, a.Name, err)
		}
	}
	return t, nil
}

// prepare checks an area and readies it for use.
func (t *Town) prepare(a *Area, taken map[string]city.Slug) error {
	if a.Hold == 0 {
		a.Hold = LeastHold
	}
	if a.Title == "" {
		a.Title = string(a.Name)
	}
	switch {
	case a.Name == "":
		return city.Errorf(city.Invalid, "it has no name")
	case a.Register == "":
		return city.Errorf(city.Invalid, "it dims by counts without a register entry")
	case len(a.Groups) < LeastStreets:
		return city.Errorf(city.Invalid, "%d groups; lamps of fewer than %d streets would tell where somebody walks", len(a.Groups), LeastStreets)
	case len(a.Counts) == 0:
		return city.Errorf(city.Invalid, "it names no camera whose counts it goes by")
	case a.Hold < LeastHold:
		return city.Errorf(city.Invalid, "hold %s; light that falls sooner than %s after people left would tell of them", a.Hold, LeastHold)
	}
	for i, name := range a.Groups {
		g := t.Group(name)
		switch {
		case g == nil:
			return city.Errorf(city.Invalid, "there is no group %q", name)
		case taken[name] != "":
			return city.Errorf(city.Invalid, "group %q is in the area %q as well", name, taken[name])
		case len(g.Steps) == 0:
			return city.Errorf(city.Invalid, "group %q has no steps", name)
		case i > 0 && len(g.Steps) != len(a.upTo):
			return city.Errorf(city.Invalid, "group %q has %d steps, others %d: all change together", name, len(g.Steps), len(a.upTo))
		}
		taken[name] = a.Name
		for k, s := range g.Steps {
			switch {
			case i > 0 && s.UpTo != a.upTo[k]:
				return city.Errorf(city.Invalid, "group %q: step %d is up to %d, that of others up to %d: all change together", name, k+1, s.UpTo, a.upTo[k])
			case i > 0:
				continue
			case k == 0 && s.UpTo < LeastCrowd-1, k > 0 && s.UpTo-g.Steps[k-1].UpTo < LeastCrowd:
				return city.Errorf(city.Invalid, "group %q: step %d: a step that fewer than %d people make would tell of them: up_to begins at %d and rises by %d at least", name, k+1, LeastCrowd, LeastCrowd-1, LeastCrowd)
			}
			a.upTo = append(a.upTo, s.UpTo)
		}
	}
	return nil
}

// Group returns the group of a name, or nil.
func (t *Town) Group(name string) *Group {
	for i := range t.Groups {
		if t.Groups[i].Name == name {
			return &t.Groups[i]
		}
	}
	return nil
}

// Steps is how many steps of dimming an area has; the one above the last is full light.
func (a *Area) Steps() int { return len(a.upTo) }

// Crowd says how many are out, as coarse as a step is: from least on and fewer than below,
// 0 standing for no bound.
func (a *Area) Crowd(step int) (least, below int) {
	if step > 0 {
		least = a.upTo[step-1] + 1
	}
	if step < len(a.upTo) {
		below = a.upTo[step] + 1
	}
	return least, below
}

// Watch decides the step of an area, a whole quarter of an hour after the other: it rises with
// the first quarter in which more are out, and falls when fewer were for all of Hold. One
// whose counts are not known asks for full light. Not safe for concurrent use.
type Watch struct {
	area *Area
	next time.Time // the quarter that it waits for
	wait int       // quarters that fewer were out
	most int       // the highest step that those asked for
	step int
	full bool // counts are not known
}

// NewWatch begins with full light.
func NewWatch(a *Area) *Watch { return &Watch{area: a, step: len(a.upTo)} }

// See takes a quarter that is over: the mean number of people and vehicles that were out at a
// time, or that nobody knows. Quarters that it has seen are passed over, and one that is
// missing counts as unknown.
func (w *Watch) See(start time.Time, people float64, known bool) {
	start = start.Truncate(Quarter)
	if start.Before(w.next) {
		return
	}
	missed := !w.next.IsZero() && start.After(w.next)
	w.next = start.Add(Quarter)
	if missed || !known || !(people >= 0) {
		w.full, w.step, w.wait, w.most = true, len(w.area.upTo), 0, 0
		if !known || !(people >= 0) {
			return
		}
	}
	w.full = false
	want := 0
	for want < len(w.area.upTo) && people >= float64(w.area.upTo[want]+1) {
		want++
	}
	if want >= w.step {
		w.step, w.wait, w.most = want, 0, 0
		return
	}
	w.wait, w.most = w.wait+1, max(w.most, want)
	if time.Duration(w.wait)*Quarter >= w.area.Hold {
		w.step, w.wait, w.most = w.most, 0, 0
	}
}

// Next is the beginning of the quarter that comes next; zero before the first.
func (w *Watch) Next() time.Time { return w.next }

// Step is the area's step, and whether counts are known. What is older than two quarters
// says nothing.
func (w *Watch) Step(now time.Time) (step int, known bool) {
	if w.full || w.next.IsZero() || now.Sub(w.next) > 2*Quarter {
		return len(w.area.upTo), false
	}
	return w.step, true
}
