//go:build !race

// Everything happens in one order here, without goroutines: with the race detector it takes
// minutes more and finds nothing more.

package log

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"polity/internal/attack"
)

// borders are where trees of tiles change: sizes to begin with, and appends over a border.
var borders = []struct {
	before  int
	batches []int
}{
	{0, []int{1, 1, 2}},
	{253, []int{1, 1, 1, 1}},
	{254, []int{5, 1}},
	{255, []int{1, 1}},
	{256, []int{1, 255, 1}},
	{65533, []int{2, 1, 1}},
	{65534, []int{3}},
}

func TestAttackPowerLoss(t *testing.T) {
	attack.Tell(t, "power-loss",
		"The power goes at steps drawn among all that appending, publishing and sweeping do to the disk, at the borders of tiles; of what was not synced nothing is left, or some. Or the process is killed there, another goes on, and then the power goes.",
		"Every acknowledged entry is there once and at its place, no other tree of a size is ever signed, every tile of the public checkpoint is on the disk as golang.org/x/mod computes it, and the log goes on.")
	chance := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same cuts each time
	cuts := 0
	for _, b := range borders {
		base := grown(t, b.before)
		r := &recorder{}
		s, err := begin(t, replay(t, base, nil).leave(t, killed, chance), r)
		if err != nil {
			t.Fatal(err)
		}
		days(s, b.batches)
		s.end()
		step := 5
		if b.before > 60_000 {
			step = 1 + len(r.steps)/8
		}
		for cut := chance.IntN(step); cut <= len(r.steps); cut += step {
			done := r.steps[:cut]
			where := func(how string) string { return fmt.Sprint(b.before, " entries, ", b.batches, ", step ", cut, how) }
			for _, how := range []int{nothing, some} {
				cuts++
				m := replay(t, base, done)
				if err := goesOn(t, m.leave(t, how, chance), promised(done), int64(b.before)); err != nil {
					t.Errorf("%s: %v", where(" power"), err)
				}
			}
			again := &recorder{}
			s, err := begin(t, replay(t, base, done).leave(t, killed, chance), again)
			if err != nil {
				t.Fatalf("%s: %v", where(" killed"), err)
			}
			days(s, b.batches)
			s.end()
			for range 2 {
				cuts++
				all := append(done[:cut:cut], again.steps[:chance.IntN(len(again.steps)+1)]...)
				m := replay(t, base, all)
				if err := goesOn(t, m.leave(t, nothing, chance), promised(all), int64(b.before)); err != nil {
					t.Errorf("%s, %d: %v", where(" killed, power"), len(all), err)
				}
			}
			if t.Failed() {
				break
			}
		}
	}
	t.Logf("%d cuts", cuts)
}

func TestAttackDiskErrorThenPowerLoss(t *testing.T) {
	attack.Tell(t, "disk-error-power-loss",
		"Each step that a log does to its disk fails once, having had its effect or not; who appends tries again, and the power goes at the end or somewhere after.",
		"Every acknowledged entry is there once, nothing is forked, and the log goes on.")
	chance := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same cuts each time
	for _, b := range borders {
		if b.before > 60_000 {
			continue // the same files as at 256
		}
		base := grown(t, b.before)
		for fail := 1; ; fail++ {
			reached := false
			for _, effect := range []bool{true, false} {
				r := &recorder{fail: fail, effect: effect}
				s, err := begin(t, replay(t, base, nil).leave(t, killed, chance), r)
				if err == nil {
					days(s, b.batches)
					s.end()
				}
				reached = reached || r.count >= fail
				for _, cut := range []int{len(r.steps), chance.IntN(len(r.steps) + 1)} {
					done := r.steps[:cut]
					if err := goesOn(t, replay(t, base, done).leave(t, nothing, chance), promised(done), int64(b.before)); err != nil {
						t.Errorf("%d entries, %v, step %d fails with effect %t, power at %d of %d: %v", b.before, b.batches, fail, effect, cut, len(r.steps), err)
					}
				}
			}
			if !reached || t.Failed() {
				break
			}
		}
	}
}
