// Package places keeps how the place before each camera looked over time, for the
// day's slider: whole pictures and the tiles that changed between, a file per
// camera and day (UTC). Marks are never among it.
//
// A file is camera/wire frames of Place messages, rising in time; it begins with
// a whole one. Its pictures were encoded here, from pixels.
package places

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/camera/canvas"
	"polity/camera/wire"
	"polity/city"
	"polity/internal/durable"
)

const extension = ".places"

// Archive is the places of all cameras, in a folder of their own. It is safe for
// concurrent use.
type Archive struct {
	dir string

	mu      sync.Mutex
	cameras map[city.Slug]*kept
}

// kept is one camera's archive, open for appending.
type kept struct {
	mu     sync.Mutex
	dir    string
	now    canvas.Canvas
	last   uint32 // sequence of the last message that was taken
	lastAt time.Time
	day    string
	file   *os.File
	broken bool // a message was missed: wait for a whole place
}

// Open opens the archive in a folder, which it makes.
func Open(dir string) (*Archive, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the archive of places: %w", err)
	}
	return &Archive{dir: dir, cameras: map[city.Slug]*kept{}}, nil
}

// Close closes all files.
func (a *Archive) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, k := range a.cameras {
		k.mu.Lock()
		if k.file != nil {
			errs = append(errs, k.file.Close())
			k.file = nil
		}
		k.mu.Unlock()
	}
	clear(a.cameras)
	return errors.Join(errs...)
}

// camera returns a camera's archive, opened where its last file ends.
func (a *Archive) camera(name city.Slug) (*kept, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k, ok := a.cameras[name]; ok {
		return k, nil
	}
	k := &kept{dir: filepath.Join(a.dir, string(name)), broken: true}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return nil, fmt.Errorf("archive of camera %s: %w", name, err)
	}
	if err := k.resume(); err != nil {
		return nil, fmt.Errorf("archive of camera %s: %w", name, err)
	}
	a.cameras[name] = k
	return k, nil
}

// Add keeps a place of the archive, durably, and reports whether it was new: one
// that comes again is recognised, and tiles after a gap wait for the next whole
// place. An error of kind Invalid means that the place itself is wrong.
func (a *Archive) Add(camera city.Slug, p *wire.Place) (bool, error) {
	k, err := a.camera(camera)
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.add(p)
}

func (k *kept) add(p *wire.Place) (bool, error) {
	if p.At.Equal(k.lastAt) && p.Sequence == k.last {
		return false, nil // comes again
	}
	if !p.Whole && (k.broken || p.Sequence != k.last+1) {
		k.broken = true
		return false, nil
	}
	if p.At.Before(k.lastAt) {
		return false, nil // the edge's clock went back: the file only rises
	}
	if err := k.now.Apply(p); err != nil {
		k.broken = true
		return false, err
	}
	tiles := p.Tiles
	day := p.At.UTC().Format(time.DateOnly)
	if p.Whole || day != k.day || k.file == nil {
		tiles = nil
	}
	clean, err := k.now.Tiles(tiles, p.Sequence)
	if err != nil {
		k.broken = true
		return false, err
	}
	if err := k.append(day, clean); err != nil {
		k.broken = true // the canvas has more than the file: begin again with a whole place
		return false, err
	}
	k.last, k.lastAt, k.broken = p.Sequence, p.At, false
	return true, nil
}

// append writes a message behind the day's file and syncs it.
func (k *kept) append(day string, p *wire.Place) error {
	if day != k.day || k.file == nil {
		if k.file != nil {
			k.file.Close()
			k.file = nil
		}
		f, err := os.OpenFile(filepath.Join(k.dir, day+extension), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("open the day's places: %w", err)
		}
		k.file, k.day = f, day
		if err := durable.SyncDir(k.dir); err != nil {
			return err
		}
	}
	end, err := k.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := wire.Write(k.file, p); err != nil {
		// Half a message at the end would hide all that follows it.
		return fmt.Errorf("write the day's places: %w", errors.Join(err, k.file.Truncate(end)))
	}
	if err := k.file.Sync(); err != nil {
		return fmt.Errorf("sync the day's places: %w", err)
	}
	return nil
}

// resume reads the last file and cuts off a message that a crash left half
// written.
func (k *kept) resume() error {
	days, err := k.days()
	if err != nil || len(days) == 0 {
		return err
	}
	day := days[len(days)-1]
	path := filepath.Join(k.dir, day+extension)
	whole, err := replay(path, time.Time{}, &k.now)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := f.Truncate(whole); err != nil {
		return errors.Join(err, f.Close())
	}
	k.file, k.day = f, day
	k.last, k.lastAt, k.broken = k.now.Sequence(), k.now.At(), k.now.Empty()
	return nil
}

// days lists the days that are kept, oldest first.
func (k *kept) days() ([]string, error) {
	files, err := os.ReadDir(k.dir) // sorted
	if err != nil {
		return nil, err
	}
	var days []string
	for _, f := range files {
		if day, ok := strings.CutSuffix(f.Name(), extension); ok {
			days = append(days, day)
		}
	}
	return days, nil
}

// At returns the place as it was kept last at or before a time; the newest for the
// zero time. NotFound when there is none.
func (a *Archive) At(camera city.Slug, at time.Time) (*canvas.Canvas, error) {
	none := city.Errorf(city.NotFound, "no picture of the place before camera %s was kept by then", camera)
	if _, err := os.Stat(filepath.Join(a.dir, string(camera))); errors.Is(err, os.ErrNotExist) {
		return nil, none
	}
	k, err := a.camera(camera)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	days, err := k.days()
	k.mu.Unlock()
	if err != nil {
		return nil, err
	}
	last := at.UTC().Format(time.DateOnly)
	for _, day := range slices.Backward(days) {
		if !at.IsZero() && day > last {
			continue
		}
		var c canvas.Canvas
		if _, err := replay(filepath.Join(k.dir, day+extension), at, &c); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if !c.Empty() {
			return &c, nil
		}
	}
	return nil, none
}

// Forget removes the days that ended before a time, and returns how many.
func (a *Archive) Forget(camera city.Slug, before time.Time) (int, error) {
	k, err := a.camera(camera)
	if err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	days, err := k.days()
	if err != nil {
		return 0, err
	}
	gone := 0
	for _, day := range days {
		begin, err := time.Parse(time.DateOnly, day)
		if err != nil || begin.AddDate(0, 0, 1).After(before) {
			continue
		}
		if day == k.day && k.file != nil {
			k.file.Close()
			k.file = nil
		}
		if err := os.Remove(filepath.Join(k.dir, day+extension)); err != nil {
			return gone, err
		}
		gone++
	}
	return gone, nil
}

// replay draws a file onto c up to a time (all of it for the zero time), from the
// last whole place on. It returns where the last complete message ends.
func replay(path string, at time.Time, c *canvas.Canvas) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	from, to, end, err := span(f, at)
	if err != nil || to == from {
		return end, err
	}
	r := bufio.NewReader(io.NewSectionReader(f, from, to-from))
	for {
		m, err := wire.Read(r)
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return end, fmt.Errorf("read %s: %w", path, err)
		}
		if p, ok := m.(*wire.Place); ok {
			if err := c.Apply(p); err != nil {
				return end, fmt.Errorf("read %s: %w", path, err)
			}
		}
	}
}

// placeHead is a frame's length, its kind and the fields of a Place up to Whole:
// At 8 bytes, Sequence 4, Width 2, Height 2, Whole 1.
const placeHead = 4 + 1 + 8 + 4 + 2 + 2 + 1

// span finds the messages to draw: from the last whole place at or before a time,
// up to the last message at or before it. Only heads are read.
func span(f *os.File, at time.Time) (from, to, end int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, 0, err
	}
	var head [placeHead]byte
	for pos := int64(0); ; {
		if _, err := f.ReadAt(head[:], pos); err != nil {
			if errors.Is(err, io.EOF) {
				return from, to, pos, nil
			}
			return 0, 0, 0, err
		}
		next := pos + 4 + int64(binary.BigEndian.Uint32(head[:4]))
		if next > info.Size() || next <= pos+4 || wire.Kind(head[4]) != wire.KindPlace {
			return from, to, pos, nil // half written by a crash
		}
		taken := time.UnixMilli(int64(binary.BigEndian.Uint64(head[5:13])))
		if at.IsZero() || !taken.After(at) {
			if head[placeHead-1] == 1 {
				from = pos
			}
			to = next
		}
		pos = next
	}
}
