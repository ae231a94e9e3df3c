package order

import (
	"slices"
	"strings"

	"polity/city"
)

// State is how far an order is.
type State string

// The states. Done and Cancelled are ends.
const (
	Draft      State = "draft"        // written, nobody was asked
	Given      State = "given"        // to a person or a crew
	Accepted   State = "accepted"     // by one of them
	OnTheWay   State = "on-the-way"   // to the place
	AtThePlace State = "at-the-place" // work goes on
	Done       State = "done"
	Cannot     State = "cannot" // with a reason; the desk decides what follows
	Cancelled  State = "cancelled"
)

// States lists them in the order of work.
func States() []State {
	return []State{Draft, Given, Accepted, OnTheWay, AtThePlace, Done, Cannot, Cancelled}
}

// Ended reports whether nothing may follow.
func (s State) Ended() bool { return s == Done || s == Cancelled }

// Closed reports whether nobody works on the order or will without a desk's word.
func (s State) Closed() bool { return s.Ended() || s == Cannot }

// side is whose step it is.
type side uint8

const (
	desk side = iota
	crew
)

func (s side) String() string {
	if s == crew {
		return "the crew"
	}
	return "the desk"
}

// steps says what may follow a state, by whose hand.
var steps = map[State]map[State]side{
	Draft:      {Given: desk, Cancelled: desk},
	Given:      {Draft: desk, Given: desk, Accepted: crew, Cannot: crew, Cancelled: desk},
	Accepted:   {OnTheWay: crew, AtThePlace: crew, Cannot: crew, Given: desk, Cancelled: desk},
	OnTheWay:   {AtThePlace: crew, Cannot: crew, Given: desk, Cancelled: desk},
	AtThePlace: {Done: crew, Cannot: crew, Cancelled: desk},
	Cannot:     {Given: desk, Cancelled: desk},
}

// CrewSteps lists what the crew may do next.
func (s State) CrewSteps() []State { return s.next(crew) }

// DeskSteps lists what the desk may do next.
func (s State) DeskSteps() []State { return s.next(desk) }

func (s State) next(by side) (list []State) {
	for _, to := range States() {
		if whose, ok := steps[s][to]; ok && whose == by {
			list = append(list, to)
		}
	}
	return list
}

// follow refuses a step that the state does not allow, and says what it does allow.
func follow(from, to State, by side) error {
	if whose, ok := steps[from][to]; ok && whose == by {
		return nil
	}
	if !slices.Contains(States(), to) {
		return city.Errorf(city.Invalid, "an order has no state %.40q", string(to))
	}
	possible := from.next(by)
	if len(possible) == 0 {
		return city.Errorf(city.Conflict, "the order is %s: nothing is left to do for %s", from.words(), by)
	}
	var words []string
	for _, s := range possible {
		words = append(words, s.words())
	}
	return city.Errorf(city.Conflict, "the order is %s and cannot become %s by %s: possible is %s", from.words(), to.words(), by, strings.Join(words, ", "))
}

// words is the state as a sentence has it.
func (s State) words() string {
	if s == Cannot {
		return "reported as impossible"
	}
	return strings.ReplaceAll(string(s), "-", " ")
}
