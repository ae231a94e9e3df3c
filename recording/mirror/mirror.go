// Package mirror keeps a second copy of sealed segments: in a folder on another disk, or
// in a store that speaks S3. What goes there is ciphertext, file by file as it is here.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/recording/disk"
	"polity/recording/store"
)

// Place is where copies lie. Names are slash-separated. It is used by one goroutine.
type Place interface {
	// Have returns the sizes of what is there whole, by name, of those that begin with a
	// folder's name.
	Have(ctx context.Context, folder string) (map[string]int64, error)
	// Put stores size bytes under a name: all of them, durably, or nothing.
	Put(ctx context.Context, name string, r io.ReadSeeker, size int64) error
	// Remove removes what has a name; if nothing has, that is no error.
	Remove(ctx context.Context, name string) error
}

// Mirror copies what a store has. Nothing is kept of how far it came: what is missing in
// the place is copied, so that it goes on after any interruption.
type Mirror struct {
	Store *store.Store
	Place Place
	// Keep is how long a camera's segments are kept in the place: as long as its retention
	// class says. What the store had to remove early stays there until then.
	Keep func(camera city.Slug) time.Duration
	Now  func() time.Time
}

// Result is what a run did.
type Result struct {
	Copied, Removed int
	Bytes           int64 // copied
}

// Run copies every segment that the place has not, oldest first, and removes from it those
// whose time is over. What fails for one camera does not stop the others.
func (m *Mirror) Run(ctx context.Context) (r Result, err error) {
	var failed []error
	for _, name := range m.Store.Cameras() {
		if err := m.camera(ctx, name, &r); err != nil {
			failed = append(failed, fmt.Errorf("second copy of camera %s: %w", name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return r, errors.Join(failed...)
}

func (m *Mirror) camera(ctx context.Context, name city.Slug, r *Result) error {
	c, err := m.Store.Camera(name)
	if err != nil {
		return err
	}
	have, err := m.Place.Have(ctx, string(name))
	if err != nil {
		return err
	}
	now := m.Now()
	for _, e := range c.Entries(time.Unix(0, 0), now.AddDate(1, 0, 0)) {
		file := path.Join(string(name), e.Name())
		if size, ok := have[file]; ok && size == e.Size || over(file, now, m.Keep(name)) {
			continue
		}
		if err := m.copy(ctx, c, e, file); err != nil {
			if city.KindOf(err) == city.NotFound {
				continue // removed here meanwhile
			}
			return err
		}
		r.Copied++
		r.Bytes += e.Size
	}
	for file := range have {
		if over(file, now, m.Keep(name)) {
			if err := m.Place.Remove(ctx, file); err != nil {
				return err
			}
			r.Removed++
		}
	}
	return nil
}

func (m *Mirror) copy(ctx context.Context, c *store.Camera, e store.Entry, file string) error {
	f, err := c.Open(e)
	if err != nil {
		return err
	}
	defer f.Close()
	return m.Place.Put(ctx, file, io.NewSectionReader(f, 0, e.Size), e.Size)
}

// lastMoment is added to a segment's start, which its name tells, for its end, which it
// does not: no segment is longer.
const lastMoment = 20 * time.Second

// over says whether the time of a segment with a name is over. What has another name is
// not ours.
func over(file string, now time.Time, keep time.Duration) bool {
	stamp, _, _ := strings.Cut(path.Base(file), "-")
	start, err := time.Parse("20060102T150405.000Z", stamp)
	return err == nil && strings.HasSuffix(file, ".seg") && start.Add(keep+lastMoment).Before(now)
}

// Folder is a Place on another disk.
type Folder struct{ Disk disk.Disk }

// Have implements Place.
func (f Folder) Have(_ context.Context, folder string) (map[string]int64, error) {
	if err := f.Disk.MkdirAll(folder); err != nil {
		return nil, err
	}
	days, err := f.Disk.List(folder)
	if err != nil {
		return nil, err
	}
	have := map[string]int64{}
	for _, d := range days {
		if !d.Dir {
			continue
		}
		files, err := f.Disk.List(path.Join(folder, d.Name))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if strings.HasSuffix(file.Name, ".seg") {
				have[path.Join(folder, d.Name, file.Name)] = file.Size
			}
		}
	}
	return have, nil
}

// Put implements Place.
func (f Folder) Put(_ context.Context, name string, r io.ReadSeeker, size int64) error {
	dir, part := path.Dir(name), name+".part"
	if err := f.Disk.MkdirAll(dir); err != nil {
		return err
	}
	if files, err := f.Disk.List(dir); err != nil {
		return err
	} else if slices.ContainsFunc(files, func(e disk.Entry) bool { return e.Name == path.Base(part) }) {
		if err := f.Disk.Remove(part); err != nil { // an interrupted copy
			return err
		}
	}
	to, err := f.Disk.Create(part)
	if err != nil {
		return err
	}
	n, err := io.Copy(to, r)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return errors.Join(err, f.Disk.Remove(part))
	}
	if err := f.Disk.Rename(part, name); err != nil {
		return err
	}
	return f.Disk.SyncDir(dir)
}

// Remove implements Place. A day's folder goes with its last segment.
func (f Folder) Remove(_ context.Context, name string) error {
	if err := f.Disk.Remove(name); err != nil {
		return err
	}
	if left, err := f.Disk.List(path.Dir(name)); err == nil && len(left) == 0 {
		return f.Disk.Remove(path.Dir(name))
	}
	return nil
}
