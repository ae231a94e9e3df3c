// Package season is made-up days in a water network: leaks open and grow, instruments
// measure, a crew listens, closes valves, mends and opens them again. It shares no code
// with what finds leaks.
package season

import (
	"context"
	"errors"
	"slices"
	"time"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/isolation"
	"polity/services/water/leaksim"
	"polity/services/water/network"
	"polity/services/water/scada"
)

// Leak is one that opens.
type Leak struct {
	Pipe     string
	Day      int // of the season on which it begins
	Grows    int // days until it is full; 0: it bursts
	Diameter float64
}

// Config is what Begin needs.
type Config struct {
	Network *network.Network
	Valves  []isolation.Valve
	Leaks   []Leak
	Before  int // days measured before the season
	Seed    uint64
	Dial    epanet.Dialer
}

// Hours of a crew's day.
const (
	goes   = 8 * time.Hour  // it goes out
	mends  = 14 * time.Hour // it has mended what it could reach
	hears  = 350.0          // m along pipes from where it was sent
	dayLen = 24 * time.Hour
)

// begin is a Monday, as the patterns of networks want it.
var begin = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)

// Job is what a crew is sent for, the next morning.
type Job struct {
	ID    string
	Pipe  string // to be searched and cut off by closing valves; empty: none
	Close []int  // valves
	Open  []int
}

// What a crew says.
type What string

// The words of a crew.
const (
	Closed  What = "closed"  // the leak is on Pipe, and is cut off
	Heard   What = "heard"   // the leak is on Pipe, which these valves do not cut off: nothing was closed
	Nothing What = "nothing" // no leak is heard around: nothing was closed
	Mended  What = "mended"
	Opened  What = "opened"
)

// Word is what it says, and when.
type Word struct {
	Job  string
	What What
	Pipe string
	At   time.Time
}

// Season is a network on its way through the days. It is for one caller at a time.
type Season struct {
	cfg     Config
	truth   []leaksim.Leak
	between *network.Between
	first   time.Time
	day     int
	closed  map[int]bool // valves
	jobs    []Job
}

// Begin returns a season before its first day, and what was measured before it.
func Begin(ctx context.Context, c Config) (*Season, *scada.Data, error) {
	s := &Season{cfg: c, between: c.Network.Between(), first: begin.AddDate(0, 0, c.Before), closed: map[int]bool{}}
	for _, l := range c.Leaks {
		if _, is := c.Network.Link(l.Pipe); !is {
			return nil, nil, city.Errorf(city.Invalid, "the season has a leak at %s, which is no pipe of %s", l.Pipe, c.Network.File.Name)
		}
		starts := s.first.AddDate(0, 0, l.Day)
		s.truth = append(s.truth, leaksim.Leak{Pipe: l.Pipe, Start: starts, Peak: starts.AddDate(0, 0, l.Grows), End: begin.AddDate(2, 0, 0), Diameter: l.Diameter})
	}
	before, err := s.piece(ctx, begin, s.first)
	return s, before, err
}

// Send gives a crew a job for the next morning.
func (s *Season) Send(j Job) { s.jobs = append(s.jobs, j) }

// Day plays the next day.
func (s *Season) Day(ctx context.Context) (*scada.Data, []Word, error) {
	from := s.first.AddDate(0, 0, s.day)
	s.day++
	if len(s.jobs) == 0 {
		d, err := s.piece(ctx, from, from.Add(dayLen))
		return d, nil, err
	}
	morning, err := s.piece(ctx, from, from.Add(goes))
	if err != nil {
		return nil, nil, err
	}
	var words []Word
	for _, j := range s.jobs {
		words = append(words, s.work(j, from)...)
	}
	s.jobs = nil
	rest, err := s.piece(ctx, from.Add(goes), from.Add(dayLen))
	if err != nil {
		return nil, nil, err
	}
	morning.Append(rest)
	return morning, words, nil
}

// Days plays several days, and joins them.
func (s *Season) Days(ctx context.Context, count int) (*scada.Data, error) {
	all, _, err := s.Day(ctx)
	for range count - 1 {
		if err != nil {
			return nil, err
		}
		var d *scada.Data
		if d, _, err = s.Day(ctx); err == nil {
			all.Append(d)
		}
	}
	return all, err
}

// work is what a crew does of a job.
func (s *Season) work(j Job, day time.Time) (words []Word) {
	say := func(what What, pipe string, at time.Duration) {
		words = append(words, Word{Job: j.ID, What: what, Pipe: pipe, At: day.Add(at)})
	}
	if j.Pipe == "" {
		for _, v := range j.Open {
			delete(s.closed, v)
		}
		say(Opened, "", goes)
		return words
	}
	leak := s.listen(j.Pipe, day.Add(goes))
	if leak < 0 {
		say(Nothing, "", goes)
		return words
	}
	l := &s.truth[leak]
	link, _ := s.cfg.Network.Link(l.Pipe)
	closed := map[int]bool{}
	for v := range s.closed {
		closed[v] = true
	}
	for _, v := range j.Close {
		closed[v] = true
	}
	if isolation.Reaches(s.cfg.Network, s.cfg.Valves, closed, link) {
		say(Heard, l.Pipe, goes)
		return words
	}
	s.closed = closed
	l.End, l.Repaired = day.Add(goes-time.Second), true
	say(Closed, l.Pipe, goes)
	say(Mended, l.Pipe, mends)
	return words
}

// listen is the running leak nearest to a pipe, within hearing; -1: none.
func (s *Season) listen(pipe string, at time.Time) int {
	where, _ := s.cfg.Network.Link(pipe)
	found, nearest := -1, hears
	for i, l := range s.truth {
		link, _ := s.cfg.Network.Link(l.Pipe)
		if far := s.between.Links(where, link); at.After(l.Start) && at.Before(l.End) && far <= nearest {
			found, nearest = i, far
		}
	}
	return found
}

// piece measures a time in which no valve moves.
func (s *Season) piece(ctx context.Context, from, to time.Time) (*scada.Data, error) {
	n := *s.cfg.Network
	n.Links, n.Nodes = slices.Clone(n.Links), slices.Clone(n.Nodes)
	for v := range s.closed {
		n.Links[s.cfg.Valves[v].Link].Closed = true
	}
	dry := s.dry(&n)
	for i := range n.Nodes {
		if !dry[i] {
			continue
		}
		n.Nodes[i].Demands = slices.Clone(n.Nodes[i].Demands)
		for k := range n.Nodes[i].Demands {
			n.Nodes[i].Demands[k].Base = 0
		}
	}
	var p *leaksim.Period
	var err error
	for range 3 { // a worker that dies costs nothing: another one computes the same
		p, err = leaksim.Simulate(ctx, s.cfg.Dial, leaksim.Case{
			Network: &n, Sensors: n.File.Sensors(), Seed: s.cfg.Seed, Start: begin, Leaks: s.truth, Perturb: leaksim.Assumed,
		}, from, to, nil)
		if !errors.Is(err, epanet.ErrDied) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	for c, name := range p.Data.Pressures.Names {
		if i, _ := n.Node(name); dry[i] {
			clear(p.Data.Pressures.Values[c])
		}
	}
	for _, t := range []struct {
		of   *scada.Table
		name string
	}{{p.Data.Pressures, "pressures"}, {p.Data.Flows, "flows"}, {p.Data.Levels, "levels"}, {p.Data.Demands, "demands"}} {
		t.of.Name = "simulated " + t.name
	}
	return p.Data, nil
}

// dry says which nodes no source reaches.
func (s *Season) dry(n *network.Network) []bool {
	dry := make([]bool, len(n.Nodes))
	var queue []int
	for i := range n.Nodes {
		if dry[i] = n.Nodes[i].Kind == network.Junction; !dry[i] {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, a := range n.Arms(at) {
			if dry[a.To] && !n.Links[a.Link].Closed {
				dry[a.To] = false
				queue = append(queue, a.To)
			}
		}
	}
	return dry
}
