package casefile

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/entry"
	"polity/recording/root"
	"polity/release/export"
)

// maxHours is how many bytes a camera's lists have at most.
const maxHours = 64 << 20

// Hours are the lists that are kept of a camera's hours. Whether they are the log's,
// CheckLog says.
func (c *Case) Hours(camera city.Slug) ([]root.List, error) {
	b, err := readFile(c.path(hoursDir, string(camera)+root.ListFile), maxHours)
	switch {
	case err == nil:
		return root.ParseLists(b)
	case city.KindOf(err) == city.NotFound:
		return nil, nil //nolint:nilerr // there are none yet
	default:
		return nil, err
	}
}

func (c *Case) keepHours(camera city.Slug, lists []root.List) error {
	file := c.path(hoursDir, string(camera)+root.ListFile)
	if len(lists) == 0 {
		return ignoreMissing(os.Remove(file))
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(file, root.AppendLists(nil, lists...), 0o600)
}

// TakeHours keeps lists of a camera's hours that the case touches, in the place of those
// that are here, but for lists that are proven. The error is of kind Invalid where one is of
// something else; that one is left out.
func (s *Shelf) TakeHours(camera city.Slug, lists []root.List) error {
	d := s.c.Details
	if !slices.Contains(d.Cameras, camera) {
		return city.Errorf(city.Invalid, "the case has no camera %.64s", camera)
	}
	pieces := byHour(s.Pieces(camera))
	var all []root.List
	var wrong error
	for i := range lists {
		l := &lists[i]
		switch {
		case !l.Hour.Before(d.To.Time()) || !l.Hour.Add(time.Hour).After(d.From.Time()):
			wrong = cmp.Or(wrong, city.Errorf(city.Invalid, "a list of the hour %s, which the case does not touch", clock(l.Hour)))
		case !l.Holds(hashesOf(pieces[l.Hour.Unix()])):
			wrong = cmp.Or(wrong, city.Errorf(city.Invalid, "the list of the hour %s does not have the segments that are here: it is of another camera or hour, or not whole", clock(l.Hour)))
		default:
			all = append(all, *l)
		}
	}
	s.listing.Lock()
	defer s.listing.Unlock()
	old, err := s.c.Hours(camera)
	if err != nil && city.KindOf(err) != city.Invalid { // damaged ones are replaced
		return err
	}
	for _, o := range old {
		i := slices.IndexFunc(all, func(l root.List) bool { return l.Hour.Equal(o.Hour) })
		switch {
		case i < 0:
			all = append(all, o)
		case s.c.proven(camera, &o):
			all[i] = o
		}
	}
	slices.SortFunc(all, func(a, b root.List) int { return a.Hour.Compare(b.Hour) })
	if err := s.c.keepHours(camera, all); err != nil {
		return err
	}
	return wrong
}

// fetchHours brings lists of hours that are not proven yet. What could not be had is told
// in words: without them a part of an hour is open, not wrong.
func (s *Shelf) fetchHours(ctx context.Context, h Hub) (problems []string, err error) {
	for _, camera := range s.Cameras() {
		if s.listed(camera) {
			continue
		}
		lists, err := h.Hours(ctx, s.c.Token.ID, camera)
		if err == nil {
			err = s.TakeHours(camera, lists)
		}
		switch {
		case ctx.Err() != nil:
			return problems, ctx.Err()
		case err != nil && city.KindOf(err) == city.Internal:
			return problems, err
		case err != nil:
			problems = append(problems, fmt.Sprintf("camera %s, the hashes of its hours: %v", camera, err))
		}
	}
	return problems, nil
}

// listed says whether each hour of which a segment is here has a list that is proven.
func (s *Shelf) listed(camera city.Slug) bool {
	lists, err := s.c.Hours(camera)
	if err != nil {
		return false
	}
	for hour := range byHour(s.Pieces(camera)) {
		if !slices.ContainsFunc(lists, func(l root.List) bool { return l.Hour.Unix() == hour && s.c.proven(camera, &l) }) {
			return false
		}
	}
	return true
}

// logged is the log's entry of an hour, of which a proof is kept; nil: there is none.
func (c *Case) logged(camera city.Slug, hour time.Time) *entry.Segments {
	_, e, err := c.Proof("hour-" + hourOf{camera, hour.UTC()}.String())
	said, ok := e.(*entry.Segments)
	if err != nil || !ok || said.Camera != camera || !said.Hour.Time().Equal(hour) {
		return nil
	}
	return said
}

func (c *Case) proven(camera city.Slug, l *root.List) bool {
	said := c.logged(camera, l.Hour)
	return said != nil && l.Is(said.Count, said.Root)
}

// completing are the lists of those hours of which an export has not all segments: what
// the segments that are here add up to, or what was kept, where it is the log's.
func (s *Shelf) completing(camera city.Slug, used []export.Segment) (lists []root.List, err error) {
	kept, err := s.c.Hours(camera)
	if err != nil {
		return nil, err
	}
	count := map[int64]int64{}
	for _, u := range used {
		count[u.Header.Start.Truncate(time.Hour).Unix()]++
	}
	here := byHour(s.Pieces(camera))
	for hour, n := range count {
		said := s.c.logged(camera, time.Unix(hour, 0))
		if said == nil || n == said.Count {
			continue
		}
		l := root.List{Hour: time.Unix(hour, 0).UTC(), Segments: hashesOf(here[hour])}
		if !l.Is(said.Count, said.Root) {
			i := slices.IndexFunc(kept, func(k root.List) bool { return k.Hour.Unix() == hour && k.Is(said.Count, said.Root) })
			if i < 0 {
				continue
			}
			l = kept[i]
		}
		lists = append(lists, l)
	}
	slices.SortFunc(lists, func(a, b root.List) int { return a.Hour.Compare(b.Hour) })
	return lists, nil
}

// byHour are pieces by the Unix time of their hour, in order.
func byHour(pieces []*Piece) map[int64][]*Piece {
	hours := map[int64][]*Piece{}
	for _, p := range pieces {
		hour := p.Start.Truncate(time.Hour).Unix()
		hours[hour] = append(hours[hour], p)
	}
	return hours
}

// held holds the list of an hour to the log: proven, or wrong in words. A wrong one is
// forgotten.
func (s *Shelf) held(id hourOf, said *entry.Segments) (proven *root.List, wrong string, err error) {
	s.listing.Lock()
	defer s.listing.Unlock()
	lists, err := s.c.Hours(id.camera)
	if err != nil {
		return nil, "", err
	}
	i := slices.IndexFunc(lists, func(l root.List) bool { return l.Hour.Equal(id.hour) })
	switch {
	case i < 0:
		return nil, "", nil
	case lists[i].Is(said.Count, said.Root):
		return &lists[i], "", nil
	}
	wrong = fmt.Sprintf("camera %s, %s: the hashes that were given of this hour's %s are not those of the log, which has %d; they are left out: ask for them again",
		id.camera, clock(id.hour), count(len(lists[i].Segments)), said.Count)
	return nil, wrong, s.c.keepHours(id.camera, slices.Delete(lists, i, i+1))
}

func hashesOf(pieces []*Piece) []root.Hash {
	hashes := make([]root.Hash, len(pieces))
	for i, p := range pieces {
		hashes[i] = p.Hash
	}
	return hashes
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// importHours takes a file of lists that was carried here, CAMERA.hours.
func (s *Shelf) importHours(file string) error {
	b, err := readFile(file, maxHours)
	if err != nil {
		return err
	}
	lists, err := root.ParseLists(b)
	if err != nil {
		return err
	}
	return s.TakeHours(city.Slug(strings.TrimSuffix(filepath.Base(file), root.ListFile)), lists)
}
