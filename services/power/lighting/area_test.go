package lighting_test

import (
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/power/lighting"
)

func town(t testing.TB) *lighting.Town {
	t.Helper()
	text, err := os.ReadFile("testdata/town.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, err := lighting.ReadTown("town.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAreasThatWouldTell: an area so small, a step so fine or a hold so short that the lamps
// would tell of one person is refused, with its name.
func TestAreasThatWouldTell(t *testing.T) {
	text, err := os.ReadFile("testdata/town.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{"[garden-street, school-street, mill-lane]", "[garden-street, school-street]", "where somebody walks"},
		{"up_to: 4, class: P6}, {up_to: 14, class: P4}", "up_to: 0, class: P6}, {up_to: 14, class: P4}", "would tell of them"},
		{"up_to: 4, class: P6}, {up_to: 14, class: P4}", "up_to: 4, class: P6}, {up_to: 6, class: P4}", "would tell of them"},
		{"up_to: 4, class: P5}", "up_to: 9, class: P5}", "all change together"},
		{"{up_to: 4, class: P5}, ", "", "all change together"},
		{"    counts:", "    hold: 10m\n    counts:", "would tell of them"},
		{"mill-lane]", "main-road]", "has no steps"},
		{"mill-lane]", "nowhere]", `no group "nowhere"`},
		{"mill-lane]", "garden-street]", "as well"},
		{"    register: light-dimming-2026\n", "", "without a register entry"},
		{"counts: [{camera: garden-gate}, {camera: school-yard, zone: pavement}]", "counts: []", "no camera"},
		{"name: school-street", "name: garden-street", "two groups"},
		{"first: 05-15", "first: 15.5.", "no day like 05-15"},
		{"camera: garden-gate", "camera: Garden Gate", "name"},
	} {
		if _, err := lighting.ReadTown("town.yaml", []byte(strings.Replace(string(text), c[0], c[1], 1))); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s: %v", c[1], err)
		}
	}
}

// TestLampsDoNotTellOfAWalker: whatever fewer than five people do, alone or one beside
// others, the lamps do exactly the same.
func TestLampsDoNotTellOfAWalker(t *testing.T) {
	a := &town(t).Areas[0]
	rapid.Check(t, func(t *rapid.T) {
		with, without := lighting.NewWatch(a), lighting.NewWatch(a)
		at := time.Date(2026, 11, 30, 22, 0, 0, 0, winter)
		for range rapid.IntRange(1, 40).Draw(t, "quarters") {
			others := rapid.Float64Range(0, 3.99).Draw(t, "others")
			with.See(at, others+rapid.Float64Range(0, 1).Draw(t, "walker"), true)
			without.See(at, others, true)
			at = at.Add(lighting.Quarter)
			s1, known1 := with.Step(at)
			s2, known2 := without.Step(at)
			if s1 != s2 || known1 != known2 {
				t.Fatalf("step %d with the walker, %d without", s1, s2)
			}
		}
	})
}

// TestLampsChangeSeldom: never but at the end of a quarter of an hour, down never sooner
// than the hold after the last change, and never below what the last quarter asked for.
func TestLampsChangeSeldom(t *testing.T) {
	a := &town(t).Areas[0]
	rapid.Check(t, func(t *rapid.T) {
		w := lighting.NewWatch(a)
		at := time.Date(2026, 11, 30, 22, 0, 0, 0, winter)
		before, changed := a.Steps(), at
		for range rapid.IntRange(1, 60).Draw(t, "quarters") {
			people := rapid.Float64Range(0, 30).Draw(t, "people")
			known := rapid.IntRange(0, 9).Draw(t, "known") > 0
			w.See(at, people, known)
			at = at.Add(lighting.Quarter)
			for _, within := range []time.Duration{0, time.Minute, 14 * time.Minute} {
				w.See(at.Add(within-lighting.Quarter), rapid.Float64Range(0, 30).Draw(t, "again"), true) // seen already
			}
			step, ok := w.Step(at)
			if ok != known {
				t.Fatalf("known %v, told %v", known, ok)
			}
			least := 0
			for least < a.Steps() && people >= []float64{5, 15}[least] {
				least++
			}
			switch {
			case !known && step != a.Steps(), known && step < least:
				t.Fatalf("step %d with %.1f people, known: %v", step, people, known)
			case step < before && at.Sub(changed) < lighting.LeastHold:
				t.Fatalf("fell after %s", at.Sub(changed))
			}
			if step != before {
				before, changed = step, at
			}
		}
		if step, known := w.Step(at.Add(31 * time.Minute)); known || step != a.Steps() {
			t.Fatalf("old counts count: step %d", step)
		}
	})
}

// TestGuessingFromLamps plays against whoever sees every change of the lamps, knows how many
// others are usually out, and was told the truth of half of the nights: did somebody walk
// in that quarter of an hour? Of who passes within two minutes they know nothing. Of who stays
// for all of it they know nothing on a quiet street; where the others alone make almost as
// many as a step, one more can tip it, as in any count that is published.
func TestGuessingFromLamps(t *testing.T) {
	a := &town(t).Areas[0]
	rng := rand.New(rand.NewPCG(19, 7)) //nolint:gosec // a game
	type game struct {
		name   string
		others float64 // out at a time, on average
		stays  float64 // part of a quarter for which the walker is seen
		bound  float64 // share of right guesses that is borne
	}
	for _, street := range []game{
		{"quiet, two minutes", 0.5, 2. / 15, 0.5},
		{"lively, two minutes", 3, 2. / 15, 0.5},
		{"at the step, two minutes", 4.5, 2. / 15, 0.5},
		{"busy, two minutes", 10, 2. / 15, 0.5},
		{"quiet, all of it", 0.5, 1, 0.5},
		{"lively, all of it", 3, 1, 0.6},
		{"at the step, all of it", 4.5, 1, 0.6},
		{"busy, all of it", 10, 1, 0.6},
	} {
		type sight struct{ before, after int }
		walked := map[sight][2]int{}
		right, guessed := 0, 0
		for night := range 400 {
			w := lighting.NewWatch(a)
			at := time.Date(2026, 11, 30, 22, 0, 0, 0, winter)
			before := a.Steps()
			for range 28 {
				others := max(0, street.others+0.6*math.Sqrt(street.others)*rng.NormFloat64())
				coin := rng.IntN(2)
				w.See(at, others+float64(coin)*street.stays, true)
				at = at.Add(lighting.Quarter)
				after, _ := w.Step(at)
				s := sight{before, after}
				before = after
				if night%2 == 0 {
					told := walked[s]
					told[coin]++
					walked[s] = told
					continue
				}
				guess := 0
				if walked[s][1] > walked[s][0] {
					guess = 1
				}
				if guessed++; guess == coin {
					right++
				}
			}
		}
		share := float64(right) / float64(guessed)
		noise := 3.09 * 0.5 / math.Sqrt(float64(guessed)) // a fair coin exceeds it once in a thousand times
		t.Logf("%s: right in %.1f%% of %d (a coin: up to %.1f%%)", street.name, 100*share, guessed, 100*(0.5+noise))
		if share > street.bound+noise {
			t.Errorf("%s: whoever watches the lamps is right in %.1f%%", street.name, 100*share)
		}
	}
}

// TestTheCentresWord: a cabinet takes none but its own steps, at the times of its own
// schedule, and forgets it when nobody says it again.
func TestTheCentresWord(t *testing.T) {
	g := town(t).Group("garden-street")
	c := lighting.NewCabinet(g)
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 30, hour, minute, 0, 0, winter) }
	for _, level := range []float64{0, 0.1, 0.5, 1.2, -1, math.NaN(), math.Inf(1)} {
		if err := c.Allow(level, at(23, 0)); city.KindOf(err) != city.Forbidden {
			t.Errorf("level %g: %v", level, err)
		}
	}
	if err := c.Allow(0.27, at(21, 55)); err != nil { // 2/7.5, in whole percents
		t.Fatal(err)
	}
	for _, x := range []struct {
		at    time.Time
		level float64
		by    string
	}{
		{at(14, 0), 0, lighting.BySun}, {at(21, 58), 1, lighting.BySchedule}, {at(22, 3), 2 / 7.5, lighting.ByCentre}, {at(22, 6), 1, lighting.BySchedule},
	} {
		if s := c.At(x.at); math.Abs(s.Level-x.level) > 1e-9 || s.By != x.by {
			t.Errorf("%s: %+v", x.at, s)
		}
	}
	undimmed := lighting.NewCabinet(town(t).Group("main-road"))
	if err := undimmed.Allow(0.5, at(23, 0)); city.KindOf(err) != city.Forbidden {
		t.Errorf("a road that is not dimmed: %v", err)
	}
}

// TestSeasons: in summer the same street is dimmed later and shorter.
func TestSeasons(t *testing.T) {
	g := town(t).Group("garden-street")
	for _, x := range []struct {
		at   time.Time
		plan lighting.Plan
	}{
		{time.Date(2026, 11, 30, 12, 0, 0, 0, winter), lighting.Plan{}},
		{time.Date(2026, 11, 30, 20, 0, 0, 0, winter), lighting.Plan{Least: 1, Most: 1}},
		{time.Date(2026, 11, 30, 22, 30, 0, 0, winter), lighting.Plan{Least: 2 / 7.5, Most: 1}},
		{time.Date(2026, 12, 1, 5, 0, 0, 0, winter), lighting.Plan{Least: 2 / 7.5, Most: 1}},
		{time.Date(2026, 8, 15, 23, 0, 0, 0, summer), lighting.Plan{Least: 1, Most: 1}},
		{time.Date(2026, 8, 16, 3, 30, 0, 0, summer), lighting.Plan{Least: 2 / 7.5, Most: 1}}, // the night of the 15th
		{time.Date(2026, 8, 16, 23, 0, 0, 0, summer), lighting.Plan{Least: 2 / 7.5, Most: 1}},
	} {
		if p := g.Plan(x.at); math.Abs(p.Least-x.plan.Least) > 1e-9 || p.Most != x.plan.Most {
			t.Errorf("%s: %+v, want %+v", x.at, p, x.plan)
		}
	}
}
