package look

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"polity/access"
	"polity/city"
)

var helsinki = func() *time.Location {
	l, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		panic(err)
	}
	return l
}()

// noon is a Monday noon in Helsinki.
var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, helsinki)

// hand is a clock that tests turn.
type hand struct{ t time.Time }

func (h *hand) now() time.Time          { return h.t }
func (h *hand) turn(d time.Duration)    { h.t = h.t.Add(d) }
func (h *hand) set(t time.Time)         { h.t = t }
func config(dir string, h *hand) Config { return Config{Dir: dir, Zone: helsinki, Now: h.now} }
func operator(id, session string) access.Who {
	return access.Who{Kind: access.Person, ID: id, Body: "safety", Roles: []access.Role{access.SafetyOperator}, Session: session}
}

func live(who access.Who, camera city.Slug) Look {
	return Look{Who: who, Purpose: "incident", Do: access.LookLive, On: access.Camera(camera)}
}

func open(t *testing.T, cfg Config) *Book {
	t.Helper()
	b, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func look(t *testing.T, b *Book, l Look) *Opened {
	t.Helper()
	o, err := b.Record(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func tick(t *testing.T, b *Book) {
	t.Helper()
	if err := b.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestADayOfLooks: a look is counted on the day in which it is public, once, with its
// minutes, and nothing of a day that goes on is public.
func TestADayOfLooks(t *testing.T) {
	h := &hand{noon}
	b := open(t, config(t.TempDir(), h))
	a, other := operator("p-anna", "s-1"), operator("p-bo", "s-2")
	other.Body = "police"
	first := look(t, b, live(a, "square"))
	second := look(t, b, live(other, "square"))
	h.turn(90 * time.Second)
	first.Finish()
	first.Finish() // again
	second.Finish()
	h.turn(time.Minute)
	continued := look(t, b, live(a, "square"))
	h.turn(30 * time.Second)
	continued.Finish()
	h.turn(61 * time.Second)
	look(t, b, live(a, "square")).Finish() // another one
	if days, today, until := b.Days(t.Context()); len(days) != 0 || today != "2026-11-30" || !until.Equal(noon.Add(8*time.Hour)) {
		t.Fatalf("published %v, today %s until %v", days, today, until)
	}
	h.set(noon.Add(8 * time.Hour))
	days, today, _ := b.Days(t.Context())
	if len(days) != 1 || today != "2026-12-01" {
		t.Fatalf("published %v, today %s", days, today)
	}
	want := []Count{
		{"2026-11-30", access.ACamera, "square", access.LookLive, "police", "incident", 1, 2},
		{"2026-11-30", access.ACamera, "square", access.LookLive, "safety", "incident", 2, 3 + 1},
	}
	if d := days[0]; len(d.Of) != 2 || d.Of[0] != want[0] || d.Of[1] != want[1] || d.Looks != 3 {
		t.Errorf("counts %+v", d)
	}
}

// TestAWallIsManyLooks: one of each scene, and not more for a second window.
func TestAWallIsManyLooks(t *testing.T) {
	h := &hand{noon}
	b := open(t, config(t.TempDir(), h))
	who := operator("p-anna", "s-1")
	for range 2 {
		for _, camera := range cameras(64) {
			look(t, b, live(who, camera))
		}
	}
	h.set(noon.Add(8 * time.Hour))
	days, _, _ := b.Days(t.Context())
	if len(days) != 1 || days[0].Looks != 64 {
		t.Fatalf("%+v", days)
	}
}

func cameras(n int) (list []city.Slug) {
	for i := range n {
		list = append(list, city.Slug("camera-"+string(rune('a'+i/26))+string(rune('a'+i%26))))
	}
	return list
}

// TestALookPastTheEndOfADay is one of each day.
func TestALookPastTheEndOfADay(t *testing.T) {
	h := &hand{noon.Add(7*time.Hour + 59*time.Minute)}
	b := open(t, config(t.TempDir(), h))
	who := operator("p-anna", "s-1")
	on, closed := look(t, b, live(who, "square")), look(t, b, live(who, "bridge"))
	h.turn(90 * time.Second)
	closed.Finish() // after the end of the day, before anybody noticed it
	h.turn(24*time.Hour + time.Minute)
	tick(t, b)
	on.Finish()
	h.turn(24 * time.Hour)
	days, _, _ := b.Days(t.Context())
	if len(days) != 3 {
		t.Fatalf("%d days", len(days))
	}
	minutes := func(day int, camera city.Slug) int {
		for _, n := range days[day].Of {
			if n.Name == camera {
				return n.Minutes
			}
		}
		return 0
	}
	for day, want := range [][2]int{{1, 1}, {24 * 60, 1}, {2, 0}} {
		if got := [2]int{minutes(day, "square"), minutes(day, "bridge")}; got != want {
			t.Errorf("day %d: minutes %v, want %v", day, got, want)
		}
	}
}

// TestWhatIsNoLook: nothing is written of what cannot be counted.
func TestWhatIsNoLook(t *testing.T) {
	h := &hand{noon}
	b := open(t, config(t.TempDir(), h))
	good := live(operator("p-anna", "s-1"), "square")
	for name, change := range map[string]func(*Look){
		"no purpose":        func(l *Look) { l.Purpose = "" },
		"free text":         func(l *Look) { l.Purpose = "looking-for-matti" },
		"the public":        func(l *Look) { l.Who = access.Who{} },
		"no session":        func(l *Look) { l.Who.Session = "" },
		"no body":           func(l *Look) { l.Who.Body = "" },
		"no look":           func(l *Look) { l.Do = access.SeeCounts },
		"a city":            func(l *Look) { l.On = access.City() },
		"a path":            func(l *Look) { l.On.ID = "../square" },
		"data of a camera":  func(l *Look) { l.Do = access.LookData },
		"live of a service": func(l *Look) { l.On = access.Service("water") },
		"backwards":         func(l *Look) { l.From, l.To = noon, noon.Add(-time.Hour) },
		"a line in an ID":   func(l *Look) { l.Who.ID = "p\n{}" },
	} {
		l := good
		change(&l)
		if _, err := b.Record(t.Context(), l); err == nil || city.KindOf(err) == city.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.today.n != 0 {
		t.Errorf("%d lines were written", b.today.n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Record(ended, good); !errors.Is(err, context.Canceled) {
		t.Errorf("who has left: %v", err)
	}
}

// TestASecondWriter is refused, and may write once the first is gone.
func TestASecondWriter(t *testing.T) {
	h := &hand{noon}
	cfg := config(t.TempDir(), h)
	b := open(t, cfg)
	if _, err := Open(cfg); city.KindOf(err) != city.Conflict {
		t.Fatalf("second writer: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Record(t.Context(), live(operator("p-anna", "s-1"), "square")); city.KindOf(err) != city.Unavailable {
		t.Errorf("a closed book took a look: %v", err)
	}
	open(t, cfg)
	info, err := os.Stat(cfg.Dir + "/lock")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestTheClockGoesBack: order and lengths stay.
func TestTheClockGoesBack(t *testing.T) {
	h := &hand{noon}
	cfg := config(t.TempDir(), h)
	b := open(t, cfg)
	look(t, b, live(operator("p-anna", "s-1"), "square"))
	h.turn(-3 * time.Hour)
	look(t, b, live(operator("p-anna", "s-1"), "bridge"))
	h.turn(5 * time.Minute)
	tick(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	h.turn(-24 * time.Hour)
	b = open(t, cfg)
	look(t, b, live(operator("p-anna", "s-2"), "square"))
	if len(b.today.looks) != 3 || b.today.day != "2026-11-30" {
		t.Fatalf("%d looks of %s", len(b.today.looks), b.today.day)
	}
	for _, l := range b.today.looks[:2] {
		if l.Minutes() != 5 {
			t.Errorf("look %d: %d minutes", l.Look, l.Minutes())
		}
	}
}
