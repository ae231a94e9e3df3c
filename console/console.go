package console

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/directory"
	"polity/access/look"
	"polity/access/policy"
	"polity/camera/live"
	"polity/city"
	"polity/console/decisions"
	"polity/console/frame"
	"polity/console/ground"
	"polity/console/power"
	"polity/console/traffic"
	"polity/console/waste"
	"polity/console/water"
	"polity/room/decision"
	"polity/room/incident"
	"polity/room/notice"
	"polity/room/order"
	"polity/room/queue"
	"polity/service"
)

// Config is what New needs.
type Config struct {
	City City
	// Sensors are the city's everyday sensors; nil: there are none.
	Sensors Sensors
	Data    Data // open data
	// Transit is public transport; nil: there is none.
	Transit Transit
	// Access says who asks and what they may do. Nil: everyone is the public.
	Access frame.Access
	// Areas names the areas that a camera is in, beside the whole city.
	Areas      func(camera city.Slug) []city.Slug
	AreaTitles []Area // the areas with their titles, for pages
	// Accounts are the people who can sign in. Nil: nobody can.
	Accounts *account.Accounts
	// Directory is the city's own; nil: there is none.
	Directory *directory.Directory
	Door      *Door // of the demo; nil: there is none
	// Policies are those that decide, where they can be read and changed; nil: they cannot.
	Policies *policy.Live
	// Looks is the book of looks. Nil: nobody may look at what is not public.
	Looks Looks
	// Book is that book, for the pages about it; nil: there are none.
	Book *look.Book
	// Record is the city's public log. Nil: it keeps none.
	Record Record
	// Alerts is the control room's queue. Nil: there is no control room.
	Alerts *queue.Queue
	// Colleagues are those to whom alerts of desks can be given. Nil: to nobody but oneself.
	Colleagues func(ctx context.Context, desks []city.Slug) ([]Colleague, error)
	// Notices tell staff of alerts where they are; nil: nobody is told.
	Notices *notice.Notices
	// Related returns what belongs to an incident besides alerts: looks, work orders. Nil: nothing.
	Related func(ctx context.Context, who access.Who, of incident.Detail) ([]incident.Item, error)
	// Orders is the book of work orders; nil: there is none.
	Orders *order.Book
	// Decisions is the book of what services want done; nil: there is none.
	Decisions *decision.Book
	// Services are those that run, by name. A page asks one by the methods that it needs.
	Services map[city.Slug]service.Service
	// Sheets signs switching orders on paper; nil: they are not signed.
	Sheets *power.Sheets
	// Cases are those for footage; nil: the city keeps no public log, and there are none.
	Cases Cases
	Log   *slog.Logger     // nil: nothing is logged
	Now   func() time.Time // nil: time.Now
	// Bundle holds the bundled scripts and styles; nil is what was built into the
	// program by go generate.
	Bundle fs.FS
	// Every is the shortest time between two live updates of one viewer; 0 is the
	// default of package live.
	Every time.Duration
}

// Area is a part of the city.
type Area struct {
	Name  city.Slug
	Title string
}

// Console is the pages as one http.Handler.
type Console struct {
	*frame.Frame
	cfg   Config
	about About
	mux   *http.ServeMux
	live  *live.Live
	feeds feeds
	// closing ends when the console closes.
	closing context.Context
	end     context.CancelFunc
	counts  *countsCache

	decisions *decisions.Console
	traffic   *traffic.Console
	waste     *waste.Console
	water     *water.Console
	power     *power.Console

	sensorsFile sensorsFile

	groupOnce sync.Once
	groups    []streetGroup
}

//go:embed pages/*.html
var pages embed.FS

//go:embed all:dist
var built embed.FS

// New makes the pages. It asks the City for nothing but About. Close ends live
// feeds.
func New(cfg Config) (*Console, error) {
	if cfg.City == nil {
		return nil, city.Errorf(city.Invalid, "the console needs a City")
	}
	c := &Console{cfg: cfg, about: cfg.City.About(), mux: http.NewServeMux()}
	if err := c.openFrame(); err != nil {
		return nil, err
	}
	if err := c.openServices(); err != nil {
		return nil, err
	}
	c.closing, c.end = context.WithCancel(context.Background())
	c.counts = &countsCache{fetch: cfg.City.Counts, kept: map[countsKey]*countsEntry{}}
	c.live = live.New(live.Config{Watch: cfg.City.Watch, Check: c.check, Every: cfg.Every, Log: c.cfg.Log})
	for _, r := range c.routes() {
		c.mux.Handle(r.Pattern, c.Handle(r))
	}
	return c, nil
}

// openFrame makes what all pages stand in, and reads their templates.
func (c *Console) openFrame() error {
	if c.cfg.Log == nil {
		c.cfg.Log = slog.New(slog.DiscardHandler)
	}
	if c.cfg.Now == nil {
		c.cfg.Now = time.Now
	}
	if c.about.Zone == nil {
		c.about.Zone = time.UTC
	}
	if c.cfg.Bundle == nil {
		sub, err := fs.Sub(built, "dist")
		if err != nil {
			return err
		}
		c.cfg.Bundle = sub
	}
	m := c.about.Map
	picture, err := ground.Open(ground.Source{Bounds: m.Bounds, Layers: m.Layers, Credit: m.Credit, CreditURL: m.CreditURL})
	if err != nil {
		return err
	}
	c.Frame, err = frame.New(frame.Config{
		City: c.about.Name, Demo: c.about.Demo, Zone: c.about.Zone, Ground: picture, Access: c.cfg.Access, Accounts: c.cfg.Accounts != nil, Policies: c.cfg.Policies != nil,
		Purposes: c.purposeChoices, Viewer: c.viewer, Nav: func(r *frame.Request) (everyone, tasks []frame.NavItem) { return c.nav(), c.work(r) },
		Bundle: c.cfg.Bundle, Log: c.cfg.Log, Now: c.cfg.Now,
	})
	if err != nil {
		return err
	}
	files, err := fs.Sub(pages, "pages")
	if err != nil {
		return err
	}
	return c.Parse("", files, "scene.html", "alertpart.html", "rights.html", "dutypart.html")
}

// openServices makes the pages of each service, and of what they want done.
func (c *Console) openServices() error {
	var wrong [5]error
	c.decisions, wrong[0] = decisions.New(c.Frame, c.cfg.Decisions, len(c.cfg.Services) > 0)
	c.decisions.Sheet = power.SheetPath
	c.traffic, wrong[1] = traffic.New(c.Frame, c.cfg.Services[access.Traffic], c.decisions)
	c.waste, wrong[2] = waste.New(c.Frame, c.cfg.Services[access.Waste], c.decisions.On())
	c.water, wrong[3] = water.New(c.Frame, c.cfg.Services[access.Water], c.decisions.On())
	c.power, wrong[4] = power.New(c.Frame, power.Config{Service: c.cfg.Services[access.Power], Decisions: c.decisions, Orders: c.cfg.Orders != nil, Sheets: c.cfg.Sheets})
	return errors.Join(wrong[:]...)
}

// purposeChoices are those that a look may have.
func (c *Console) purposeChoices() []frame.Choice {
	var list []frame.Choice
	if c.cfg.Accounts != nil {
		for _, p := range c.cfg.Accounts.Purposes() {
			list = append(list, frame.Choice{Value: string(p.Name), Words: p.Title})
		}
	}
	return list
}

// ServeHTTP answers with a page, an asset, or a live feed.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// Close ends all live feeds, so that a server can shut down.
func (c *Console) Close() {
	c.end()
	c.live.Close()
}

// LiveStats counts what the live feeds have done.
func (c *Console) LiveStats() live.Stats { return c.live.Stats() }

func (c *Console) check(ctx context.Context, name city.Slug) error {
	_, err := c.camera(ctx, name)
	return err
}

func (c *Console) camera(ctx context.Context, name city.Slug) (Camera, error) {
	all, err := c.cfg.City.Cameras(ctx)
	if err != nil {
		return Camera{}, err
	}
	for _, k := range all {
		if k.Name == name {
			return k, nil
		}
	}
	return Camera{}, city.Errorf(city.NotFound, "%s", c.Say("error.camera", "name", string(name)))
}
