package store

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"polity/city"
	"polity/recording/disk"
	"polity/recording/root"
	"polity/recording/segment"
)

func (s *Store) keep(class city.Slug) time.Duration {
	if keep, ok := s.cfg.Keep[class]; ok {
		return keep
	}
	return DefaultKeep
}

// SetKeep changes how long segments of each class are kept, from the next Tend on. Values
// out of Config's bounds are of kind Invalid and change nothing.
func (s *Store) SetKeep(keep map[city.Slug]time.Duration) error {
	if err := checkKeep(keep); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Keep = keep
	return nil
}

// expires returns when a segment's time is over.
func (s *Store) expires(e *Entry) time.Time { return e.End.Add(s.keep(e.Class)) }

// Tend hands on hours that are over, removes segments whose time is over, and makes room
// where there is too little. It is to be called each minute or so. What one camera's disk
// does not do does not stop it for others.
func (s *Store) Tend() error {
	var failed []error
	for _, name := range s.Cameras() {
		s.mu.Lock()
		c := s.cameras[name]
		c.flushIndex()
		failed = append(failed, c.handHours(), c.removeOld())
		s.mu.Unlock()
	}
	s.makeRoom(0)
	return errors.Join(failed...)
}

// removeOld removes segments whose time is over, even the last. The lock is held.
func (c *Camera) removeOld() error {
	now := c.s.cfg.Now()
	n := 0
	for n < len(c.entries) && c.s.expires(&c.entries[n]).Before(now) {
		n++
	}
	return c.remove(n)
}

// remove removes the first n segments: first the note that it was us, then the files.
func (c *Camera) remove(n int) error {
	if n == 0 {
		return nil
	}
	gone := slices.Clone(c.entries[:n])
	c.state.RemovedTo = gone[n-1].Sequence
	err := c.save()
	if disk.Full(err) { // then the other way round: the note has room once a file is gone
		if err = c.s.cfg.Disk.Remove(c.path(gone[0].Name())); err == nil {
			err = c.save()
		}
	}
	if err != nil {
		return err
	}
	days := map[string]bool{}
	for i, e := range gone {
		err := c.s.cfg.Disk.Remove(c.path(e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.past = append(c.past, gone[:i]...)
			c.entries = slices.Delete(c.entries, 0, i)
			return fmt.Errorf("remove segment of camera %s: %w", c.name, err)
		}
		c.s.total -= e.Size
		days[day(e.Start)] = true
	}
	c.past = append(c.past, gone...)
	c.entries = slices.Delete(c.entries, 0, n)
	c.trimPast()
	for d := range days {
		if err := c.removeDay(d); err != nil {
			return err
		}
	}
	return nil
}

// removeDay removes the folder of a day of which nothing is left.
func (c *Camera) removeDay(name string) error {
	if len(c.entries) > 0 && day(c.entries[0].Start) == name || c.writing || day(c.s.cfg.Now()) == name {
		return nil
	}
	files, err := c.s.cfg.Disk.List(c.path(name))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(files, func(f disk.Entry) bool { return f.Name != indexFile }) {
		return nil
	}
	if len(files) > 0 {
		if err := c.s.cfg.Disk.Remove(c.path(name, indexFile)); err != nil {
			return err
		}
	}
	return c.s.cfg.Disk.Remove(c.path(name))
}

// slackShare is the part of MaxBytes that is freed at once, so that not each segment
// has to make room for itself.
const slackShare = 200

// makeRoom removes segments until limits are kept and need bytes are free: first the one
// whose time is over soonest, whichever camera's it is, and of no camera the last. It
// returns how many it removed.
func (s *Store) makeRoom(need int64) (removed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	over := s.excess(need)
	for over > 0 {
		c := s.soonest()
		if c == nil {
			s.cfg.Event(Event{Kind: Full, At: s.cfg.Now().UTC(), Detail: "nothing more may be removed; give recordings more space, fewer cameras or shorter retention"})
			return removed
		}
		size := c.entries[0].Size
		if err := c.remove(1); err != nil {
			s.event(Failed, c, 1, err.Error())
			return removed
		}
		removed++
		over -= size
		s.event(RemovedEarly, c, 1, "for want of space")
	}
	return removed
}

// excess returns how many bytes are to be removed.
func (s *Store) excess(need int64) int64 {
	over := need
	if s.cfg.MaxBytes > 0 {
		if more := s.total + need - s.cfg.MaxBytes; more > 0 {
			over = max(over, more+s.cfg.MaxBytes/slackShare)
		}
	}
	if s.cfg.MinFree > 0 {
		if free, err := s.cfg.Disk.Free(); err == nil && free < s.cfg.MinFree+need {
			over = max(over, s.cfg.MinFree+need-free)
		}
	}
	return over
}

// soonest returns the camera whose first segment's time is over before that of others.
func (s *Store) soonest() (first *Camera) {
	for _, c := range s.cameras {
		if len(c.entries) < 2 {
			continue
		}
		if first == nil || s.expires(&c.entries[0]).Before(s.expires(&first.entries[0])) {
			first = c
		}
	}
	return first
}

// handHours hands on each hour that is over and was not handed on yet. The lock is held.
func (c *Camera) handHours() error {
	if c.s.cfg.Hour == nil {
		return nil
	}
	hour := time.UnixMilli(c.state.HoursTo).UTC()
	if c.state.HoursTo == 0 {
		switch {
		case len(c.entries) > 0:
			hour = c.entries[0].Start.Truncate(time.Hour)
		case c.gap != nil:
			hour = c.gap.Start.Truncate(time.Hour)
		default:
			return nil
		}
	}
	now := c.s.cfg.Now()
	before := c.state.HoursTo
	for !hour.Add(time.Hour + hourGrace).After(now) {
		if err := c.s.cfg.Hour(c.hour(hour)); err != nil {
			return errors.Join(fmt.Errorf("the hour %s of camera %s was not taken: %w", hour.Format(time.RFC3339), c.name, err), c.saveIf(before))
		}
		hour = hour.Add(time.Hour)
		c.state.HoursTo = hour.UnixMilli()
	}
	return c.saveIf(before)
}

func (c *Camera) saveIf(before int64) error {
	if c.state.HoursTo == before {
		return nil
	}
	return c.save()
}

// hourGrace is how long after an hour its last segment may be completed: a segment has
// twelve seconds at most.
const hourGrace = time.Minute

// hour sums up one hour.
func (c *Camera) hour(start time.Time) root.Hour {
	h := root.Hour{Domain: c.s.cfg.Domain, Camera: c.name, Hour: start}
	in := func(t time.Time) bool { return !t.Before(start) && t.Before(start.Add(time.Hour)) }
	var leaves []root.Hash
	for _, e := range slices.Concat(c.past, c.entries) {
		if in(e.Start) {
			leaves = append(leaves, e.Hash)
		}
		if e.Gap != segment.None && in(e.GapStart) {
			h.Gaps++
		}
	}
	if c.gap != nil && in(c.gap.Start) {
		h.Gaps++
	}
	h.Count, h.Root = uint64(len(leaves)), root.Of(leaves)
	return h
}

// Leaf is a segment in its hour's tree.
type Leaf struct {
	Sequence uint64
	Hash     root.Hash // segment hash
}

// Leaves are what the root of an hour that is over was made of, in order; none before it
// is. As long as one of its segments is there, they are all of the hour's, those that were
// removed included.
func (c *Camera) Leaves(hour time.Time) (leaves []Leaf) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if hour.Add(time.Hour + hourGrace).After(c.s.cfg.Now()) {
		return nil
	}
	for _, e := range slices.Concat(c.past, c.entries) {
		if !e.Start.Before(hour) && e.Start.Before(hour.Add(time.Hour)) {
			leaves = append(leaves, Leaf{e.Sequence, e.Hash})
		}
	}
	return leaves
}

// Proof returns what proves that a segment is in its hour's root: the hour and the
// segment's place in it. It can be had as long as the segment is there. It is of kind
// NotFound where it is not.
func (c *Camera) Proof(e Entry) (h root.Hour, place int, proof []root.Hash, err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	start := e.Start.Truncate(time.Hour)
	h = c.hour(start)
	var leaves []root.Hash
	place = -1
	for _, other := range slices.Concat(c.past, c.entries) {
		if other.Start.Truncate(time.Hour).Equal(start) {
			if other.Sequence == e.Sequence {
				place = len(leaves)
			}
			leaves = append(leaves, other.Hash)
		}
	}
	if place < 0 {
		return h, 0, nil, city.Errorf(city.NotFound, "segment %d of camera %s is not there any more", e.Sequence, c.name)
	}
	return h, place, root.Proof(leaves, place), nil
}
