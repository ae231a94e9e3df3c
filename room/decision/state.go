package decision

import "slices"

// State is how far a decision is.
type State string

// The states.
const (
	Proposed   State = "proposed"   // waits for a person
	Accepted   State = "accepted"   // by a person, or by itself inside registered limits
	Refused    State = "refused"    // by a person
	Applied    State = "applied"    // the service did it
	Failed     State = "failed"     // the service could not
	Overridden State = "overridden" // a person wants it undone
	Reverted   State = "reverted"   // the service undid it
	Expired    State = "expired"    // nobody agreed in time
	Withdrawn  State = "withdrawn"  // the service found it moot
)

// States lists them in the order of a decision's life.
func States() []State {
	return []State{Proposed, Accepted, Applied, Overridden, Reverted, Refused, Failed, Expired, Withdrawn}
}

// next says what may follow a state. What is Applied is closed, and may be overridden still.
var next = map[State][]State{
	Proposed:   {Accepted, Refused, Expired, Withdrawn},
	Accepted:   {Applied, Failed, Overridden},
	Applied:    {Overridden},
	Overridden: {Reverted, Failed},
}

func (s State) may(to State) bool { return slices.Contains(next[s], to) }

// Open reports whether somebody still has to do something.
func (s State) Open() bool { return s == Proposed || s == Accepted || s == Overridden }
