package look

import (
	"fmt"
	"testing"
	"time"

	"polity/access"
)

// TestMany: more than three times the median of others with the same role in seven days,
// and twenty looks at least.
func TestMany(t *testing.T) {
	for what, c := range map[string]struct {
		others []int // looks of others in the first days
		looks  int   // of the one
		flag   bool
	}{
		"as others":            {[]int{20, 24, 30}, 60, false},
		"three times":          {[]int{20, 24, 30}, 72, false},
		"more":                 {[]int{20, 24, 30}, 73, true},
		"few, but others less": {[]int{1, 1, 1}, 19, false},
		"twenty":               {[]int{1, 1, 1}, 20, true},
		"nobody else":          {nil, 200, false},
	} {
		h := &hand{noon}
		cfg := config(t.TempDir(), h)
		var told []Flag
		cfg.Flag = func(f Flag) { told = append(told, f) }
		b := open(t, cfg)
		times := func(id string, n int) {
			for i := range n {
				look(t, b, live(operator(id, fmt.Sprintf("%s-%d-%d", id, i, h.t.Unix())), "square")).Finish()
			}
		}
		for i, n := range c.others {
			times(fmt.Sprintf("p-%d", i), n)
		}
		other := live(operator("p-technician", "s-t"), "square") // another role's looks are not compared
		other.Who.Roles = []access.Role{access.TrafficOperator}
		look(t, b, other).Finish()
		times("p-much", c.looks/2)
		h.turn(48 * time.Hour)
		if b = restarted(t, b, cfg); len(told) != 0 && !c.flag {
			t.Errorf("%s: %+v", what, told)
		}
		told = nil
		times("p-much", c.looks-c.looks/2)
		h.turn(24 * time.Hour)
		tick(t, b)
		if c.flag != (len(told) == 1) {
			t.Fatalf("%s: %+v", what, told)
		}
		if c.flag && (told[0].Who != "p-much" || told[0].Rule != Many || told[0].Number != c.looks || told[0].Role != access.SafetyOperator) {
			t.Errorf("%s: %+v", what, told[0])
		}
		h.turn(9 * 24 * time.Hour)
		told = nil
		if tick(t, b); len(told) != 0 {
			t.Errorf("%s: flagged on days without a look: %+v", what, told)
		}
	}
}

// restarted closes a book and opens it, as a restart of the hub does.
func restarted(t *testing.T, b *Book, cfg Config) *Book {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, cfg)
}

// TestWide: more different cameras within an hour than the rule allows, once a day.
func TestWide(t *testing.T) {
	h := &hand{noon}
	cfg := config(t.TempDir(), h)
	cfg.Settings.Heavy.Cameras = 4
	var told []Flag
	cfg.Flag = func(f Flag) { told = append(told, f) }
	b := open(t, cfg)
	who := operator("p-anna", "s-1")
	all := cameras(8)
	for _, camera := range append(all[:4:4], all[:4]...) { // the same again
		look(t, b, live(who, camera)).Finish()
		h.turn(9 * time.Minute)
	}
	if len(told) != 0 {
		t.Fatalf("four cameras: %+v", told)
	}
	h.turn(time.Hour)
	for _, camera := range all[:3] {
		look(t, b, live(who, camera)).Finish()
	}
	b = restarted(t, b, cfg) // a restart forgets nothing
	for _, camera := range all[3:] {
		look(t, b, live(who, camera)).Finish()
	}
	if len(told) != 1 || told[0].Rule != Wide || told[0].Number != 5 || told[0].Limit != 4 || told[0].Who != "p-anna" {
		t.Fatalf("%+v", told)
	}
	kept, err := b.Details(t.Context(), operator("p-auditor", "s-9"), Query{From: "2026-11-30", To: "2026-11-30"})
	if err != nil || len(kept.Flags) != 1 {
		t.Errorf("flags in the book: %+v, %v", kept.Flags, err)
	}
}
