package console

import (
	"context"
	"net/http"
	"net/url"
	"time"

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

// Looks writes down who looks at what, before it is shown.
type Looks interface {
	// Begin commits that somebody begins to look. An error means that it is not written
	// down: nothing is shown then.
	Begin(ctx context.Context, l Look) (Looking, error)
}

// Looking is a look that goes on.
type Looking interface {
	// Finish says that it is over.
	Finish()
	// Gone is closed when the book can no longer note that it goes on: nothing more may be
	// shown.
	Gone() <-chan struct{}
}

// Look is one look.
type Look struct {
	Who access.Who
	Do  access.Action // access.LookLive, LookBack or LookData
	On  access.Thing
	// At is the moment of the past that is looked at, zero for now.
	At time.Time
}

// request is one request with what was found out about it.
type request struct {
	*http.Request
	who      access.Who
	viewer   Viewer // what the page shows; nobody's rights with ?as=public
	asPublic bool
	clock    clock
}

// signedIn is the name of the person who asks, empty for the public.
func (r *request) signedIn() string {
	if r.asPublic || r.who.Kind == access.Public {
		return ""
	}
	return r.who.Name
}

// signInAddress is where to sign in and come back from.
func signInAddress(r *request) string {
	if r.Method != http.MethodGet {
		return "/sign-in"
	}
	return "/sign-in?then=" + url.QueryEscape(r.URL.RequestURI())
}

func (c *Console) route(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		q := &request{Request: r, clock: c.clock()}
		if err := c.admit(route, q); err != nil {
			c.fail(w, q, err)
			return
		}
		if err := route.serve(c, w, q); err != nil {
			c.fail(w, q, err)
		}
	})
}

// admit finds out who asks, and has the policies decide.
func (c *Console) admit(route Route, q *request) error {
	if c.cfg.Access != nil {
		who, err := c.cfg.Access.Who(q.Request)
		if err != nil {
			return err
		}
		q.who = who
	}
	q.asPublic = q.URL.Query().Get("as") == "public" && q.who.Kind != access.Public
	things := []access.Thing{access.City()}
	if route.on != nil {
		var err error
		if things, err = route.on(c, q.Request); err != nil {
			return err
		}
	}
	if err := c.refused(q, route.Do, things); err != nil {
		return err
	}
	q.viewer = c.viewer(q)
	return nil
}

// decide asks the policies, for nobody where a page is shown as everyone sees it.
// Without policies there is only what everyone may.
func (c *Console) decide(r *request, do access.Action, on access.Thing) access.Decision {
	if c.cfg.Access == nil {
		return access.Decision{Allowed: do == access.ReadPublic || do == access.SignIn, Why: c.say.Say("forbidden.nobody")}
	}
	who := r.who
	if r.asPublic {
		who = access.Who{}
	}
	at := access.Circumstances{Loopback: access.OnLoopback(r.Request)}
	if on.Kind != access.AService || on.ID != someDesk {
		return c.cfg.Access.Decide(who, do, on, at)
	}
	var d access.Decision
	for _, desk := range access.Desks() {
		if d = c.cfg.Access.Decide(who, do, access.Service(desk), at); d.Allowed {
			break
		}
	}
	return d
}

// allowed reports whether the one who asks may do something.
func (c *Console) allowed(r *request, do access.Action, on access.Thing) bool {
	return c.decide(r, do, on).Allowed
}

// viewer is what the one who asks may do on this page, with the camera that it names.
func (c *Console) viewer(r *request) Viewer {
	v := Viewer{Operate: c.allowed(r, access.SeeSystem, access.City())}
	name := r.PathValue("camera")
	if name == "" {
		return v
	}
	camera := c.thing(city.Slug(name))
	look, back := c.decide(r, access.LookLive, camera), c.decide(r, access.LookBack, camera)
	v.Live, v.Back = look.Allowed && c.cfg.Looks != nil, back.Allowed && c.cfg.Looks != nil
	v.Purpose = look.Purpose || back.Purpose
	v.Counts = c.allowed(r, access.SeeCounts, camera)
	v.Edit = c.allowed(r, access.EditLayout, camera)
	return v
}

// thing is a camera as policies know it, with its areas.
func (c *Console) thing(name city.Slug) access.Thing {
	if c.cfg.Areas == nil {
		return access.Camera(name)
	}
	return access.Camera(name, c.cfg.Areas(name)...)
}

// look writes down a look before anything of it is shown.
func (c *Console) look(r *request, do access.Action, on access.Thing, at time.Time) (Looking, error) {
	if c.cfg.Looks == nil {
		return nil, city.Errorf(city.Unavailable, "%s", c.say.Say("error.nobook"))
	}
	return c.cfg.Looks.Begin(r.Context(), Look{Who: r.who, Do: do, On: on, At: at})
}

// refusal is an error of kind city.Forbidden with the policies' reason.
type refusal struct {
	access.Decision
	public bool // whoever asked did not sign in
}

func (f *refusal) Error() string { return f.Why }

// Unwrap gives it its kind.
func (f *refusal) Unwrap() error { return city.Errorf(city.Forbidden, "%s", f.Why) }
