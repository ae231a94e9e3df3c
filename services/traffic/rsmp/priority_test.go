package rsmp

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPriorityIsBounded: a group is favoured for its time and no longer, soon after not again,
// and a wish of the supervisor goes before.
func TestPriorityIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, refused := timed(t)
		defer b.run()()
		j := b.site.n.Junctions[0]
		group := -1
		time.Sleep(1500 * time.Millisecond) // between two of its seconds
		for range 200 {                     // until the plan is about to show a group red for long
			time.Sleep(time.Second)
			for g := range j.Groups {
				if shows(b.site)[g] == 'B' && j.GroupID(g) == "V3" {
					group = g
				}
			}
			if group >= 0 {
				break
			}
		}
		if err := b.sup.Prioritise("crossroads", &Priority{ID: "bus-1", Group: "V3", Level: 7, Arrives: 5, Vehicle: "bus"}); err != nil {
			t.Fatal(err)
		}
		alone := 0
		for s := range 40 {
			time.Sleep(time.Second)
			own, all := b.site.Plan(), b.site.n.Junctions[0].All()
			if shows(b.site)[group] == '1' && !own.Has(group) && all.Has(group) {
				alone++
				if s > 35 {
					t.Errorf("favoured %d s later still", s)
				}
			}
		}
		if alone == 0 || alone > int(favours/time.Second)+2 {
			t.Errorf("green for %d s beside its plan", alone)
		}
		for _, p := range []Priority{{ID: "bus-2", Group: "V3", Arrives: 5, Vehicle: "bus"}, {ID: "bus-3", Group: "V99", Vehicle: "bus"}, {ID: "", Group: "V3", Vehicle: "bus"}} {
			if err := b.sup.Prioritise("crossroads", &p); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.sup.Prioritise("crossroads", &Priority{ID: "bus-1", Cancel: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		b.note(func() {
			if len(*refused) != 3 || !strings.Contains((*refused)[0], "cooldown") || !strings.Contains((*refused)[1], `no signal group "V99"`) || !strings.Contains((*refused)[2], "an id") {
				t.Errorf("refused: %q", *refused)
			}
		})
	})
}
