package rounds

import (
	"fmt"
	"testing"
	"time"

	"polity/city"
)

var monday = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

func world(breaks string) *World {
	var ids []string
	for i := range 12 {
		ids = append(ids, fmt.Sprintf("c%d", i+1))
	}
	return New(Config{Seed: 3, Containers: ids, Today: monday, Pace: 3600, Breaks: breaks, BreaksAt: 6*time.Hour + 30*time.Minute})
}

func round(truck string, ids ...string) Round {
	r := Round{Truck: truck, Start: 6 * time.Hour, End: 8 * time.Hour}
	for i, id := range ids {
		at := 6*time.Hour + time.Duration(i+1)*15*time.Minute
		r.Stops = append(r.Stops, Stop{Container: id, Place: city.Point{Lon: 25, Lat: 60}, Arrive: at, Leave: at, Kilograms: 40})
	}
	r.Stops = append(r.Stops, Stop{Site: "landfill", Arrive: 7*time.Hour + 30*time.Minute, Leave: 7*time.Hour + 30*time.Minute})
	return r
}

// days plays hours of its clock, in minutes, and returns what happened.
func days(w *World, hours int) (events []Event) {
	for i := range hours*60 + 1 {
		events = append(events, w.Step(monday.Add(time.Duration(i)*time.Second/60))...)
	}
	return events
}

func count(events []Event, what, truck string) (n int) {
	for _, e := range events {
		if e.What == what && e.Truck == truck {
			n++
		}
	}
	return n
}

// TestTrucksEmptyWhatTheyAreSentTo: in order, at their times; then all are home, and a new day
// dawns. While nothing is sent out, the clock stands.
func TestTrucksEmptyWhatTheyAreSentTo(t *testing.T) {
	w := world("")
	if days(w, 2); !w.Now().Equal(monday.Add(Morning)) {
		t.Fatalf("the clock ran to %s with no truck out", w.Now())
	}
	full := w.fill(0, w.Now())
	w.seen = time.Time{}
	w.Drive(round("t1", "c1", "c2"))
	events := days(w, 8)
	if count(events, Emptied, "t1") != 2 || count(events, Unloaded, "t1") != 1 || count(events, Home, "t1") != 1 || count(events, Dawn, "") != 1 {
		t.Fatalf("%+v", events)
	}
	for _, e := range events {
		if e.What == Unloaded && e.Kilograms != 80 {
			t.Errorf("%g kg unloaded", e.Kilograms)
		}
	}
	if now := w.fill(0, w.Now()); now >= full+0.2 || now < 0 || !w.Day().Equal(monday.AddDate(0, 0, 1)) {
		t.Errorf("c1 was at %.2f and is at %.2f on %s", full, now, w.Day())
	}
}

// TestABrokenTruckStandsAndOthersGoOn: what it carried stays on it, and another may be sent.
func TestABrokenTruckStandsAndOthersGoOn(t *testing.T) {
	w := world("t1")
	w.Drive(round("t1", "c1", "c2", "c3"))
	w.Drive(round("t2", "c4"))
	events := days(w, 4)
	if count(events, Broke, "t1") != 1 || count(events, Emptied, "t1") == 0 || count(events, Emptied, "t1") == 3 || count(events, Home, "t2") != 1 {
		t.Fatalf("%+v", events)
	}
	if s := w.trucks["t1"]; !s.broken || s.load == 0 || s.home {
		t.Errorf("%+v", s)
	}
	w.Recall()
	if w.out() {
		t.Error("a truck is out that was called back")
	}
}

// TestSensorsTellWhatIsThere: within their noise, of every container.
func TestSensorsTellWhatIsThere(t *testing.T) {
	w := world("")
	w.Drive(round("t1"))
	days(w, 1)
	list := w.Readings()
	told := map[int]bool{}
	for _, r := range list {
		told[r.Container] = true
	}
	if len(told) != 12 || len(w.Readings()) != 0 {
		t.Fatalf("%d readings of %d containers", len(list), len(told))
	}
	for _, r := range list {
		if is := min(1, w.fill(r.Container, r.At)); r.Fill < is-0.1 || r.Fill > is+0.1 {
			t.Errorf("c%d is at %.2f and says %.2f", r.Container+1, is, r.Fill)
		}
	}
}

// TestTheFirstDayFindsACityInOrder: a few containers are full, for crews to be sent to, and
// what was emptied for that stands in the history.
func TestTheFirstDayFindsACityInOrder(t *testing.T) {
	var ids []string
	for i := range 240 {
		ids = append(ids, fmt.Sprintf("c%d", i+1))
	}
	w := New(Config{Seed: 17, Containers: ids, Today: monday, Pace: 60})
	full, emptied := 0, 0
	for i := range ids {
		if w.fill(i, w.Now()) >= 0.98 {
			full++
		}
		_, at := w.History(i)
		if n := len(at); n > 0 && at[n-1].Equal(monday.Add(tidyAt)) {
			emptied++
		}
	}
	if full < 1 || full > 4 || emptied < 3 {
		t.Errorf("%d containers are full, %d were emptied the day before", full, emptied)
	}
}

// TestAMadeUpCityBeginsAlikeOnEveryDate: so that what is shown and tested with it holds on
// any weekday, too.
func TestAMadeUpCityBeginsAlikeOnEveryDate(t *testing.T) {
	ids := []string{"c1", "c2", "c3", "c4", "c5", "c6"}
	first := New(Config{Seed: 17, Containers: ids, Today: monday, Pace: 60})
	for days := 1; days <= 400; days += 57 {
		w := New(Config{Seed: 17, Containers: ids, Today: monday.AddDate(0, 0, days), Pace: 60})
		for i := range ids {
			for _, later := range []time.Duration{0, 30 * time.Hour} {
				if is, was := w.fill(i, w.Now().Add(later)), first.fill(i, first.Now().Add(later)); is != was {
					t.Errorf("%d days later %s holds %g, not %g", days, ids[i], is, was)
				}
			}
			readings, emptied := w.History(i)
			before, emptiedBefore := first.History(i)
			if len(readings) == 0 || len(readings) != len(before) || len(emptied) != len(emptiedBefore) {
				t.Fatalf("%d readings, %d emptied", len(readings), len(emptied))
			}
			if n := len(readings) - 1; !readings[n].At.Equal(before[n].At.AddDate(0, 0, days)) || readings[n].At.After(w.Now()) {
				t.Errorf("the last reading is of %s", readings[n].At)
			}
		}
	}
}

// TestSomebodyDrives: nothing happens to their truck by itself, and the day waits for them.
func TestSomebodyDrives(t *testing.T) {
	w := world("")
	w.Drive(round("t1", "c1", "c2"))
	w.Leave("t1")
	if events := days(w, 8); len(events) > 0 || !w.Now().Equal(monday.Add(Morning)) {
		t.Fatalf("%s: %+v", w.Now(), events)
	}
	w.Empty("c1")
	if now := w.fill(0, w.Now()); now > 0.05 {
		t.Errorf("c1 is at %.2f after it was emptied", now)
	}
	w.Stop("t1")
	w.seen = time.Time{}
	if events := days(w, 8); count(events, Dawn, "") != 1 || len(events) != 1 {
		t.Errorf("they are back, and %+v", events)
	}
	w = world("")
	w.Drive(round("t1", "c1", "c2"))
	w.Leave("t1")
	w.Drive(round("t1", "c2"))
	if events := days(w, 4); count(events, Emptied, "t1") != 1 || count(events, Home, "t1") != 1 {
		t.Errorf("the made-up crew goes on: %+v", events)
	}
}
