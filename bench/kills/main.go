// Command kills ends the hub by force again and again while clients write to it, and
// looks whether anything that was acknowledged is gone.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"polity/bench/harness"
	"polity/plane/postgres/postgrestest"
)

func main() {
	harness.Main(harness.Bench{
		Name: "kills",
		About: `Starts polity hub and lets clients create entities and change them over HTTP, each
change a number that is one higher. At a random moment, 20 to 500 ms later, the hub is
killed (SIGKILL), started again with the same data, and asked for every entity: what was
acknowledged must be there, and nothing that was never sent.

lost      acknowledged creations or changes that are not there after a start
invented  values there that nobody sent
kills     how often the hub was killed
acknowledged, unanswered   requests that were answered, and that were under way at a kill`,
		Variables: []harness.Variable{
			{Name: "BACKEND", Default: "sqlite", Help: "or postgres, a server of its own that is not killed (Debian's packages postgresql-15 and postgresql-15-postgis-3)"},
			{Name: "KILLS", Default: "200", Help: "how often"},
			{Name: "CLIENTS", Default: "8", Help: "clients that write at once"},
			{Name: "SEED", Default: "1", Help: "of the moments"},
		},
		Quick: "ten kills",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (figures harness.Figures, err error) {
	kills, err := r.Number("KILLS")
	if err != nil {
		return nil, err
	}
	clients, err := r.Number("CLIENTS")
	if err != nil {
		return nil, err
	}
	seed, err := r.Number("SEED")
	if err != nil {
		return nil, err
	}
	if r.Quick {
		kills = 10
	}
	if kills < 1 || clients < 1 {
		return nil, fmt.Errorf("KILLS=%g CLIENTS=%g: one of each at least", kills, clients)
	}
	dir, err := os.MkdirTemp("", "polity-bench-kills-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	more, stop, err := backend(ctx, r.Text("BACKEND"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	t := newTrial(dir, more, int(clients), rand.New(rand.NewPCG(uint64(seed), 1))) //nolint:gosec // the same each time
	began := time.Now()
	for k := range int(kills) {
		if err := t.round(ctx); err != nil {
			return nil, fmt.Errorf("kill %d: %w", k+1, err)
		}
		if k%10 == 9 {
			r.Say("%d kills in %.0f s: %d acknowledged, %d lost", k+1, time.Since(began).Seconds(), t.acknowledged, t.lost)
		}
	}
	return harness.Figures{
		{Name: "kills", Value: int(kills)},
		{Name: "acknowledged", Value: t.acknowledged},
		{Name: "unanswered", Value: t.unanswered},
		{Name: "lost", Value: t.lost},
		{Name: "invented", Value: t.invented},
	}, nil
}

// backend returns lines for the hub's configuration, and what ends it.
func backend(ctx context.Context, name string) (config string, stop func() error, err error) {
	switch name {
	case "sqlite":
		return "", func() error { return nil }, nil
	case "postgres":
		server, err := postgrestest.Open("")
		if err != nil {
			return "", nil, err
		}
		address, err := server.NewDatabase(ctx)
		if err != nil {
			return "", nil, errors.Join(err, server.Close())
		}
		return fmt.Sprintf("  store: %q\n", address), server.Close, nil
	}
	return "", nil, fmt.Errorf("there is no backend %q; there are: sqlite, postgres", name)
}
