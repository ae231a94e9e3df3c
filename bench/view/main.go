// Command view measures what live views cost: bytes on the line, and how many of
// them one core of a hub serves.
package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"polity/bench/harness"
	"polity/internal/sandbox"
)

func main() {
	sandbox.Stage()
	if len(os.Args) > 1 && os.Args[1] == viewersCommand {
		if err := viewersProcess(os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", viewersCommand, err)
			os.Exit(1)
		}
		return
	}
	harness.Main(harness.Bench{
		Name: "view",
		About: `Records what a camera sends while the film is shown for the second time (shipped
pipeline, 5 analysed frames a second: marks with each frame, changed tiles of the
place as the edge encodes them, its state once a second), and serves that with
camera/live as the hub does.

view_bytes_per_s  bytes of one view a second, mean over the showing: server-sent
                  events and the chunks that HTTP sends them in; not the whole place at
                  the start (whole_place_bytes)
views_per_core    views that one core serves at 5 updates a second: VIEWS viewers of
                  CAMERAS cameras over HTTP on loopback, in a process of their own;
                  processor time of this one, player included, while they look. What
                  the hub does once per camera (drawing from the edge, checking the
                  place) is not in it.

Trivial, beside it: sending each viewer the whole place with every update.`,
		Variables: []harness.Variable{
			{Name: "VIDEO", Default: "bin/parts/vtest.avi", Help: "film"},
			{Name: "VIEWS", Default: "2000", Help: "viewers at once"},
			{Name: "CAMERAS", Default: "100", Help: "cameras that they look at, evenly"},
			{Name: "SECONDS", Default: "30", Help: "of looking"},
		},
		Quick: "most of the film (20 s of it, learning included) and of the looking (5 s)",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	film, err := r.Data("VIDEO")
	if err != nil {
		return nil, err
	}
	var n [3]float64
	for i, name := range []string{"VIEWS", "CAMERAS", "SECONDS"} {
		if n[i], err = r.Number(name); err != nil {
			return nil, err
		}
		if n[i] < 1 {
			return nil, fmt.Errorf("%s=%g: give at least 1", name, n[i])
		}
	}
	limit, looking := 0, time.Duration(n[2]*float64(time.Second))
	if r.Quick {
		limit, looking = 100, min(looking, 5*time.Second)
	}
	r.Say("recording %s, shown twice", film)
	rec, err := record(ctx, film, limit)
	if err != nil {
		return nil, err
	}
	r.Say("recorded %d updates, %d of them with a change of the place; %.1f%% of it unknown at the end", len(rec.steps), rec.changes, 100*rec.unknown)
	one, err := oneView(ctx, rec)
	if err != nil {
		return nil, err
	}
	r.Say("one view: %.0f bytes a second (places %.0f, marks %.0f, states %.0f, framing the rest); the whole place is %d bytes, with every update that would be %.0f a second",
		one.perSecond, one.places, one.marks, one.states, one.whole, float64(one.whole)*updates)
	r.Say("%d viewers of %d cameras look for %v", int(n[0]), int(n[1]), looking)
	many, err := manyViews(ctx, rec, int(n[0]), int(n[1]), looking)
	if err != nil {
		return nil, err
	}
	r.Say("%.2f updates a second reached each; %.2f processor seconds in %.1f s; %d connections were lost and made again", many.rate, many.cpu.Seconds(), many.took.Seconds(), many.lost)
	return harness.Figures{
		{Name: "config_hash", Value: rec.hash},
		{Name: "view_bytes_per_s", Value: math.Round(one.perSecond)},
		{Name: "views_per_core", Value: math.Floor(many.perCore)},
		{Name: "whole_place_bytes", Value: one.whole},
		{Name: "updates_per_s_each", Value: math.Round(100*many.rate) / 100},
	}, nil
}
