package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"polity/city"
)

// Format is the name that a network's JSON begins with (docs/formats/traffic-network.md).
const Format = "polity-traffic-network/1"

// The JSON form of a network. Things refer to one another by id; groups by GroupID,
// signals by number.
type fileNetwork struct {
	Format    string         `json:"format"`
	Name      string         `json:"name"`
	Source    string         `json:"source,omitempty"`
	Assumed   []string       `json:"assumed,omitempty"`
	Lanes     []fileLane     `json:"lanes"`
	Links     []fileLink     `json:"links"`
	Junctions []fileJunction `json:"junctions"`
}

type fileLane struct {
	ID     string       `json:"id"`
	Edge   string       `json:"edge"`
	Index  int          `json:"index"`
	Length float64      `json:"length_m"`
	Speed  float64      `json:"speed_ms"`
	Motor  bool         `json:"motor"`
	Street string       `json:"street,omitempty"`
	Shape  [][2]float64 `json:"shape,omitempty"`
}

type fileLink struct {
	From     string       `json:"from"`
	To       string       `json:"to"`
	Turn     string       `json:"turn"`
	Length   float64      `json:"length_m"`
	Junction string       `json:"junction,omitempty"`
	Signal   *int         `json:"signal,omitempty"`
	Via      string       `json:"via,omitempty"`
	Shape    [][2]float64 `json:"shape,omitempty"`
}

type fileJunction struct {
	ID          string           `json:"id"`
	Name        string           `json:"name,omitempty"`
	X           float64          `json:"x"`
	Y           float64          `json:"y"`
	Place       *[2]float64      `json:"place,omitempty"`
	Assumed     []string         `json:"assumed,omitempty"`
	Groups      []fileGroup      `json:"groups"`
	Signals     []fileSignal     `json:"signals"`
	Crossings   []fileCrossing   `json:"crossings,omitempty"`
	Conflicts   [][2]string      `json:"conflicts"`
	Yields      [][2]string      `json:"yields,omitempty"`
	Traps       [][2]string      `json:"traps,omitempty"`
	Intergreens []fileIntergreen `json:"intergreens"`
	Plans       []filePlan       `json:"plans"`
}

type fileGroup struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	MinGreen float64 `json:"min_green_s"`
	MaxGreen float64 `json:"max_green_s,omitempty"`
	Amber    float64 `json:"amber_s,omitempty"`
	MaxRed   float64 `json:"max_red_s,omitempty"`
}

type fileSignal struct {
	Group      string `json:"group,omitempty"`
	Crossing   string `json:"crossing,omitempty"`
	TurnOnRed  bool   `json:"turn_on_red,omitempty"`
	AlwaysFree bool   `json:"always_free,omitempty"`
	YieldsTo   []int  `json:"yields_to,omitempty"`
}

type fileCrossing struct {
	ID     string       `json:"id"`
	Area   string       `json:"area,omitempty"`
	Edges  []string     `json:"edges,omitempty"`
	Length float64      `json:"length_m"`
	Shape  [][2]float64 `json:"shape,omitempty"`
}

type fileIntergreen struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Seconds float64 `json:"s"`
}

type filePlan struct {
	ID       string      `json:"id"`
	Actuated bool        `json:"actuated,omitempty"`
	Proposed bool        `json:"proposed,omitempty"`
	Offset   float64     `json:"offset_s,omitempty"`
	Phases   []filePhase `json:"phases"`
}

type filePhase struct {
	State    string  `json:"state"`
	Duration float64 `json:"s"`
	Min      float64 `json:"min_s,omitempty"`
	Max      float64 `json:"max_s,omitempty"`
}

// WriteJSON writes the network in the form of docs/formats/traffic-network.md.
func (n *Network) WriteJSON(w io.Writer) error {
	f := fileNetwork{Format: Format, Name: n.Name, Source: n.Source, Assumed: n.Assumed, Lanes: []fileLane{}, Links: []fileLink{}, Junctions: []fileJunction{}}
	for i := range n.Lanes {
		l := &n.Lanes[i]
		f.Lanes = append(f.Lanes, fileLane{ID: l.ID, Edge: l.Edge, Index: l.Index, Length: centi(l.Length), Speed: centi(l.Speed), Motor: l.Motor, Street: l.Street, Shape: pairs(l.Shape)})
	}
	for i := range n.Links {
		l := &n.Links[i]
		link := fileLink{From: n.Lanes[l.From].ID, To: n.Lanes[l.To].ID, Turn: string(l.Turn), Length: centi(l.Length), Via: l.via, Shape: pairs(l.Shape)}
		if l.Junction >= 0 {
			link.Junction, link.Signal = n.Junctions[l.Junction].ID, &l.Signal
		}
		f.Links = append(f.Links, link)
	}
	for _, j := range n.Junctions {
		f.Junctions = append(f.Junctions, j.file())
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(f); err != nil {
		return fmt.Errorf("write the network: %w", err)
	}
	return nil
}

func (j *Junction) file() fileJunction {
	f := fileJunction{ID: j.ID, Name: j.Name, X: centi(j.X), Y: centi(j.Y), Assumed: j.Assumed, Conflicts: [][2]string{}, Intergreens: []fileIntergreen{}}
	if j.Place != nil {
		f.Place = &pairs([]city.Point{*j.Place})[0]
	}
	ids := make([]string, len(j.Groups))
	for g := range j.Groups {
		t := j.Groups[g].Timing
		ids[g] = j.GroupID(g)
		f.Groups = append(f.Groups, fileGroup{ID: ids[g], Name: j.Groups[g].Name, Kind: j.Groups[g].Kind.String(), MinGreen: t.MinGreen.Seconds(), MaxGreen: t.MaxGreen.Seconds(), Amber: t.Amber.Seconds(), MaxRed: t.MaxRed.Seconds()})
	}
	for s := range j.Signals {
		sig := &j.Signals[s]
		out := fileSignal{TurnOnRed: sig.TurnOnRed, AlwaysFree: sig.AlwaysFree, YieldsTo: sig.YieldsTo}
		if sig.Group >= 0 {
			out.Group = ids[sig.Group]
		}
		if sig.Crossing >= 0 {
			out.Crossing = j.Crossings[sig.Crossing].ID
		}
		f.Signals = append(f.Signals, out)
	}
	for _, c := range j.Crossings {
		f.Crossings = append(f.Crossings, fileCrossing{ID: c.ID, Area: c.Area, Edges: c.Edges, Length: centi(c.Length), Shape: pairs(c.Shape)})
	}
	for a := range j.Groups {
		for b := range j.Conflicts[a].All() {
			if a < b {
				f.Conflicts = append(f.Conflicts, [2]string{ids[a], ids[b]})
			}
			f.Intergreens = append(f.Intergreens, fileIntergreen{ids[a], ids[b], j.Intergreen[a][b].Seconds()})
		}
		for b := range j.Yields[a].All() {
			f.Yields = append(f.Yields, [2]string{ids[a], ids[b]})
		}
		for b := range j.Traps[a].All() {
			f.Traps = append(f.Traps, [2]string{ids[a], ids[b]})
		}
	}
	for _, p := range j.Plans {
		plan := filePlan{ID: p.ID, Actuated: p.Actuated, Proposed: p.Proposed, Offset: p.Offset.Seconds()}
		for _, ph := range p.Phases {
			plan.Phases = append(plan.Phases, filePhase{ph.State, ph.Duration.Seconds(), ph.Min.Seconds(), ph.Max.Seconds()})
		}
		f.Plans = append(f.Plans, plan)
	}
	return f
}

// ReadJSON reads what WriteJSON wrote, perhaps changed by people. Name is used in
// errors, which are of kind Invalid, give the line of what is no JSON of this form,
// and name junction and groups of what must not be run: conflicting greens of a
// plan, an intergreen that is missing or shorter than the amber.
func ReadJSON(r io.Reader, name string) (*Network, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var f fileNetwork
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: not a network's JSON: %v", where(name, text, err), err)
	}
	if f.Format != Format {
		return nil, city.Errorf(city.Invalid, "%s: the format is %q; this program reads %q", name, f.Format, Format)
	}
	n, err := f.network()
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
	}
	title := n.Name
	n.Name = name
	err = Complete(n)
	n.Name = title
	if err != nil {
		return nil, err
	}
	return n, nil
}

// where returns the name with the line that a JSON error is at, if it tells.
func where(name string, text []byte, err error) string {
	offset := int64(-1)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	} else if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = kind.Offset
	} else if errors.Is(err, io.ErrUnexpectedEOF) {
		offset = int64(len(text))
	}
	if offset < 0 {
		return name
	}
	return fmt.Sprintf("%s:%d", name, 1+bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n")))
}

func (f *fileNetwork) network() (*Network, error) {
	n := &Network{Name: f.Name, Source: f.Source, Assumed: f.Assumed}
	lanes := map[string]int{}
	for _, l := range f.Lanes {
		lanes[l.ID] = len(n.Lanes)
		n.Lanes = append(n.Lanes, Lane{ID: l.ID, Edge: l.Edge, Index: l.Index, Length: l.Length, Speed: l.Speed, Motor: l.Motor, Street: l.Street, Shape: points(l.Shape)})
	}
	junctions := map[string]int{}
	for i := range f.Junctions {
		j, err := f.Junctions[i].junction()
		if err != nil {
			return nil, fmt.Errorf("junction %s: %w", f.Junctions[i].ID, err)
		}
		junctions[j.ID] = len(n.Junctions)
		n.Junctions = append(n.Junctions, j)
	}
	for i, l := range f.Links {
		from, ok := lanes[l.From]
		to, also := lanes[l.To]
		if !ok || !also {
			return nil, fmt.Errorf("link %d leads from %q to %q; one of the lanes is not there", i, l.From, l.To)
		}
		if len(l.Turn) != 1 || !(l.Turn == "s" || l.Turn == "l" || l.Turn == "r" || l.Turn == "t") {
			return nil, fmt.Errorf("link %d from %s: the turn %q is none of s, l, r, t", i, l.From, l.Turn)
		}
		link := Link{From: from, To: to, Turn: Turn(l.Turn[0]), Length: l.Length, Junction: -1, Signal: -1, Shape: points(l.Shape), via: l.Via}
		if l.Junction != "" {
			if link.Junction, ok = junctions[l.Junction]; !ok {
				return nil, fmt.Errorf("link %d from %s: there is no junction %q", i, l.From, l.Junction)
			}
			if l.Signal == nil {
				return nil, fmt.Errorf("link %d from %s: its signal at junction %s is missing", i, l.From, l.Junction)
			}
			link.Signal = *l.Signal
		}
		n.Links = append(n.Links, link)
	}
	return n, nil
}

func (f *fileJunction) junction() (*Junction, error) {
	j := &Junction{ID: f.ID, Name: f.Name, X: f.X, Y: f.Y, Assumed: f.Assumed}
	if f.Place != nil {
		p := points([][2]float64{*f.Place})[0]
		if err := p.Check(); err != nil {
			return nil, err
		}
		j.Place = &p
	}
	count := len(f.Groups)
	if count > MaxGroups {
		return nil, fmt.Errorf("it has %d signal groups; at most %d are supported", count, MaxGroups)
	}
	ids := map[string]int{}
	for g, in := range f.Groups {
		kind := Vehicles
		switch in.Kind {
		case Vehicles.String():
		case Pedestrians.String():
			kind = Pedestrians
		default:
			return nil, fmt.Errorf("group %s: the kind %q is neither %s nor %s", in.ID, in.Kind, Vehicles, Pedestrians)
		}
		if _, twice := ids[in.ID]; twice {
			return nil, fmt.Errorf("group %s is there twice", in.ID)
		}
		ids[in.ID] = g
		j.Groups = append(j.Groups, Group{Name: in.Name, Kind: kind, Timing: Timing{MinGreen: duration(in.MinGreen), MaxGreen: duration(in.MaxGreen), Amber: duration(in.Amber), MaxRed: duration(in.MaxRed)}})
	}
	for g, in := range f.Groups {
		if want := j.GroupID(g); in.ID != want {
			return nil, fmt.Errorf("group %d has the id %q; in this order it is %s", g, in.ID, want)
		}
	}
	crossings := map[string]int{}
	for _, c := range f.Crossings {
		crossings[c.ID] = len(j.Crossings)
		j.Crossings = append(j.Crossings, Crossing{ID: c.ID, Area: c.Area, Edges: c.Edges, Length: c.Length, Shape: points(c.Shape)})
	}
	for i, s := range f.Signals {
		sig := Signal{Group: -1, Crossing: -1, TurnOnRed: s.TurnOnRed, AlwaysFree: s.AlwaysFree, YieldsTo: s.YieldsTo}
		var ok bool
		if s.Group != "" {
			if sig.Group, ok = ids[s.Group]; !ok {
				return nil, fmt.Errorf("signal %d belongs to group %q, which is not there", i, s.Group)
			}
		}
		if s.Crossing != "" {
			if sig.Crossing, ok = crossings[s.Crossing]; !ok {
				return nil, fmt.Errorf("signal %d is for crossing %q, which is not there", i, s.Crossing)
			}
		}
		j.Signals = append(j.Signals, sig)
	}
	for _, p := range f.Plans {
		plan := Plan{ID: p.ID, Actuated: p.Actuated, Proposed: p.Proposed, Offset: duration(p.Offset)}
		for _, ph := range p.Phases {
			plan.Phases = append(plan.Phases, Phase{State: ph.State, Duration: duration(ph.Duration), Min: duration(ph.Min), Max: duration(ph.Max)})
		}
		j.Plans = append(j.Plans, plan)
	}
	return j, f.relations(j, ids)
}

// relations reads who conflicts with, gives way to and must wait for whom.
func (f *fileJunction) relations(j *Junction, ids map[string]int) error {
	count := len(j.Groups)
	j.Conflicts, j.Yields, j.Traps, j.Intergreen = make([]Set, count), make([]Set, count), make([]Set, count), make([][]time.Duration, count)
	for g := range j.Intergreen {
		j.Intergreen[g] = make([]time.Duration, count)
	}
	pair := func(what, from, to string) (a, b int, err error) {
		a, ok := ids[from]
		b, also := ids[to]
		switch {
		case !ok || !also:
			return 0, 0, fmt.Errorf("%s name %s and %s; one of them is no group here", what, from, to)
		case a == b:
			return 0, 0, fmt.Errorf("%s name %s with itself", what, from)
		}
		return a, b, nil
	}
	for _, c := range f.Conflicts {
		a, b, err := pair("conflicts", c[0], c[1])
		if err != nil {
			return err
		}
		j.Conflicts[a], j.Conflicts[b] = j.Conflicts[a].With(b), j.Conflicts[b].With(a)
	}
	for _, list := range []struct {
		name  string
		pairs [][2]string
		into  []Set
	}{{"yields", f.Yields, j.Yields}, {"traps", f.Traps, j.Traps}} {
		for _, y := range list.pairs {
			a, b, err := pair(list.name, y[0], y[1])
			if err != nil {
				return err
			}
			if j.Conflicts[a].Has(b) {
				return fmt.Errorf("%s and %s conflict, so neither can give way to the other at green (%s)", y[0], y[1], list.name)
			}
			list.into[a] = list.into[a].With(b)
		}
	}
	for _, t := range f.Intergreens {
		a, b, err := pair("intergreens", t.From, t.To)
		if err != nil {
			return err
		}
		if !j.Conflicts[a].Has(b) {
			return fmt.Errorf("there is an intergreen from %s to %s, which do not conflict", t.From, t.To)
		}
		j.Intergreen[a][b] = duration(t.Seconds)
	}
	return nil
}

// duration reads seconds; what is no time of a signal plan becomes one that checks
// refuse.
func duration(s float64) time.Duration {
	if math.IsNaN(s) || s < 0 || s > 86400 {
		return -1
	}
	return time.Duration(math.Round(s*1000)) * time.Millisecond
}

func centi(v float64) float64 { return math.Round(v*100) / 100 }

// pairs writes points as [lon, lat], as GeoJSON does, to a centimetre.
func pairs(shape []city.Point) [][2]float64 {
	var out [][2]float64
	for _, p := range shape {
		out = append(out, [2]float64{math.Round(p.Lon*1e7) / 1e7, math.Round(p.Lat*1e7) / 1e7})
	}
	return out
}

func points(shape [][2]float64) []city.Point {
	var out []city.Point
	for _, p := range shape {
		out = append(out, city.Point{Lon: p[0], Lat: p[1]})
	}
	return out
}
