package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"polity/access/account"
	"polity/access/directory"
	"polity/access/look"
	"polity/access/policy"
	"polity/camera/uplink"
	"polity/city"
	"polity/console"
	"polity/console/frame"
	"polity/hub/minutes"
	"polity/hub/places"
	"polity/internal/certs"
	"polity/plane"
	"polity/plane/backend"
	"polity/plane/ngsild"
	"polity/plane/rest"
	"polity/register"
	"polity/release/docket"
	"polity/room/decision"
	"polity/room/notice"
	"polity/room/order"
	"polity/room/queue"
	"polity/sensors/alarm"
	"polity/sensors/transit"
	"polity/service"
	"polity/spine"
)

// Deps is what Run needs besides the configuration.
type Deps struct {
	Log *slog.Logger
	Now func() time.Time // the wall clock; nil: time.Now
	// Version is the program's, "1.2.3", for the public log; empty: it is not told.
	Version string
	// About may change what the pages say of the city: the demo's map, services.
	About func(*console.About)
	// Alerts are further sources of the control room's alerts.
	Alerts []AlertSource
	// Services are the kinds of services that the configuration may name.
	Services []service.Module
	// Ready is called once, when the pages can be opened.
	Ready func(Started)
	// Door lets whoever is on loopback sign in by role without a passkey: of the demo
	// alone, whose data is simulated.
	Door *console.Door

	access     frame.Access // of tests; nil: the accounts and policies of the configuration
	looks      console.Looks
	recordings docket.Recordings // of tests; nil: those of the edges
}

// Started is what a hub that runs can be reached by.
type Started struct {
	Address string       // of the pages, http://host:port
	Edges   string       // host:port for edges; empty with a cluster
	City    console.City // what the pages know
	Store   plane.Store  // the city's data
	Broker  string       // host:port for devices over MQTT; empty: there is no broker
	First   *FirstCode   // for the first administrator; nil: somebody is enrolled
}

// FirstCode lets the first administrator enrol.
type FirstCode struct {
	Code  string
	Until time.Time
	At    string // the address to open
}

// Hub is one run of the program.
type Hub struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	version string
	about   console.About
	started time.Time
	folder  register.Folder
	store   plane.Store
	places  *places.Archive
	minutes *minutes.Store // counts of cameras of the last hours
	spine   *spine.Hub
	console *console.Console
	sensors *sensors
	watch   *alarm.Watch
	transit *transit.System // nil: there is none
	ngsild  *ngsild.Server  // nil: off
	rest    *rest.Server    // nil: off
	data    *data           // open data; nil: off
	changes changes

	alerts      *queue.Queue    // the control room's; nil: off
	notices     *notice.Notices // of its alerts; nil: there is no room
	orders      *order.Book     // of work; nil: off
	decisions   *decision.Book  // of what services want done
	services    []running
	alertReader plane.Feed // its reader of changes
	kindsOff    map[city.Slug]bool
	advice      []AlertSource

	access    frame.Access
	looks     console.Looks
	people    *account.Accounts // nil in tests
	policies  *policy.Live
	book      *look.Book
	front     *certs.Front
	directory *directory.Directory // nil: there is none
	address   string               // of the pages
	door      bool                 // of the demo
	machine   machineToken
	ledger    *ledger       // the public log; nil: off
	record    *publicRecord // the same as pages show it; nil: off
	cases     *cases        // for footage; nil: there is no log
	// recordings are of tests; nil: those of the edges.
	recordings docket.Recordings
	listener   net.Listener
	redirect   net.Listener   // of plain HTTP to HTTPS; nil: none
	closers    []func() error // in the order of opening

	mu      sync.Mutex
	cameras map[city.Slug]*camera
	edges   map[city.Slug]*edge
	counted counted
	// complaints are the problems of the register that were logged.
	complaints map[string]bool
}

// counted is what happened since the start.
type counted struct {
	observations, events, repeated, put, dropped uint64
}

// Run runs a hub until ctx ends.
func Run(ctx context.Context, cfg Config, deps Deps) (err error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Check(); err != nil {
		return err
	}
	h := &Hub{
		cfg: cfg, log: deps.Log, now: deps.Now, version: deps.Version, started: time.Now(),
		cameras: map[city.Slug]*camera{}, edges: map[city.Slug]*edge{}, complaints: map[string]bool{},
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.now == nil {
		h.now = time.Now
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.open(ctx, deps); err != nil {
		return err
	}
	return h.run(ctx, deps)
}

// open takes hold of everything that can be taken by somebody else, or be missing.
func (h *Hub) open(ctx context.Context, deps Deps) error {
	keys, err := register.ParseKeys(h.cfg.CityKeys)
	if err != nil {
		return err
	}
	h.folder = register.Folder{Dir: h.cfg.Register, Keys: keys}
	if info, err := os.Stat(h.cfg.Register); err != nil || !info.IsDir() {
		return city.Errorf(city.Invalid, "hub.register: %s is no folder; put the cameras' entries there", h.cfg.Register)
	}
	if h.about, err = h.cfg.about(); err != nil {
		return err
	}
	if deps.About != nil {
		deps.About(&h.about)
	}
	for _, dir := range []string{"", "pictures", "spine"} {
		if err := os.MkdirAll(filepath.Join(h.cfg.Data, dir), 0o700); err != nil {
			return fmt.Errorf("make the hub's data folder: %w", err)
		}
	}
	if err := h.lock(); err != nil {
		return err
	}
	if h.listener, err = net.Listen("tcp", h.cfg.Listen); err != nil {
		return city.Errorf(city.Unavailable, "hub.listen: %w; is another hub running, or does another program use the port?", err)
	}
	h.closers = append(h.closers, func() error { return ignoreClosed(h.listener.Close()) })
	if err := h.openStores(ctx); err != nil {
		return err
	}
	h.openAlarms()
	s, err := h.cfg.spine()
	if err != nil {
		return err
	}
	if s.Programs, err = h.cfg.Changes.programs(); err != nil {
		return err
	}
	s.Data, s.Check, s.Log = filepath.Join(h.cfg.Data, "spine"), uplink.Check, h.log
	if h.spine, err = spine.StartHub(s); err != nil {
		return err
	}
	h.closers = append(h.closers, func() error { h.spine.Close(); return nil })
	if err := h.openAccess(ctx, deps); err != nil {
		return err
	}
	if err := h.openLedger(ctx); err != nil {
		return err
	}
	h.advice = deps.Alerts
	pages := console.Config{City: h, Sensors: h, Data: h.published(), Access: h.access, Areas: h.cfg.Access.areas, AreaTitles: h.cfg.Access.areaTitles(), Accounts: h.people, Policies: h.policies, Looks: h.looks, Book: h.book, Log: h.log, Now: h.now}
	if err := h.openRecord(&pages); err != nil {
		return err
	}
	if h.transit != nil {
		pages.Transit = h.transit
	}
	if deps.Door != nil && h.people != nil {
		pages.Door, h.door = deps.Door, true
	}
	if err := h.openFront(&pages); err != nil {
		return err
	}
	if err := h.openRoom(ctx, &pages); err != nil {
		return err
	}
	if err := h.openNotices(ctx, &pages); err != nil {
		return err
	}
	if err := h.openOrders(ctx, &pages); err != nil {
		return err
	}
	if err := h.openServices(ctx, deps.Services, &pages); err != nil {
		return err
	}
	h.recordings = deps.recordings
	if err := h.openCases(ctx, &pages); err != nil {
		return err
	}
	h.console, err = console.New(pages)
	return err
}

func (h *Hub) openStores(ctx context.Context) error {
	where := h.cfg.Store
	if where == "" {
		where = filepath.Join(h.cfg.Data, backend.File)
	}
	// Changes are noted while somebody asks for them.
	store, err := backend.Open(ctx, where, backend.Config{Now: h.now, Feed: h.readsChanges(), Wanted: h.wantsChanges, Always: h.alwaysNoted()})
	if err != nil {
		return err
	}
	h.store = store
	h.closers = append(h.closers, store.Close)
	if err := h.openFeed(ctx); err != nil {
		return err
	}
	if err := h.openNGSILD(ctx); err != nil {
		return err
	}
	if h.minutes, err = minutes.Open(ctx, filepath.Join(h.cfg.Data, minutesFile), h.now); err != nil {
		return err
	}
	h.closers = append(h.closers, h.minutes.Close)
	if h.places, err = places.Open(filepath.Join(h.cfg.Data, "places")); err != nil {
		return err
	}
	h.closers = append(h.closers, h.places.Close)
	if err := h.openTransit(ctx); err != nil {
		return err
	}
	if err := h.openSensors(ctx); err != nil {
		return err
	}
	if err := h.openData(); err != nil {
		return err
	}
	return h.openREST()
}

// lock makes sure that one hub at a time uses the data folder.
func (h *Hub) lock() error {
	f, err := os.OpenFile(filepath.Join(h.cfg.Data, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock the hub's data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(city.Errorf(city.Unavailable, "another hub uses the data folder %s", h.cfg.Data), f.Close())
	}
	// Closing is not enough: a program that is just being started holds a copy of the descriptor,
	// and the lock with it, until it runs.
	h.closers = append(h.closers, func() error { return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close()) })
	return nil
}

func (h *Hub) close() error {
	var errs []error
	for _, closer := range slices.Backward(h.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (h *Hub) run(ctx context.Context, deps Deps) error {
	if err := h.readRegister(ctx); err != nil {
		return err
	}
	if err := h.finishHours(ctx); err != nil {
		return err
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var work sync.WaitGroup
	for _, k := range h.cfg.Edges.Known {
		e, err := h.openEdge(k.Name)
		if err != nil {
			return err
		}
		work.Go(func() { e.line.DrawTaken(working, e.takeRecords) })
		work.Go(func() { e.line.DrawArchive(working, e.takePlaces) })
		work.Go(func() { e.offerKeys(working) })
	}
	if err := h.publishChanges(working, &work); err != nil {
		return err
	}
	work.Go(func() { h.keepRegister(working) })
	work.Go(func() { h.keepRetention(working) })
	work.Go(func() { h.keepHours(working) })
	if h.data != nil {
		work.Go(func() { h.data.run(working) })
	}
	work.Go(func() { h.keepAlarms(working) })
	work.Go(func() { h.keepLedger(working) })
	work.Go(func() { h.keepCases(working) })
	work.Go(func() { h.keepRecord(working) })
	h.runRoom(working, &work)
	h.runNotices(working, &work)
	h.runOrders(working, &work)
	h.runServices(working, &work)
	first, err := h.firstCode(ctx)
	if err != nil {
		return err
	}
	served := make(chan error, 2)
	servers := h.serve(working, &work, served)
	h.log.Info("the hub runs", slog.String("pages", h.address), slog.String("edges", h.spine.Listen()), slog.Int("known_edges", len(h.cfg.Edges.Known)))
	if deps.Ready != nil {
		deps.Ready(Started{Address: h.address, First: first, Edges: h.spine.Listen(), City: h, Store: h.store, Broker: h.brokerAddress()})
	}
	select {
	case <-ctx.Done():
		h.log.Info("the hub stops")
	case err = <-served:
		err = fmt.Errorf("the pages ended: %w", err)
	}
	h.console.Close() // live feeds would keep the server from ending
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(closing) != nil {
			_ = server.Close()
		}
	}
	stop()
	work.Wait()
	return err
}
