package look

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/access"
	"polity/city"
)

// TestPublicCountsAreThoseOfTheDetails: whatever people do, and whatever happens to clock,
// disk and process, counts of a day are those of the looks that an auditor reads, and each
// look that somebody was allowed is among them.
func TestPublicCountsAreThoseOfTheDetails(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := &world{t: r, h: &hand{noon}, dir: t.TempDir(), disk: &faulty{left: -1}}
		w.open()
		defer func() { kill(w.b) }()
		r.Repeat(map[string]func(*rapid.T){
			"look":   w.look,
			"finish": w.finish,
			"wait":   func(r *rapid.T) { w.h.turn(time.Duration(rapid.IntRange(0, 150_000).Draw(r, "ms")) * time.Millisecond) },
			"hours":  func(r *rapid.T) { w.h.turn(time.Duration(rapid.IntRange(1, 30).Draw(r, "hours")) * time.Hour) },
			"back":   func(r *rapid.T) { w.h.turn(-time.Duration(rapid.IntRange(1, 90).Draw(r, "minutes")) * time.Minute) },
			"tick":   func(*rapid.T) { _ = w.b.Tick(always()) },
			"full":   func(r *rapid.T) { w.disk.full = rapid.Bool().Draw(r, "full") },
			"kill": func(*rapid.T) {
				kill(w.b)
				w.open()
			},
			"close": func(r *rapid.T) {
				if w.disk.full {
					r.Skip("a full disk")
				}
				if err := w.b.Close(); err != nil {
					r.Fatal(err)
				}
				w.open()
			},
			"": w.compare,
		})
		w.last()
	})
}

type world struct {
	t    *rapid.T
	h    *hand
	dir  string
	disk *faulty
	b    *Book
	on   []*Opened
	list []acknowledged
}

func (w *world) open() {
	cfg := config(w.dir, w.h)
	w.disk.full = false
	cfg.disk = w.disk
	b, err := Open(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.b, w.on = b, nil
}

func (w *world) look(r *rapid.T) {
	n := rapid.IntRange(0, 2).Draw(r, "who")
	l := live(operator("p-"+string(rune('a'+n)), "s-"+string(rune('a'+n))), cameras(3)[rapid.IntRange(0, 2).Draw(r, "camera")])
	l.Who.Body = []city.Slug{"safety", "police", "traffic"}[n]
	if rapid.Bool().Draw(r, "back") {
		l.Do, l.To = access.LookBack, w.h.t.Add(-time.Duration(rapid.IntRange(0, 50).Draw(r, "to"))*time.Minute)
		l.From = l.To.Add(-time.Hour)
	}
	o, err := w.b.Record(always(), l)
	if err != nil {
		if !w.disk.full {
			r.Fatal(err)
		}
		return
	}
	w.b.mu.Lock()
	at := w.b.now()
	w.b.mu.Unlock()
	w.on = append(w.on, o)
	w.list = append(w.list, acknowledged{l.Who.ID, l.Who.Session, city.Slug(l.On.ID), at})
}

func (w *world) finish(r *rapid.T) {
	if len(w.on) == 0 {
		r.Skip("nobody looks")
	}
	i := rapid.IntRange(0, len(w.on)-1).Draw(r, "which")
	w.on[i].Finish()
	w.on = slices.Delete(w.on, i, i+1)
}

// compare holds what is published against what an auditor reads, by adding up anew.
func (w *world) compare(r *rapid.T) {
	if w.disk.full {
		return
	}
	days, today, _ := w.b.Days(always())
	all, err := w.b.Details(always(), operator("p-auditor", "s-9"), Query{From: "2026-11-01", To: "2027-10-01"})
	if err != nil {
		r.Fatal(err)
	}
	type key struct {
		day, camera, do, body, purpose string
	}
	type sum struct{ looks, minutes int }
	told, audited := map[key]sum{}, map[key]sum{}
	for _, d := range days {
		for _, n := range d.Of {
			told[key{n.Day, string(n.Name), string(n.Do), string(n.Body), string(n.Purpose)}] = sum{n.Looks, n.Minutes}
		}
	}
	for _, l := range all.Looks {
		day := w.b.calendar.of(l.Begun.Time)
		if day == today {
			continue
		}
		k := key{day, string(l.Name), string(l.Do), string(l.Body), string(l.Purpose)}
		ms := l.Ended.UnixMilli() - l.Begun.UnixMilli()
		audited[k] = sum{audited[k].looks + 1, audited[k].minutes + int(max(1, (ms+59_999)/60_000))}
	}
	if !maps.Equal(told, audited) {
		r.Fatalf("published %v\naudited   %v", told, audited)
	}
	for _, a := range w.list {
		if !there(all.Looks, a) {
			r.Fatalf("the look of %s through %s at %v is lost", a.who, a.camera, a.at)
		}
	}
}

func (w *world) last() {
	w.disk.full = false
	if err := w.b.Close(); err != nil {
		w.t.Fatal(err)
	}
	if _, err := Verify(w.dir, nil); err != nil {
		w.t.Fatal(err)
	}
	if glob := globbed(w.dir); len(glob) > 0 {
		w.t.Fatalf("left behind: %v", glob)
	}
}

func globbed(dir string) []string {
	list, _ := filepath.Glob(filepath.Join(dir, "details", "*.cut-*")) // the pattern is right
	return list
}
