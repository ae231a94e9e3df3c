package live

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"polity/city"
	"polity/services/water/network"
)

// Street is what residents call a place by: a name, and the pipes that lie in it.
type Street struct {
	Name  string
	Pipes []int
}

// streetName bounds a street's name, in characters.
const streetName = 80

// readStreets reads a table (CSV) with the columns street and pipe, a line for each pipe.
// Errors are of kind city.Invalid and name the line.
func readStreets(name string, r io.Reader, n *network.Network) (list []Street, err error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: no table (CSV) with a first line street,pipe: %w", name, err)
	}
	for i := range head {
		head[i] = strings.ToLower(strings.TrimSpace(head[i]))
	}
	street, pipe := slices.Index(head, "street"), slices.Index(head, "pipe")
	if street < 0 || pipe < 0 {
		return nil, city.Errorf(city.Invalid, "%s:1: the table needs the columns street and pipe", name)
	}
	at := map[string]int{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := in.FieldPos(0)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
		}
		called := strings.TrimSpace(row[street])
		link, is := n.Link(strings.TrimSpace(row[pipe]))
		switch {
		case called == "" || utf8.RuneCountInString(called) > streetName:
			return nil, city.Errorf(city.Invalid, "%s:%d: a street has a name of 1 to %d characters", name, line, streetName)
		case !is:
			return nil, city.Errorf(city.Invalid, "%s:%d: %s lies in %s, and is no pipe of the network; are the columns exchanged?", name, line, row[pipe], called)
		}
		i, known := at[called]
		if !known {
			i = len(list)
			at[called] = i
			list = append(list, Street{Name: called})
		}
		list[i].Pipes = append(list[i].Pipes, link)
	}
	slices.SortFunc(list, func(a, b Street) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// straight is the largest bend at which a street goes on, radians.
const straight = math.Pi / 4

// drawStreets lays streets out where a made-up network has none: each goes on over a crossing
// by the pipe that bends least. Their names are numbers.
func drawStreets(n *network.Network) (list []Street) {
	x, y := places(n)
	taken := make([]bool, len(n.Links))
	// next is the pipe by which a street goes on at a node that it reaches by a link.
	next := func(link, node int) int {
		l := n.Links[link]
		from := l.From + l.To - node
		along := math.Atan2(y[node]-y[from], x[node]-x[from])
		best, bend := -1, straight
		for _, a := range n.Arms(node) {
			if taken[a.Link] || n.Links[a.Link].Kind != network.Pipe {
				continue
			}
			v := math.Abs(math.Remainder(math.Atan2(y[a.To]-y[node], x[a.To]-x[node])-along, 2*math.Pi))
			if v < bend {
				best, bend = a.Link, v
			}
		}
		return best
	}
	for i, l := range n.Links {
		if taken[i] || l.Kind != network.Pipe {
			continue
		}
		taken[i] = true
		s := Street{Name: fmt.Sprintf("Street %d", len(list)+1), Pipes: []int{i}}
		for _, node := range []int{l.To, l.From} {
			for at, link := node, next(i, node); link >= 0; link = next(link, at) {
				taken[link] = true
				s.Pipes = append(s.Pipes, link)
				at = n.Links[link].From + n.Links[link].To - at
			}
		}
		list = append(list, s)
	}
	return list
}

// Streets are those that a report may name, in their order.
func (s *Service) Streets() (names []string) {
	for i := range s.streets {
		names = append(names, s.streets[i].Name)
	}
	return names
}

// street finds one by its name; nil: there is none.
func (s *Service) street(name string) *Street {
	for i := range s.streets {
		if s.streets[i].Name == name && name != "" {
			return &s.streets[i]
		}
	}
	return nil
}

// samplesWithin is how long reports of brown water count as samples: a search looks back as
// many hours as the network's water is old, some days at most.
const samplesWithin = 48 * time.Hour

// ReportSamples are reports of brown water as samples for the search of its source: a table
// (CSV) with the columns node, hours and seen, hours from the midnight (UTC) before the first
// of them. Nothing: nobody told of brown water in the last two days.
func (s *Service) ReportSamples() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.deps.Now().UTC()
	brown := slices.DeleteFunc(slices.Clone(s.kept.Reports), func(r Report) bool { return r.What != "brown-water" || now.Sub(r.At) > samplesWithin })
	if len(brown) == 0 {
		return ""
	}
	first := slices.MinFunc(brown, func(a, b Report) int { return a.At.Compare(b.At) }).At.Truncate(24 * time.Hour)
	var b strings.Builder
	b.WriteString("node,hours,seen\n")
	for i := range brown {
		fmt.Fprintf(&b, "%s,%.2f,yes\n", s.net.Nodes[s.reportNode(&brown[i])].ID, brown[i].At.Sub(first).Hours())
	}
	return b.String()
}

// reportNode is a node near a report: an end of its pipe, or of the middle one of its street.
func (s *Service) reportNode(r *Report) int {
	link, _ := s.net.Link(r.Pipe)
	if x := s.street(r.Street); x != nil {
		link = x.Pipes[len(x.Pipes)/2]
	}
	l := s.net.Links[link]
	if s.net.Nodes[l.To].Kind == network.Junction {
		return l.To
	}
	return l.From
}
