package simulation

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"polity/plane/ingest/mapping"
	"polity/sensors"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func town(t testing.TB) *City {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	return &City{Seed: 7, Start: start, Zone: zone}
}

// TestEveryMessageIsTakenAndMarked: what devices say fits the mappings, and every entity
// says that it is simulated.
func TestEveryMessageIsTakenAndMarked(t *testing.T) {
	files, err := Mappings()
	if err != nil {
		t.Fatal(err)
	}
	var list []*mapping.Mapping
	for name, text := range files {
		m, err := mapping.Read(name, text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	set, err := mapping.NewSet(list...)
	if err != nil {
		t.Fatal(err)
	}
	c, kinds := town(t), map[sensors.Kind]int{}
	for _, d := range devices() {
		for step := range 200 { // most of two days, storms among them
			at := start.Add(time.Duration(step-100) * 17 * time.Minute)
			for _, m := range d.say(c, at, d.every) {
				if !strings.HasPrefix(m.topic, d.prefix) {
					t.Fatalf("%s publishes to %s, beside its prefix %s", d.name, m.topic, d.prefix)
				}
				of, r, err := set.Apply(mapping.Message{Topic: m.topic, Payload: m.payload, Received: at})
				if err != nil {
					t.Fatalf("%s: %v: %s", m.topic, err, m.payload)
				}
				if of.Household { // its sums are marked: a test of package ingest
					if k, ok := sensors.KindOf([]string{of.Entity.Type}); ok {
						kinds[k]++
					}
					continue
				}
				s, ok := sensors.Read(r.Entity)
				if !ok || !s.Simulated || !s.Placed || s.Name != d.title || len(s.Values) == 0 {
					t.Fatalf("%s becomes %+v", m.topic, s)
				}
				if step == 0 {
					kinds[s.Kind]++
				}
			}
		}
	}
	for _, k := range sensors.Kinds() {
		if kinds[k] == 0 {
			t.Errorf("the demo has no sensor of %s", k)
		}
	}
	for block, n := range blocks {
		if n < mapping.MinHomes {
			t.Errorf("the block %s has %d homes; no sum of so few is known", block, n)
		}
	}
}

func TestTheSameAgain(t *testing.T) {
	for _, d := range devices() {
		a, b := d.say(town(t), start.Add(time.Hour), d.every), d.say(town(t), start.Add(time.Hour), d.every)
		said := map[string]bool{}
		for _, m := range a {
			said[m.topic+string(m.payload)] = true
		}
		for _, m := range b {
			if !said[m.topic+string(m.payload)] {
				t.Errorf("%s says %s only the second time", d.name, m.payload)
			}
		}
		other := town(t)
		other.Seed = 8
		if x := d.say(other, start.Add(time.Hour), d.every); d.mapping == "air-station" && bytes.Equal(x[0].payload, a[0].payload) {
			t.Errorf("%s does not know the seed", d.name)
		}
	}
}

// TestTheUnderpassFloods within the first minutes, and is dry again before the next storm.
func TestTheUnderpassFloods(t *testing.T) {
	c := town(t)
	if v := c.Level(start); v > .05 {
		t.Errorf("it begins with %.2f m", v)
	}
	if v := c.Level(start.Add(3*time.Minute + 30*time.Second)); v < .35 {
		t.Errorf("after three minutes and a half there are %.2f m", v)
	}
	if v := c.Level(start.Add(16 * time.Minute)); v > .05 {
		t.Errorf("after a quarter of an hour there are still %.2f m", v)
	}
	storms, wet := 0, false
	for at := start; at.Before(start.Add(24 * time.Hour)); at = at.Add(10 * time.Second) {
		if now := c.Stormy(at); now != wet {
			wet = now
			if now {
				storms++
			}
		}
	}
	if storms < 24 || storms > 36 {
		t.Errorf("%d storms a day", storms)
	}
	fallen := 0.0
	for at := start.Add(-24 * time.Hour); at.Before(start); at = at.Add(15 * time.Minute) {
		fallen += c.Fallen(at, 15*time.Minute)
	}
	if fallen < 2 || fallen > 40 {
		t.Errorf("%.1f mm fell on the day before", fallen)
	}
}

// TestDaysHaveACurve: nights are quieter and cleaner than rush hours, and everything
// stays where a city is.
func TestDaysHaveACurve(t *testing.T) {
	c := town(t)
	at := func(hour int) time.Time { return time.Date(2026, 12, 1, hour, 20, 0, 0, c.Zone) }
	if night, rush := c.Air("x", 1, at(3)), c.Air("x", 1, at(8)); rush.NO2 < night.NO2+10 || rush.O3 > night.O3 {
		t.Errorf("night %+v, rush hour %+v", night, rush)
	}
	if night, rush := c.Sound("x", 1, at(3)), c.Sound("x", 1, at(16)); rush.LAeq < night.LAeq+3 || rush.LA10 < rush.LAeq || rush.LA90 > rush.LAeq || rush.LAmax < rush.LA10 {
		t.Errorf("night %+v, rush hour %+v", night, rush)
	}
	if night, noon := c.Garage(garageSpaces, at(4)), c.Garage(garageSpaces, at(13)); noon < 2*night || noon > garageSpaces {
		t.Errorf("the garage holds %d at night, %d at noon", night, noon)
	}
}

func TestEveryDeviceHasItsOwnPassword(t *testing.T) {
	s := New(*town(t), nil)
	list, err := s.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, d := range list {
		if err := d.Check(); err != nil {
			t.Error(err)
		}
		if secret := s.secrets[d.Name]; seen[secret] || bcrypt.CompareHashAndPassword([]byte(d.Password), []byte(secret)) != nil {
			t.Errorf("%s shares its password, or cannot sign in", d.Name)
		}
		seen[s.secrets[d.Name]] = true
	}
	if len(list) < 15 {
		t.Errorf("%d devices", len(list))
	}
}
