package console

import (
	"context"
	"html/template"
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
	"polity/console/texts"
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
	Access Access
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
	Sheets *Sheets
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
	cfg    Config
	log    *slog.Logger
	say    *texts.Language
	about  About
	mux    *http.ServeMux
	pages  map[string]*template.Template
	bundle *bundled
	ground *ground
	live   *live.Live
	feeds  feeds
	// closing ends when the console closes.
	closing context.Context
	end     context.CancelFunc
	counts  *countsCache
	told    tellPace // what the public tells

	sensorsFile sensorsFile
	masking     chan struct{} // holds one while a driver's photo is decoded

	groupOnce sync.Once
	groups    []streetGroup
}

// New makes the pages. It asks the City for nothing but About. Close ends live
// feeds.
func New(cfg Config) (*Console, error) {
	if cfg.City == nil {
		return nil, city.Errorf(city.Invalid, "the console needs a City")
	}
	c := &Console{cfg: cfg, log: cfg.Log, say: texts.English(), about: cfg.City.About(), mux: http.NewServeMux(), masking: make(chan struct{}, 1)}
	c.closing, c.end = context.WithCancel(context.Background())
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.about.Zone == nil {
		c.about.Zone = time.UTC
	}
	files := cfg.Bundle
	if files == nil {
		sub, err := fs.Sub(built, "dist")
		if err != nil {
			return nil, err
		}
		files = sub
	}
	var err error
	if c.bundle, err = openBundle(files); err != nil {
		return nil, err
	}
	if c.ground, err = openGround(c.about.Map); err != nil {
		return nil, err
	}
	if err := c.parsePages(); err != nil {
		return nil, err
	}
	c.counts = &countsCache{fetch: cfg.City.Counts, kept: map[countsKey]*countsEntry{}}
	c.live = live.New(live.Config{Watch: cfg.City.Watch, Check: c.check, Every: cfg.Every, Log: c.log})
	guard := http.NewCrossOriginProtection()
	for _, r := range routes {
		c.mux.Handle(r.Pattern, guard.Handler(c.route(r)))
	}
	return c, nil
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

func (c *Console) clock() clock {
	now := time.Now
	if c.cfg.Now != nil {
		now = c.cfg.Now
	}
	return clock{zone: c.about.Zone, now: now(), say: c.say}
}

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
	return Camera{}, city.Errorf(city.NotFound, "%s", c.say.Say("error.camera", "name", string(name)))
}
