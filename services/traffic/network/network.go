// Package network is the model of streets and signalised junctions that every
// part of the traffic service shares: lanes, links between them, signal groups,
// which of those may be green together, pedestrian crossings and signal plans.
//
// Lengths are metres, speeds metres per second, times time.Duration.
package network

import (
	"fmt"
	"time"

	"polity/city"
)

// Network is a set of lanes, the links between them, and the signalised junctions.
// It does not change after import and may be read by many goroutines. Shapes are
// empty where the source has no geographic coordinates.
type Network struct {
	Name      string
	Source    string   // who made the data, as its licence wants it said; may be empty
	Assumed   []string // what an import took for granted everywhere, for an engineer to confirm
	Lanes     []Lane
	Links     []Link
	Junctions []*Junction

	lanes     map[string]int
	junctions map[string]int
	via       map[string]int
	edges     map[string][]int
}

// Lane is one lane of a street between two junctions.
type Lane struct {
	ID     string
	Edge   string // the street section: lanes of one edge lie beside one another
	Index  int    // from the right, 0 first
	Length float64
	Speed  float64 // the limit
	Motor  bool    // cars may use it
	Street string  // its name; may be empty
	Shape  []city.Point
	Out    []int // links that leave at its end
	In     []int // links that arrive at its start
}

// Turn is the direction of a link.
type Turn byte

// The turns.
const (
	Straight Turn = 's'
	Left     Turn = 'l'
	Right    Turn = 'r'
	Around   Turn = 't'
)

// Link is a way from the end of one lane to the start of another.
type Link struct {
	From, To int // lanes
	Turn     Turn
	Length   float64 // through the junction
	Junction int     // which signalised junction controls it, -1: none
	Signal   int     // its signal there, -1: none
	Shape    []city.Point

	via string // the source's name of its way through the junction
}

// Kind says whom a signal group serves.
type Kind byte

// The kinds of signal groups.
const (
	Vehicles Kind = iota
	Pedestrians
)

func (k Kind) String() string {
	if k == Pedestrians {
		return "pedestrians"
	}
	return "vehicles"
}

// Signal is one controlled link or crossing: one letter of a plan's state.
type Signal struct {
	Group      int   // its signal group, -1: an unused index
	Links      []int // links of the network that it controls; none for a crossing
	Crossing   int   // index in Junction.Crossings, -1: it is for vehicles
	TurnOnRed  bool  // at red it may turn after a stop (state letter s)
	AlwaysFree bool  // its plan shows nothing but green
	YieldsTo   []int // signals of compatible groups to which it gives way at green
}

// Crossing is a signalised pedestrian crossing.
type Crossing struct {
	ID     string
	Area   string   // where people wait to begin with it, in the source's names
	Edges  []string // street sections that it crosses
	Length float64
	Shape  []city.Point // from kerb to kerb
}

// Group is a set of signals that always show the same aspect.
type Group struct {
	Name    string
	Kind    Kind
	Signals []int
	Lanes   []int // lanes that it serves, each once
	Timing  Timing
}

// Timing holds the times of one signal group.
type Timing struct {
	MinGreen time.Duration
	MaxGreen time.Duration // while others wait; 0: no limit of its own
	Amber    time.Duration // vehicles: after green; pedestrians: 0
	MaxRed   time.Duration // with demand; 0: no limit
}

// Junction is one signalised junction.
type Junction struct {
	ID        string
	Name      string // of its streets; may be empty
	X, Y      float64
	Place     *city.Point // nil: not known
	Assumed   []string    // what an import took for granted here, for an engineer to confirm
	Signals   []Signal
	Groups    []Group
	Crossings []Crossing
	Plans     []Plan
	Stages    []Stage

	// Conflicts holds per group the groups that must never be green with it.
	Conflicts []Set
	// Yields holds per group the groups to which it gives way when both are green.
	Yields []Set
	// Traps holds per group those of Yields that must not stay green when it ends: the
	// oncoming streams of its left turns. See Untrapped.
	Traps []Set
	// Intergreen[a][b] is the time from the end of green of a to the start of green
	// of b, for conflicting groups.
	Intergreen [][]time.Duration
}

// Stage is a set of groups that may be green together.
type Stage struct {
	Groups Set
	Plan   bool // the junction's own plan has it
}

// Plan is a signal plan as an engineer wrote it, one letter per signal and phase.
// The letters are SUMO's: G and g green with and without priority, y amber, r red,
// u red and amber, s red with turning after a stop, o and O off.
type Plan struct {
	ID       string
	Actuated bool
	Proposed bool // worked out by a rule and confirmed by nobody
	Offset   time.Duration
	Phases   []Phase
}

// Phase is one interval of a plan.
type Phase struct {
	State    string
	Duration time.Duration
	Min, Max time.Duration // for actuated plans, 0: not given
}

// Cycle returns the sum of the phases' durations.
func (p Plan) Cycle() time.Duration {
	var sum time.Duration
	for _, ph := range p.Phases {
		sum += ph.Duration
	}
	return sum
}

// GroupID returns the short name of a group, unique in its junction: V1, V2 ... for
// vehicles and P1, P2 ... for people on foot, in the order of Groups.
func (j *Junction) GroupID(g int) string {
	letter, n := "V", 0
	if j.Groups[g].Kind == Pedestrians {
		letter = "P"
	}
	for i := range j.Groups[:g+1] {
		if j.Groups[i].Kind == j.Groups[g].Kind {
			n++
		}
	}
	return fmt.Sprintf("%s%d", letter, n)
}

// Lane returns the index of the lane with this id, or -1.
func (n *Network) Lane(id string) int {
	if i, ok := n.lanes[id]; ok {
		return i
	}
	return -1
}

// Junction returns the index of the junction with this id, or -1.
func (n *Network) Junction(id string) int {
	if i, ok := n.junctions[id]; ok {
		return i
	}
	return -1
}

// Via returns the link that begins with the lane of this id inside a junction, or -1.
func (n *Network) Via(id string) int {
	if i, ok := n.via[id]; ok {
		return i
	}
	return -1
}

// Edge returns the lanes of a street section, from the right.
func (n *Network) Edge(id string) []int { return n.edges[id] }

func (n *Network) index() {
	n.lanes = make(map[string]int, len(n.Lanes))
	n.edges = map[string][]int{}
	for i := range n.Lanes {
		n.lanes[n.Lanes[i].ID] = i
		n.edges[n.Lanes[i].Edge] = append(n.edges[n.Lanes[i].Edge], i)
	}
	n.junctions = make(map[string]int, len(n.Junctions))
	for i, j := range n.Junctions {
		n.junctions[j.ID] = i
	}
	for i := range n.Lanes {
		n.Lanes[i].In, n.Lanes[i].Out = nil, nil
	}
	n.via = make(map[string]int, len(n.Links))
	for i, l := range n.Links {
		if l.via != "" {
			n.via[l.via] = i
		}
		n.Lanes[l.From].Out = append(n.Lanes[l.From].Out, i)
		n.Lanes[l.To].In = append(n.Lanes[l.To].In, i)
	}
}
