// Command plane measures the city's data over HTTP: creating, changing and finding
// entities through the NGSI-LD API of the real hub.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"polity/bench/harness"
	"polity/bench/harness/cityhub"
)

func main() {
	harness.Main(harness.Bench{
		Name: "plane",
		About: `Starts polity hub with an empty store, fills it with entities (an air quality station
each: place, four values with unit and time), then asks it over HTTP from clients on the
same two cores. Beside it, in the same run, bare commits: one row of the same size each, on
the same database with the same safety, without anything of Polity.

Per backend, with _c1 and _c16 for one and sixteen clients:
creates_per_s           POST /entities
bare_commits_per_s      the peer; create_ratio_to_bare is creates over these
updates_per_s           PATCH of one attribute of a random entity
queries_per_s           GET /entities?type=...&limit=20, one of the first five pages
q_per_s                 the same with q=... on a value
qgeo_per_s              the same within 500 m of a random point
..._p50_ms, ..._p99_ms  how long one took
rss_mib                 the most memory that the hub ever held (resident)`,
		Variables: []harness.Variable{
			{Name: "BACKENDS", Default: "sqlite,postgres", Help: "comma-separated; postgres runs a server of its own, of Debian's packages postgresql-15 and postgresql-15-postgis-3"},
			{Name: "ENTITIES", Default: "100000", Help: "entities in the store"},
			{Name: "SECONDS", Default: "5", Help: "seconds per figure"},
		},
		Quick: "a twentieth of the entities, a second per figure",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	entities, err := r.Number("ENTITIES")
	if err != nil {
		return nil, err
	}
	seconds, err := r.Number("SECONDS")
	if err != nil {
		return nil, err
	}
	if r.Quick {
		entities, seconds = entities/20, 1
	}
	if entities < 1000 || seconds <= 0 {
		return nil, fmt.Errorf("ENTITIES=%g SECONDS=%g: 1000 entities at least, and time above 0", entities, seconds)
	}
	var figures harness.Figures
	for _, name := range r.List("BACKENDS") {
		dir, err := os.MkdirTemp("", "polity-bench-plane-")
		if err != nil {
			return nil, err
		}
		got, err := measure(ctx, r, name, dir, int(entities), time.Duration(seconds*float64(time.Second)))
		os.RemoveAll(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		figures = append(figures, got...)
	}
	return figures, nil
}

// measure runs all on one backend.
func measure(ctx context.Context, r *harness.Run, name, dir string, entities int, each time.Duration) (figures harness.Figures, err error) {
	b, err := start(ctx, name, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	hub, err := cityhub.Start(ctx, filepath.Join(dir, "hub"), 0, b.config)
	if err != nil {
		return nil, err
	}
	defer hub.Stop()
	c := newClient(hub.Address, entities)
	r.Say("%s: %d entities", name, entities)
	if err := errors.Join(c.fill(ctx), b.filled(ctx)); err != nil {
		return nil, err
	}
	add := func(what string, value any) {
		figures = append(figures, harness.Figure{Name: name + "_" + what, Value: value})
	}
	creates := map[int]float64{}
	for _, clients := range []int{1, 16} {
		bare, err := b.bare(ctx, clients, each)
		if err != nil {
			return nil, fmt.Errorf("bare commits: %w", err)
		}
		for _, job := range []struct {
			name string
			do   func(context.Context, *worker) error
		}{{"creates", c.create}, {"updates", c.update}, {"queries", c.list}, {"q", c.filter}, {"qgeo", c.near}} {
			t, err := c.run(ctx, clients, each, job.do)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", job.name, err)
			}
			suffix := fmt.Sprintf("_c%d", clients)
			short := map[string]string{"creates": "create", "updates": "update", "queries": "query"}[job.name]
			if short == "" {
				short = job.name
			}
			add(job.name+"_per_s"+suffix, harness.Rounded(t.rate, 0))
			add(short+"_p50_ms"+suffix, harness.Rounded(t.p50, 2))
			add(short+"_p99_ms"+suffix, harness.Rounded(t.p99, 2))
			if job.name == "creates" {
				creates[clients] = t.rate
				add("bare_commits_per_s"+suffix, harness.Rounded(bare, 0))
				add("create_ratio_to_bare"+suffix, harness.Rounded(t.rate/bare, 2))
			}
			r.Say("%s, %d clients: %s %.0f a second, p99 %.2f ms", name, clients, job.name, t.rate, t.p99)
		}
	}
	rss, err := peak(hub.PID)
	add("rss_mib", harness.Rounded(rss, 0))
	return figures, err
}
