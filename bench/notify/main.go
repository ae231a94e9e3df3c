// Command notify measures notifications of the real hub: whether each change that was
// acknowledged reaches who subscribed, through kills of the hub and beside receivers that
// are dead or slow, and how long that takes.
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
		Name: "notify",
		About: `Starts polity hub, subscribes over NGSI-LD, and changes one entity per subscription at
an even pace: three of four by PATCH, one of four as a device's message over HTTP. Each
subscription is to one entity, except one to all of them whose receiver refuses every
connection; one other receiver takes 3 s for each answer. At a third and at two thirds of
the time the hub is killed (SIGKILL) and started again with the same data. At the end the
receivers are waited for.

lost            acknowledged changes whose value never reached the entity's subscriber
p50_ms, p99_ms  from sending the change to hearing of it, kills included; the slow
                receiver apart
doubled         notifications that came again, after a kill
kills_survived  starts after a kill that ended in an open API
acknowledged, unanswered   changes that were answered, and that were under way at a kill
                or came while the hub was away
dead_letters, dead_waiting   of the dead receiver: given up and kept, and waiting
dead_lost, dead_revived_s    then it comes to life, and dead letters are put back:
                acknowledged changes that it never heard of, and how long all took
slow_p99_ms     of the slow receiver
floor_p50_ms    the peer: the same kind of request from here to the receivers, without a
                hub. Other brokers of NGSI-LD (Orion-LD, Scorpio, Stellio) come as container
                images or on the Java virtual machine with databases of their own, not as
                packages of Debian, Go, npm or PyPI; none is measured.`,
		Variables: []harness.Variable{
			{Name: "SUBSCRIPTIONS", Default: "1000", Help: "subscriptions, the dead and the slow one included"},
			{Name: "RATE", Default: "200", Help: "changes a second"},
			{Name: "SECONDS", Default: "60", Help: "how long changes are made"},
			{Name: "SEED", Default: "1", Help: "of the order in which entities are changed"},
		},
		Quick: "a tenth of the subscriptions, a quarter of the rate, 15 s",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	var n [4]float64
	for i, name := range []string{"SUBSCRIPTIONS", "RATE", "SECONDS", "SEED"} {
		var err error
		if n[i], err = r.Number(name); err != nil {
			return nil, err
		}
	}
	if r.Quick {
		n[0], n[1], n[2] = max(n[0]/10, 10), max(n[1]/4, 20), min(n[2], 15)
	}
	if n[0] < 10 || n[0] > 9000 || n[1] < 1 || n[2] < 6 {
		return nil, fmt.Errorf("SUBSCRIPTIONS=%g RATE=%g SECONDS=%g: 10 to 9000 subscriptions, a change a second, 6 seconds at least", n[0], n[1], n[2])
	}
	dir, err := os.MkdirTemp("", "polity-bench-notify-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	t, err := newTrial(dir, int(n[0]), n[1], 3*time.Second, rand.New(rand.NewPCG(uint64(n[3]), 1))) //nolint:gosec // the same each time
	if err != nil {
		return nil, err
	}
	defer t.close()
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	r.Say("%d subscriptions; %.0f changes a second for %.0f s", t.subscriptions, t.rate, n[2])
	if err := t.play(ctx, r.Say, time.Duration(n[2]*float64(time.Second))); err != nil {
		return nil, err
	}
	return t.figures(ctx, r)
}
