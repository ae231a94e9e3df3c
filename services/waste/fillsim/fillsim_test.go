package fillsim

import (
	"reflect"
	"testing"
	"time"
)

func TestSimulationIsWhatItSays(t *testing.T) {
	p := Params{Seed: 4, Containers: 60, Days: 90, From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Faulty: 0.2}
	a, b := Simulate(p), Simulate(p)
	if !reflect.DeepEqual(a, b) {
		t.Fatal("the same seed gave two cities")
	}
	faults, overflows := 0, 0
	for _, c := range a.Containers {
		if len(c.Level) != a.Hours || len(c.Brought) != a.Hours || len(c.Readings) < 90 {
			t.Fatalf("%s: %d levels, %d readings", c.ID, len(c.Level), len(c.Readings))
		}
		if c.Fault != Sound {
			faults++
		}
		for h := 1; h < a.Hours; h++ {
			if c.Brought[h] < c.Brought[h-1] || c.Level[h] < 0 {
				t.Fatalf("%s: hour %d goes backwards", c.ID, h)
			}
			if c.Level[h] >= 1 && c.Level[h-1] < 1 {
				overflows++
			}
		}
		for i, r := range c.Readings {
			if r.Fill < 0 || r.Fill > 1 || (i > 0 && !r.At.After(c.Readings[i-1].At)) {
				t.Fatalf("%s: reading %d is %+v", c.ID, i, r)
			}
		}
	}
	if faults < 4 || faults > 25 || overflows < 20 || len(a.Holidays) < 2 {
		t.Errorf("%d faults of 60 at 20%%, %d overflows, %d holidays", faults, overflows, len(a.Holidays))
	}
}
