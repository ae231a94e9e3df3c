// Command authz measures what it costs that policies decide about every request: decisions
// a second, latency added to the hub's pages, and whether any address has no policy.
package main

import (
	"context"
	"fmt"
	"time"

	"polity/bench/harness"
)

func main() {
	harness.Main(harness.Bench{
		Name: "authz",
		About: `Opens the shipped policies and a store of accounts with people signed in, as the hub
does, and asks.

decisions_per_s   answers of the shipped policies a second, one goroutine: every role, the
                  public and a program, each asking everything once, again and again; what
                  refuses finds its reason too
lookups_per_s     the trivial answer to the same requests: a map from role and action to
                  yes or no, which knows no area, purpose, scope, forbid or reason
added_p99_ms, added_p50_ms   what the gate adds to a request, 99th percentile and median: the
                  pages (console.New over a small city in memory) answer over HTTP on
                  loopback, and within each request everything is timed that the gate does
                  (session's cookie looked up, policies asked as often as the page asks)
difference_p50_ms, difference_p99_ms   the control: the same pages without a gate, which has
                  the same answers from a map, are asked in the same run, by turns, a random
                  one of the two first; percentile with the gate minus that without, from
                  sending a request to the end of its answer, median of ROUNDS rounds. The
                  99th is of requests that other work interrupted, so that on a machine that
                  is not idle their difference is noise, of either sign
with_p50_ms, with_p99_ms, without_p50_ms, without_p99_ms   the two themselves, all rounds
routes            addresses of the hub
routes_without_policy   of them, those whose action no policy permits to anybody by name`,
		Variables: []harness.Variable{
			{Name: "ROUNDS", Default: "21", Help: "rounds"},
			{Name: "REQUESTS", Default: "1500", Help: "requests of each kind in a round"},
			{Name: "SECONDS", Default: "5", Help: "how long decisions and look-ups are counted, each"},
			{Name: "SEED", Default: "1", Help: "of who asks for what in which order"},
		},
		Quick: "five rounds of 400 requests, one second of decisions",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	var n [4]float64
	for i, name := range []string{"ROUNDS", "REQUESTS", "SECONDS", "SEED"} {
		var err error
		if n[i], err = r.Number(name); err != nil {
			return nil, err
		}
	}
	if r.Quick {
		n[0], n[1], n[2] = min(n[0], 5), min(n[1], 400), min(n[2], 1)
	}
	if n[0] < 1 || n[1] < 100 || n[2] <= 0 {
		return nil, fmt.Errorf("ROUNDS=%g REQUESTS=%g SECONDS=%g: one round of 100 requests at least, and some time", n[0], n[1], n[2])
	}
	routes, without, err := uncovered()
	if err != nil {
		return nil, err
	}
	r.Say("%d addresses, without a policy: %v", routes, without)
	decisions, lookups, err := decide(ctx, time.Duration(n[2]*float64(time.Second)))
	if err != nil {
		return nil, err
	}
	r.Say("%.0f decisions a second; from a map %.0f", decisions, lookups)
	t, err := newTrial(ctx, uint64(n[3]))
	if err != nil {
		return nil, err
	}
	defer t.close()
	var l latencies
	for round := range int(n[0]) {
		if err := t.round(ctx, int(n[1]), &l); err != nil {
			return nil, err
		}
		r.Say("round %d: with the gate %.3f ms more at the median, %.3f at the 99th percentile", round+1, l.half[round], l.tail[round])
	}
	ms := func(d []time.Duration, p float64) any { return harness.Rounded(percentile(d, p), 4) }
	return harness.Figures{
		{Name: "added_p99_ms", Value: ms(l.gate, 0.99)},
		{Name: "added_p50_ms", Value: ms(l.gate, 0.5)},
		{Name: "difference_p50_ms", Value: harness.Rounded(median(l.half), 4)},
		{Name: "difference_p99_ms", Value: harness.Rounded(median(l.tail), 4)},
		{Name: "with_p50_ms", Value: ms(l.with, 0.5)},
		{Name: "with_p99_ms", Value: ms(l.with, 0.99)},
		{Name: "without_p50_ms", Value: ms(l.without, 0.5)},
		{Name: "without_p99_ms", Value: ms(l.without, 0.99)},
		{Name: "decisions_per_s", Value: harness.Rounded(decisions, 0)},
		{Name: "lookups_per_s", Value: harness.Rounded(lookups, 0)},
		{Name: "routes", Value: routes},
		{Name: "routes_without_policy", Value: len(without)},
	}, nil
}
