package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/water/epanet"
	"polity/services/water/isolation"
	"polity/services/water/leaks"
	"polity/services/water/network"
	"polity/services/water/pumping"
	"polity/services/water/scada"
	"polity/services/water/season"
)

// Name is the service's.
const Name city.Slug = "water"

// Module is the service for the program's list.
var Module = service.Module{
	Name:  Name,
	New:   func(config []byte, d service.Deps) (service.Service, error) { return New(config, d) },
	Check: func(config []byte) error { _, err := read(config); return err },
}

// Service is the running service.
type Service struct {
	cfg     Config
	deps    service.Deps
	net     *network.Network
	valves  []isolation.Valve
	planner *isolation.Planner
	between *network.Between

	hydrants []isolation.Hydrant
	streets  []Street
	tariff   *pumping.Tariff // nil: none is known
	wake     chan struct{}   // there may be something to compute beside the days
	trying   chan struct{}   // a plan of pumps is being tried

	watch   *leaks.Watch   // of Run alone
	columns [3][]string    // the same: pressures, flows and levels that instruments in the city's data measure
	season  *season.Season // the same; nil: a real network

	mu        sync.Mutex
	operation Operation
	kept      kept
	closed    map[int]bool // valves
	shown     shown
	learning  Learning
	problem   string // why nothing can be said now; empty: nothing stands in the way
}

// kept is what a restart must not forget.
type kept struct {
	Leaks  []*Leak           `json:"leaks"`
	Alarms map[string]string `json:"alarms"` // leak by alarm of the detector
	Count  int               `json:"count"`  // of leaks ever
	Shut   []Span            `json:"shut"`   // times at which valves were closed

	Untold service.Untold `json:"untold,omitempty"`

	Reports    []Report   `json:"reports"`
	PumpAdvice pumpAdvice `json:"pump_advice"`
}

// Span is a time by the measurements' clock; To is zero while it lasts.
type Span struct{ From, To time.Time }

// Leak is one that was found.
type Leak struct {
	ID         string // of its alert and decisions
	Pipe       string // the likeliest
	Found      time.Time
	Since      time.Time // by the measurements' clock
	Flow       float64   // m³/h, when it was found
	Within     float64   // m along pipes that hold 80 % of the probability
	Candidates []leaks.Candidate
	Reason     string

	Heard    string   // pipe on which a crew heard it
	Searched []string // pipes around which nothing was heard
	Close    []int    // valves of the order that waits or was carried out
	Dry      []int    // nodes that have no water while they are closed
	Cut      bool     // the valves are closed
	Mended   bool
	Opened   time.Time // by the measurements' clock: the valves are open again
	Ended    time.Time // its end was seen, or told
	Over     time.Time // the same by the measurements' clock
	Parts    []Part    // alarms that it may explain, too
	Tries    int       // proposals so far
	Waiting  string    // id of the decision that waits for a person or is carried out
	Until    time.Time // that a person can agree to it
	Sent     bool      // a crew carries it out
	Work     *Work     // the work order that a crew has, or had last; nil: none, or the crew is made up
	Reports  int       `json:"-"` // of residents, that bear on the candidates; in views alone
	Did      []string  // decisions whose effect is kept, as did names them
	Note     string    // why nothing is proposed
}

// New makes the service. Run works it.
func New(config []byte, d service.Deps) (*Service, error) {
	c, err := read(config)
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: c, deps: d, wake: make(chan struct{}, 1), trying: make(chan struct{}, 1)}
	if s.net, s.valves, s.hydrants, err = c.network(); err != nil {
		return nil, err
	}
	if s.tariff, err = c.tariff(); err != nil {
		return nil, err
	}
	if s.streets, err = c.streets(s.net); err != nil {
		return nil, err
	}
	s.planner, s.between = isolation.NewPlanner(s.net, s.valves), s.net.Between()
	s.forget()
	return s, s.load()
}

// crews says whether anybody can be sent: made-up crews, or real ones by work orders.
func (s *Service) crews() bool {
	return s.season != nil || s.cfg.Simulate == "" && s.deps.Orders != nil
}

// forget begins anew.
func (s *Service) forget() {
	s.kept = kept{Alarms: map[string]string{}, Untold: s.kept.Untold, Count: s.kept.Count, PumpAdvice: s.kept.PumpAdvice}
	s.closed, s.shown = map[int]bool{}, shown{}
}

func (s *Service) load() error {
	if err := s.deps.Load(&s.kept); err != nil {
		return fmt.Errorf("what is known of leaks: %w", err)
	}
	if s.kept.Alarms == nil {
		s.kept.Alarms = map[string]string{}
	}
	for _, l := range s.kept.Leaks {
		if s.cfg.Simulate != "" {
			break // what was played before is ended at once
		}
		if _, is := s.net.Link(l.Pipe); !is {
			return city.Errorf(city.Conflict, "%s is of another network than the configuration names: move it away", s.deps.KeptPath())
		}
		for _, v := range l.Close {
			if v < 0 || v >= len(s.valves) {
				return city.Errorf(city.Conflict, "%s is of another table of valves than the configuration names: move it away", s.deps.KeptPath())
			}
			if l.Cut {
				s.closed[v] = true
			}
		}
	}
	return nil
}

// save keeps what a restart must not forget. The lock is held.
func (s *Service) save() error { return s.deps.Save(&s.kept) }

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	err := s.run(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was to end
	}
	if err != nil {
		s.mu.Lock()
		s.problem = err.Error()
		s.mu.Unlock()
	}
	return err
}

func (s *Service) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { s.operate(ctx) })
	defer beside.Wait()
	defer stop()
	if err := s.tell(ctx); err != nil {
		return err
	}
	if s.cfg.Simulate == "" {
		return s.follow(ctx)
	}
	for ctx.Err() == nil {
		if err := s.play(ctx); err != nil {
			return err
		}
	}
	return nil
}

// play plays one season.
func (s *Service) play(ctx context.Context) error {
	if err := s.anew(ctx); err != nil {
		return err
	}
	var before *scada.Data
	var err error
	p := plays[s.cfg.Simulate]
	if s.season, before, err = season.Begin(ctx, season.Config{Network: s.net, Valves: s.valves, Leaks: p.leaks, Before: p.before, Seed: 18, Dial: epanet.Native}); err != nil {
		return err
	}
	if err := s.learn(ctx, before, p.judges); err != nil {
		return err
	}
	tick := time.NewTicker(s.cfg.Day)
	defer tick.Stop()
	for range p.days {
		for day := false; !day; {
			changed := s.deps.Decisions.Changed()
			if err := s.carryOut(ctx); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
			case <-tick.C:
				day = true
			}
		}
		d, words, err := s.season.Day(ctx)
		if err != nil {
			return err
		}
		if err := errors.Join(s.day(ctx, d, words, nil), s.forgetOld()); err != nil {
			return err
		}
	}
	return nil
}

// anew ends what is left of a season that was played before.
func (s *Service) anew(ctx context.Context) error {
	s.mu.Lock()
	var left []Leak
	for _, l := range s.kept.Leaks {
		if l.Ended.IsZero() {
			l.Ended = s.deps.Now().UTC()
			left = append(left, *l)
			s.publish(l)
		}
	}
	s.mu.Unlock()
	for i := range left {
		if err := s.deps.Moot(ctx, left[i].Waiting, "The made-up days began anew."); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	return s.save()
}

// learn begins to watch.
func (s *Service) learn(ctx context.Context, before *scada.Data, c leaks.Config) (err error) {
	s.watch, err = leaks.NewWatch(ctx, epanet.Native, s.net, before, nil, c, nil)
	if err == nil {
		s.mu.Lock()
		s.problem = ""
		s.mu.Unlock()
	}
	return err
}

var folderEach = 10 * time.Minute // tables are looked at

// writing is how long behind its last change a table may still be being written.
const writing = 2 * time.Second

// follow watches a real network, whose tables grow.
func (s *Service) follow(ctx context.Context) error {
	before, err := s.earlier(ctx)
	if err != nil {
		return err
	}
	if err := s.learn(ctx, before, leaks.Default()); err != nil {
		return err
	}
	tables := time.NewTicker(folderEach)
	defer tables.Stop()
	var read time.Time
	for look := true; ; {
		decided, ordered := s.deps.Decisions.Changed(), s.ordersChanged()
		if look && s.cfg.Instruments.empty() {
			read, err = s.tables(ctx, read)
		} else if look {
			err = s.cityDays(ctx)
		}
		if err != nil {
			return err
		}
		if err := errors.Join(s.carryOut(ctx), s.hearOrders(ctx), s.forgetOld()); err != nil {
			return err
		}
		look = false
		select {
		case <-ctx.Done():
			return nil
		case <-tables.C:
			look = true
		case <-decided:
		case <-ordered:
		}
	}
}

// tables takes what is new in the folder of measurements since it was read, and returns
// when that was. Tables that cannot be used are a problem until they are mended.
func (s *Service) tables(ctx context.Context, read time.Time) (time.Time, error) {
	changed, err := newest(s.cfg.Measurements)
	if err == nil && !changed.After(read) {
		return read, nil
	}
	if err == nil {
		young := time.Since(changed) < writing
		var d *scada.Data
		if d, err = scada.ReadFolder(s.cfg.Measurements); err == nil {
			err = s.catchUp(ctx, d)
		}
		if read = changed; young { // it may have been half written, and be whole in the same instant of the disk's clock
			read = changed.Add(-time.Nanosecond)
		}
	}
	if ctx.Err() != nil {
		return read, ctx.Err()
	}
	if kind := city.KindOf(err); err != nil && kind != city.Invalid {
		return read, fmt.Errorf("measurements: %w", err)
	}
	if err != nil {
		s.mu.Lock()
		again := s.problem == err.Error()
		s.problem = err.Error()
		s.mu.Unlock()
		if !again {
			s.deps.Log.Error("measurements that cannot be used; they are read again when they change", slog.Any("error", err))
		}
	}
	return read, nil
}

// catchUp takes the whole days that are new.
func (s *Service) catchUp(ctx context.Context, d *scada.Data) error {
	if s.watch.Days() == 0 && !d.Pressures.Start.Equal(s.watch.Next()) {
		return city.Errorf(city.Invalid, "measurements begin at %s; they must begin where history ends, at %s", d.Pressures.Start.Format(time.DateTime), s.watch.Next().Format(time.DateTime))
	}
	perDay := int(24 * time.Hour / d.Pressures.Step)
	days := d.Pressures.Len() / perDay
	for s.watch.Days() < days-1 { // one look for all that is behind
		at := s.watch.Days()
		if s.disturbed(s.watch.Next()) {
			s.watch.Skip()
			continue
		}
		to := at + 1
		for to < days-1 && !s.disturbed(s.watch.Next().AddDate(0, 0, to-at)) {
			to++
		}
		if err := s.watch.Add(ctx, epanet.Native, d.Rows(at*perDay, to*perDay)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.problem = ""
	s.mu.Unlock()
	if at := s.watch.Days(); at < days {
		return s.day(ctx, d.Rows(at*perDay, (at+1)*perDay), nil, nil)
	}
	return nil
}

// newest is when a file of a folder changed last.
func newest(folder string) (last time.Time, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return last, city.Errorf(city.Invalid, "%w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return last, err
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last, nil
}

// publish has a leak told in the city's data. The control room has its alert from there. The
// lock is held, and save follows.
func (s *Service) publish(l *Leak) {
	s.kept.Untold.Put(service.Alert{
		ID: "urn:ngsi-ld:Alert:water:" + l.ID, Category: "water", SubCategory: "leak", Severity: severity(l.Flow),
		Asset: "urn:ngsi-ld:Pipe:" + l.Pipe, Start: l.Found, End: l.Ended, Simulated: s.cfg.Simulate != "",
	})
	s.deps.Log.Info("leak", slog.String("id", l.ID), slog.String("pipe", l.Pipe), slog.Float64("m3h", l.Flow), slog.Bool("ended", !l.Ended.IsZero()))
}

// tell writes what the city's data does not know yet of leaks.
func (s *Service) tell(ctx context.Context) error {
	return s.deps.Tell(ctx, &s.mu, &s.kept.Untold, s.save)
}

func severity(flow float64) string {
	switch {
	case flow >= 20:
		return "critical"
	case flow >= 5:
		return "high"
	}
	return "medium"
}
