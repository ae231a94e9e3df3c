package frame

import (
	"net/http"

	"polity/access"
	"polity/city"
)

// Access says who asks, and what they may do.
type Access interface {
	// Who returns the one who asks, the public where nobody signed in. An error means that
	// nobody can tell: nothing is shown then.
	Who(r *http.Request) (access.Who, error)
	access.Decider
	// Ended is closed when a sign-in ends, or what its owner may do changes: what is open
	// for it then closes.
	Ended(session string) <-chan struct{}
}

// Request is one request with what was found out about it.
type Request struct {
	*http.Request
	Who      access.Who
	Viewer   Viewer // what the page shows; nobody's rights with ?as=public
	AsPublic bool   // it is shown as everyone sees it, by ?as=public
	Clock    Clock
}

// SignedIn is the name of the person who asks, empty for the public.
func (r *Request) SignedIn() string {
	if r.AsPublic || r.Who.Kind == access.Public {
		return ""
	}
	return r.Who.Name
}

// Handle serves a route to those whom the policies let in, and tells errors.
func (f *Frame) Handle(route Route) http.Handler {
	return f.origin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		q := &Request{Request: r, Clock: f.clock()}
		if err := f.admit(route, q); err != nil {
			f.fail(w, q, err)
			return
		}
		if err := route.Serve(w, q); err != nil {
			f.fail(w, q, err)
		}
	}))
}

// admit finds out who asks, and has the policies decide.
func (f *Frame) admit(route Route, q *Request) error {
	if f.cfg.Access != nil {
		who, err := f.cfg.Access.Who(q.Request)
		if err != nil {
			return err
		}
		q.Who = who
	}
	q.AsPublic = q.URL.Query().Get("as") == "public" && q.Who.Kind != access.Public
	things := []access.Thing{access.City()}
	if route.On != nil {
		var err error
		if things, err = route.On(q.Request); err != nil {
			return err
		}
	}
	if err := f.Refused(q, route.Do, things); err != nil {
		return err
	}
	q.Viewer = f.cfg.Viewer(q)
	return nil
}

// Decide asks the policies, for nobody where a page is shown as everyone sees it.
// Without policies there is only what everyone may.
func (f *Frame) Decide(r *Request, do access.Action, on access.Thing) access.Decision {
	if f.cfg.Access == nil {
		return access.Decision{Allowed: do == access.ReadPublic || do == access.SignIn, Why: f.Say("forbidden.nobody")}
	}
	who := r.Who
	if r.AsPublic {
		who = access.Who{}
	}
	at := access.Circumstances{Loopback: access.OnLoopback(r.Request)}
	if on.Kind != access.AService || on.ID != SomeDesk {
		return f.cfg.Access.Decide(who, do, on, at)
	}
	var d access.Decision
	for _, desk := range access.Desks() {
		if d = f.cfg.Access.Decide(who, do, access.Service(desk), at); d.Allowed {
			break
		}
	}
	return d
}

// Allowed reports whether the one who asks may do something.
func (f *Frame) Allowed(r *Request, do access.Action, on access.Thing) bool {
	return f.Decide(r, do, on).Allowed
}

// Refusal is an error of kind city.Forbidden with the policies' reason.
type Refusal struct {
	access.Decision
	Public bool // whoever asked did not sign in
}

// Error is the reason.
func (f *Refusal) Error() string { return f.Why }

// Unwrap gives it its kind.
func (f *Refusal) Unwrap() error { return city.Errorf(city.Forbidden, "%s", f.Why) }

// Refused is why something may not be done to all of some things; nil: it may.
func (f *Frame) Refused(r *Request, do access.Action, things []access.Thing) error {
	for _, thing := range things {
		if d := f.Decide(r, do, thing); !d.Allowed {
			return &Refusal{d, r.Who.Kind == access.Public}
		}
	}
	return nil
}
