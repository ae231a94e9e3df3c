// Command kills ends the hub by force again and again while clients write to it, and
// looks whether anything that was acknowledged is gone.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"polity/bench/harness"
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
			{Name: "KILLS", Default: "200", Help: "how often"},
			{Name: "CLIENTS", Default: "8", Help: "clients that write at once"},
			{Name: "SEED", Default: "1", Help: "of the moments"},
		},
		Quick: "ten kills",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
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
	t := newTrial(dir, int(clients), rand.New(rand.NewPCG(uint64(seed), 1))) //nolint:gosec // the same each time
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
