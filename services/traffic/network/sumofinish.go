package network

import (
	"strings"
)

// finish puts what was read together: links get their lanes, every signalised
// junction its signals, groups, conflicts and stages.
func (s *sumoReader) finish() (*Network, error) {
	if err := s.numberRequests(); err != nil {
		return nil, err
	}
	for _, id := range s.tls {
		s.net.Junctions = append(s.net.Junctions, &Junction{ID: id, Plans: s.logics[id].plans})
	}
	s.net.index()
	motorLinks := 0
	at := make([]signalRefs, len(s.net.Junctions))
	for i := range s.links {
		l := &s.links[i]
		j := -1
		if l.tls != "" {
			if j = s.net.Junction(l.tls); j < 0 {
				return nil, s.errorAt(l.line, "connection %s to %s names the signals %s, which have no <tlLogic>", l.from, l.to, l.tls)
			}
		}
		ref := signalRef{signal: l.signal, node: l.node, request: l.request, link: -1}
		if l.fromCrossing {
			c := s.crossings[l.to]
			c.Area, _, _ = strings.Cut(l.from, "_")
			c.Area = strings.TrimSuffix(l.from, "_0")
			ref.crossing = &c
		} else {
			ref.link = len(s.net.Links)
			link, err := s.link(l, j)
			if err != nil {
				return nil, err
			}
			s.net.Links = append(s.net.Links, link)
			motorLinks++
		}
		if j >= 0 {
			at[j].refs = append(at[j].refs, ref)
		}
	}
	if motorLinks == 0 {
		return nil, s.errorf("the network has no connections between lanes, so nobody can drive through it; was it written by netconvert or netgenerate?")
	}
	s.net.lanes, s.net.junctions = nil, nil
	s.net.index()
	for i, j := range s.net.Junctions {
		if err := s.junction(i, j, at[i].refs); err != nil {
			return nil, err
		}
	}
	return s.net, nil
}

type signalRefs struct{ refs []signalRef }

// signalRef ties a signal to the link or crossing it controls and to the row of
// the node's request table that says whom it crosses.
type signalRef struct {
	signal   int
	node     string
	request  int
	link     int
	crossing *Crossing
}

func (s *sumoReader) link(l *sumoLink, junction int) (Link, error) {
	from, ok := s.lane[l.from]
	if !ok {
		return Link{}, s.errorAt(l.line, "connection leaves the lane %s, which is not there", l.from)
	}
	to, ok := s.lane[l.to]
	if !ok {
		return Link{}, s.errorAt(l.line, "connection leads to the lane %s, which is not there", l.to)
	}
	return Link{From: from, To: to, Turn: l.turn, Length: s.viaLength[l.via], Junction: junction, Signal: l.signal, Shape: s.viaShape[l.via], via: l.via}, nil
}

// numberRequests finds each connection's row in its node's request table: SUMO
// numbers them along the node's incoming lanes, and in file order for each lane.
func (s *sumoReader) numberRequests() error {
	byLane := map[string][]int{}
	for i, l := range s.links {
		byLane[l.from] = append(byLane[l.from], i)
	}
	for _, id := range s.order {
		node := s.nodes[id]
		row := 0
		for _, lane := range node.lanes {
			for _, i := range byLane[lane] {
				s.links[i].node, s.links[i].request = id, row
				row++
			}
		}
		for i, foes := range node.foes {
			if len(foes) != len(node.foes) || len(node.response[i]) != len(node.foes) {
				return s.errorf("junction %s: request %d has %d letters for %d requests", id, i, len(foes), len(node.foes))
			}
		}
	}
	return nil
}

// set tells whether bit i of a request's row is set; SUMO writes index 0 last.
func requestBit(row string, i int) bool {
	return i >= 0 && i < len(row) && row[len(row)-1-i] == '1'
}

func (s *sumoReader) junction(index int, j *Junction, refs []signalRef) error {
	line := s.logics[j.ID].line
	if len(j.Plans) == 0 {
		return s.errorAt(line, "junction %s has no signal plan", j.ID)
	}
	signals := 0
	for _, r := range refs {
		signals = max(signals, r.signal+1)
	}
	for _, p := range j.Plans {
		if len(p.Phases) == 0 {
			return s.errorAt(line, "plan %s of junction %s has no phases", p.ID, j.ID)
		}
		for i, ph := range p.Phases {
			if len(ph.State) < signals || len(ph.State) != len(p.Phases[0].State) {
				return s.errorAt(line, "plan %s of junction %s: phase %d has %d letters, but the junction has %d signals", p.ID, j.ID, i, len(ph.State), max(signals, len(p.Phases[0].State)))
			}
		}
		signals = max(signals, len(p.Phases[0].State))
	}
	j.Signals = make([]Signal, signals)
	for i := range j.Signals {
		j.Signals[i] = Signal{Group: -1, Crossing: -1}
	}
	rows := make([][]signalRef, signals)
	for _, r := range refs {
		rows[r.signal] = append(rows[r.signal], r)
		sig := &j.Signals[r.signal]
		if r.crossing != nil {
			sig.Crossing = len(j.Crossings)
			j.Crossings = append(j.Crossings, *r.crossing)
		} else {
			sig.Links = append(sig.Links, r.link)
		}
		if n := s.nodes[r.node]; n != nil {
			j.X, j.Y = n.x, n.y
			if s.place != nil {
				if at := s.place.place(n.x, n.y); at.Check() == nil {
					j.Place = &at
				}
			}
		}
	}
	relate := func(table func(*sumoNode) []string) func(a, b int) bool {
		return func(a, b int) bool {
			for _, x := range rows[a] {
				for _, y := range rows[b] {
					n := s.nodes[x.node]
					if x.node != y.node || n == nil || x.request < 0 || x.request >= len(n.foes) {
						continue
					}
					if requestBit(table(n)[x.request], y.request) {
						return true
					}
				}
			}
			return false
		}
	}
	foes := relate(func(n *sumoNode) []string { return n.foes })
	yields := relate(func(n *sumoNode) []string { return n.response })
	return s.net.build(index, foes, yields, func(format string, args ...any) error { return s.errorAt(line, format, args...) })
}
