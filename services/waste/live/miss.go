package live

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
)

const (
	missKept   = 7 * 24 * time.Hour // that a missed container stands on the list, with its photo
	photoMost  = 2 << 20            // bytes
	photosMost = 500
)

// Miss is a container that was not collected when it should have been. It goes once the
// container is collected, or after a week.
type Miss struct {
	Container string
	Street    string `json:",omitempty"` // in a View
	Day       time.Time
	At        time.Time // by the crews' clock
	Reason    string
	Photo     string // its id; empty: none
}

// Unload is what a truck unloaded.
type Unload struct {
	Truck, Site string
	Kilograms   float64 // 0: not known
	At          time.Time
}

func (s *Service) photoPath(id string) string {
	return filepath.Join(s.deps.Dir, "photos", id+".jpg")
}

// AddPhoto keeps a photo of a container that a crew missed. The picture was masked outside
// the crew's frame before: who calls has checked that. The same one again does nothing.
func (s *Service) AddPhoto(person, truck, day, container, id string, jpeg []byte) error {
	if !plainID(id) {
		return city.Errorf(city.Invalid, "photo: its id has 16 to 64 letters, digits and hyphens")
	}
	if len(jpeg) == 0 || len(jpeg) > photoMost {
		return city.Errorf(city.TooLarge, "photo: it has more than %d MiB", photoMost>>20)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late(person, truck, day) {
		if err := s.theirsThen(truck, container); err != nil {
			return err
		}
	} else if tour, err := s.driven(person, truck, day); err != nil {
		return err
	} else if err := s.theirs(tour, container); err != nil {
		return err
	}
	photos := s.kept.Photos
	if photos[container] == id {
		return nil
	}
	if len(photos) >= photosMost {
		return city.Errorf(city.Conflict, "%d photos are kept, no more: the desk has to look at them first", photosMost)
	}
	if err := os.MkdirAll(filepath.Dir(s.photoPath(id)), 0o700); err != nil {
		return err
	}
	if err := durable.WriteFile(s.photoPath(id), jpeg, 0o600); err != nil {
		return err
	}
	was := photos[container]
	photos[container] = id
	if err := s.save(); err != nil {
		photos[container] = was
		return err
	}
	return s.sweep()
}

// Photo is one that a crew took; NotFound once it is gone.
func (s *Service) Photo(id string) ([]byte, error) {
	s.mu.Lock()
	shown := false
	for container, photo := range s.kept.Photos {
		if _, missed := s.kept.Misses[container]; photo == id && missed {
			shown = true
		}
	}
	s.mu.Unlock()
	if !shown || !plainID(id) {
		return nil, city.Errorf(city.NotFound, "there is no such photo; it goes when the container is collected, or after a week")
	}
	jpeg, err := os.ReadFile(s.photoPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "there is no such photo any more")
	}
	return jpeg, err
}

// tidy forgets photos of containers that are missed no more. One that came before the report
// stays for the day, and for as long as its crew may tell of that. The lock is held.
func (s *Service) tidy() error {
	for container := range s.kept.Photos {
		if s.kept.Last != nil && len(s.kept.Last.Given[container]) > 0 {
			continue
		}
		_, missed := s.kept.Misses[container]
		if _, today := s.kept.Today.Given[container]; !missed && (!today || !s.kept.Today.Collected[container].IsZero()) {
			delete(s.kept.Photos, container)
		}
	}
	return s.sweep()
}

// sweep removes photos that nothing names. The lock is held.
func (s *Service) sweep() error {
	files, err := os.ReadDir(filepath.Join(s.deps.Dir, "photos"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var named []string
	for _, id := range s.kept.Photos {
		named = append(named, id)
	}
	for _, f := range files {
		if id, _ := strings.CutSuffix(f.Name(), ".jpg"); !slices.Contains(named, id) {
			err = errors.Join(err, os.Remove(filepath.Join(s.deps.Dir, "photos", f.Name())))
		}
	}
	return err
}

// misses are the containers that wait, the newest first. The lock is held.
func (s *Service) misses() (list []Miss) {
	for id, m := range s.kept.Misses {
		m.Photo = s.kept.Photos[id]
		if i, known := s.index[id]; known {
			m.Street = s.streets[i]
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Miss) int {
		if n := b.At.Compare(a.At); n != 0 {
			return n
		}
		return strings.Compare(a.Container, b.Container)
	})
	return list
}
