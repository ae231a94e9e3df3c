package edge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/roster"
)

// rosters are the city's: the one that people compared, and those that follow it and came
// from the hub, each checked against the one before. It may be used by many goroutines.
type rosters struct {
	dir string // of those that came, VERSION.roster

	mu   sync.Mutex
	list []*roster.Signed // in order of version
}

// openRosters goes on from the first with what came before this start.
func openRosters(first *roster.Signed, dir string) (*rosters, error) {
	r := &rosters{dir: dir, list: []*roster.Signed{first}}
	for {
		path := r.path(r.newest().Version + 1)
		file, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return r, nil
		}
		if err != nil {
			return nil, fmt.Errorf("rosters that came from the hub: %w", err)
		}
		next, err := r.newest().Next(file)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %w; move it away, and the hub sends it again", path, err)
		}
		r.list = append(r.list, next)
	}
}

func (r *rosters) path(version int) string {
	return filepath.Join(r.dir, fmt.Sprintf("%05d.roster", version))
}

// newest is the one that holds.
func (r *rosters) newest() *roster.Signed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list[len(r.list)-1]
}

// all are in order of version.
func (r *rosters) all() []*roster.Signed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// take takes the roster that follows; it holds once it is on disk. One that is known is of
// kind Conflict.
func (r *rosters) take(file []byte) (*roster.Signed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := r.list[len(r.list)-1].Next(file)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(r.path(next.Version), file, 0o600); err != nil {
		return nil, err
	}
	r.list = append(r.list, next)
	return next, nil
}
