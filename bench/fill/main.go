// Command fill measures the forecast of fill against the truth of simulated
// containers, and against extending the last rate.
package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"polity/bench/harness"
	"polity/services/waste/fillsim"
	"polity/services/waste/forecast"
)

func main() {
	harness.Main(harness.Bench{
		Name: "fill",
		About: `Simulated containers (services/waste/fillsim; the forecast shares no code with it and
does not know its parameters) are observed through unreliable sensors for 120 days.
On 12 mornings of the last 30 days the forecast, fitted to what was known then,
foretells the fill 1, 2 and 3 days ahead if nobody collects; the truth is the
simulation's. Sensors that the forecast says lie, and those that do lie, are left
out of both errors and counted on their own.

mae_ratio_to_last_rate is the mean absolute error over that of extending the rate
since the last collection (over at least a day). calibration_error_pct is the
largest gap between said and seen frequency of overflow over ten bins of at least
50 forecasts; the mean gap, weighted by bin size, stands beside it.`,
		Variables: []harness.Variable{
			{Name: "SEED", Help: "seeds of the simulation, comma-separated", Default: "1"},
			{Name: "CITIES", Help: "simulated cities for each seed; each has a weather of its own, which all its containers share, so that few cities say little", Default: "16"},
			{Name: "CONTAINERS", Help: "containers in each simulated city", Default: "60"},
		},
		Quick: "seven of ten simulated cities",
		Run:   run,
	})
}

const days = 120

type tally struct {
	n                       int
	model, last, still      float64
	bins                    [10]struct{ n, over, said float64 }
	covered, inside         float64
	liars, found, falseLies int
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	containers, err := r.Number("CONTAINERS")
	if err != nil {
		return nil, err
	}
	seeds := r.List("SEED")
	cities, err := r.Number("CITIES")
	if err != nil {
		return nil, err
	}
	if r.Quick {
		cities = math.Ceil(cities * 0.3)
	}
	if containers < 10 || containers > 5000 || cities < 1 {
		return nil, fmt.Errorf("CONTAINERS=%g, CITIES=%g: 10 to 5000 containers, at least one city", containers, cities)
	}
	var t tally
	for _, text := range seeds {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("SEED: %q is not a whole number", text)
		}
		for i := range uint64(cities) {
			city := fillsim.Simulate(fillsim.Params{Seed: seed*1000 + i, Containers: int(containers), Days: days, From: time.Date(2026, 1+time.Month(i%12), 1, 0, 0, 0, 0, time.UTC), Faulty: 0.04})
			if err := t.city(ctx, city); err != nil {
				return nil, err
			}
			r.Say("simulated city %d of seed %d: error so far %.3f of a container, extending the last rate %.3f, saying nothing comes %.3f", i+1, seed, t.model/float64(t.n), t.last/float64(t.n), t.still/float64(t.n))
		}
	}
	worst, mean, table := t.reliability()
	for _, line := range table {
		r.Say("%s", line)
	}
	return harness.Figures{
		{Name: "mae_ratio_to_last_rate", Value: round(t.model / t.last)},
		{Name: "calibration_error_pct", Value: round(worst)},
		{Name: "calibration_error_mean_pct", Value: round(mean)},
		{Name: "mae", Value: round(t.model / float64(t.n))},
		{Name: "mae_last_rate", Value: round(t.last / float64(t.n))},
		{Name: "mae_nothing_comes", Value: round(t.still / float64(t.n))},
		{Name: "inside_90pct_interval_pct", Value: round(100 * t.inside / t.covered)},
		{Name: "reliability", Value: table},
		{Name: "lying_sensors", Value: t.liars},
		{Name: "lying_sensors_found", Value: t.found},
		{Name: "sound_sensors_suspected", Value: t.falseLies},
		{Name: "forecasts", Value: t.n},
		{Name: "simulated", Value: true},
	}, nil
}

func round(v float64) float64 { return math.Round(v*10000) / 10000 }

func (t *tally) city(ctx context.Context, city *fillsim.City) error {
	holidays := map[string]bool{}
	for _, d := range city.Holidays {
		holidays[d.Format(time.DateOnly)] = true
	}
	calendar := forecast.Calendar{
		Holiday: func(d time.Time) bool { return holidays[d.Format(time.DateOnly)] },
		Market:  func(d time.Time) bool { return d.Weekday() == time.Wednesday || d.Weekday() == time.Saturday },
	}
	histories := make([]forecast.History, len(city.Containers))
	for i := range city.Containers {
		c := &city.Containers[i]
		h := forecast.History{ID: c.ID, Group: string(c.Kind), Emptied: c.Emptied}
		for _, r := range c.Readings {
			h.Readings = append(h.Readings, forecast.Reading(r))
		}
		histories[i] = h
	}
	for k := range 12 {
		if err := ctx.Err(); err != nil {
			return err
		}
		hour := (days-30+k*9/4)*24 + 5 + k%4
		now := city.From.Add(time.Duration(hour) * time.Hour)
		model := forecast.Fit(histories, calendar, now)
		suspected := map[string]bool{}
		for _, s := range model.Suspicions {
			suspected[s.Container] = true
		}
		for i := range city.Containers {
			t.container(&city.Containers[i], &histories[i], model, suspected[city.Containers[i].ID], city, hour, now)
		}
		if k == 11 {
			for i := range city.Containers {
				c := &city.Containers[i]
				lies := c.Fault != fillsim.Sound && c.FaultAt.Before(now.AddDate(0, 0, -14))
				switch {
				case lies:
					t.liars++
					if suspected[c.ID] {
						t.found++
					}
				case c.Fault == fillsim.Sound && suspected[c.ID]:
					t.falseLies++
				}
			}
		}
	}
	return nil
}

func (t *tally) container(c *fillsim.Container, h *forecast.History, model *forecast.Model, suspected bool, city *fillsim.City, hour int, now time.Time) {
	if suspected || (c.Fault != fillsim.Sound && c.FaultAt.Before(now)) {
		return
	}
	last, rate, ok := lastRate(h, now)
	if !ok {
		return
	}
	for ahead := 1; ahead <= 3; ahead++ {
		then := hour + ahead*24
		if then >= len(c.Level) {
			return
		}
		at := city.From.Add(time.Duration(then) * time.Hour)
		outlooks, ok := model.Forecast(c.ID, at)
		if !ok {
			return
		}
		o := outlooks[0]
		truth := c.Level[hour-1] + c.Brought[then-1] - c.Brought[hour-1]
		t.n++
		t.model += math.Abs(o.Fill - truth)
		t.last += math.Abs(last.Fill + rate*at.Sub(last.At).Hours() - truth)
		t.still += math.Abs(last.Fill - truth)
		t.covered++
		if truth >= o.Low && truth <= o.High {
			t.inside++
		}
		bin := &t.bins[min(9, int(o.Overflow*10))]
		bin.n++
		bin.said += o.Overflow
		if truth >= 1 {
			bin.over++
		}
	}
}

// lastRate is the last reading and the rise an hour since the last collection, or
// over the day before the last reading where that is longer.
func lastRate(h *forecast.History, now time.Time) (forecast.Reading, float64, bool) {
	last := -1
	for i, r := range h.Readings {
		if !r.At.After(now) {
			last = i
		}
	}
	if last < 1 {
		return forecast.Reading{}, 0, false
	}
	var emptied time.Time
	for _, e := range h.Emptied {
		if e.Before(h.Readings[last].At) {
			emptied = e
		}
	}
	end := h.Readings[last]
	from := end
	for i := last - 1; i >= 0; i-- {
		if r := h.Readings[i]; r.At.After(emptied) {
			from = r
		} else {
			break
		}
	}
	if end.At.Sub(from.At) >= 24*time.Hour {
		return end, max(0, (end.Fill-from.Fill)/end.At.Sub(from.At).Hours()), true
	}
	// Within a day of a collection: the rate of the stretch before it.
	var before []forecast.Reading
	var older time.Time
	for _, e := range h.Emptied {
		if e.Before(emptied) {
			older = e
		}
	}
	for _, r := range h.Readings {
		if r.At.After(older) && r.At.Before(emptied) {
			before = append(before, r)
		}
	}
	if len(before) < 2 {
		return end, 0, false
	}
	a, b := before[0], before[len(before)-1]
	return end, max(0, (b.Fill-a.Fill)/max(1, b.At.Sub(a.At).Hours())), true
}

// reliability compares said and seen frequencies.
func (t *tally) reliability() (worst, mean float64, table []string) {
	total := 0.0
	for i := range t.bins {
		b := &t.bins[i]
		total += b.n
		if b.n == 0 {
			continue
		}
		said, seen := 100*b.said/b.n, 100*b.over/b.n
		mean += b.n * math.Abs(said-seen)
		if b.n >= 50 {
			worst = max(worst, math.Abs(said-seen))
		}
		table = append(table, fmt.Sprintf("%2d-%3d%%: said %5.1f%%, seen %5.1f%% %-20s (%.0f forecasts)", i*10, i*10+10, said, seen, strings.Repeat("#", int(seen/5)), b.n))
	}
	return worst, mean / math.Max(total, 1), table
}
