package hub

import (
	"context"
	"net/http"

	"polity/access"
	"polity/console"
)

// machine is who sits at the hub's own machine: until sign-in exists it may do everything.
type machine struct{}

// Who implements console.Access.
func (machine) Who(r *http.Request) (access.Who, error) {
	if !access.OnLoopback(r) {
		return access.Who{}, nil
	}
	return access.Who{Kind: access.Person, ID: "machine", Name: "this machine", Body: "city"}, nil
}

// Decide implements access.Decider.
func (machine) Decide(who access.Who, do access.Action, _ access.Thing, _ access.Circumstances) access.Decision {
	return access.Decision{Allowed: who.Kind == access.Person || do == access.ReadPublic || do == access.SignIn, Why: "Only who sits at the machine itself has this right."}
}

// noBook is for that person alone.
type noBook struct{}

// Begin implements console.Looks.
func (noBook) Begin(context.Context, console.Look) (func(), error) { return func() {}, nil }
