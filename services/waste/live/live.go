package live

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/waste"
	"polity/services/waste/example"
	"polity/services/waste/forecast"
	"polity/services/waste/roads"
	"polity/services/waste/rounds"
)

// Name is the service's.
const Name city.Slug = "waste"

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
	zone    *time.Location
	town    *example.Town
	streets []string       // of each container
	index   map[string]int // of a container by its id
	world   *rounds.World  // nil: nothing is made up
	begun   time.Time

	histories []forecast.History // of the run loop alone
	shown     []float64          // fill as it was last written into the city's data
	watched   time.Time          // when the city's data was last looked at

	told chan struct{} // has something when a crew has told something

	edit   sync.Mutex // held while a plan goes into the book of decisions
	trials sync.WaitGroup

	mu       sync.Mutex
	at       time.Time // by the clock of crews and containers
	seen     time.Time // the world's time then
	planning bool
	progress waste.Progress // of the day's plan
	plan     *waste.Plan    // of the day as it stands; nil where moves have no price
	model    *forecast.Model
	drafts   map[string]drafted // by their moves
	draftsOf string             // decision
	trial    *trial
	imported bool // tables were taken over and are not in force yet
	levels   []level
	outlooks map[string]float64 // probability of overflow by the next chance to collect
	suspects []string
	kept     kept
}

// level is how full a container is as last told; At zero: not known.
type level struct {
	Fill float64
	At   time.Time
}

// kept is what a restart must not forget.
type kept struct {
	Today   today                    `json:"today"`
	Last    *past                    `json:"last,omitempty"` // nil: nobody drove, or they are forgotten
	Alerts  map[string]service.Alert `json:"alerts"`         // that are not over, by id
	Waiting []string                 `json:"waiting"`        // decisions that a person has not answered, as far as is known
	Count   int                      `json:"count"`          // of decisions ever
	Errands []errand                 `json:"errands"`        // that follow from reports and are not done yet
	Misses  map[string]Miss          `json:"misses"`         // by container
	Photos  map[string]string        `json:"photos"`         // ids, by container
	Unsent  *unsent                  `json:"unsent"`         // nil: none
	Untold  service.Untold           `json:"untold,omitempty"`
}

// Phases of a day.
const (
	Proposed = "proposed" // the plan waits for a person
	Driving  = "driving"
	Over     = "over"     // all trucks are home
	Recalled = "recalled" // a person had the plan undone
)

// today is a day's plan and what became of it.
type today struct {
	Day       time.Time            `json:"day"` // its midnight; zero: none is planned
	Phase     string               `json:"phase"`
	Decision  string               `json:"decision"`
	Until     time.Time            `json:"until"` // that a person can agree
	Tours     []Tour               `json:"tours"`
	Collected map[string]time.Time `json:"collected"` // by container, by the clock of the crews
	Missed    map[string]string    `json:"missed"`    // why
	LeftOut   []string             `json:"leftOut"`
	Problems  []waste.Problem      `json:"problems"`
	Fewer     []Fewer              `json:"fewer"`
	Edits     int                  `json:"edits"` // moves that a planner made
	Moves     string               `json:"moves"` // decision about a broken truck's containers
	Cost      float64              `json:"cost"`
	Metres    float64              `json:"metres"`
	KgCO2     float64              `json:"kgCO2"`

	Given   map[string][]string `json:"given"`   // the trucks that a container was ever on the tour of
	Drivers map[string]driver   `json:"drivers"` // by truck
	Reports map[string]string   `json:"reports"` // digests of what crews told, by id
	Newest  map[string]stamp    `json:"newest"`  // what was told last of a container, or of whether a truck goes
	Unloads map[string]Unload   `json:"unloads"` // by the report's id
}

// ready makes what a day needs to take reports.
func (t *today) ready() {
	if t.Collected == nil {
		t.Collected, t.Missed = map[string]time.Time{}, map[string]string{}
	}
	if t.Given == nil {
		t.Given, t.Drivers, t.Reports = map[string][]string{}, map[string]driver{}, map[string]string{}
		t.Newest, t.Unloads = map[string]stamp{}, map[string]Unload{}
	}
	t.give()
}

// give notes whose tours containers are on.
func (t *today) give() {
	for i := range t.Tours {
		for _, c := range t.Tours[i].Calls {
			if c.Container != "" && !slices.Contains(t.Given[c.Container], t.Tours[i].Truck) {
				t.Given[c.Container] = append(t.Given[c.Container], t.Tours[i].Truck)
			}
		}
	}
}

// Tour is a truck's tour with its way, and how far it is.
type Tour struct {
	waste.Tour
	Line   []city.Point
	Done   int         // calls: the first ones, in the order in which they were done
	DoneAt []time.Time // of them, by the crews' clock; empty once the shift is over
	Broken bool
	Asked  bool // who takes its containers
	Home   bool // it is back for today
}

// Fewer is a day without one truck.
type Fewer struct {
	Without             string
	Tours, Left         int     // trucks out; containers that should be collected and could not
	Cost, Metres, KgCO2 float64 // more than with it
}

// New makes the service. Run works it.
func New(config []byte, d service.Deps) (*Service, error) {
	c, err := read(config)
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: c, deps: d, index: map[string]int{}, outlooks: map[string]float64{}, begun: d.Now(), told: make(chan struct{}, 1)}
	if s.zone, err = c.zone(); err != nil {
		return nil, err
	}
	town, err := c.town(context.Background(), s.tablesPath(), nil)
	if err != nil {
		return nil, err
	}
	s.settled(town)
	next, err := readTables(s.nextPath())
	if err != nil {
		return nil, err
	}
	s.imported = next != Tables{}
	if err := s.load(); err != nil {
		return nil, err
	}
	if c.Simulate != "" { // a made-up day begins anew with the program
		s.kept.Today, s.kept.Errands, s.kept.Misses, s.kept.Photos, s.kept.Unsent = today{}, nil, nil, nil, nil
	}
	if s.kept.Misses == nil {
		s.kept.Misses = map[string]Miss{}
	}
	if s.kept.Photos == nil {
		s.kept.Photos = map[string]string{}
	}
	s.kept.Today.ready()
	for id, at := range s.kept.Today.Collected {
		if i, known := s.index[id]; known {
			s.levels[i] = level{0, at}
		}
	}
	return s, nil
}

// street is the name of the street at a point; empty: none that a truck may use.
func (s *Service) street(p city.Point) string {
	for _, kind := range []string{roads.RefuseTruck.Name, roads.NarrowTruck.Name} {
		if n := s.town.Streets[kind]; n != nil {
			if at, err := n.Snap(p, roads.Either); err == nil {
				return n.Name(at.Arc)
			}
		}
	}
	return ""
}

func (s *Service) load() error {
	if err := s.deps.Load(&s.kept); err != nil {
		return fmt.Errorf("what is known of tours: %w", err)
	}
	return nil
}

// save keeps what a restart must not forget. The lock is held.
func (s *Service) save() error { return s.deps.Save(&s.kept) }

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer s.trials.Wait()
	defer stop()
	if s.cfg.Simulate == Day {
		if err := s.begin(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	if err := s.publishContainers(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	if err := s.takeUp(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	changed, due := s.deps.Decisions.Changed(), true
	for {
		if due {
			changed, due = s.deps.Decisions.Changed(), false
			if err := s.carryOut(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
		if err := s.settleIn(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if err := s.advance(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		s.try(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-s.told:
		case <-changed:
			due = true
		}
	}
}

// begin starts a made-up world, in which nothing is known of an earlier one: what that left
// open ends.
func (s *Service) begin(ctx context.Context) error {
	s.mu.Lock()
	ids := make([]string, len(s.streets))
	for i := range ids {
		ids[i] = s.town.Containers[i].ID
	}
	midnight := s.deps.Now().UTC().Truncate(24 * time.Hour)
	s.zone = time.UTC
	s.world = rounds.New(rounds.Config{Seed: 17, Containers: ids, Today: midnight, Pace: s.cfg.Pace, Blocked: blockedShare, Breaks: breaks, BreaksAt: breaksAt})
	s.histories = nil
	for i, id := range ids {
		h := forecast.History{ID: id, Group: s.world.Kind(i)}
		readings, emptied := s.world.History(i)
		for _, r := range readings {
			h.Readings = append(h.Readings, forecast.Reading{At: r.At, Fill: r.Fill})
			s.levels[i] = level{r.Fill, r.At}
		}
		h.Emptied = emptied
		s.histories = append(s.histories, h)
	}
	waiting := slices.Clone(s.kept.Waiting)
	s.mu.Unlock()
	for _, id := range waiting {
		if err := s.deps.Moot(ctx, id, "The made-up day began anew."); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.kept.Alerts {
		a.End = s.deps.Now().UTC()
		s.kept.Untold.Put(a)
	}
	s.kept.Waiting, s.kept.Alerts = nil, nil
	if err := s.tidy(); err != nil {
		return err
	}
	return s.save()
}

// now is the clock of crews and containers.
func (s *Service) now() time.Time {
	if s.world != nil {
		return s.world.Now()
	}
	return s.deps.Now().In(s.zone)
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// advance takes what has been told since, and plans a day that is not planned.
func (s *Service) advance(ctx context.Context) error {
	if err := s.tell(ctx); err != nil {
		return err
	}
	if err := s.run(ctx); err != nil { // what people told, before the made-up crews go on
		return err
	}
	if s.world != nil {
		for _, e := range s.world.Step(s.deps.Now()) {
			if err := s.happened(ctx, e); err != nil {
				return err
			}
		}
		if err := s.run(ctx); err != nil {
			return err
		}
		if err := s.hear(ctx); err != nil {
			return err
		}
	}
	now := s.now()
	if s.world == nil && s.deps.Now().Sub(s.watched) > watchEach {
		if err := s.watch(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.at, s.seen = now, s.deps.Now()
	t := &s.kept.Today
	planned := t.Day.Equal(midnight(now))
	lapsed := planned && t.Phase == Proposed && s.deps.Now().After(t.Until)
	over := s.world == nil && !t.Day.IsZero() && !planned && len(t.Reports) > 0 // with none, crews tell elsewhere
	s.mu.Unlock()
	if err := s.forget(); err != nil {
		return err
	}
	if planned && !lapsed {
		return nil
	}
	if over {
		if err := s.dawn(ctx); err != nil {
			return err
		}
	}
	return s.planDay(ctx, now)
}

// historyMost is the most readings of a container that are learned from.
const historyMost = 1500

// hear takes what sensors said.
func (s *Service) hear(ctx context.Context) error {
	readings := s.world.Readings()
	if len(readings) == 0 {
		return nil
	}
	s.mu.Lock()
	var full []int
	for _, r := range readings {
		h := &s.histories[r.Container]
		h.Readings = append(h.Readings, forecast.Reading{At: r.At, Fill: r.Fill})
		if len(h.Readings) > historyMost {
			h.Readings = slices.Delete(h.Readings, 0, len(h.Readings)-historyMost)
		}
		s.levels[r.Container] = level{r.Fill, r.At}
		if r.Fill >= overflowing && !slices.Contains(s.suspects, h.ID) {
			full = append(full, r.Container)
		}
	}
	s.mu.Unlock()
	for _, i := range full {
		if err := s.raise(ctx, "overflow-"+s.town.Containers[i].ID, service.Alert{SubCategory: "overflow", Severity: "medium", Asset: containerURN(s.town.Containers[i].ID), Place: &s.town.Containers[i].Place}); err != nil {
			return err
		}
	}
	return s.publishContainers(ctx)
}
