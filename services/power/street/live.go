package street

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"polity/city"
	"polity/plane"
	"polity/service"
	"polity/services/power/cabinets"
	"polity/services/power/lighting"
)

// Name is the service whose decisions these are.
const Name city.Slug = "power"

// Prefix is how the ids of these decisions begin.
const Prefix = "light-"

// Service is the running lighting of a city.
type Service struct {
	cfg  Config
	deps service.Deps
	town *lighting.Town
	zone *time.Location
	line *line // nil: cabinets are told nothing
	// group and areaOf find by a group's name; areaOf has none that is not dimmed.
	group  map[string]*lighting.Group
	areaOf map[string]*lighting.Area
	wake   chan struct{}
	// crowd says how many were out in an area in a quarter of an hour that is over.
	crowd func(ctx context.Context, a *lighting.Area, from time.Time) (people float64, known bool, err error)
	play  *played // nil: the lamps are real

	// Of Run alone.
	watches map[city.Slug]*lighting.Watch
	told    map[string]told // by group
	shown   map[string]string
	saved   time.Time

	mu      sync.Mutex
	kept    kept
	lamps   map[string]*lamp   // by group
	steps   map[city.Slug]step // by area
	refused map[string]string  // by group, why its cabinet refused
	looked  time.Time
	problem string
}

// kept is what a restart must not forget.
type kept struct {
	Nights map[city.Slug]*night `json:"nights"` // of each area, the last
	Energy []Energy             `json:"energy"` // of nights that are over, the oldest first
	Night  time.Time            `json:"night"`  // the one that goes on, as its first day
	Used   map[string]account   `json:"used"`   // in it, by group
	Alerts map[string]alert     `json:"alerts"` // by group and what it is
	Untold service.Untold       `json:"untold,omitempty"`
}

// told is what the centre last allowed a cabinet.
type told struct {
	level float64
	at    time.Time
}

type step struct {
	n     int
	known bool
}

// New makes the service. Run works it.
func New(c Config, d service.Deps) (*Service, error) {
	t, zone, err := c.town()
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg: c, deps: d, town: t, zone: zone, wake: make(chan struct{}, 1), watches: map[city.Slug]*lighting.Watch{}, told: map[string]told{}, shown: map[string]string{},
		group: map[string]*lighting.Group{}, areaOf: map[string]*lighting.Area{}, lamps: map[string]*lamp{}, steps: map[city.Slug]step{}, refused: map[string]string{},
	}
	if err := d.Load(&s.kept); err != nil {
		return nil, fmt.Errorf("what is known of lamps: %w", err)
	}
	for i := range t.Groups {
		s.lamps[t.Groups[i].Name], s.group[t.Groups[i].Name] = &lamp{}, &t.Groups[i]
	}
	for i := range t.Areas {
		s.watches[t.Areas[i].Name] = lighting.NewWatch(&t.Areas[i])
		s.steps[t.Areas[i].Name] = step{n: t.Areas[i].Steps()}
		for _, name := range t.Areas[i].Groups {
			s.areaOf[name] = &t.Areas[i]
		}
	}
	if s.kept.Nights == nil {
		s.kept.Nights = map[city.Slug]*night{}
	}
	if s.kept.Used == nil {
		s.kept.Used = map[string]account{}
	}
	if s.kept.Alerts == nil {
		s.kept.Alerts = map[string]alert{}
	}
	s.crowd = s.counted
	switch {
	case c.Simulate == Streets:
		s.line = newLine(cabinets.Station, d.Log, s.ring)
		for i := range t.Groups {
			s.line.points[t.Groups[i].Name] = cabinets.Commands + uint32(i) //nolint:gosec // a few thousand groups
		}
	case c.Field != nil:
		s.line = newLine(c.Field.Station, d.Log, s.ring)
		s.line.address, s.line.points = c.Field.Address, c.Field.Cabinets
		if s.line.secure, err = c.Field.tls(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Service) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// lookEach is how often it looks at lamps and areas.
var lookEach = 10 * time.Second

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var work sync.WaitGroup
	defer work.Wait()
	defer end()
	if s.cfg.Simulate == Streets {
		play, err := s.begin(ctx)
		if err != nil {
			return err
		}
		defer play.field.Close()
	}
	if s.line != nil {
		work.Go(func() { s.line.kept.Run(ctx) })
	}
	if err := s.endForeign(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	for {
		changed := s.deps.Decisions.Changed()
		if err := s.look(ctx); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it was to end
			}
			s.mu.Lock()
			s.problem = err.Error()
			s.mu.Unlock()
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-changed:
		case <-s.wake:
		}
	}
}

// look does all there is to do now.
func (s *Service) look(ctx context.Context) error {
	now := s.deps.Now().In(s.zone)
	if s.play != nil {
		if err := s.play.store(ctx); err != nil {
			return err
		}
	}
	for _, do := range []func(context.Context, time.Time) error{s.nights, s.carryOut, s.count, s.tell, s.hear, s.alarm, s.publish} {
		if err := do(ctx, now); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.looked, s.problem = now, ""
	s.mu.Unlock()
	return nil
}

// save keeps what a restart must not forget. The lock is held.
func (s *Service) save() error { return s.deps.Save(&s.kept) }

// State is how lighting is now, in one line.
func (s *Service) State() service.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := service.State{Health: service.Well, Message: "lights.well", Simulated: s.cfg.Simulate != "", At: s.looked}
	switch {
	case s.problem != "":
		x.Health, x.Message = service.Stopped, "lights.stopped"
	case len(s.kept.Alerts) > 0:
		x.Health, x.Message, x.Values = service.Trouble, "lights.trouble", []any{"n", len(s.kept.Alerts)}
	}
	return x
}

func (s *Service) write(ctx context.Context, what string, list []plane.Change) error {
	if len(list) == 0 {
		return nil
	}
	r, err := s.deps.Data.Write(ctx, &plane.Batch{Changes: list})
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	s.deps.Log.Debug("written", slog.String("what", what), slog.Int("n", len(list)))
	return nil
}
