package log

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine is what a disk holds: in each folder the names that stand there now, and those
// that stand there still when the power goes. The content of files is written through.
type machine struct{ root *node }

type node struct {
	data      []byte
	from      string // a real file that holds the content instead
	now, safe map[string]*node
}

func newFolderNode() *node { return &node{now: map[string]*node{}, safe: map[string]*node{}} }

// step is one thing that was done to a disk, or that was told to somebody.
type step struct {
	what     string
	name, to string
	data     []byte
	told     func(*promises)
}

func (m *machine) at(dir string) *node {
	n := m.root
	if dir == "." {
		return n
	}
	for part := range strings.SplitSeq(dir, "/") {
		if n = n.now[part]; n == nil || n.now == nil {
			panic("no folder " + dir)
		}
	}
	return n
}

func (m *machine) do(s step) {
	dir, base := path.Split(s.name)
	in := func() *node { return m.at(path.Clean(dir)) }
	switch s.what {
	case "begin", "create": // a half and a whole
		in().now[base] = &node{data: s.data}
	case "rename":
		in().now[path.Base(s.to)] = in().now[base]
		delete(in().now, base)
	case "mkdir":
		in().now[base] = newFolderNode()
	case "remove":
		delete(in().now, base)
	case "told":
	case "sync":
		d := m.at(s.name)
		d.safe = maps.Clone(d.now)
	}
}

// How much of what was not synced is on the disk when it is looked at.
const (
	killed  = iota // all: the process ended, the machine runs on
	nothing        // the power went
	some           // the power went, some of it was written before
)

// leave makes a folder of what is on the disk.
func (m *machine) leave(t *testing.T, how int, chance *rand.Rand) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "left")
	if err != nil {
		t.Fatal(err)
	}
	var each func(n *node, to string)
	each = func(n *node, to string) {
		names := map[string]bool{}
		for name := range n.now {
			names[name] = true
		}
		for name := range n.safe {
			names[name] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			is := n.safe[name]
			if how == killed || how == some && chance.IntN(2) == 0 {
				is = n.now[name]
			}
			at := filepath.Join(to, name)
			var err error
			switch {
			case is == nil:
			case is.now != nil:
				if err = os.Mkdir(at, 0o700); err == nil {
					each(is, at)
				}
			case is.from != "":
				err = os.Link(is.from, at)
			default:
				err = os.WriteFile(at, is.data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	each(m.root, dir)
	return dir
}

// machineOf is a disk that holds a folder, safely.
func machineOf(t *testing.T, dir string) *machine {
	t.Helper()
	var read func(at string) *node
	read = func(at string) *node {
		n := newFolderNode()
		list, err := os.ReadDir(at)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if path := filepath.Join(at, e.Name()); e.IsDir() {
				n.now[e.Name()] = read(path)
			} else if e.Name() != "alone.lock" {
				n.now[e.Name()] = &node{from: path}
			}
		}
		n.safe = maps.Clone(n.now)
		return n
	}
	return &machine{read(dir)}
}

var errDisk = errors.New("the disk says that it failed")

// recorder is a disk that writes down what is done to it, and fails at a step.
type recorder struct {
	steps  []step
	fail   int  // the step that fails, counted from 1; 0: none
	effect bool // what failed is done nevertheless
	count  int
}

func (r *recorder) mount(dir string) (disk, error) {
	d, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return recorded{rooted{d}, r}, nil
}

type recorded struct {
	rooted
	r *recorder
}

func (d recorded) try(s step, do func() error) error {
	d.r.count++
	bad := d.r.count == d.r.fail
	if bad && (!d.r.effect || s.what == "sync") {
		return errDisk
	}
	if err := do(); err != nil {
		return err
	}
	d.r.steps = append(d.r.steps, s)
	if bad {
		return errDisk
	}
	return nil
}

func (d recorded) create(name string, data []byte) error {
	d.r.steps = append(d.r.steps, step{what: "begin", name: name, data: data[:len(data)/2]})
	return d.try(step{what: "create", name: name, data: slices.Clone(data)}, func() error { return os.WriteFile(filepath.Join(d.Name(), name), data, 0o600) })
}

func (d recorded) sync(dir string) error {
	return d.try(step{what: "sync", name: dir}, func() error { _, err := d.rooted.Stat(dir); return err })
}

func (d recorded) Mkdir(name string, perm fs.FileMode) error {
	return d.try(step{what: "mkdir", name: name}, func() error { return d.rooted.Mkdir(name, perm) })
}

func (d recorded) Rename(from, to string) error {
	return d.try(step{what: "rename", name: from, to: to}, func() error { return d.rooted.Rename(from, to) })
}

func (d recorded) Remove(name string) error {
	return d.try(step{what: "remove", name: name}, func() error { return d.rooted.Remove(name) })
}

func (d recorded) RemoveAll(name string) error {
	if _, err := d.rooted.Stat(name); err != nil {
		return nil //nolint:nilerr // as os.RemoveAll
	}
	return d.try(step{what: "remove", name: name}, func() error { return d.rooted.RemoveAll(name) })
}
