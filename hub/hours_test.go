package hub

import (
	"testing"
	"time"

	"polity/hub/minutes"
)

func TestWhichHoursLeave(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(clock string) time.Time {
		x, err := time.Parse("15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		return noon.Add(x.Sub(x.Truncate(24*time.Hour)) - 12*time.Hour)
	}
	steady := speaking{up: time.Hour}
	three := []minutes.Hour{{Start: at("12:00"), First: at("12:01")}, {Start: at("13:00"), First: at("13:01")}, {Start: at("14:00"), First: at("14:01")}}
	for _, c := range []struct {
		why   string
		list  []minutes.Hour
		now   time.Time
		delay time.Duration
		from  speaking
		want  int
	}{
		{"two hours after its end", three, at("15:00"), 0, steady, 1},
		{"not before", three, at("14:59"), 0, steady, 0},
		{"what is not public yet stays", three, at("15:00"), 2 * time.Hour, steady, 0},
		{"until it is", three, at("15:15"), 2 * time.Hour, steady, 1},
		{"the newest may go on", three, at("23:00"), 0, steady, 2},
		{"while the edge is away it may send again what broke off", three, at("23:00"), 0, speaking{}, 0},
		{"and for some time after its return", three, at("23:00"), 0, speaking{up: time.Minute}, 0},
		{"what was taken late: the next hour has just come", []minutes.Hour{{Start: at("12:00"), First: at("20:00")}, {Start: at("13:00"), First: at("20:01")}}, at("20:10"), 0, steady, 0},
		{"some time later", []minutes.Hour{{Start: at("12:00"), First: at("20:00")}, {Start: at("13:00"), First: at("20:01")}}, at("20:16"), 0, steady, 1},
		{"nothing comes any more of a camera without an entry", three, at("17:00"), 0, speaking{never: true}, 3},
	} {
		if got := dueHours(c.list, c.now, c.delay, c.from); len(got) != c.want || c.want > 0 && got[0] != c.list[0] {
			t.Errorf("%s: %d hours leave, want %d", c.why, len(got), c.want)
		}
	}
}
