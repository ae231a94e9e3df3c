package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"polity/access"
	"polity/city"
	"polity/internal/durable"
)

// Config is where a city's own policies and the book of their changes are.
type Config struct {
	Folder   string           // of .cedar files; made if it is not there
	Book     string           // file
	Purposes []access.Purpose // none: access.Purposes
	Now      func() time.Time // nil: time.Now
	// Inviter returns the ID of who let a person in, "" for nobody in particular. nil: not
	// asked.
	Inviter func(ctx context.Context, person string) (string, error)
}

// Live decides by the policies that are in effect, and changes them as two people agree.
// It is safe for concurrent use; decisions never wait for a change.
type Live struct {
	cfg Config
	now atomic.Pointer[Policies]

	mu   sync.Mutex // of what follows
	book *book
}

var _ access.Decider = (*Live)(nil)

// Open verifies the book, puts right what a crash left between it and the folder, and
// compiles the policies. A broken policy, a book that was changed, or a folder that was
// changed beside it is an error that says what to do.
func Open(cfg Config) (_ *Live, err error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return nil, city.Errorf(city.Unavailable, "make the folder of policies: %w", err)
	}
	b, err := openBook(cfg.Book)
	if err != nil {
		return nil, err
	}
	l := &Live{cfg: cfg, book: b}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if err := l.settle(); err != nil {
		return nil, err
	}
	p, err := New(inEffect(b.entries), cfg.Purposes)
	if err != nil {
		return nil, city.Errorf(city.KindOf(err), "%s: %w; if the program was updated and no longer takes the city's own policies, 'polity access policy reset' puts them aside", cfg.Folder, err)
	}
	l.now.Store(p)
	return l, nil
}

// settle makes folder and book say the same, where only a crash can have parted them.
func (l *Live) settle() error {
	files, err := ReadFolder(l.cfg.Folder)
	if err != nil {
		return err
	}
	if len(l.book.entries) == 0 {
		if _, err := New(files, l.cfg.Purposes); err != nil {
			return city.Errorf(city.KindOf(err), "%s: %w", l.cfg.Folder, err)
		}
		_, err := l.book.add(Entry{What: Begun, New: Hash(files), Files: files}, l.cfg.Now())
		return err
	}
	want := inEffect(l.book.entries)
	if Hash(files) == Hash(want) {
		return nil
	}
	last := l.book.entries[len(l.book.entries)-1]
	if last.What != Approved && last.What != WasReset || !between(files, l.before(), want) {
		return differs(l.cfg.Folder, files, want)
	}
	return writeFolder(l.cfg.Folder, want)
}

// before is what was in effect before the last entry.
func (l *Live) before() []File { return inEffect(l.book.entries[:len(l.book.entries)-1]) }

// between says whether every file, and every file that is missing, is as it was before a
// change or as it is to be.
func between(files, before, after []File) bool {
	var names []string
	for _, set := range [][]File{files, before, after} {
		for _, f := range set {
			names = append(names, f.Name)
		}
	}
	for _, name := range names {
		is := find(files, name)
		if is != find(before, name) && is != find(after, name) {
			return false
		}
	}
	return true
}

func find(files []File, name string) File {
	if i := slices.IndexFunc(files, func(f File) bool { return f.Name == name }); i >= 0 {
		return files[i]
	}
	return File{}
}

// differs is the error about a folder that nobody agreed to.
func differs(folder string, is, want []File) error {
	for _, f := range append(slices.Clone(want), is...) {
		a, b := find(is, f.Name), find(want, f.Name)
		if a == b {
			continue
		}
		what := "was changed"
		switch {
		case a == File{}:
			what = "is missing"
		case b == File{}:
			what = "is new"
		}
		return city.Errorf(city.Conflict, "%s %s, and no two people agreed to it; 'polity access policy restore' puts back what they agreed to, then propose the change", filepath.Join(folder, f.Name), what)
	}
	return city.Errorf(city.Conflict, "%s is not what two people agreed to", folder)
}

// writeFolder makes the .cedar files of a folder be files. After a crash each file is the
// old one or the new one.
func writeFolder(folder string, files []File) error {
	old, err := filepath.Glob(filepath.Join(folder, "*.cedar"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := durable.WriteFile(filepath.Join(folder, f.Name), []byte(f.Text), 0o600); err != nil {
			return city.Errorf(city.Unavailable, "%w", err)
		}
	}
	for _, name := range old {
		if find(files, filepath.Base(name)) != (File{}) {
			continue
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return city.Errorf(city.Unavailable, "remove a policy that no longer holds: %w", err)
		}
	}
	return durable.SyncDir(folder)
}

// Decide implements access.Decider.
func (l *Live) Decide(who access.Who, do access.Action, on access.Thing, at access.Circumstances) access.Decision {
	return l.now.Load().Decide(who, do, on, at)
}

// Policies returns what is in effect now.
func (l *Live) Policies() *Policies { return l.now.Load() }

// Check says whether the folder still is what two people agreed to. What is in effect
// stays so either way.
func (l *Live) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	files, err := ReadFolder(l.cfg.Folder)
	if err != nil {
		return err
	}
	if want := inEffect(l.book.entries); Hash(files) != Hash(want) {
		return differs(l.cfg.Folder, files, want)
	}
	return nil
}

// Log returns every entry of the book, and the SHA-256 of the newest line.
func (l *Live) Log() (entries []Entry, head string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.book.entries), l.book.head
}

// Close ends changes and lets go of the book. Decisions go on.
func (l *Live) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.book.broken == nil {
		l.book.broken = errors.New("the policies were closed")
	}
	return l.book.close()
}

// Restore makes the folder be what the book says, while no hub runs.
func Restore(cfg Config) error {
	return offline(cfg, func(b *book, _ time.Time) error {
		if len(b.entries) == 0 {
			return city.Errorf(city.NotFound, "%s has no entry, so there is nothing to put back", cfg.Book)
		}
		return writeFolder(cfg.Folder, inEffect(b.entries))
	})
}

// Reset puts a city's own policies aside, while no hub runs: the files are renamed to
// NAME.cedar.aside, the shipped policies alone hold, and the book says so.
func Reset(cfg Config) error {
	return offline(cfg, func(b *book, now time.Time) error {
		names, err := filepath.Glob(filepath.Join(cfg.Folder, "*.cedar"))
		if err != nil {
			return err
		}
		if _, err := b.add(Entry{What: WasReset, New: Hash(nil)}, now); err != nil {
			return err
		}
		for _, name := range names {
			if err := os.Rename(name, name+".aside"); err != nil {
				return city.Errorf(city.Unavailable, "put a policy aside: %w", err)
			}
		}
		return durable.SyncDir(cfg.Folder)
	})
}

func offline(cfg Config, do func(*book, time.Time) error) (err error) {
	if _, err := os.Stat(cfg.Folder); err != nil {
		return city.Errorf(city.NotFound, "there are no policies of the city's own: %w", err)
	}
	b, err := openBook(cfg.Book)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	now := time.Now
	if cfg.Now != nil {
		now = cfg.Now
	}
	return do(b, now())
}

// String names an entry in a few words.
func (e Entry) String() string {
	s := fmt.Sprintf("%d %s", e.N, e.What)
	if e.Proposal > 0 {
		s += fmt.Sprintf(" %d", e.Proposal)
	}
	return s
}
