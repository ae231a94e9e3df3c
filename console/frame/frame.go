package frame

import (
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"polity/access"
	"polity/console/ground"
	"polity/console/texts"
)

// Config is what New needs.
type Config struct {
	City string // its name, for the head of every page
	Demo bool   // every page says that data are replayed and simulated
	Zone *time.Location
	// Ground is the still picture of the map, of a city without a map an empty one.
	Ground *ground.Ground
	// Access says who asks and what they may do. Nil: everyone is the public.
	Access   Access
	Accounts bool // there are people who can sign in
	Policies bool // there is a page about the policies
	// Purposes lists those that a look may have.
	Purposes func() []Choice
	// Viewer says what the one who asks may see of the camera that the address names.
	Viewer func(*Request) Viewer
	// Nav leads to what everyone sees, and to what the tasks of the one who asks need.
	Nav    func(*Request) (everyone, tasks []NavItem)
	Bundle fs.FS // scripts and styles as go generate leaves them
	Log    *slog.Logger
	Now    func() time.Time
}

// Frame is what every page stands in. It speaks the pages' language.
type Frame struct {
	*texts.Language
	City   string         // its name
	Zone   *time.Location // in which days begin and times are written
	Ground *ground.Ground

	cfg    Config
	log    *slog.Logger
	bundle *bundled
	pages  map[string]*template.Template
	origin *http.CrossOriginProtection
}

// New makes the frame of a city's pages. Every field of cfg but Access has to be there.
func New(cfg Config) (*Frame, error) {
	f := &Frame{Language: texts.English(), City: cfg.City, Zone: cfg.Zone, Ground: cfg.Ground, cfg: cfg, log: cfg.Log, pages: map[string]*template.Template{}, origin: http.NewCrossOriginProtection()}
	var err error
	if f.bundle, err = openBundle(cfg.Bundle); err != nil {
		return nil, err
	}
	return f, f.Parse("", sources)
}

func (f *Frame) clock() Clock { return Clock{Zone: f.Zone, Now: f.cfg.Now(), say: f.Language} }

// Route is one address of the pages. Each names the action that the policies decide about
// before anything is answered.
type Route struct {
	Pattern string // as of http.ServeMux
	Do      access.Action
	// On names the things that it is done to, all of which must be allowed; nil: the city.
	On    func(r *http.Request) ([]access.Thing, error)
	Serve func(w http.ResponseWriter, r *Request) error
}

// On is a function for Route.On that always names the same things.
func On(things ...access.Thing) func(*http.Request) ([]access.Thing, error) {
	return func(*http.Request) ([]access.Thing, error) { return things, nil }
}

// SomeDesk stands for any desk of the control room: a route for it lets in whoever may do
// it for one of them, and what is answered keeps to the desks of the one who asks.
const SomeDesk = ""
