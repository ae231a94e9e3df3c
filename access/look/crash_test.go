package look

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"polity/city"
)

// faulty is a disk that is killed, or full for a while.
type faulty struct {
	files
	left int    // operations until it fails; below 0: never
	how  string // what the one that fails leaves behind
	full bool   // it fails as a full disk does, and takes back what it is told to,
	only string // for this file alone
	dead bool
}

var errKilled = errors.New("killed")

func (f *faulty) fails() bool {
	if f.dead {
		return true
	}
	f.left--
	f.dead = f.left == -1
	return f.dead
}

func (f *faulty) Append(path string, size int64, data []byte) error {
	switch was := f.dead; {
	case f.full && (f.only == "" || f.only == filepath.Base(path)):
		_ = f.files.Append(path, size, data[:len(data)/2])
		return fmt.Errorf("write %s: %w", path, syscall.ENOSPC)
	case !f.fails():
		return f.files.Append(path, size, data)
	case was:
		return errKilled
	}
	switch f.how {
	case "half":
		_ = f.files.Append(path, size, data[:len(data)/2])
	case "all":
		_ = f.files.Append(path, size, data)
	case "zeros":
		_ = f.files.Append(path, size, make([]byte, len(data)))
	case "a hole":
		data := append([]byte(nil), data...)
		for i := range len(data) / 2 {
			data[i] = 0
		}
		_ = f.files.Append(path, size, data)
	case "unconfirmed":
		_ = f.files.Append(path, size, data)
		return fmt.Errorf("%w: input/output error", errSync)
	}
	return errKilled
}

func (f *faulty) Cut(path string, size int64) error {
	if f.dead {
		return errKilled
	}
	return f.files.Cut(path, size)
}

func (f *faulty) Remove(path string) error {
	if f.fails() {
		return errKilled
	}
	return f.files.Remove(path)
}

// kill leaves a book as a process that is killed does.
func kill(b *Book) {
	b.queue.Close()
	b.ticks.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lock != nil {
		b.lock.Close()
		b.lock = nil
	}
}

// acknowledged is a look that somebody was allowed to have.
type acknowledged struct {
	who     string
	session string
	camera  city.Slug
	at      time.Time
}

// shift is three days of looks; it returns those that were acknowledged.
func shift(b *Book, h *hand) (list []acknowledged) {
	for day := range 3 {
		var on []*Opened
		for i, camera := range cameras(3) {
			who := operator(fmt.Sprintf("p-%d", i), fmt.Sprintf("s-%d-%d", day, i))
			if o, err := b.Record(always(), live(who, camera)); err == nil {
				list = append(list, acknowledged{who.ID, who.Session, camera, h.t})
				on = append(on, o)
			}
			h.turn(20 * time.Second)
		}
		_ = b.Tick(always())
		if len(on) > 0 {
			on[0].Finish()
		}
		h.turn(70 * time.Second)
		_ = b.Tick(always())
		h.set(noon.AddDate(0, 0, day).Add(8*time.Hour + 30*time.Second))
		_ = b.Tick(always())
		h.set(noon.AddDate(0, 0, day+1))
	}
	return list
}

// TestKilledAtEachStep: whatever was on its way, what was acknowledged is there, the book
// opens, and can be verified.
func TestKilledAtEachStep(t *testing.T) {
	for _, how := range []string{"nothing", "half", "all", "zeros", "a hole", "unconfirmed"} {
		for step := 0; ; step++ {
			dir, h := t.TempDir(), &hand{noon}
			cfg := config(dir, h)
			cfg.Settings.KeepDays = 1
			d := &faulty{left: step, how: how}
			cfg.disk = d
			b, err := Open(cfg)
			if err != nil {
				t.Fatalf("%s, step %d: %v", how, step, err)
			}
			list := shift(b, h)
			kill(b)
			if !d.dead {
				t.Logf("%s: %d steps", how, step)
				if step < 15 {
					t.Errorf("only %d steps were tried", step)
				}
				break
			}
			check(t, fmt.Sprintf("%s, step %d", how, step), dir, h, list)
		}
	}
}

// check opens a book again, and looks for what was acknowledged.
func check(t *testing.T, what, dir string, h *hand, list []acknowledged) {
	t.Helper()
	cfg := config(dir, h)
	cfg.Settings.KeepDays = 30
	b, err := Open(cfg)
	if err != nil {
		t.Fatalf("%s: the book does not open: %v", what, err)
	}
	if _, err := b.Record(t.Context(), live(operator("p-late", "s-late"), "square")); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	h.turn(24 * time.Hour)
	all, err := b.Details(t.Context(), operator("p-auditor", "s-9"), Query{From: "2026-11-01", To: "2027-02-01"})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, a := range list {
		day := b.calendar.of(a.at)
		if day < all.Kept {
			continue // its details were removed in order
		}
		if !there(all.Looks, a) {
			t.Errorf("%s: the look of %s through %s at %v is lost", what, a.who, a.camera, a.at)
		}
	}
	if err := b.Close(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if _, err := Verify(dir, nil); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// there says whether a look stands in the book, up to the minute that a crash may lose.
func there(looks []Detail, a acknowledged) bool {
	for _, l := range looks {
		if l.Who == a.who && l.Session == a.session && l.Name == a.camera && !l.Begun.After(a.at) && (l.Ended.IsZero() || !l.Ended.Before(a.at.Add(-grace))) {
			return true
		}
	}
	return false
}

// TestACrashLosesAMinuteAtMost of a look that went on.
func TestACrashLosesAMinuteAtMost(t *testing.T) {
	h := &hand{noon}
	cfg := config(t.TempDir(), h)
	b := open(t, cfg)
	o := look(t, b, live(operator("p-anna", "s-1"), "square"))
	for range 10 {
		h.turn(time.Minute)
		tick(t, b)
	}
	o.Finish()
	h.turn(50 * time.Second)
	look(t, b, live(operator("p-anna", "s-1"), "square")) // it goes on
	h.turn(50 * time.Second)
	kill(b)
	h.turn(time.Hour)
	b = open(t, cfg)
	l := b.today.looks[0]
	if len(b.today.looks) != 1 || l.Why != restart || l.Ended.Sub(noon) != 10*time.Minute+50*time.Second {
		t.Errorf("%d looks, the first ended %v after it began, for %q", len(b.today.looks), l.Ended.Sub(noon), l.Why)
	}
}

// TestAFullDisk: nobody begins to look, and who looks is told to stop; with room again
// the book goes on.
func TestAFullDisk(t *testing.T) {
	h := &hand{noon}
	cfg := config(t.TempDir(), h)
	d := &faulty{left: -1}
	cfg.disk = d
	b := open(t, cfg)
	on := look(t, b, live(operator("p-anna", "s-1"), "square"))
	d.full = true
	if _, err := b.Record(t.Context(), live(operator("p-bo", "s-2"), "square")); city.KindOf(err) != city.Unavailable || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a look on a full disk: %v", err)
	}
	if _, err := b.Details(t.Context(), operator("p-auditor", "s-9"), Query{From: "2026-11-30", To: "2026-11-30"}); city.KindOf(err) != city.Unavailable {
		t.Fatalf("reading details on a full disk: %v", err)
	}
	for minute := range 3 {
		select {
		case <-on.Gone():
			t.Errorf("who looks had to stop after %d minutes", minute)
		default:
		}
		h.turn(time.Minute)
		if err := b.Tick(t.Context()); err == nil {
			t.Error("a full disk was written to")
		}
		if minute == 1 {
			break
		}
	}
	select {
	case <-on.Gone():
	default:
		t.Error("who looks goes on though nobody can note it")
	}
	if _, err := b.Record(t.Context(), live(operator("p-anna", "s-1"), "square")); err == nil {
		t.Error("another window showed what the first had to stop showing")
	}
	d.full = false
	again := look(t, b, live(operator("p-anna", "s-1"), "square"))
	select {
	case <-again.Gone():
		t.Error("with room again it must stop at once")
	default:
	}
	h.set(noon.Add(9 * time.Hour))
	tick(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(cfg.Dir, nil); err != nil || r.Looks != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestAFullDiskAtTheEndOfADay: the day is published when there is room, and nobody looks
// until then.
func TestAFullDiskAtTheEndOfADay(t *testing.T) {
	for _, name := range []string{"2026-11-30.jsonl", chainName, "2026-12-01.jsonl"} {
		h := &hand{noon}
		cfg := config(t.TempDir(), h)
		d := &faulty{left: -1}
		cfg.disk = d
		b := open(t, cfg)
		who := operator("p-anna", "s-1")
		on := look(t, b, live(who, "square"))
		h.set(noon.Add(8*time.Hour + 30*time.Second))
		d.full, d.only = true, name
		for range 2 {
			if err := b.Tick(t.Context()); city.KindOf(err) != city.Unavailable {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := b.Record(t.Context(), live(who, "bridge")); city.KindOf(err) != city.Unavailable {
				t.Fatalf("%s: a look was taken: %v", name, err)
			}
			h.turn(time.Second)
		}
		d.full = false
		tick(t, b)
		if days, _, _ := b.Days(t.Context()); len(days) != 1 || days[0].Looks != 1 {
			t.Errorf("%s: %+v", name, days)
		}
		on.Finish()
		look(t, b, live(who, "bridge"))
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(cfg.Dir, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnAlteredBookIsRefused: nobody looks with a book that cannot be trusted, and what a
// crash left behind is no such thing.
func TestAnAlteredBookIsRefused(t *testing.T) {
	for what, change := range map[string]func([]byte) []byte{
		"an altered line": func(b []byte) []byte { b[len(b)-20] ^= 1; return b },
		"a dropped line":  func(b []byte) []byte { return b[200:] },
		"a torn line":     func(b []byte) []byte { return b[:len(b)-20] },
	} {
		dir := t.TempDir()
		fill(t, dir, nil)
		files := book(t, dir)
		name := files[len(files)-1]
		put(t, name, change(file(t, name)))
		b, err := Open(config(dir, &hand{noon.AddDate(0, 0, 5)}))
		if (what == "a torn line") != (err == nil) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil {
			continue
		}
		if len(glob(t, name+".cut-*")) != 1 {
			t.Errorf("what was cut off is gone")
		}
		_ = b.Close()
		if r, err := Verify(dir, nil); err != nil || len(r.Beside) != 1 {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// always is for those who have no test at hand.
func always() context.Context { return context.Background() }
