// Command alerts measures the control room's queue on the real hub: from an event to the
// screen of an operator, and whether anything is lost when the hub is killed.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"polity/bench/harness"
)

func main() {
	harness.Main(harness.Bench{
		Name: "alerts",
		About: `Starts polity hub with OPERATORS people signed in, creates OPEN alerts, and then RATE a
second, as entities of type Alert through NGSI-LD (batch creation), for SECONDS. One
operator has the page /room open in Chromium, the others follow the feed over HTTP. Half
way the hub is killed (SIGKILL) and started again with the same data. At the end the page
is scrolled through, and every reader is asked for every alert that was acknowledged.

lost                     acknowledged alerts that are missing on the page or at a reader
event_to_screen_p50_ms, event_to_screen_p99_ms
                         from sending an alert to the first frame after its row stands in
                         the page (two requestAnimationFrame); of those that were sent and
                         shown while the hub ran, or after the page's line was back. The
                         page is 1920 x 1080; a row that came beneath what was in sight
                         (beneath: how many) counts until the next newer one was painted
restart_p99_ms           the same of all others: sent before the kill and shown after it, or
                         sent before the page's line was back
restart_alerts           how many those are
stored_p50_ms, stored_p99_ms   until the sender is told that it is stored: a part of the way
feed_p50_ms, feed_p99_ms from sending to the readers of the feed, kill left out
line_back_s              from the start after the kill until the page hears the feed again
polling_p50_ms, polling_p99_ms   the baseline: a client that fetches the list every 5 s
page_cpu_s_per_s, browser_cpu_s_per_s   of the page's process, and of all of the browser's
hub_cpu_s_per_s          the hub's processor time a second while alerts come
hub_rss_mib              its memory at the end
Other control rooms' queues (ThingsBoard, Zabbix, Alertmanager with Karma) are not
packages of Debian, Go, npm or PyPI that run beside it; none is measured.`,
		Variables: []harness.Variable{
			{Name: "OPEN", Default: "10000", Help: "alerts that are open at the start"},
			{Name: "RATE", Default: "50", Help: "new alerts a second"},
			{Name: "OPERATORS", Default: "20", Help: "who follow, the page included"},
			{Name: "SECONDS", Default: "60", Help: "how long new alerts come"},
		},
		Quick: "nine tenths of the open alerts; 15 s",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	var n [4]float64
	for i, name := range []string{"OPEN", "RATE", "OPERATORS", "SECONDS"} {
		var err error
		if n[i], err = r.Number(name); err != nil {
			return nil, err
		}
	}
	if r.Quick {
		n[0], n[3] = n[0]/10, min(n[3], 15)
	}
	if n[0] < 0 || n[0] > 100_000 || n[1] < 1 || n[1] > 1000 || n[2] < 2 || n[2] > 200 || n[3] < 10 {
		return nil, fmt.Errorf("OPEN=%g RATE=%g OPERATORS=%g SECONDS=%g: give 0 to 100000, 1 to 1000, 2 to 200, and 10 at least", n[0], n[1], n[2], n[3])
	}
	dir, err := os.MkdirTemp("", "polity-bench-alerts-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	t := &trial{dir: dir, open: int(n[0]), rate: n[1], operators: int(n[2]), long: time.Duration(n[3] * float64(time.Second)), sent: map[string]posted{}}
	defer t.end()
	if err := t.begin(ctx, r.Say); err != nil {
		return nil, err
	}
	if err := t.play(ctx, r.Say); err != nil {
		return nil, err
	}
	return t.figures(ctx, r)
}
