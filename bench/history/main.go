// Command history measures what the city's history takes on disk, and how long a
// summary of a day of many devices takes.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"polity/bench/harness"
	"polity/plane"
)

func main() {
	harness.Main(harness.Bench{
		Name: "history",
		About: `Writes observations of simulated devices into a store in the order in which they would
come in: once a minute one of each device (a value that wanders, rounded to hundredths),
a thousand to a commit. Then asks for the means by the hour of all devices over the last
24 hours, as a page or a chart would.

Per backend, and the first two also as the worst of all that ran:
bytes_per_observation            what the store takes on disk over the observations, after
                                 closing it and packing what it packs in the background;
                                 in PostgreSQL all tables and indexes of Polity. bare_bytes
                                 beside: 20, were each a number of its series, a time and a
                                 value and nothing else
bytes_before_packing             the same before (null where nothing is packed); pack_s is
                                 how long packing took
aggregate_1000_entities_24h_ms   the summary, median of five, on a store that was just
                                 opened; worst of the five beside
read_24h_ms                      the same by reading each observation through the store's
                                 History, the most trivial way; once
week_of_one_ms                   means by the hour of one device over a week
writes_per_s                     observations committed per second, one writer`,
		Variables: []harness.Variable{
			{Name: "BACKENDS", Default: "sqlite,postgres", Help: "comma-separated; postgres runs a server of its own, of Debian's packages postgresql-15 and postgresql-15-postgis-3"},
			{Name: "OBSERVATIONS", Default: "4000000", Help: "how many; FULL=1: fifty million"},
			{Name: "DEVICES", Default: "1000", Help: "devices that observe"},
		},
		Quick: "a tenth of the observations",
		Full:  "fifty million observations, some twenty minutes and 3 GB of disk",
		Run:   run,
	})
}

// step is the time between two observations of a device.
const step = time.Minute

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	wanted, err := r.Number("OBSERVATIONS")
	if err != nil {
		return nil, err
	}
	devices, err := r.Number("DEVICES")
	if err != nil {
		return nil, err
	}
	switch {
	case r.Quick:
		wanted /= 10
	case r.Full:
		wanted = 50e6
	}
	rounds := int(wanted / devices)
	if devices < 1 || rounds < 1 {
		return nil, fmt.Errorf("OBSERVATIONS=%g of DEVICES=%g: each device observes once at least", wanted, devices)
	}
	figures := harness.Figures{{Name: "observations", Value: float64(rounds) * devices}, {Name: "bare_bytes", Value: 20}}
	for _, name := range r.List("BACKENDS") {
		got, err := measure(ctx, r, name, int(devices), rounds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, f := range got {
			figures = append(figures, harness.Figure{Name: name + "_" + f.Name, Value: f.Value})
		}
	}
	return append(figures, worst(figures, "bytes_per_observation"), worst(figures, "aggregate_1000_entities_24h_ms")), nil
}

// worst is the largest of a figure over the backends.
func worst(figures harness.Figures, name string) harness.Figure {
	out := harness.Figure{Name: name}
	for _, f := range figures {
		if v, ok := f.Value.(float64); ok && strings.HasSuffix(f.Name, "_"+name) {
			if most, ok := out.Value.(float64); !ok || v > most {
				out.Value = v
			}
		}
	}
	return out
}

// measure runs all on one backend.
func measure(ctx context.Context, r *harness.Run, name string, devices, rounds int) (figures harness.Figures, err error) {
	b, err := start(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	r.Say("%s: %d observations", name, devices*rounds)
	city := newCity(devices)
	rate, err := city.write(ctx, r, b, rounds)
	if err != nil {
		return nil, err
	}
	before, took, err := b.pack(ctx)
	if err != nil {
		return nil, err
	}
	size, err := b.size(ctx)
	if err != nil {
		return nil, err
	}
	store, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	until := began.Add(time.Duration(rounds) * step)
	times, count, err := city.summaries(ctx, store.(plane.Summarizer), until)
	if err != nil {
		return nil, err
	}
	r.Say("summary of %d observations: %.0f ms, at worst %.0f", count, times[len(times)/2], times[len(times)-1])
	read, err := city.read(ctx, store, until, count)
	if err != nil {
		return nil, err
	}
	r.Say("the same, read one by one: %.0f ms", read)
	week, err := city.week(ctx, store.(plane.Summarizer), until)
	if err != nil {
		return nil, err
	}
	n := float64(rounds * devices)
	figures = harness.Figures{
		{Name: "bytes_per_observation", Value: harness.Rounded(float64(size)/n, 1)},
		{Name: "aggregate_1000_entities_24h_ms", Value: harness.Rounded(times[len(times)/2], 0)},
		{Name: "aggregate_worst_ms", Value: harness.Rounded(times[len(times)-1], 0)},
		{Name: "read_24h_ms", Value: harness.Rounded(read, 0)},
		{Name: "week_of_one_ms", Value: harness.Rounded(week, 1)},
		{Name: "writes_per_s", Value: harness.Rounded(rate, 0)},
	}
	packing := harness.Figures{{Name: "bytes_before_packing", Value: nil}, {Name: "pack_s", Value: nil}}
	if before > 0 {
		packing = harness.Figures{{Name: "bytes_before_packing", Value: harness.Rounded(float64(before)/n, 1)}, {Name: "pack_s", Value: harness.Rounded(took.Seconds(), 1)}}
	}
	return append(figures, packing...), nil
}

// city is the devices and what they would observe next.
type city struct {
	ids    []string
	values []float64
	rng    *rand.Rand
}

func newCity(devices int) *city {
	c := &city{rng: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // the same each time
	for i := range devices {
		c.ids = append(c.ids, fmt.Sprintf("urn:ngsi-ld:AirQualityObserved:%05d", i))
		c.values = append(c.values, 20+5*c.rng.NormFloat64())
	}
	return c
}

// write stores rounds of observations and returns how many a second.
func (c *city) write(ctx context.Context, r *harness.Run, b *backend, rounds int) (float64, error) {
	store, err := b.open(ctx)
	if err != nil {
		return 0, err
	}
	start, told := time.Now(), time.Now()
	for k := range rounds {
		for from := 0; from < len(c.ids); from += 1000 {
			if _, err := store.Write(ctx, &plane.Batch{Observations: c.next(k, from, min(from+1000, len(c.ids)))}); err != nil {
				store.Close()
				return 0, err
			}
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			r.Say("%d of %d observations are written", (k+1)*len(c.ids), rounds*len(c.ids))
		}
	}
	rate := float64(rounds*len(c.ids)) / time.Since(start).Seconds()
	return rate, store.Close()
}

func (c *city) next(round, from, to int) []plane.Observation {
	out := make([]plane.Observation, 0, to-from)
	for i := from; i < to; i++ {
		c.values[i] += 0.1 * c.rng.NormFloat64()
		out = append(out, plane.Observation{
			Series: plane.Series{Key: plane.Key{ID: c.ids[i]}, Attribute: "pm25"},
			Start:  began.Add(time.Duration(round) * step), Length: step, Covered: step,
			Value: math.Round(c.values[i]*100) / 100,
		})
	}
	return out
}

// summaries asks five times for the day before a time and returns the sorted
// milliseconds, and how many observations went in.
func (c *city) summaries(ctx context.Context, s plane.Summarizer, until time.Time) ([]float64, int64, error) {
	var times []float64
	var count int64
	for range 5 {
		count = 0
		start := time.Now()
		err := s.Summarize(ctx, plane.SummaryQuery{Attribute: "pm25", IDs: c.ids, From: until.Add(-24 * time.Hour), To: until, Bucket: time.Hour}, func(x plane.Summary) error {
			count += x.Count
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
		times = append(times, time.Since(start).Seconds()*1000)
	}
	slices.Sort(times)
	return times, count, nil
}

// read goes through the same day one by one.
func (c *city) read(ctx context.Context, s plane.Store, until time.Time, want int64) (float64, error) {
	start := time.Now()
	var count int64
	for _, id := range c.ids {
		err := s.History(ctx, plane.HistoryQuery{Key: plane.Key{ID: id}, Attribute: "pm25", From: until.Add(-24 * time.Hour), To: until}, func(plane.Observation) error {
			count++
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if count != want {
		return 0, fmt.Errorf("%d observations were summarized where there are %d", want, count)
	}
	return time.Since(start).Seconds() * 1000, nil
}

func (c *city) week(ctx context.Context, s plane.Summarizer, until time.Time) (float64, error) {
	start := time.Now()
	err := s.Summarize(ctx, plane.SummaryQuery{Attribute: "pm25", IDs: c.ids[:1], From: until.AddDate(0, 0, -7), To: until, Bucket: time.Hour}, func(plane.Summary) error { return nil })
	return time.Since(start).Seconds() * 1000, err
}
