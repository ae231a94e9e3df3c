package lighting_test

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/power/lighting"
)

func groups(t testing.TB) []lighting.Group {
	t.Helper()
	text, err := os.ReadFile("testdata/groups.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, err := lighting.ReadGroups("groups.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	summer = time.FixedZone("EEST", 3*3600)
	winter = time.FixedZone("EET", 2*3600)
)

// TestAlmanac: sunrise and sunset as almanacs print them, to two minutes.
func TestAlmanac(t *testing.T) {
	helsinki, quito, sydney := city.Point{Lat: 60.17, Lon: 24.94}, city.Point{Lat: -0.18, Lon: -78.47}, city.Point{Lat: -33.87, Lon: 151.21}
	for _, c := range []struct {
		name      string
		at        city.Point
		day       time.Time
		rise, set string
	}{
		{"Helsinki, midsummer", helsinki, time.Date(2026, 6, 21, 0, 0, 0, 0, summer), "03:54", "22:50"},
		{"Helsinki, midwinter", helsinki, time.Date(2026, 12, 21, 23, 0, 0, 0, winter), "09:24", "15:13"},
		{"Quito, equinox", quito, time.Date(2026, 3, 20, 5, 0, 0, 0, time.FixedZone("Quito", -5*3600)), "06:18", "18:24"},
		{"Sydney, new year", sydney, time.Date(2026, 1, 1, 5, 0, 0, 0, time.FixedZone("AEDT", 11*3600)), "05:48", "20:09"},
	} {
		s := lighting.SunOn(c.day, c.at, lighting.Horizon)
		for _, x := range []struct {
			got  time.Time
			want string
		}{{s.Rise, c.rise}, {s.Set, c.set}} {
			want, err := time.Parse("15:04", x.want)
			if err != nil {
				t.Fatal(err)
			}
			if x.got.Day() != c.day.Day() || math.Abs(float64(x.got.Hour()*60+x.got.Minute()-want.Hour()*60-want.Minute())) > 2 {
				t.Errorf("%s: %s instead of %s", c.name, x.got.Format(time.DateTime), x.want)
			}
		}
	}
	tromso := city.Point{Lat: 69.65, Lon: 18.96}
	if s := lighting.SunOn(time.Date(2026, 6, 21, 0, 0, 0, 0, time.UTC), tromso, lighting.Horizon); !s.Up || !s.Rise.IsZero() {
		t.Errorf("midnight sun: %+v", s)
	}
	if s := lighting.SunOn(time.Date(2026, 12, 21, 0, 0, 0, 0, time.UTC), tromso, lighting.Horizon); s.Up || !s.Set.IsZero() {
		t.Errorf("polar night: %+v", s)
	}
}

// TestHeightAtRise: the sun has the asked height when it is said to pass it, on any
// day at any place where it does.
func TestHeightAtRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := city.Point{Lat: rapid.Float64Range(-60, 60).Draw(t, "lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon")}
		day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 7300).Draw(t, "day"))
		day = day.In(time.FixedZone("local", int(at.Lon/15)*3600))
		s := lighting.SunOn(day, at, lighting.Civil)
		for _, x := range []time.Time{s.Rise, s.Set} {
			if h := lighting.Height(x, at); !x.IsZero() && math.Abs(h-lighting.Civil) > 0.05 {
				t.Fatalf("%.3f degrees at %s", h, x)
			}
		}
		if !s.Rise.IsZero() && !s.Rise.Before(s.Set) {
			t.Fatalf("up from %s to %s", s.Rise, s.Set)
		}
	})
}

// TestANight: off by day, full at dusk, dimmed when nobody is there late, up at once
// when somebody comes, down after the hold, and full when the counts stop.
func TestANight(t *testing.T) {
	all := groups(t)
	c := lighting.NewCabinet(&all[0])
	at := func(hour, minute int) time.Time { return time.Date(2026, 10, 10, hour, minute, 0, 0, summer) }
	night := at(23, 0)
	see := func(after time.Duration, count int) { c.See(lighting.Count{Time: night.Add(after), Count: count}) }
	check := func(name string, t0 time.Time, level float64, reason string) {
		t.Helper()
		if s := c.At(t0); math.Abs(s.Level-level) > 1e-9 || !strings.Contains(s.Reason, reason) {
			t.Errorf("%s: %.3f (%s)", name, s.Level, s.Reason)
		}
	}
	check("by day", at(15, 0), 0, "sun stands")
	check("dusk", at(20, 0), 1, "not dimmed at this time")
	check("no counts yet", night, 1, "no fresh count")
	see(0, 0)
	check("nobody", night.Add(time.Minute), 2/7.5, "count of 0")
	see(time.Minute, 3)
	check("three people", night.Add(time.Minute), 5/7.5, "count of 3")
	see(2*time.Minute, 30)
	check("a crowd", night.Add(2*time.Minute), 1, "count of 30")
	see(3*time.Minute, 0)
	check("just gone", night.Add(3*time.Minute), 1, "less than 10m0s ago")
	see(13*time.Minute, 0)
	check("long gone", night.Add(13*time.Minute), 2/7.5, "count of 0")
	check("counts stopped", night.Add(16*time.Minute), 1, "no fresh count")
	see(17*time.Minute, -1)
	c.See(lighting.Count{Time: night, Count: 0})
	check("nonsense and old news", night.Add(17*time.Minute), 1, "no fresh count")
	if err := c.Order(lighting.Override{Level: 0.5, Until: night.Add(time.Hour), By: "A. Virtanen"}); err != nil {
		t.Fatal(err)
	}
	check("ordered", night.Add(20*time.Minute), 0.5, "A. Virtanen ordered it until 00:00")
	check("order over", night.Add(time.Hour), 1, "no fresh count")
	if err := c.Order(lighting.Override{Level: 2}); city.KindOf(err) != city.Invalid {
		t.Errorf("an order for twice the light: %v", err)
	}
}

// TestNeverTooDark: whatever counts come and go, a cabinet never gives less than the
// class that the last fresh count asks for, never anything but full light without one,
// and nothing by day.
func TestNeverTooDark(t *testing.T) {
	all := groups(t)
	rapid.Check(t, func(t *rapid.T) {
		c := lighting.NewCabinet(&all[0])
		now := time.Date(2026, 2, 1, 12, 0, 0, 0, winter)
		last, seen := 0, time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "moments") {
			now = now.Add(time.Duration(rapid.IntRange(1, 3600).Draw(t, "seconds")) * time.Second)
			if rapid.Bool().Draw(t, "count") {
				last, seen = rapid.IntRange(0, 10).Draw(t, "people"), now
				c.See(lighting.Count{Time: now, Count: last})
			}
			s := c.At(now)
			day := lighting.Height(now, city.Point{Lat: 60.17, Lon: 24.94}) >= -1
			least := 1.0
			if !seen.IsZero() && now.Sub(seen) <= 2*time.Minute {
				least = map[bool]float64{true: 2 / 7.5, false: 5 / 7.5}[last == 0]
				if last > 5 {
					least = 1
				}
			}
			if day != (s.Level == 0) || (!day && s.Level < least-1e-9) {
				t.Fatalf("%s: %.2f (%s)", now, s.Level, s.Reason)
			}
		}
	})
}

// TestBadGroups: what a configuration gets wrong is named with its group.
func TestBadGroups(t *testing.T) {
	text, err := os.ReadFile("testdata/groups.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{"class: P3", "class: P9", `no lighting class "P9"`},
		{"class: P6", "class: M6", "cannot stand in for"},
		{"class: P4", "class: P1", "asks for more light"},
		{"up_to: 5", "up_to: 0", "must rise"},
		{"register: light-dimming-2026", "", "without a register entry"},
		{"stale: 2m", "", "needs hold and stale"},
		{`from: "22:00"`, `from: "late"`, "no time of day"},
		{"lat: 60.17", "lat: 600", "not on the Earth"},
		{"lamps: 24", "lamps: 0", "numbers above zero"},
		{"on_height: -1", "on_height: -50", "lamps go on between"},
		{"lamp_w: 40", "lamp_watts: 40", "lamp_w"},
	} {
		if _, err := lighting.ReadGroups("groups.yaml", []byte(strings.Replace(string(text), c[0], c[1], 1))); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s: %v", c[1], err)
		}
	}
	if _, err := lighting.ReadGroups("empty", []byte("groups: []")); city.KindOf(err) != city.Invalid {
		t.Errorf("no groups: %v", err)
	}
}

// TestFaultsFromMetering: broken lamps are counted from power at any levels, lamps
// that burn by day too; a meter too coarse for one lamp says so.
func TestFaultsFromMetering(t *testing.T) {
	all := groups(t)
	g := &all[0]
	rapid.Check(t, func(t *rapid.T) {
		broken := rapid.IntRange(0, g.Lamps-1).Draw(t, "broken")
		var list []lighting.Metered
		for range rapid.IntRange(1, 20).Draw(t, "readings") {
			level := rapid.Float64Range(0.2, 1).Draw(t, "level")
			noise := rapid.Float64Range(-0.01, 0.01).Draw(t, "noise")
			list = append(list, lighting.Metered{Level: level, Watts: g.Watts(level, broken) * (1 + noise)})
		}
		if f := lighting.Faults(g, list, 0.01); f.Broken != broken || !f.Sure {
			t.Fatalf("%d broken, found %+v", broken, f)
		}
	})
	if f := lighting.Faults(g, []lighting.Metered{{0, 80}}, 0.01); f.Burning != 2 || f.Reason != "2 lamps burn by day." {
		t.Errorf("by day: %+v", f)
	}
	if f := lighting.Faults(g, []lighting.Metered{{1, g.Watts(1, 0)}, {0, 0}}, 0.01); f.Broken != 0 || f.Reason != "All lamps burn as they should." {
		t.Errorf("all well: %+v", f)
	}
	if f := lighting.Faults(&all[1], []lighting.Metered{{1, all[1].Watts(1, 2)}}, 0.01); f.Sure || !strings.Contains(f.Reason, "cannot tell it to one lamp") {
		t.Errorf("80 lamps at 1%%: %+v", f)
	}
}

// TestEnergySaved: half the light for an hour of darkness saves what physics says.
func TestEnergySaved(t *testing.T) {
	all := groups(t)
	g := &all[0]
	from := time.Date(2026, 12, 21, 22, 0, 0, 0, winter)
	used, full := g.Energy([]lighting.Span{{from, from.Add(time.Hour), g.Watts(0.5, 0)}})
	if math.Abs(full-24*40) > 1e-6 || math.Abs(used-24*21) > 1e-6 {
		t.Errorf("%.1f of %.1f Wh", used, full)
	}
	noon := time.Date(2026, 6, 21, 12, 0, 0, 0, summer)
	if used, full = g.Energy([]lighting.Span{{noon, noon.Add(time.Hour), 0}}); used != 0 || full != 0 {
		t.Errorf("at noon: %.1f of %.1f Wh", used, full)
	}
}

// TestClassesFallMonotonically: within a family a higher number never asks for more.
func TestClassesFallMonotonically(t *testing.T) {
	all := lighting.Classes()
	if len(all) != 18 {
		t.Fatalf("%d classes", len(all))
	}
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if a.Name[0] == b.Name[0] && (b.Mean >= a.Mean || b.Least > a.Least || b.Uniformity > a.Uniformity) {
			t.Errorf("%s asks for no less than %s", a.Name, b.Name)
		}
	}
}
