package bundle

import (
	"fmt"
	"strings"

	"polity/city"
)

// State says how a check went.
type State string

// The states.
const (
	Right State = "right"
	Wrong State = "wrong"
	Open  State = "open" // it cannot be checked here, or there is something to know
)

// Finding is what one check found.
type Finding struct {
	State State  `json:"state"`
	Where string `json:"where,omitempty"` // a file of the bundle
	What  string `json:"what"`
}

// Report is what is known of a bundle after it was checked.
type Report struct {
	Findings []Finding
	Record   *Record // nil: it could not be read
	Words    string  // of the first roster
	Version  int     // of that roster
}

// Right says whether nothing is wrong.
func (r *Report) Right() bool {
	for _, f := range r.Findings {
		if f.State == Wrong {
			return false
		}
	}
	return len(r.Findings) > 0
}

// maxFindings bounds how many of what is wrong are named.
const maxFindings = 200

func (r *Report) add(state State, where, format string, args ...any) {
	what := strings.TrimPrefix(fmt.Sprintf(format, args...), where+": ")
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, Finding{state, where, what})
	} else if state == Wrong { // never lost
		r.Findings[maxFindings-1] = Finding{Wrong, where, what + "; and more"}
	}
}

// failed notes an error about the bundle, and returns one about the machine.
func (r *Report) failed(where string, err error) error {
	switch city.KindOf(err) {
	case city.Invalid, city.TooLarge, city.NotFound:
		r.add(Wrong, where, "%v", err)
		return nil
	}
	return err
}
