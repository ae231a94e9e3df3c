package live

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"polity/city"
	"polity/plane"
	"polity/service"
	"polity/services/power/grid"
	"polity/services/power/iec104"
	"polity/services/power/outage"
	"polity/services/power/storm"
	"polity/services/power/switching"
)

// Name is the service's.
const Name city.Slug = "power"

// Module is the service for the program's list.
var Module = service.Module{Name: Name, New: func(config []byte, d service.Deps) (service.Service, error) { return New(config, d) }}

// Service is the running service.
type Service struct {
	cfg   Config
	deps  service.Deps
	net   *grid.Network // as it stands on a usual day
	field *field        // nil: there is none, and nothing can be operated

	places  []*city.Point // of buses; nil where none is known
	metered func(load int) bool
	devices []switching.Device // protective
	wake    chan struct{}

	mu       sync.Mutex
	reports  map[int]storm.Message // by load, the last of each
	kept     kept
	picture  *outage.Picture
	known    *grid.Network // as the switches stand, faults cut out
	problem  string        // of the last look; empty: none
	looked   time.Time
	carrying string // decision that is being carried out

	checkedAs string // the state for which waiting orders were checked last
}

// kept is what a restart must not forget.
type kept struct {
	Faults        []*Fault              `json:"faults"`
	Interruptions []outage.Interruption `json:"interruptions"`
	Count         int                   `json:"count"`           // of faults ever
	Written       int                   `json:"written"`         // of orders that people wrote
	Wrote         []string              `json:"wrote,omitempty"` // ids of these, the last ones
	Tags          []Tag                 `json:"tags,omitempty"`  // that people hung
	Past          []Past                `json:"past,omitempty"`  // the oldest first
	Moves         []Moved               `json:"moves,omitempty"` // the oldest first
	Untold        service.Untold        `json:"untold,omitempty"`
}

// Fault is a line that failed, as far as is known.
type Fault struct {
	ID          string // of its alert and decisions
	Line        int
	Name        string // of the line
	Found       time.Time
	Customers   int     // without power when it was found
	Probability float64 // that it is this line
	Others      []string
	Reason      string
	Against     int // reports that do not fit

	Buses    []int // without power because of it
	Dark     int   // customers without power now
	Isolated bool  // its switch was opened, so that a crew may work
	Closed   []int // lines that were closed to feed others
	Opened   []int // and opened
	Restored time.Time
	Gained   int // customers that got it back by switching, before the repair
	Mended   bool
	MendedBy string            // the person who said so; empty: the made-up crew
	Tries    int               // proposals so far
	Waiting  string            // id of the decision that waits for a person or is carried out
	Until    time.Time         // for how long it waits
	Order    []step            // its steps
	Note     string            // why nothing is proposed
	Work     *Work             // the crew's; nil: none, or the crew is made up
	Decided  *service.Decision // by which the line was cut out
	Noted    string            // the state of the network of which Note speaks; empty: every one
}

// New makes the service. Run works it.
func New(config []byte, d service.Deps) (*Service, error) {
	c, err := read(config)
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: c, deps: d, wake: make(chan struct{}, 1), reports: map[int]storm.Message{}}
	if s.net, err = c.network(); err != nil {
		return nil, err
	}
	if s.places, err = c.placed(s.net); err != nil {
		return nil, err
	}
	if s.metered, err = c.metered(s.net); err != nil {
		return nil, err
	}
	if s.devices, err = c.devices(s.net); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	f := &field{switches: map[int]Switch{}, lines: map[uint32]int{}, closed: map[int]bool{}, log: d.Log, changed: s.ring}
	f.keep()
	switch {
	case c.Simulate == Storm:
		for i := range s.net.Lines {
			f.switches[i] = Switch{Position: storm.Positions + uint32(i), Command: storm.Commands + uint32(i)} //nolint:gosec // 37 lines
		}
	case c.Field != nil:
		f.address, f.station = c.Field.Address, c.Field.Station
		for name, where := range c.Field.Switches {
			i := lineOf(s.net, name)
			if i < 0 {
				return nil, city.Errorf(city.Invalid, "field.switches: the network has no line %s", name)
			}
			f.switches[i] = where
		}
	default:
		return s, nil
	}
	for i, where := range f.switches {
		if had, taken := f.lines[where.Position]; taken {
			return nil, city.Errorf(city.Invalid, "field.switches: %s and %s have the same position %d", s.net.Lines[had].Name, s.net.Lines[i].Name, where.Position)
		}
		f.lines[where.Position] = i
	}
	s.field = f
	return s, nil
}

func lineOf(net *grid.Network, name string) int {
	for i := range net.Lines {
		if net.Lines[i].Name == name {
			return i
		}
	}
	return -1
}

func (s *Service) load() error {
	if err := s.deps.Load(&s.kept); err != nil {
		return fmt.Errorf("what is known of faults: %w", err)
	}
	for _, f := range s.kept.Faults {
		if f == nil || f.Line < 0 || f.Line >= len(s.net.Lines) || s.net.Lines[f.Line].Name != f.Name {
			return city.Errorf(city.Conflict, "%s is of another network than the configuration names: move it away", s.deps.KeptPath())
		}
	}
	return nil
}

// save keeps what a restart must not forget. The lock is held.
func (s *Service) save() error { return s.deps.Save(&s.kept) }

func (s *Service) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Tell takes what meters and residents say. Each is looked at alone because a fault is
// sought, and forgotten when its home has power again.
func (s *Service) Tell(said []storm.Message) {
	s.mu.Lock()
	for _, m := range said {
		if m.Load >= 0 && m.Load < len(s.net.Loads) {
			s.reports[m.Load] = m
		}
	}
	s.mu.Unlock()
	s.ring()
}

// Mended tells that a crew has mended a line.
func (s *Service) Mended(line int) {
	s.mu.Lock()
	for _, f := range s.kept.Faults {
		f.Mended = f.Mended || f.Line == line
	}
	s.mu.Unlock()
	s.ring()
}

const lookEach = 10 * time.Second

var settle = 3 * time.Second // reports of one event come one after the other

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var work sync.WaitGroup
	defer work.Wait()
	defer end()
	if s.cfg.Simulate == Storm {
		if err := s.anew(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	if err := s.orphans(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	if s.cfg.Simulate == Storm {
		evening, err := s.play(ctx)
		if err != nil {
			return err
		}
		defer evening.Close()
	}
	if s.field != nil {
		secure, err := s.secure()
		if err != nil {
			return err
		}
		s.field.dial = func(ctx context.Context, receive func(iec104.Type, iec104.Cause, iec104.Object)) (*iec104.Client, error) {
			return iec104.Dial(ctx, s.field.address, secure, iec104.Options{Station: s.field.station, Receive: receive})
		}
		work.Go(func() { s.field.kept.Run(ctx) })
	}
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	for {
		changed, crews := s.deps.Decisions.Changed(), s.ordersChanged()
		if err := s.carryOut(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if err := s.hearCrews(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if err := s.look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-changed:
		case <-crews:
		case <-s.wake:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(settle):
			}
		}
	}
}

// anew ends what is left of an evening that was played before.
func (s *Service) anew(ctx context.Context) error {
	s.mu.Lock()
	left, wrote := s.kept.Faults, s.kept.Wrote
	s.mu.Unlock()
	for _, id := range wrote {
		if err := s.deps.Moot(ctx, id, "The made-up evening began anew."); err != nil {
			return err
		}
	}
	for _, f := range left {
		if err := s.deps.Moot(ctx, f.Waiting, "The made-up evening began anew."); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range left {
		s.publish(f, s.deps.Now().UTC())
	}
	s.kept, s.reports = kept{Count: s.kept.Count, Written: s.kept.Written, Untold: s.kept.Untold}, map[int]storm.Message{}
	return s.save()
}

// orphans ends alerts of outages that are known of no more: whoever moved the state away left
// theirs in the city's data.
func (s *Service) orphans(ctx context.Context) error {
	s.mu.Lock()
	known := map[string]bool{}
	for _, f := range s.kept.Faults {
		known[alertOf(f)] = true
	}
	for _, a := range s.kept.Untold {
		known[a.ID] = true // its end is on the way
	}
	s.mu.Unlock()
	var left []service.Alert
	q := plane.Query{Types: []string{"Alert"}, From: alertPrefix, To: alertPrefix + "~"}
	for {
		page, err := s.deps.Data.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("look for alerts of outages that are over: %w", err)
		}
		for _, e := range page.Entities {
			if known[e.ID] || word(e, "state") != "active" || word(e, "subCategory") != "outage" {
				continue
			}
			begun, err := time.Parse(time.RFC3339Nano, word(e, "dateIssued"))
			if err != nil {
				begun = s.deps.Now()
			}
			left = append(left, service.Alert{ID: e.ID, Category: "power", SubCategory: "outage", Severity: word(e, "severity"), Start: begun, End: s.deps.Now().UTC()})
		}
		if !page.More {
			break
		}
		q.After = page.Entities[len(page.Entities)-1].ID
	}
	s.mu.Lock()
	for _, a := range left {
		s.kept.Untold.Put(a)
	}
	s.mu.Unlock()
	return s.tell(ctx)
}

// word is a text among an entity's attributes.
func word(e *plane.Entity, name string) (text string) {
	for i := range e.Attributes {
		if e.Attributes[i].Name == name && json.Unmarshal(e.Attributes[i].Value, &text) == nil {
			return text
		}
	}
	return ""
}

const alertPrefix = "urn:ngsi-ld:Alert:power:"

func alertOf(f *Fault) string { return alertPrefix + f.ID }

func (s *Service) play(ctx context.Context) (*storm.Storm, error) {
	pace := func(d time.Duration) time.Duration {
		if s.cfg.Pace > 0 {
			d = time.Duration(float64(d) / s.cfg.Pace)
		}
		return d
	}
	c := storm.Config{Network: s.net, Seed: 33, Repair: pace(stormRepair), Tell: s.Tell, Mended: s.Mended}
	for _, f := range stormFaults {
		c.Faults = append(c.Faults, storm.Fault{After: pace(f.after), Line: f.line})
	}
	evening, err := storm.Start(ctx, c)
	if err == nil {
		s.field.address, s.field.station = evening.Address(), storm.Station
	}
	return evening, err
}

// publish has an outage told in the city's data: where and how many, never who. The control
// room has its alert from there. The lock is held, and save follows.
func (s *Service) publish(f *Fault, ended time.Time) {
	s.kept.Untold.Put(service.Alert{
		ID: alertOf(f), Category: "power", SubCategory: "outage", Severity: severity(f.Customers),
		Asset: entityOf(f.Name), Start: f.Found, End: ended, Place: s.placeOf(f.Line), Simulated: s.cfg.Simulate != "",
	})
	s.deps.Log.Info("outage", slog.String("id", f.ID), slog.String("line", f.Name), slog.Int("customers", f.Customers), slog.Bool("ended", !ended.IsZero()))
}

// tell writes what the city's data does not know yet of outages.
func (s *Service) tell(ctx context.Context) error {
	return s.deps.Tell(ctx, &s.mu, &s.kept.Untold, s.save)
}

// placeOf is the middle of a line on the city's map; nil: it is not known.
func (s *Service) placeOf(line int) *city.Point {
	l := &s.net.Lines[line]
	a, b := s.places[l.Ends[0].Bus], s.places[l.Ends[1].Bus]
	if a == nil || b == nil {
		return nil
	}
	return &city.Point{Lon: (a.Lon + b.Lon) / 2, Lat: (a.Lat + b.Lat) / 2}
}

func severity(customers int) string {
	switch {
	case customers >= 100:
		return "critical"
	case customers >= 10:
		return "high"
	}
	return "medium"
}
