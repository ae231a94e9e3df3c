package alert

import (
	"time"

	"polity/city"
)

// State is what people have made of an alert.
type State string

// The states.
const (
	New          State = "new"
	Acknowledged State = "acknowledged" // somebody has seen it
	Assigned     State = "assigned"     // somebody takes care of it
	Snoozed      State = "snoozed"      // until a time; then it is as before
	Closed       State = "closed"
)

// States lists the states in the order of pages.
func States() []State { return []State{New, Acknowledged, Assigned, Snoozed, Closed} }

// Verdict is what whoever closes an alert says of it.
type Verdict string

// The verdicts.
const (
	Useful  Verdict = "useful"
	False   Verdict = "false"
	Unclear Verdict = "unclear"
)

// Verdicts lists the verdicts.
func Verdicts() []Verdict { return []Verdict{Useful, False, Unclear} }

// Priorities, 1 the most urgent.
const (
	Highest = 1
	Lowest  = 4
)

// Alert is a situation and what people have made of it. A value is never changed once it
// was handed out.
type Alert struct {
	Situation
	Handling
	// Quiet is set where kind and camera were demoted: it is listed apart and makes no
	// sound.
	Quiet bool `json:"quiet,omitempty"`
	// Revision rises with every operation of a person but notes; an operation names the
	// revision that it was decided upon.
	Revision uint64 `json:"revision"`
	// Sequence rises with every change of any alert; none is used twice.
	Sequence uint64 `json:"sequence"`
	// Last is what was last done about it.
	Last Entry `json:"last"`
}

// Situation is what a machine says. No field can hold a person: a test walks its types.
type Situation struct {
	Key      Key       `json:"key"`
	Kind     city.Slug `json:"kind"`     // of Kinds
	Desk     city.Slug `json:"desk"`     // of access.Desks
	Priority int       `json:"priority"` // 1..4, 1 the most urgent
	// Title is the key of a text and the numbers and words that stand in it.
	Title  Title       `json:"title"`
	Place  *city.Point `json:"place,omitempty"`
	Camera city.Slug   `json:"camera,omitempty"`
	Zone   city.Slug   `json:"zone,omitempty"` // of the camera, a zone or line
	Asset  Asset       `json:"asset,omitempty"`
	Start  time.Time   `json:"start"`        // UTC, milliseconds
	End    time.Time   `json:"end,omitzero"` // when the situation ended by itself
	// Simulated says that a model made it, as in the demo.
	Simulated bool `json:"simulated,omitempty"`
}

// Handling is what people have made of an alert.
type Handling struct {
	State    State     `json:"state"`
	Until    time.Time `json:"until,omitzero"`     // of Snoozed
	Assignee string    `json:"assignee,omitempty"` // a colleague's ID
	// Escalated alerts stand one priority higher.
	Escalated bool    `json:"escalated,omitempty"`
	Notes     int     `json:"notes,omitempty"` // how many
	Incident  string  `json:"incident,omitempty"`
	Verdict   Verdict `json:"verdict,omitempty"` // of Closed; empty where it closed by itself
	// Before is the state to which a snoozed alert wakes.
	Before State     `json:"before,omitempty"`
	Closed time.Time `json:"closed,omitzero"`
}

// Open says whether it asks for a person.
func (a *Alert) Open() bool { return a.State != Closed }

// Rank is the priority that counts, 1 the most urgent.
func (a *Alert) Rank() int {
	if a.Escalated {
		return max(Highest, a.Priority-1)
	}
	return a.Priority
}

// What is a sort of entry of a timeline.
type What string

// What happens to an alert. Those without an author happen by themselves.
const (
	Raised        What = "raised"
	Worsened      What = "worsened" // the situation became more urgent
	Eased         What = "eased"
	Ended         What = "ended"      // the situation ended by itself
	Woke          What = "woke"       // the time it was snoozed until has come
	WentQuiet     What = "went-quiet" // its kind was demoted
	CameBack      What = "came-back"  // its kind is quiet no more
	Lapsed        What = "lapsed"     // closed by itself: quiet, ended, and nobody took it on
	Acknowledge   What = "acknowledge"
	Renew         What = "renew" // back to new
	Assign        What = "assign"
	Snooze        What = "snooze"
	Note          What = "note"
	Escalate      What = "escalate"
	Close         What = "close"
	Reopen        What = "reopen"
	JoinIncident  What = "join-incident"
	LeaveIncident What = "leave-incident"
)

// Entry is one line of a timeline.
type Entry struct {
	At   time.Time `json:"at"`
	What What      `json:"what"`
	By   string    `json:"by,omitempty"` // the person's ID; empty: by itself
	// Roles are the author's at the time.
	Roles    []string  `json:"roles,omitempty"`
	To       string    `json:"to,omitempty"`   // of Assign: a colleague's ID, empty for nobody; of an incident: its ID
	Until    time.Time `json:"until,omitzero"` // of Snooze
	Verdict  Verdict   `json:"verdict,omitempty"`
	Priority int       `json:"priority,omitempty"` // of Raised, Worsened, Eased
	Text     string    `json:"text,omitempty"`     // of Note, by a person, for staff only
}
