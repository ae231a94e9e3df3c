// Package disktest is a disk in memory for tests: it can lose power, be full, and fail.
package disktest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"polity/recording/disk"
)

const page = 4096 // a disk writes so many bytes at once

// Disk is a disk.Disk in memory, after the model of cockroachdb/pebble's vfs: each file
// and each folder has what is there now and what is durable.
type Disk struct {
	mu    sync.Mutex
	now   map[string]*file // by name
	safe  map[string]*file // names that are durable; a file's content has its own safe part
	dirs  map[string]bool
	used  int64
	dead  bool
	steps int

	// Size is how many bytes the disk takes; 0: any.
	Size int64
	// Fail is asked before each operation ("create", "write", "sync", "rename", "remove",
	// "syncdir", "append", "truncate", "open"); an error is what the operation returns. A
	// "write" that fails has written half.
	Fail func(op, name string) error
	// Wrote sees everything that is written to any file.
	Wrote func(name string, p []byte)
}

type file struct {
	data []byte
	safe []byte
}

// New returns an empty disk.
func New() *Disk {
	return &Disk{now: map[string]*file{}, safe: map[string]*file{}, dirs: map[string]bool{".": true}}
}

// Crash returns the disk as it may be after a loss of power now: synced is what was
// synced; of the rest, pages of each file and names of each folder are there or not by
// chance, and pages that are not are zeros where the file's length was kept. The disk it
// is called on takes nothing more.
func (d *Disk) Crash(chance *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	after := New()
	maps.Copy(after.dirs, d.dirs)
	names := maps.Clone(d.safe)
	for _, name := range slices.Sorted(maps.Keys(d.now)) {
		if chance.IntN(2) == 0 {
			names[name] = d.now[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.safe)) {
		if d.now[name] == nil && chance.IntN(2) == 0 {
			delete(names, name) // its removal had reached the disk
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		data := names[name].torn(chance)
		after.now[name] = &file{data: data, safe: slices.Clone(data)}
		after.safe[name] = after.now[name]
		after.used += int64(len(data))
	}
	return after
}

func (f *file) torn(chance *rand.Rand) []byte {
	if bytes.Equal(f.data, f.safe) || chance.IntN(3) == 0 {
		return slices.Clone(f.safe)
	}
	keep := len(f.data)
	if chance.IntN(2) == 0 && keep > len(f.safe) {
		keep = len(f.safe) + chance.IntN(keep-len(f.safe)+1)
	}
	out := make([]byte, keep)
	copy(out, f.safe)
	for at := 0; at < keep; at += page {
		if chance.IntN(3) > 0 {
			copy(out[at:min(at+page, keep)], f.data[at:])
		}
	}
	return out
}

// Steps returns how many operations were asked for so far.
func (d *Disk) Steps() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.steps
}

// begin counts an operation and says whether it fails. The lock is held.
func (d *Disk) begin(op, name string) error {
	d.steps++
	if d.dead {
		return fmt.Errorf("%s %s: %w", op, name, syscall.EIO)
	}
	if d.Fail != nil {
		if err := d.Fail(op, name); err != nil {
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	return nil
}

func missing(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// MkdirAll implements disk.Disk.
func (d *Disk) MkdirAll(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("mkdir", dir); err != nil {
		return err
	}
	for ; dir != "."; dir = path.Dir(dir) {
		d.dirs[dir] = true
	}
	return nil
}

// Create implements disk.Disk.
func (d *Disk) Create(name string) (disk.File, error) { return d.open("create", name) }

// Append implements disk.Disk.
func (d *Disk) Append(name string) (disk.File, error) { return d.open("append", name) }

func (d *Disk) open(op, name string) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(op, name); err != nil {
		return nil, err
	}
	if !d.dirs[path.Dir(name)] {
		return nil, missing(op, name)
	}
	f := d.now[name]
	if f != nil && op == "create" {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrExist}
	}
	if f == nil {
		f = &file{}
		d.now[name] = f
	}
	return &handle{d: d, f: f, name: name}, nil
}

type handle struct {
	d    *Disk
	f    *file
	name string
}

func (h *handle) Write(p []byte) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if h.d.Wrote != nil {
		h.d.Wrote(h.name, p)
	}
	n := len(p)
	err := h.d.begin("write", h.name)
	if err != nil {
		n /= 2
	}
	if room := h.d.Size - h.d.used; h.d.Size > 0 && int64(n) > room {
		n, err = int(max(0, room)), &fs.PathError{Op: "write", Path: h.name, Err: syscall.ENOSPC}
	}
	if !h.d.dead {
		h.f.data = append(h.f.data, p[:n]...)
		h.d.used += int64(n)
	}
	return n, err
}

func (h *handle) Sync() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.begin("sync", h.name); err != nil {
		return err
	}
	h.f.safe = slices.Clone(h.f.data)
	return nil
}

func (h *handle) Close() error { return nil }

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// Open implements disk.Disk.
func (d *Disk) Open(name string) (disk.Reader, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("open", name); err != nil {
		return nil, err
	}
	f := d.now[name]
	if f == nil {
		return nil, missing("open", name)
	}
	return reader{bytes.NewReader(slices.Clone(f.data))}, nil
}

// Truncate implements disk.Disk.
func (d *Disk) Truncate(name string, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("truncate", name); err != nil {
		return err
	}
	f := d.now[name]
	if f == nil {
		return missing("truncate", name)
	}
	if size > int64(len(f.data)) {
		return &fs.PathError{Op: "truncate", Path: name, Err: io.ErrUnexpectedEOF}
	}
	d.used -= int64(len(f.data)) - size
	f.data = slices.Clone(f.data[:size])
	return nil
}

// Rename implements disk.Disk.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("rename", from); err != nil {
		return err
	}
	f := d.now[from]
	if f == nil {
		return missing("rename", from)
	}
	if old := d.now[to]; old != nil {
		d.used -= int64(len(old.data))
	}
	delete(d.now, from)
	d.now[to] = f
	return nil
}

// Remove implements disk.Disk.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("remove", name); err != nil {
		return err
	}
	f := d.now[name]
	switch {
	case f != nil:
		d.used -= int64(len(f.data))
		delete(d.now, name)
	case !d.dirs[name]:
		return missing("remove", name)
	default:
		for other := range d.now {
			if strings.HasPrefix(other, name+"/") {
				return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
			}
		}
		delete(d.dirs, name)
	}
	return nil
}

// List implements disk.Disk.
func (d *Disk) List(dir string) ([]disk.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("list", dir); err != nil {
		return nil, err
	}
	if !d.dirs[dir] {
		return nil, missing("list", dir)
	}
	var entries []disk.Entry
	for name, f := range d.now {
		if path.Dir(name) == dir {
			entries = append(entries, disk.Entry{Name: path.Base(name), Size: int64(len(f.data))})
		}
	}
	for name := range d.dirs {
		if name != "." && path.Dir(name) == dir {
			entries = append(entries, disk.Entry{Name: path.Base(name), Dir: true})
		}
	}
	slices.SortFunc(entries, func(a, b disk.Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// SyncDir implements disk.Disk.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("syncdir", dir); err != nil {
		return err
	}
	for name := range d.safe {
		if path.Dir(name) == dir && d.now[name] == nil {
			delete(d.safe, name)
		}
	}
	for name, f := range d.now {
		if path.Dir(name) == dir {
			d.safe[name] = f
		}
	}
	return nil
}

// Free implements disk.Disk.
func (d *Disk) Free() (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Size == 0 {
		return 1 << 50, nil
	}
	return d.Size - d.used, nil
}

// Change alters a file's bytes, durably: what someone with the disk in hand can do.
func (d *Disk) Change(name string, change func([]byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.now[name]
	f.data = change(f.data)
	f.safe = slices.Clone(f.data)
}

// Names lists all files in order.
func (d *Disk) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.now))
}
