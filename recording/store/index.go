package store

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"polity/city"
	"polity/recording/disk"
	"polity/recording/segment"
)

const (
	indexFile = "index.jsonl"
	stateFile = "state.json"
	maxState  = 64 << 10
	maxIndex  = 64 << 20 // a day of segments of a second each has 20 MiB
)

// line is one segment in the index of its day.
type line struct {
	Sequence uint64      `json:"sequence"`
	Start    int64       `json:"start"` // ms since 1970
	End      int64       `json:"end"`
	Size     int64       `json:"size"`
	Cut      bool        `json:"cut,omitempty"`
	Class    city.Slug   `json:"class"`
	Gap      segment.Gap `json:"gap"`
	GapStart int64       `json:"gap_start"`
	Hash     string      `json:"hash"`
}

func (e *Entry) line() line {
	return line{
		Sequence: e.Sequence, Start: e.Start.UnixMilli(), End: e.End.UnixMilli(), Size: e.Size, Cut: e.State == segment.Cut,
		Class: e.Class, Gap: e.Gap, GapStart: e.GapStart.UnixMilli(), Hash: hex.EncodeToString(e.Hash[:]),
	}
}

func (l *line) entry() (e Entry, err error) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	e = Entry{Sequence: l.Sequence, Start: at(l.Start), End: at(l.End), Size: l.Size, State: segment.Whole, Class: l.Class, Gap: l.Gap, GapStart: at(l.GapStart)}
	if l.Cut {
		e.State = segment.Cut
	}
	hash, err := hex.DecodeString(l.Hash)
	if err != nil || len(hash) != len(e.Hash) {
		return e, errors.New("a hash of another length")
	}
	copy(e.Hash[:], hash)
	return e, nil
}

// state is what of a camera no header tells.
type state struct {
	Head      headState `json:"head"`                 // the last segment when this was written
	Gap       string    `json:"gap,omitempty"`        // why nothing is recorded now
	GapStart  int64     `json:"gap_start,omitempty"`  // ms since 1970
	RemovedTo uint64    `json:"removed_to,omitempty"` // segments up to this sequence were removed by the store
	HoursTo   int64     `json:"hours_to,omitempty"`   // hours before this, ms since 1970, were handed on
}

type headState struct {
	Sequence uint64 `json:"sequence"`
	End      int64  `json:"end"` // ms since 1970
	Hash     string `json:"hash"`
}

// save writes the state, so that after a loss of power the old or the new one is there.
// The lock is held.
func (c *Camera) save() error {
	c.state.Gap, c.state.GapStart = "", 0
	if c.gap != nil {
		c.state.Gap, c.state.GapStart = c.gap.Reason.String(), c.gap.Start.UnixMilli()
	}
	c.state.Head = headState{Sequence: c.head.Sequence, End: c.head.End.UnixMilli(), Hash: hex.EncodeToString(c.head.Hash[:])}
	b, err := json.Marshal(c.state)
	if err != nil {
		return err
	}
	d, name := c.s.cfg.Disk, c.path(stateFile)
	if err := d.Remove(name + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("state of camera %s: %w", c.name, err)
	}
	f, err := d.Create(name + ".new")
	if err != nil {
		return fmt.Errorf("state of camera %s: %w", c.name, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = d.Rename(name+".new", name)
	}
	if err == nil {
		err = d.SyncDir(string(c.name))
	}
	if err != nil {
		return fmt.Errorf("state of camera %s: %w", c.name, err)
	}
	return nil
}

// load reads the camera's state, indexes and folders, and mends what is torn.
func (c *Camera) load() error {
	if err := c.loadState(); err != nil {
		return err
	}
	days, err := c.s.cfg.Disk.List(string(c.name))
	if err != nil {
		return err
	}
	var parts []string // as day/file
	for _, d := range days {
		if d.Dir && isDay(d.Name) {
			more, err := c.loadDay(d.Name)
			if err != nil {
				return err
			}
			parts = append(parts, more...)
		}
	}
	slices.SortFunc(c.entries, bySequence)
	slices.SortFunc(c.past, bySequence)
	if n := len(c.entries); n > 0 && c.entries[n-1].Sequence > c.head.Sequence {
		c.advance(c.entries[n-1])
	}
	c.dropMissing()
	c.trimPast()
	for _, part := range parts {
		e, err := c.settle(path.Dir(part), path.Base(part))
		if err != nil {
			return err
		}
		if e != nil {
			c.entries = append(c.entries, *e)
			c.advance(*e)
			c.index(*e)
		}
	}
	c.noteStart(len(parts) > 0)
	return nil
}

func bySequence(a, b Entry) int { return cmp.Compare(a.Sequence, b.Sequence) }

// advance makes an entry the head. What was noted as a gap before it is over.
func (c *Camera) advance(e Entry) {
	if c.gap != nil && !c.gap.Start.After(e.Start) {
		c.gap = nil
	}
	c.head = Head{Sequence: e.Sequence, Hash: e.Hash, End: e.End}
	if e.State == segment.Cut && c.gap == nil {
		c.gap = &Gap{Reason: segment.PowerLost, Start: e.Start}
	}
}

// noteStart notes that between the last segment and now nothing was recorded. Before a
// camera's first segment nothing is missing.
func (c *Camera) noteStart(torn bool) {
	if c.head.Sequence == 0 || c.gap != nil {
		return
	}
	c.gap = &Gap{Reason: segment.Started, Start: c.head.End}
	if torn {
		c.gap.Reason = segment.PowerLost
	}
}

func (c *Camera) loadState() error {
	b, err := readAll(c.s.cfg.Disk, c.path(stateFile), maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &c.state); err != nil {
		return city.Errorf(city.Invalid, "%s is damaged (%w): move it away; gaps that go on and the end of a chain whose segments are all gone are then forgotten", c.path(stateFile), err)
	}
	hash, err := hex.DecodeString(c.state.Head.Hash)
	if err != nil || len(hash) != len(c.head.Hash) {
		return city.Errorf(city.Invalid, "%s is damaged (a hash of another length): move it away", c.path(stateFile))
	}
	c.head = Head{Sequence: c.state.Head.Sequence, Hash: [32]byte(hash), End: time.UnixMilli(c.state.Head.End).UTC()}
	if c.state.Gap != "" {
		c.gap = &Gap{Start: time.UnixMilli(c.state.GapStart).UTC()}
		if err := c.gap.Reason.UnmarshalText([]byte(c.state.Gap)); err != nil {
			return city.Errorf(city.Invalid, "%s: %w: use a newer release", c.path(stateFile), err)
		}
	}
	return nil
}

// loadDay reads one day: what the index knows, and from headers what it does not. It
// returns the torn segments that are to be settled, as day/file.
func (c *Camera) loadDay(name string) (parts []string, err error) {
	files, err := c.s.cfg.Disk.List(c.path(name))
	if err != nil {
		return nil, err
	}
	known, sound, err := c.readIndex(name)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	fresh := 0
	for _, f := range files {
		file := name + "/" + f.Name
		e, ok := known[file]
		switch {
		case f.Dir || f.Name == indexFile:
		case isPart(f.Name):
			parts = append(parts, file)
		case ok && e.Size == f.Size:
			there[file] = true
		default:
			e, err := c.readEntry(file)
			if err != nil && city.KindOf(err) == city.Internal {
				return nil, err
			}
			if err != nil || e.Name() != file {
				c.s.event(Damaged, c, 1, fmt.Sprintf("%s is no segment of that name: %v", file, err))
				continue
			}
			known[file], there[file] = e, true
			fresh++
		}
	}
	if fresh > 0 || !sound {
		if err := c.writeIndex(name, known); err != nil {
			return nil, err
		}
		c.s.event(Rebuilt, c, fresh, name)
	}
	return parts, c.take(known, there)
}

// take puts a day's segments among the entries, and those that were removed among the
// past.
func (c *Camera) take(known map[string]Entry, there map[string]bool) error {
	for file, e := range known {
		if e.Sequence > c.state.RemovedTo {
			if !there[file] {
				e.Size = 0 // dropMissing tells
			}
			c.entries = append(c.entries, e)
			continue
		}
		if there[file] { // power was lost between the note and the removal
			if err := c.s.cfg.Disk.Remove(c.path(file)); err != nil {
				return err
			}
		}
		c.past = append(c.past, e)
	}
	return nil
}

// trimPast forgets removed segments but for those of hours that still matter: that of
// the first segment that is left, for its proofs, and those not handed on yet.
func (c *Camera) trimPast() {
	until := time.UnixMilli(c.state.HoursTo)
	if len(c.entries) > 0 {
		if first := c.entries[0].Start.Truncate(time.Hour); first.Before(until) {
			until = first
		}
	}
	c.past = slices.DeleteFunc(c.past, func(e Entry) bool { return e.Start.Before(until) })
}

// dropMissing takes out what the index knows and the disk has not. The head stays, so
// that the chain shows what is missing.
func (c *Camera) dropMissing() {
	before := len(c.entries)
	c.entries = slices.DeleteFunc(c.entries, func(e Entry) bool { return e.Size == 0 })
	if n := before - len(c.entries); n > 0 {
		c.s.event(Missing, c, n, "segments that the index knows are not on the disk")
	}
}

// readIndex reads a day's index; sound says that all of it could be read.
func (c *Camera) readIndex(name string) (known map[string]Entry, sound bool, err error) {
	known = map[string]Entry{}
	b, err := readAll(c.s.cfg.Disk, c.path(name, indexFile), maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return known, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	sound = true
	for text := range bytes.Lines(b) {
		var l line
		e := Entry{}
		err := json.Unmarshal(text, &l)
		if err == nil {
			e, err = l.entry()
		}
		if err != nil || day(e.Start) != name || text[len(text)-1] != '\n' {
			sound = false // the header tells
			continue
		}
		known[e.Name()] = e
	}
	return known, sound, nil
}

// writeIndex replaces a day's index.
func (c *Camera) writeIndex(name string, known map[string]Entry) error {
	var entries []Entry
	for _, e := range known {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return a.Start.Compare(b.Start) })
	var b bytes.Buffer
	for _, e := range entries {
		text, err := json.Marshal(e.line())
		if err != nil {
			return err
		}
		b.Write(append(text, '\n'))
	}
	d, file := c.s.cfg.Disk, c.path(name, indexFile)
	if err := d.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := d.Create(file)
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	return errors.Join(err, f.Sync(), f.Close(), d.SyncDir(c.path(name)))
}

// readEntry reads a segment's entry from its ends.
func (c *Camera) readEntry(file string) (Entry, error) {
	f, err := c.s.cfg.Disk.Open(c.path(file))
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	s, err := segment.Ends(f, f.Size(), c.s.cfg.Trust)
	if err != nil {
		return Entry{}, err
	}
	if s.Header.Camera != c.name || s.Header.Domain != c.s.cfg.Domain {
		return Entry{}, city.Errorf(city.Invalid, "it is a segment of camera %s of %s", s.Header.Camera, s.Header.Domain)
	}
	return entryOf(s.Header, s.Trailer, f.Size()), nil
}

func entryOf(h *segment.Header, t *segment.Trailer, size int64) Entry {
	return Entry{
		Sequence: h.Sequence, Start: h.Start, End: t.End, Size: size, State: t.State, Class: h.Class,
		Gap: h.Gap, GapStart: h.GapStart, Hash: t.Hash(),
	}
}

func readAll(d disk.Disk, name string, limit int64) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Size() > limit {
		return nil, city.Errorf(city.TooLarge, "%s has %d bytes, more than %d: it is not what was written there", name, f.Size(), limit)
	}
	return io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
}
