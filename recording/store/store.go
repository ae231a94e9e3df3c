// Package store keeps sealed segments on a disk: a folder per camera and day, an index,
// gaps with their reasons, limits of age and space, and what a loss of power left behind.
//
// It is given ciphertext alone: what it writes begins with a signed header and ends with a
// signed trailer, or is cut off with a trailer that says so, or is removed.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/city"
	"polity/recording/disk"
	"polity/recording/root"
	"polity/recording/segment"
)

// Config is where and how long segments are kept.
type Config struct {
	Disk   disk.Disk
	Domain string // the city's
	// Keep is how long segments of a class are kept. One of another class is kept for
	// DefaultKeep.
	Keep map[city.Slug]time.Duration
	// MaxBytes is the most that all segments may have together, MinFree what the disk
	// must have left. 0: no limit.
	MaxBytes, MinFree int64
	// Signer signs what a loss of power cut off; Trust is of this recorder and those
	// before it.
	Signer segment.Signer
	Trust  segment.Trust
	// Event is told what happened. It does not call the store and does not wait.
	Event func(Event)
	// Hour is given each hour of each camera once it is over, in order, again if it returned
	// an error or power was lost: to the public log it goes once. It does not call the store. nil: nobody asks.
	Hour func(root.Hour) error
	Now  func() time.Time // nil: time.Now
}

// DefaultKeep is how long a segment is kept whose class is not configured, MaxKeep the
// longest that any is.
const (
	DefaultKeep = 72 * time.Hour
	MaxKeep     = 30 * 24 * time.Hour
)

// EventKind is what happened.
type EventKind string

// The events.
const (
	RemovedEarly EventKind = "removed-early" // for want of space, before its time was over
	Full         EventKind = "disk-full"     // and nothing may be removed
	Failed       EventKind = "disk-failed"
	Torn         EventKind = "torn"    // power or disk was lost while a segment was written
	Missing      EventKind = "missing" // the index knows segments that are not there: somebody took them
	Damaged      EventKind = "damaged" // a file is there that is no segment of this camera
	Rebuilt      EventKind = "rebuilt" // an index was made anew from headers
)

// Event says what happened to a camera's segments.
type Event struct {
	Kind   EventKind
	Camera city.Slug
	At     time.Time
	Count  int    // segments concerned
	Detail string // for the log of the edge
}

// Entry is one segment as the index knows it.
type Entry struct {
	Sequence   uint64
	Start, End time.Time // of a cut segment End is Start: it is not known
	Size       int64
	State      segment.State
	Class      city.Slug
	Gap        segment.Gap // before it
	GapStart   time.Time
	Hash       [32]byte // segment hash
}

// Name returns the segment's file in its camera's folder.
func (e *Entry) Name() string { return path.Join(day(e.Start), fileName(e.Start, e.Sequence)) }

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

func fileName(start time.Time, sequence uint64) string {
	return fmt.Sprintf("%s-%010d.seg", start.UTC().Format("20060102T150405.000Z"), sequence)
}

const partSuffix = ".part"

// Store keeps the segments of many cameras. It may be used by many goroutines, each
// camera by one writer at a time.
type Store struct {
	cfg Config

	mu      sync.Mutex
	cameras map[city.Slug]*Camera
	total   int64 // bytes of all segments
}

// Open opens what is kept, and puts in order what a loss of power left: a torn segment is
// cut off at its last whole chunk, or removed; names of both are gaps. Errors are of the disk.
func Open(cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Event == nil {
		cfg.Event = func(Event) {}
	}
	if err := checkKeep(cfg.Keep); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, cameras: map[city.Slug]*Camera{}}
	entries, err := cfg.Disk.List(".")
	if err != nil {
		return nil, fmt.Errorf("open recordings: %w", err)
	}
	for _, e := range entries {
		if name := city.Slug(e.Name); e.Dir && name.Check() == nil {
			if _, err := s.Camera(name); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func checkKeep(keep map[city.Slug]time.Duration) error {
	for class, d := range keep {
		if d < time.Hour || d > MaxKeep {
			return city.Errorf(city.Invalid, "retention class %s: %v; segments are kept from 1 h to 30 days", class, d)
		}
	}
	return nil
}

// Camera returns a camera's part of the store, and begins it where there is none.
func (s *Store) Camera(name city.Slug) (*Camera, error) {
	if err := name.Check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.cameras[name]; c != nil {
		return c, nil
	}
	if err := s.cfg.Disk.MkdirAll(string(name)); err != nil {
		return nil, fmt.Errorf("camera %s: %w", name, err)
	}
	c := &Camera{s: s, name: name}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("camera %s: %w", name, err)
	}
	for _, e := range c.entries {
		s.total += e.Size
	}
	s.cameras[name] = c
	return c, nil
}

// Cameras lists the cameras in order of name.
func (s *Store) Cameras() (names []city.Slug) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.cameras {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Size returns the bytes of all segments.
func (s *Store) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

func (s *Store) event(kind EventKind, c *Camera, count int, detail string) {
	s.cfg.Event(Event{Kind: kind, Camera: c.name, At: s.cfg.Now().UTC(), Count: count, Detail: detail})
}

// Close writes what waits of the indexes. Without it the next start takes longer.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.cameras {
		c.flushIndex()
	}
	return nil
}

// Camera is one camera's segments.
type Camera struct {
	s    *Store
	name city.Slug

	// All under the store's lock.
	entries []Entry // in order of sequence
	past    []Entry // removed, of hours that still matter
	state   state
	head    Head
	gap     *Gap // nothing is recorded since; nil: recording goes on
	writing bool

	lines    []byte // of the index, that wait to be written
	linesDay string
	waiting  int
}

// Head is where the next segment continues.
type Head struct {
	Sequence uint64    // of the last segment; 0: there was none
	Hash     [32]byte  // its segment hash
	End      time.Time // before which the next cannot start
}

// Gap is a time without recording.
type Gap struct {
	Reason     segment.Gap
	Start, End time.Time // End is zero while it goes on
}

// Next says what the next segment's header has to say: where it continues, and the gap
// that it ends, nil if nothing is missing.
func (c *Camera) Next() (Head, *Gap) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.gap == nil {
		return c.head, nil
	}
	g := *c.gap
	return c.head, &g
}

// Stop notes, durably, that nothing is recorded since a time, and why. If that was noted
// already, the first reason stays. A camera without any segment yet has no gaps but those.
func (c *Camera) Stop(reason segment.Gap, since time.Time) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.stop(reason, since)
}

func (c *Camera) stop(reason segment.Gap, since time.Time) error {
	if c.gap != nil && c.gap.Reason != segment.Started {
		return nil
	}
	since = since.UTC().Truncate(time.Millisecond)
	if c.gap != nil || since.Before(c.head.End) {
		since = c.head.End // it was not recording before either
	}
	c.gap = &Gap{Reason: reason, Start: since}
	return c.save()
}

// Entries returns the segments of which some part lies from a time on and before
// another, in order.
func (c *Camera) Entries(from, to time.Time) []Entry {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var found []Entry
	for i, e := range c.entries {
		end := e.End
		if e.State == segment.Cut && i+1 < len(c.entries) {
			end = c.entries[i+1].Start // not known: it may reach that far
		}
		if e.Start.Before(to) && (end.After(from) || !e.Start.Before(from)) {
			found = append(found, e)
		}
	}
	return found
}

// Gaps returns the times without recording that reach into the time from one to another,
// in order; the last may go on.
func (c *Camera) Gaps(from, to time.Time) []Gap {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var found []Gap
	for _, e := range c.entries {
		if e.Gap != segment.None && e.GapStart.Before(to) && e.Start.After(from) {
			found = append(found, Gap{Reason: e.Gap, Start: e.GapStart, End: e.Start})
		}
	}
	if c.gap != nil && c.gap.Start.Before(to) {
		found = append(found, *c.gap)
	}
	return found
}

// Open opens a segment's file. One that was removed meanwhile is of kind NotFound.
func (c *Camera) Open(e Entry) (disk.Reader, error) {
	f, err := c.s.cfg.Disk.Open(path.Join(string(c.name), e.Name()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "segment %d of camera %s is not there any more: its time was over, or space was needed", e.Sequence, c.name)
	}
	return f, err
}

// path returns the place of a name of the camera's.
func (c *Camera) path(name ...string) string {
	return path.Join(append([]string{string(c.name)}, name...)...)
}

func isDay(name string) bool {
	_, err := time.Parse("2006-01-02", name)
	return err == nil
}

func isPart(name string) bool { return strings.HasSuffix(name, partSuffix) }
