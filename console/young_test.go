package console_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/console/counts"
)

// newcomer is a city whose cameras began to measure at a time.
type newcomer struct {
	*consoletest.City
	begun time.Time
}

func (n newcomer) Counts(ctx context.Context, camera city.Slug, q counts.Query) ([]counts.Series, error) {
	all, err := n.City.Counts(ctx, camera, q)
	for _, s := range all {
		for i := range s.Points {
			if q.From.Add(time.Duration(i) * q.Step).Before(n.begun) {
				s.Points[i] = counts.Point{}
			}
		}
	}
	return all, err
}

// TestYoungCameraIsShownByItsFirstHours: whoever comes minutes after the start sees
// more than a dot in a whole day.
func TestYoungCameraIsShownByItsFirstHours(t *testing.T) {
	now := func() time.Time { return afternoon } // 14:32 in Helsinki
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		begun      time.Duration // before now
		strip      string        // of the slider: first minute, length
		from       string        // of the chart
	}{
		{"a quarter of an hour", "/cameras/square", 15 * time.Minute, `viewBox="840 0 120 48"`, `"step":60000`},
		{"almost two hours", "/cameras/square", 110 * time.Minute, `viewBox="720 0 180 48"`, `"step":60000`},
		{"a morning", "/cameras/square", 5 * time.Hour, `viewBox="0 0 1440 48"`, `"step":900000`},
		{"a moment before it", "/cameras/square?at=2026-11-24T09:00", 15 * time.Minute, `viewBox="0 0 1440 48"`, `"step":900000`},
		{"a moment since", "/cameras/square?at=2026-11-24T14:25", 15 * time.Minute, `viewBox="840 0 120 48"`, `"step":60000`},
		{"as everyone sees it", "/cameras/square?as=public", 15 * time.Minute, `viewBox="0 0 1440 48"`, `"step":900000`},
		{"another day", "/cameras/square?day=2026-11-23", 15 * time.Minute, `viewBox="0 0 1440 48"`, `"step":900000`},
	} {
		pages, err := console.New(console.Config{City: newcomer{world, afternoon.Add(-c.begun)}, Access: everything, Looks: &consoletest.Looks{}, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		body := get(t, pages, c.path).Body.String()
		pages.Close()
		if !strings.Contains(body, c.strip) || !strings.Contains(body, c.from) {
			t.Errorf("%s: no %s or %s in %s", c.name, c.strip, c.from, body[max(0, strings.Index(body, "strip-chart")-60):][:300])
		}
	}
}
