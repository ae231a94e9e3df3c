package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"polity/access"
	"polity/access/account"
	"polity/city"
	"polity/console/frame"
)

// Door is the way into the demo without a passkey: by a role, on this machine alone.
type Door struct {
	As []Persona
}

// Persona is somebody as whom the demo can be looked at.
type Persona struct {
	Key    string // in the form
	Name   string
	Rights account.Rights
}

// signInView is the page for signing in.
type signInView struct {
	Then      string
	Elsewhere string // where passkeys work, if not here
	Nobody    bool   // no administrator is enrolled yet
	Directory string // the name of the city's directory; empty: there is none
	Away      bool   // it does not answer
	Door      []doorRow
	Signed    string // the name of whoever is signed in already
}

type doorRow struct{ Key, Name, Roles string }

func (c *Console) signInPage(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	enrolled, err := people.Enrolled(r.Context())
	if err != nil {
		return err
	}
	v := signInView{Then: frame.LocalPath(r.URL.Query().Get("then")), Elsewhere: people.Elsewhere(r.Request), Nobody: !enrolled, Signed: r.SignedIn()}
	if d := c.cfg.Directory; d != nil {
		v.Directory, v.Away = d.Name(), !d.Down().IsZero()
	}
	if d := c.cfg.Door; d != nil && access.OnLoopback(r.Request) {
		for _, p := range d.As {
			v.Door = append(v.Door, doorRow{p.Key, p.Name, c.roleNames(p.Rights.Roles)})
		}
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "signin", Title: c.Say("signin.title"), Data: v})
}

func (c *Console) roleNames(roles []access.Role) string {
	var names []string
	for _, role := range roles {
		names = append(names, c.Say("role."+string(role)))
	}
	return strings.Join(names, ", ")
}

func (c *Console) enrolPage(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	v := signInView{Elsewhere: people.Elsewhere(r.Request)}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "enrol", Title: c.Say("enrol.title"), Data: v})
}

// begin answers with the options of a ceremony.
func (c *Console) begin(w http.ResponseWriter, ask func(*account.Accounts) (json.RawMessage, error)) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	options, err := ask(people)
	if err != nil {
		return c.tooMany(w, err)
	}
	c.Answer(w, http.StatusOK, options)
	return nil
}

// tooMany gives that one error its own status.
func (c *Console) tooMany(w http.ResponseWriter, err error) error {
	if !errors.Is(err, account.ErrTooMany) {
		return err
	}
	w.Header().Set("Retry-After", "60")
	c.Answer(w, http.StatusTooManyRequests, frame.Problem{Message: err.Error()})
	return nil
}

// finish ends a ceremony and says where to go on.
func (c *Console) finish(w http.ResponseWriter, then string, do func(*account.Accounts) error) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	if err := do(people); err != nil {
		return c.tooMany(w, err)
	}
	c.Answer(w, http.StatusOK, struct {
		Then string `json:"then"`
	}{frame.LocalPath(then)})
	return nil
}

func (c *Console) beginSignIn(w http.ResponseWriter, r *frame.Request) error {
	return c.begin(w, func(a *account.Accounts) (json.RawMessage, error) { return a.BeginSignIn(w, r.Request) })
}

func (c *Console) finishSignIn(w http.ResponseWriter, r *frame.Request) error {
	then := frame.LocalPath(r.URL.Query().Get("then"))
	return c.finish(w, then, func(a *account.Accounts) error {
		_, err := a.FinishSignIn(w, r.Request)
		return err
	})
}

func (c *Console) beginEnrol(w http.ResponseWriter, r *frame.Request) error {
	return c.begin(w, func(a *account.Accounts) (json.RawMessage, error) { return a.BeginEnrol(w, r.Request) })
}

func (c *Console) finishEnrol(w http.ResponseWriter, r *frame.Request) error {
	return c.finish(w, "/account", func(a *account.Accounts) error {
		_, err := a.FinishEnrol(w, r.Request)
		return err
	})
}

func (c *Console) beginPasskey(w http.ResponseWriter, r *frame.Request) error {
	return c.begin(w, func(a *account.Accounts) (json.RawMessage, error) { return a.BeginPasskey(w, r.Request, r.Who) })
}

func (c *Console) finishPasskey(w http.ResponseWriter, r *frame.Request) error {
	return c.finish(w, "/account", func(a *account.Accounts) error { return a.FinishPasskey(w, r.Request, r.Who) })
}

func (c *Console) signOut(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	there := c.signOutThere(r, people)
	if err := people.SignOut(w, r.Request); err != nil {
		return err
	}
	if there != "" {
		return c.goOn(w, r, there) // the form's policy lets it lead to this hub alone
	}
	return back(w, r, "/")
}

// signOutThere is the directory's page to sign out, for whoever came through it.
func (c *Console) signOutThere(r *frame.Request, people *account.Accounts) string {
	if c.cfg.Directory == nil || r.Who.Kind != access.Person {
		return ""
	}
	p, err := people.Person(r.Context(), r.Who.ID)
	if err != nil || p.Origin != account.FromDirectory {
		return ""
	}
	return c.cfg.Directory.SignOut()
}

// openDoor signs somebody in by role, in the demo alone.
func (c *Console) openDoor(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	if c.cfg.Door == nil || !access.OnLoopback(r.Request) {
		return city.Errorf(city.NotFound, "%s", c.Say("error.page"))
	}
	i := slices.IndexFunc(c.cfg.Door.As, func(p Persona) bool { return p.Key == r.PostForm.Get("as") })
	if i < 0 {
		return city.Errorf(city.Invalid, "%s", c.Say("signin.door.unknown"))
	}
	p := c.cfg.Door.As[i]
	if _, err := people.SignInDoor(w, r.Request, p.Name, p.Rights); err != nil {
		return err
	}
	return back(w, r, r.PostForm.Get("then"))
}
