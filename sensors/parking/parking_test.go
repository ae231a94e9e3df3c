package parking_test

import (
	"math"
	"testing"
	"time"

	"polity/sensors/parking"
	"polity/sensors/series"
)

func TestBayIsUnknownRatherThanFree(t *testing.T) {
	for _, c := range []struct {
		status        string
		occupied, has bool
		age           time.Duration
		want          parking.State
	}{
		{"free", false, false, time.Hour, parking.Free},
		{"occupied", false, true, time.Hour, parking.Occupied},
		{"", true, true, time.Hour, parking.Occupied},
		{"", false, true, time.Hour, parking.Free},
		{"", false, false, time.Hour, parking.Unknown},
		{"free", false, false, 5 * time.Hour, parking.Unknown},
		{"", false, true, 5 * time.Hour, parking.Unknown},
		{"closed", false, false, 500 * time.Hour, parking.Closed},
		{"FREE", false, false, 0, parking.Unknown},
		{"unknown", true, true, 0, parking.Unknown},
	} {
		if got := parking.Bay(c.status, c.occupied, c.has, c.age, 4*time.Hour); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestGarageCountsNeverLie(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		total, occupied, available float64
		want                       parking.Room
		ok                         bool
	}{
		{100, 40, nan, parking.Room{Total: 100, Free: 60}, true},
		{100, nan, 40, parking.Room{Total: 100, Free: 40}, true},
		{100, 40, 99, parking.Room{Total: 100, Free: 60}, true},
		{100, 130, nan, parking.Room{Total: 100, Free: 0, Drift: 30}, true},
		{100, -7, nan, parking.Room{Total: 100, Free: 100, Drift: -7}, true},
		{100, nan, 103, parking.Room{Total: 100, Free: 100, Drift: -3}, true},
		{100, nan, nan, parking.Room{}, false},
		{0, 1, nan, parking.Room{}, false},
		{nan, 1, nan, parking.Room{}, false},
		{100, math.Inf(1), nan, parking.Room{}, false},
	} {
		got, ok := parking.Garage(c.total, c.occupied, c.available)
		if got != c.want || ok != c.ok {
			t.Errorf("%+v: %+v, %v", c, got, ok)
		}
		if ok && (got.Free < 0 || got.Free > got.Total || got.Share() < 0 || got.Share() > 1) {
			t.Errorf("%+v: impossible %+v", c, got)
		}
	}
}

func TestByHourWeighsTime(t *testing.T) {
	day := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	points := []series.Point{
		{At: day.Add(8 * time.Hour), Value: 0},
		{At: day.Add(9*time.Hour + 30*time.Minute), Value: 1},
		{At: day.Add(9*time.Hour + 45*time.Minute), Value: 0},
		{At: day.Add(10 * time.Hour), Value: 1},
	}
	h := parking.ByHour(points, day, day.Add(24*time.Hour), 2*time.Hour, time.UTC)
	if h[8].Share != 0 || h[9].Share != .25 || h[10].Share != 1 || h[11].Share != 1 {
		t.Errorf("%+v", h)
	}
	if !math.IsNaN(h[12].Share) || h[12].Covered != 0 || !math.IsNaN(h[7].Share) {
		t.Error("hours of which nothing is known have a share")
	}
	// Cut by the bounds, and in a zone half an hour off.
	india := time.FixedZone("half", 5*3600+1800)
	h = parking.ByHour(points, day.Add(10*time.Hour), day.Add(10*time.Hour+30*time.Minute), 2*time.Hour, india)
	if h[15].Covered != 30*time.Minute || h[15].Share != 1 {
		t.Errorf("%+v", h[15])
	}
}
