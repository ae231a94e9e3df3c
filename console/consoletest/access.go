package consoletest

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"polity/access"
	"polity/console"
)

// Access lets one person do what is listed, and everyone what the public may.
type Access struct {
	As   access.Who // the zero value: nobody signed in
	May  []access.Action
	From func(*http.Request) bool // who is that person; nil: everyone

	mu    sync.Mutex
	ended chan struct{}
}

// Everything is a person who may do all that there is, as nobody in a city may.
func Everything() *Access {
	return &Access{
		As:  access.Who{Kind: access.Person, ID: "p1", Name: "Aino", Body: "city", Purpose: "incident", Session: "s1"},
		May: access.Actions(),
	}
}

// Nobody is the public.
func Nobody() *Access { return &Access{} }

// Who returns the person, or the public.
func (a *Access) Who(r *http.Request) (access.Who, error) {
	if a.From != nil && !a.From(r) {
		return access.Who{}, nil
	}
	return a.As, nil
}

// Decide allows what is listed, to that person alone.
func (a *Access) Decide(who access.Who, do access.Action, _ access.Thing, _ access.Circumstances) access.Decision {
	public := do == access.ReadPublic || do == access.SignIn
	if public || who.Kind != access.Public && slices.Contains(a.May, do) {
		return access.Decision{Allowed: true}
	}
	return access.Decision{Why: "The right to " + string(do) + " is missing."}
}

// Looks keeps looks in memory.
type Looks struct {
	mu    sync.Mutex
	all   []console.Look
	ended int
	Err   error // of every Begin
}

// Ended is closed when Revoke was called.
func (a *Access) Ended(string) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended == nil {
		a.ended = make(chan struct{})
	}
	return a.ended
}

// Revoke ends the person's sign-in for what is open.
func (a *Access) Revoke() {
	a.Ended("")
	close(a.ended)
}

// Begin notes a look.
func (l *Looks) Begin(_ context.Context, k console.Look) (console.Looking, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Err != nil {
		return nil, l.Err
	}
	l.all = append(l.all, k)
	return looking{l}, nil
}

type looking struct{ of *Looks }

func (k looking) Finish() {
	k.of.mu.Lock()
	k.of.ended++
	k.of.mu.Unlock()
}

func (looking) Gone() <-chan struct{} { return nil }

// All returns what was noted, and how many looks have ended.
func (l *Looks) All() ([]console.Look, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all), l.ended
}
