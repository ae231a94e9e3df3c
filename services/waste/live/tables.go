package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"polity/city"
	"polity/internal/durable"
	"polity/services/waste"
	"polity/services/waste/example"
	"polity/services/waste/roads"
)

// Tables are what a city collects, with what, and from where, as CSV; an empty one leaves
// what there is. Trucks and places go together.
type Tables struct {
	Containers string `json:"containers"`
	Places     string `json:"places"`
	Trucks     string `json:"trucks"`
}

// TablesMost is the most that is imported at once, in bytes; more is for the configuration.
const TablesMost = 8 << 20

// TablesPreview is what an import would do.
type TablesPreview struct {
	Containers                *waste.Preview       // nil: none was given
	Places                    *waste.PlacesPreview // nil: none was given
	Trucks                    *waste.TrucksPreview // nil: none was given
	New, Changed, Same, Going int                  // containers, against those there are
	Problems                  []waste.Problem      // that would keep containers from being collected
	Whole                     []waste.Container    // as they would be
	Fleet                     waste.Fleet          // as it would be
	Unreadable                map[string]string    // why a table is none: by containers, places, trucks
	Made                      bool                 // what there is is made up and stays
}

// Wrong is how many lines are wrong, a table that is none counting as one.
func (p *TablesPreview) Wrong() int {
	n := len(p.Unreadable)
	if p.Containers != nil {
		n += len(p.Containers.Errors)
	}
	if p.Places != nil {
		n += len(p.Places.Errors)
	}
	if p.Trucks != nil {
		n += len(p.Trucks.Errors)
	}
	return n
}

// Preview says what an import would do. Nothing is written. Invalid: nothing was given, or
// trucks without places, or places without trucks.
func (s *Service) Preview(t Tables) (TablesPreview, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.check(t)
}

// check is Preview with the lock held.
func (s *Service) check(t Tables) (p TablesPreview, err error) {
	p = TablesPreview{Whole: s.town.Containers, Fleet: s.town.Fleet, Unreadable: map[string]string{}, Made: s.cfg.Simulate != ""}
	given := func(text string) bool { return strings.TrimSpace(text) != "" }
	switch {
	case len(t.Containers)+len(t.Places)+len(t.Trucks) > TablesMost:
		return p, city.Errorf(city.TooLarge, "the tables are larger than %d MiB: name them in the configuration (services.waste) instead", TablesMost>>20)
	case !given(t.Containers) && !given(t.Places) && !given(t.Trucks):
		return p, city.Errorf(city.Invalid, "there is no table: give one of containers, or those of places and trucks, or all three")
	case given(t.Places) != given(t.Trucks):
		return p, city.Errorf(city.Invalid, "the tables of places and of trucks go together, since trucks name their depots")
	}
	note := func(table string, err error) {
		if err != nil {
			p.Unreadable[table] = err.Error()
		}
	}
	if given(t.Containers) {
		p.Containers, err = waste.ReadContainers(strings.NewReader(t.Containers))
		if note("containers", err); err == nil {
			p.Whole = p.Containers.Containers
			s.compare(&p)
		}
	}
	if given(t.Places) {
		p.Places, err = waste.ReadPlaces(strings.NewReader(t.Places))
		note("places", err)
		var depots map[string]city.Point
		if err == nil {
			depots = p.Places.Depots
		}
		p.Trucks, err = waste.ReadTrucks(strings.NewReader(t.Trucks), depots)
		note("trucks", err)
		if p.Places != nil && p.Trucks != nil {
			p.Fleet = waste.Fleet{Trucks: p.Trucks.Trucks, Sites: p.Places.Sites, Currency: p.Trucks.Currency}
		}
	}
	if p.Wrong() == 0 {
		p.Problems = append(p.Fleet.Check(p.Whole), s.unreached(p.Whole, &p.Fleet)...)
	}
	return p, nil
}

func (s *Service) compare(p *TablesPreview) {
	kept := 0
	for i := range p.Whole {
		at, known := s.index[p.Whole[i].ID]
		switch {
		case !known:
			p.New++
			continue
		case p.Whole[i] == s.town.Containers[at]:
			p.Same++
		default:
			p.Changed++
		}
		kept++
	}
	p.Going = len(s.town.Containers) - kept
}

// unreached are containers that no street leads to which a truck of the fleet may use, as far
// as networks for them are there.
func (s *Service) unreached(containers []waste.Container, fleet *waste.Fleet) (problems []waste.Problem) {
	var networks []*roads.Network
	for i := range fleet.Trucks {
		n := s.town.Streets[fleet.Trucks[i].Vehicle.Name]
		if n == nil {
			return nil
		}
		if !slices.Contains(networks, n) {
			networks = append(networks, n)
		}
	}
	for i := range containers {
		var last error
		reached := false
		for _, n := range networks {
			_, err := n.Snap(containers[i].Place, containers[i].Side)
			reached = reached || err == nil
			if err != nil {
				last = err
			}
		}
		if !reached && last != nil {
			what, help, _ := strings.Cut(last.Error(), "; ")
			if help == "" {
				help = "Correct its position"
			}
			problems = append(problems, waste.Problem{Container: containers[i].ID, What: what, Help: strings.ToUpper(help[:1]) + help[1:]})
		}
	}
	return problems
}

// tablesPath is where the tables in force are, nextPath those that wait for trucks to be home.
func (s *Service) tablesPath() string { return filepath.Join(s.deps.Dir, "tables.json") }
func (s *Service) nextPath() string   { return filepath.Join(s.deps.Dir, "tables.next.json") }

// TakeOver puts tables into force: they are on disk when it returns, and the next plan is
// made of them; later is true while trucks are out, and then it is once they are home.
// Invalid: a line is wrong; Conflict: what there is is made up.
func (s *Service) TakeOver(t Tables) (later bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.check(t)
	if err != nil {
		return false, err
	}
	if p.Made {
		return false, city.Errorf(city.Conflict, "the containers and crews here are made up, and real ones never stand beside them: ask what tours yours would have, or take them over in a city of your own")
	}
	if n := p.Wrong(); n > 0 {
		return false, city.Errorf(city.Invalid, "%d lines are wrong: nothing was taken over", n)
	}
	whole, err := readTables(s.nextPath())
	if err == nil && whole == (Tables{}) {
		whole, err = readTables(s.tablesPath())
	}
	if err != nil {
		return false, err
	}
	if p.Containers != nil {
		whole.Containers = t.Containers
	}
	if p.Places != nil {
		whole.Places, whole.Trucks = t.Places, t.Trucks
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(s.deps.Dir, 0o700); err != nil {
		return false, err
	}
	if err := durable.WriteFile(s.nextPath(), text, 0o600); err != nil {
		return false, err
	}
	s.imported = true
	s.wake()
	return s.kept.Today.Phase == Driving, nil
}

// readTables reads what was taken over; none if nothing was.
func readTables(path string) (t Tables, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return t, fmt.Errorf("the tables taken over (%s): %w", path, err)
	}
	return t, nil
}

// settleIn makes what was taken over the town, unless trucks are out.
func (s *Service) settleIn(ctx context.Context) error {
	s.mu.Lock()
	wanted := s.imported && s.kept.Today.Phase != Driving
	had := s.town.Streets
	s.mu.Unlock()
	if !wanted {
		return nil
	}
	town, err := s.cfg.town(ctx, s.nextPath(), had)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if err := os.Rename(s.nextPath(), s.tablesPath()); err != nil {
		s.mu.Unlock()
		return err
	}
	old := s.kept.Today.Decision
	s.imported = false
	s.settled(town)
	s.kept.Today = today{}
	s.kept.Today.ready()
	s.plan, s.model, s.trial = nil, nil, nil
	err = s.save()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.deps.Moot(ctx, old, "The tables of containers and trucks were replaced.")
}

// settled has the service know a town; what is known of containers that stay is kept.
func (s *Service) settled(town *example.Town) {
	levels := map[string]level{}
	for id, i := range s.index {
		levels[id] = s.levels[i]
	}
	s.town, s.index, s.streets = town, map[string]int{}, nil
	s.levels, s.shown = make([]level, len(town.Containers)), make([]float64, len(town.Containers))
	for i := range town.Containers {
		c := &town.Containers[i]
		s.index[c.ID], s.levels[i] = i, levels[c.ID]
		s.streets = append(s.streets, s.street(c.Place))
	}
}
