package custodian

import (
	"fmt"

	"polity/city"
)

// Check names what a device checks before its keys are used, in the order of
// formats/token.md.
type Check string

// The checks.
const (
	File        Check = "file"
	Roster      Check = "roster"
	Quorum      Check = "quorum"
	Checkpoint  Check = "checkpoint"
	Inclusion   Check = "inclusion"
	Token       Check = "token"
	Commitments Check = "commitments"
	Scope       Check = "scope"
	Expiry      Check = "expiry"
	Log         Check = "log"
)

// Refused is a request that did not pass a check. No key was used.
type Refused struct {
	Check Check
	Err   error
}

// Error says which check, and what to do.
func (r *Refused) Error() string { return fmt.Sprintf("refused by the check %q: %v", r.Check, r.Err) }

// Unwrap returns the error beneath.
func (r *Refused) Unwrap() error { return r.Err }

func refuse(c Check, err error) error {
	if err == nil {
		return nil
	}
	return &Refused{c, err}
}

func refusef(c Check, format string, args ...any) error {
	return &Refused{c, city.Errorf(city.Forbidden, format, args...)}
}
