package network

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
)

// ReadSUMO reads a SUMO network (.net.xml). Name is used in error messages, which
// give the line and the element. A network without a connection, with a plan whose
// states do not fit its signals, or with a reference to something that is not there
// is an error; a plan that is dangerous is not: PlanDangers lists what is wrong with it.
func ReadSUMO(r io.Reader, name string) (*Network, error) {
	s := sumoReader{
		name: name, dec: xml.NewDecoder(r), net: &Network{Name: name},
		lane: map[string]int{}, nodes: map[string]*sumoNode{}, crossings: map[string]Crossing{}, logics: map[string]*sumoLogic{},
		viaLength: map[string]float64{}, viaShape: map[string][]city.Point{},
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.finish()
}

type sumoReader struct {
	name      string
	dec       *xml.Decoder
	net       *Network
	lane      map[string]int
	nodes     map[string]*sumoNode
	order     []string // nodes with requests, in file order
	crossings map[string]Crossing
	viaLength map[string]float64
	viaShape  map[string][]city.Point
	place     *projection // nil: where it lies is not known
	links     []sumoLink
	logics    map[string]*sumoLogic
	tls       []string // logics in file order

	function string // of the edge being read
	edge     string
	crossed  []string
	node     *sumoNode
	logic    *sumoLogic
	plan     *Plan
}

type sumoNode struct {
	id       string
	x, y     float64
	lanes    []string // incoming, in the order of the requests
	response []string
	foes     []string
}

type sumoLink struct {
	line         int
	from, to     string // lane ids
	via, tls     string
	signal       int
	turn         Turn
	node         string
	request      int
	fromCrossing bool
}

type sumoLogic struct {
	id    string
	line  int
	plans []Plan
}

func (s *sumoReader) errorf(format string, args ...any) error {
	line, _ := s.dec.InputPos()
	return s.errorAt(line, format, args...)
}

func (s *sumoReader) errorAt(line int, format string, args ...any) error {
	return city.Errorf(city.Invalid, "%s:%d: %s", s.name, line, fmt.Sprintf(format, args...))
}

func (s *sumoReader) read() error {
	root := false
	for {
		tok, err := s.dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s.errorf("not well-formed XML: %v", err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if !root {
				if t.Name.Local != "net" {
					return s.errorf("the file begins with <%s>; a SUMO network begins with <net>", t.Name.Local)
				}
				root = true
				continue
			}
			if err := s.start(t); err != nil {
				return err
			}
		case xml.EndElement:
			s.end(t.Name.Local)
		}
	}
	if !root {
		return s.errorf("the file is empty; a SUMO network begins with <net>")
	}
	return nil
}

func (s *sumoReader) start(t xml.StartElement) error {
	a := attributes(t)
	switch t.Name.Local {
	case "location":
		s.place = newProjection(a)
	case "edge":
		s.edge, s.function, s.crossed = a["id"], a["function"], strings.Fields(a["crossingEdges"])
	case "lane":
		return s.readLane(a)
	case "junction":
		x, y := number(a["x"]), number(a["y"])
		s.node = &sumoNode{id: a["id"], x: x, y: y, lanes: strings.Fields(a["incLanes"])}
		if a["type"] != "internal" { // parts of a junction; the whole has the requests
			s.nodes[a["id"]] = s.node
			s.order = append(s.order, a["id"])
		}
	case "request":
		if s.node == nil {
			return s.errorf("<request> outside of a <junction>")
		}
		if i, err := strconv.Atoi(a["index"]); err != nil || i != len(s.node.foes) {
			return s.errorf("junction %s: request index %q where %d was expected", s.node.id, a["index"], len(s.node.foes))
		}
		s.node.response = append(s.node.response, a["response"])
		s.node.foes = append(s.node.foes, a["foes"])
	case "connection":
		return s.readConnection(a)
	case "tlLogic":
		line, _ := s.dec.InputPos()
		s.logic = s.logicOf(a["id"], line)
		s.plan = &Plan{ID: a["programID"], Actuated: a["type"] == "actuated" || a["type"] == "delay_based", Offset: seconds(a["offset"])}
	case "phase":
		return s.readPhase(a)
	}
	return nil
}

func (s *sumoReader) end(name string) {
	switch name {
	case "edge":
		s.edge, s.function = "", ""
	case "junction":
		s.node = nil
	case "tlLogic":
		if s.logic != nil {
			s.logic.plans = append(s.logic.plans, *s.plan)
		}
		s.logic, s.plan = nil, nil
	}
}

func (s *sumoReader) logicOf(id string, line int) *sumoLogic {
	l := s.logics[id]
	if l == nil {
		l = &sumoLogic{id: id, line: line}
		s.logics[id] = l
		s.tls = append(s.tls, id)
	}
	return l
}

func (s *sumoReader) readLane(a map[string]string) error {
	length, err := strconv.ParseFloat(a["length"], 64)
	if err != nil || length <= 0 {
		return s.errorf("lane %s: length %q is not a positive number of metres", a["id"], a["length"])
	}
	switch s.function {
	case "crossing":
		s.crossings[s.edge] = Crossing{ID: s.edge, Edges: s.crossed, Length: length, Shape: s.place.shape(a["shape"])}
		return nil
	case "internal":
		s.viaLength[a["id"]], s.viaShape[a["id"]] = length, s.place.shape(a["shape"])
		return nil
	case "walkingarea":
		return nil
	}
	speed := number(a["speed"])
	if speed <= 0 {
		return s.errorf("lane %s: speed %q is not a positive number of metres per second", a["id"], a["speed"])
	}
	if _, dup := s.lane[a["id"]]; dup {
		return s.errorf("lane %s is there twice", a["id"])
	}
	s.lane[a["id"]] = len(s.net.Lanes)
	index, _ := strconv.Atoi(a["index"])
	s.net.Lanes = append(s.net.Lanes, Lane{ID: a["id"], Edge: s.edge, Index: index, Length: length, Speed: speed, Motor: motor(a["allow"], a["disallow"]), Shape: s.place.shape(a["shape"])})
	return nil
}

// motor tells whether passenger cars may use a lane with these permissions.
func motor(allow, disallow string) bool {
	if allow != "" {
		return allow == "all" || slices.ContainsFunc(strings.Fields(allow), func(c string) bool { return c == "passenger" || c == "private" || c == "bus" })
	}
	return disallow != "all" && !slices.Contains(strings.Fields(disallow), "passenger")
}

func (s *sumoReader) readConnection(a map[string]string) error {
	line, _ := s.dec.InputPos()
	from, to := a["from"], a["to"]
	l := sumoLink{line: line, from: from + "_" + a["fromLane"], to: to + "_" + a["toLane"], via: a["via"], tls: a["tl"], signal: -1, turn: turn(a["dir"]), request: -1}
	if l.tls != "" {
		i, err := strconv.Atoi(a["linkIndex"])
		if err != nil || i < 0 || i > 10_000 {
			return s.errorf("connection %s to %s: linkIndex %q is not a number from 0", l.from, l.to, a["linkIndex"])
		}
		l.signal = i
	}
	if strings.HasPrefix(to, ":") && !strings.HasPrefix(from, ":") {
		return nil // from a pavement onto a walking area
	}
	if strings.HasPrefix(from, ":") {
		// Inside a junction: of these only the signalised crossings matter.
		if _, ok := s.crossings[to]; !ok || l.tls == "" {
			return nil
		}
		l.fromCrossing = true
		l.to = to
	}
	s.links = append(s.links, l)
	return nil
}

func (s *sumoReader) readPhase(a map[string]string) error {
	if s.plan == nil {
		return s.errorf("<phase> outside of a <tlLogic>")
	}
	d, err := strconv.ParseFloat(a["duration"], 64)
	if err != nil || d < 0 || d > 86400 {
		return s.errorf("plan %s of junction %s: phase duration %q is not a number of seconds from 0 to a day", s.plan.ID, s.logic.id, a["duration"])
	}
	if i := strings.IndexFunc(a["state"], func(r rune) bool { return !strings.ContainsRune("GgyYrRusoO", r) }); i >= 0 || a["state"] == "" {
		return s.errorf("plan %s of junction %s: phase state %q has a letter that is none of GgyYrRusoO, or is empty", s.plan.ID, s.logic.id, a["state"])
	}
	s.plan.Phases = append(s.plan.Phases, Phase{State: a["state"], Duration: seconds(a["duration"]), Min: seconds(a["minDur"]), Max: seconds(a["maxDur"])})
	return nil
}

func attributes(t xml.StartElement) map[string]string {
	m := make(map[string]string, len(t.Attr))
	for _, a := range t.Attr {
		m[a.Name.Local] = a.Value
	}
	return m
}

func number(text string) float64 {
	v, _ := strconv.ParseFloat(text, 64)
	return v
}

func seconds(text string) time.Duration { return time.Duration(number(text) * float64(time.Second)) }

func turn(dir string) Turn {
	switch dir {
	case "l", "L":
		return Left
	case "r", "R":
		return Right
	case "t":
		return Around
	}
	return Straight
}
