package log

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/roster"
)

// folder is the log on disk: the files of tessera's POSIX logs, written here because tessera
// ends the whole program when a folder is gone or no file can be opened. Each use finds it
// anew by its path and compares it with what was written last, so that nothing is built on
// an older copy, and a disk that comes back is gone on with.
type folder struct {
	dir    string
	roster *roster.Signed
	mount  mount

	mu   sync.Mutex // held while files are written
	lock *os.File   // of this process
	tree tree       // as written last
	// settled: what was found in the folder is on the disk for sure, and not in the memory of
	// the machine alone, where a process that was killed or a disk that failed left it.
	settled bool
	made    map[string]bool // folders that this process knows to be on the disk
}

const (
	stateFile   = ".state/treeState"
	versionFile = ".state/version"
	sweptFile   = ".state/gcState"
	lockFile    = ".state/alone.lock"
	pointFile   = "checkpoint"
	version     = "1" // of tessera's POSIX logs
)

// openFolder opens the log in a folder that is there, and returns where each entry is by
// its hash.
func openFolder(dir string, r *roster.Signed, open mount) (*folder, map[short]int64, error) {
	root, err := open(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log's folder: %w", err)
	}
	defer root.Close() //nolint:errcheck // it is a folder
	f := &folder{dir: dir, roster: r, mount: open, made: map[string]bool{}}
	if err := f.makeDir(root, path.Dir(stateFile)); err != nil {
		return nil, nil, fmt.Errorf("make the log's folder: %w", err)
	}
	if err := f.alone(root); err != nil {
		return nil, nil, err
	}
	known, err := f.begin(root)
	if err != nil {
		return nil, nil, errors.Join(err, f.lock.Close())
	}
	return f, known, nil
}

func (f *folder) begin(root disk) (map[short]int64, error) {
	is, err := root.ReadFile(versionFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = f.write(root, versionFile, []byte(version))
	case err == nil && string(is) != version:
		err = city.Errorf(city.Invalid, "the log's folder has version %q, this program writes %s: it is from a newer one", is, version)
	}
	if err != nil {
		return nil, err
	}
	if err := sweep(f.dir); err != nil {
		return nil, err
	}
	t, known, err := recall(f.dir, f.roster, nil)
	if err != nil {
		return nil, err
	}
	f.tree = *t
	_ = f.settle(root) //nolint:errcheck // on a full disk a log is open, and refuses entries; each use tries again
	return known, nil
}

// settle writes the right end of the tree anew, before anything is built on what was found
// in the folder, acknowledged or signed. All that lies left of it was on the disk before.
func (f *folder) settle(root disk) error {
	if f.settled {
		return nil
	}
	clear(f.made)
	n, width := f.tree.size()/tileWidth, int(f.tree.size()%tileWidth)
	bundle, err := f.bundle(root, n, width)
	if err == nil && width > 0 {
		err = f.write(root, tilePath(entryLevel, n, width), bundle)
	}
	for _, t := range f.tree.ends(&tree{}) {
		if err == nil {
			err = f.write(root, tilePath(t.level, t.n, len(t.hashes)), t.data())
		}
	}
	if err == nil {
		err = f.writeState(root, &f.tree)
	}
	f.settled = err == nil
	return err
}

// alone locks the folder: what is known of duplicates holds for one process only.
func (f *folder) alone(root disk) error {
	lock, err := root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the log: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(city.Errorf(city.Conflict, "the log in %s is open in another process; only one may append", f.dir), lock.Close())
	}
	if f.lock != nil {
		_ = f.lock.Close() //nolint:errcheck // of a disk that is gone
	}
	f.lock, f.settled = lock, false
	return nil
}

// open opens the folder if it is the one that was written last. If more stands in it, since a
// write came through that seemed to have failed, that is taken: known says where each entry
// is then, and is nil otherwise. f.mu is held.
func (f *folder) open() (root disk, known map[short]int64, err error) {
	defer func() {
		if err != nil && root != nil {
			err = errors.Join(err, root.Close())
			root = nil
		}
	}()
	if root, err = f.mount(f.dir); err != nil {
		return nil, nil, f.gone(err)
	}
	state, err := root.ReadFile(stateFile)
	if err != nil {
		return root, nil, f.gone(err)
	}
	if is, err := root.Stat(lockFile); err != nil || !f.holds(is) {
		if err := f.alone(root); err != nil {
			return root, nil, err
		}
	}
	if string(state) != string(f.state(&f.tree)) {
		t, more, err := recall(f.dir, f.roster, &f.tree)
		if err != nil {
			return root, nil, err
		}
		f.tree, f.settled, known = *t, false, more
	}
	if err := f.ends(root); err != nil {
		return root, known, err
	}
	return root, known, f.settle(root)
}

func (f *folder) gone(err error) error {
	return city.Errorf(city.Unavailable, "the log's folder %s is not there or cannot be read (%w). Bring back the disk; nothing that was acknowledged is given up, and the log goes on by itself", f.dir, err)
}

func (f *folder) holds(is os.FileInfo) bool {
	held, err := f.lock.Stat()
	return err == nil && os.SameFile(held, is)
}

// ends says whether the files are there that the next entries continue.
func (f *folder) ends(root disk) error {
	size := f.tree.size()
	if size == 0 {
		return nil
	}
	for _, level := range []int{entryLevel, 0} {
		n := (size - 1) / tileWidth
		_, err := root.Stat(tilePath(level, n, int(size-n*tileWidth)))
		if errors.Is(err, fs.ErrNotExist) {
			_, err = root.Stat(tilePath(level, n, tileWidth))
		}
		if err != nil {
			return f.gone(err)
		}
	}
	return nil
}

func (f *folder) state(t *tree) []byte {
	root := t.root()
	data, err := json.Marshal(treeState{Size: t.size(), Raw: root[:]})
	if err != nil {
		panic(err) // a number and bytes
	}
	return data
}

func (f *folder) writeState(root disk, t *tree) error {
	return f.write(root, stateFile, f.state(t))
}

// append writes entries behind those that are there: first their bundles and tiles, then the
// state, from which on they are in the log. f.mu is held, and the folder was opened.
func (f *folder) append(root disk, list [][]byte) error {
	next := f.tree.clone()
	n, width := next.size()/tileWidth, int(next.size()%tileWidth)
	bundle, err := f.bundle(root, n, width)
	if err != nil {
		return err
	}
	put := func(level int, n int64, width int, data []byte) {
		if err == nil {
			err = f.write(root, tilePath(level, n, width), data)
		}
	}
	hashes := func(t tile) { put(t.level, t.n, len(t.hashes), t.data()) }
	for _, data := range list {
		bundle = append(append(bundle, byte(len(data)>>8), byte(len(data))), data...)
		if width++; width == tileWidth {
			put(entryLevel, n, width, bundle)
			bundle, width = nil, 0
			n++
		}
		next.add(tlog.RecordHash(data), hashes)
	}
	if width > 0 {
		put(entryLevel, n, width, bundle)
	}
	for _, t := range next.ends(&f.tree) {
		hashes(t)
	}
	if err == nil {
		err = f.writeState(root, &next)
	}
	if err == nil {
		f.tree = next
	}
	return err
}

// bundle reads the entries of the last bundle, if it is not full, and holds them against
// their hashes: nothing is added to what does not fit.
func (f *folder) bundle(root disk, n int64, width int) ([]byte, error) {
	if width == 0 {
		return nil, nil
	}
	data, err := root.ReadFile(tilePath(entryLevel, n, width))
	if errors.Is(err, fs.ErrNotExist) { // a crash left the longer one
		data, err = root.ReadFile(tilePath(entryLevel, n, tileWidth))
	}
	if err != nil {
		return nil, f.gone(err)
	}
	end := 0
	for _, h := range f.tree.rows[0].hashes {
		entry, ok := first(data[end:])
		if !ok || tlog.RecordHash(entry) != h {
			return nil, city.Errorf(city.Unavailable, "the log's file %s does not fit its hashes: the disk is damaged. 'polity verify log' says where", tilePath(entryLevel, n, width))
		}
		end += 2 + len(entry)
	}
	return data[:end:end], nil
}

// first is the first entry of a bundle.
func first(bundle []byte) ([]byte, bool) {
	if len(bundle) < 2 {
		return nil, false
	}
	end := 2 + int(bundle[0])<<8 + int(bundle[1])
	if end > len(bundle) {
		return nil, false
	}
	return bundle[2:end], true
}

// write makes a file or replaces one: after a crash the old one is there or the new one.
// What is left of a crash is NAME and a number, which sweep removes. f.mu is held.
func (f *folder) write(root disk, name string, data []byte) error {
	dir := path.Dir(name)
	if err := f.makeDir(root, dir); err != nil {
		return err
	}
	temporary := name + strconv.Itoa(1e9+int(rand.Int32())) //nolint:gosec // a name that nothing else has, and no tile
	err := root.create(temporary, data)
	if err == nil {
		err = root.Rename(temporary, name)
	}
	if err != nil {
		if left := root.Remove(temporary); !errors.Is(left, fs.ErrNotExist) {
			err = errors.Join(err, left)
		}
		return err
	}
	return root.sync(dir)
}

// maxMade bounds what is known of folders; what is forgotten is put on the disk once more.
const maxMade = 1000

// makeDir makes a folder in the log's, durably: one that is there already may be of a
// process that was killed before its name was on the disk.
func (f *folder) makeDir(root disk, dir string) error {
	info, err := root.Stat(dir)
	there := err == nil && info.IsDir()
	if dir == "." || there && f.made[dir] {
		return err
	}
	above := path.Dir(dir)
	if err := f.makeDir(root, above); err != nil {
		return err
	}
	if !there {
		if err := root.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := root.sync(above); err != nil {
		return err
	}
	if len(f.made) >= maxMade {
		clear(f.made)
	}
	f.made[dir] = true
	return nil
}

// makeFolder makes the log's own folder and those above it that are missing, durably.
func makeFolder(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	_, missing := os.Stat(dir)
	above := filepath.Dir(dir)
	if missing != nil && above != dir {
		if err := makeFolder(above); err != nil {
			return err
		}
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // the log is public
			return err
		}
	}
	d, err := os.Open(above) //nolint:gosec // the operator's folder
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if missing == nil {
		return nil // it was made by whoever may read the one above
	}
	return err
}
