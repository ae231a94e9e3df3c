// Command wall measures what a wall of live scenes costs in the browser that shows it:
// memory that grows, processor time, and whether every scene goes on moving.
package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"polity/bench/harness"
	"polity/camera/live"
)

func main() {
	harness.Main(harness.Bench{
		Name: "wall",
		About: `Opens /room/wall with SCENES cameras in one page of headless Chromium, 1920 x 1080, for
MINUTES. The cameras are made of software (console/consoletest): of each come marks five
times a second, its state and changed tiles of its place once a second, some 2 KB a second
together; bench-view measured 2.7 KB of a film. The pages are the shipped ones, the feed is
one HTTP/1.1 connection.

scenes             scenes that say that they are live, the fewest at any of the looks, two
                   a minute
memory_growth_mib  resident memory of the page's process at the end less that after a fifth
                   of the time (of 10 minutes: at minute 2), both after a collection
page_cpu_pct       processor time of all of the browser's processes, per cent of one core

The trivial answer is a wall that stands still: frames_per_s is how often each scene is
drawn anew, the least and the mean of all; moved is how many scenes look different two
seconds later at the end. Graphics are drawn by software, as on a machine without a
graphics card.`,
		Variables: []harness.Variable{
			{Name: "SCENES", Default: "64", Help: "cameras at once, at most 64"},
			{Name: "MINUTES", Default: "10", Help: "how long the wall hangs"},
		},
		Quick: "all but half a minute",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	scenes, err := r.Number("SCENES")
	if err != nil {
		return nil, err
	}
	if scenes < 1 || scenes > live.MaxCameras || scenes != math.Trunc(scenes) {
		return nil, fmt.Errorf("SCENES=%g: one feed carries 1 to %d cameras", scenes, live.MaxCameras)
	}
	minutes, err := r.Number("MINUTES")
	if err != nil {
		return nil, err
	}
	if minutes < .1 || minutes > 24*60 {
		return nil, fmt.Errorf("MINUTES=%g: give 0.1 to 1440", minutes)
	}
	if r.Quick {
		minutes = min(minutes, .5)
	}
	h, err := serveCity(ctx, int(scenes))
	if err != nil {
		return nil, err
	}
	defer h.close()
	r.Say("%g cameras hang for %g minutes", scenes, minutes)
	seen, err := look(ctx, r, h.address, int(scenes), time.Duration(minutes*float64(time.Minute)))
	if err != nil {
		return nil, err
	}
	r.Say("resident: %.1f MiB after a fifth, %.1f MiB at the end; JavaScript heap: %.1f, %.1f MiB", seen.RSS[0], seen.RSS[1], seen.Heap[0], seen.Heap[1])
	r.Say("each scene was drawn %.2f times a second (the least %.2f); %d of %d moved within two seconds", seen.FramesMean, seen.FramesLeast, seen.Moved, int(scenes))
	r.Say("one scene: %.0f bytes a second on the line", seen.BytesPerScene)
	return harness.Figures{
		{Name: "scenes", Value: seen.Live},
		{Name: "minutes", Value: minutes},
		{Name: "memory_growth_mib", Value: harness.Rounded(seen.RSS[1]-seen.RSS[0], 1)},
		{Name: "heap_growth_mib", Value: harness.Rounded(seen.Heap[1]-seen.Heap[0], 1)},
		{Name: "memory_mib", Value: harness.Rounded(seen.RSS[1], 1)},
		{Name: "page_cpu_pct", Value: harness.Rounded(seen.CPU, 1)},
		{Name: "renderer_cpu_pct", Value: harness.Rounded(seen.RendererCPU, 1)},
		{Name: "frames_per_s", Value: []any{harness.Rounded(seen.FramesLeast, 2), harness.Rounded(seen.FramesMean, 2)}},
		{Name: "moved", Value: seen.Moved},
		{Name: "connections", Value: seen.Feeds},
	}, nil
}
