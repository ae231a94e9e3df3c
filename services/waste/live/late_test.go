package live_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/waste/live"
)

// TestWhatACrewWithoutALineTellsAfterMidnightCounts: the day was over for the hub; what was
// emptied is no missed pickup, what was missed is one with its reason and photo, nothing of the new day changes,
// and who drove is forgotten as ever.
func TestWhatACrewWithoutALineTellsAfterMidnightCounts(t *testing.T) {
	d, h, config, v := driving(t)
	yesterday := v.Day.Format(time.DateOnly)
	h.forward(15 * time.Hour) // a late shift: they take their tours at 21:10
	for person, truck := range map[string]string{"anna": "t1", "bert": "t2"} {
		if err := d.s.Take(person, truck); err != nil {
			t.Fatal(err)
		}
	}
	told := h.now()
	ours, theirs := of(v, "t1"), of(v, "t2")
	one := live.Report{ID: newID(), Day: yesterday, What: live.Collected, Container: ours[0], Told: told}
	if err := d.s.Report("anna", "t1", one); err != nil {
		t.Fatal(err)
	}
	h.forward(3*time.Hour + 30*time.Minute)
	d.until("the next day is planned", func(now live.View) bool { return now.Phase == live.Proposed && now.Day.After(v.Day) })
	d.until("what nobody told of counts as missed", func(now live.View) bool { return len(now.Misses) == 5 })
	d.until("and is told of", func(live.View) bool { n, _ := d.alerts("missedPickup"); return n == 5 })
	planned := d.s.View().Tours

	// The line is back. Half of it is told before the hub is killed, all of it once more behind.
	tell := func() {
		t.Helper()
		if err := d.s.Report("anna", "t1", one); err != nil {
			t.Errorf("told before midnight, and again: %v", err)
		}
		for k, c := range ours[1:] {
			r := live.Report{ID: "late-report-of-t1-" + c, Day: yesterday, What: live.Collected, Container: c, Told: told.Add(time.Duration(k+1) * time.Minute)}
			if err := d.s.Report("anna", "t1", r); err != nil {
				t.Errorf("%s: %v", c, err)
			}
		}
		if err := d.s.Report("bert", "t2", live.Report{ID: "late-report-of-missed", Day: yesterday, What: live.Missed, Container: theirs[0], Reason: "blocked", Told: told}); err != nil {
			t.Error(err)
		}
		if err := d.s.AddPhoto("bert", "t2", yesterday, theirs[0], "late-photo-0000001", []byte("a masked picture")); err != nil {
			t.Error(err)
		}
		for _, what := range []string{live.Stands, live.Back} { // too late to matter, and no reason to refuse them
			if err := d.s.Report("anna", "t1", live.Report{ID: "late-report-that-" + what, Day: yesterday, What: what, Told: told}); err != nil {
				t.Error(err)
			}
		}
	}
	tell()
	d.stop()
	d.start(config)
	tell()
	left := len(theirs)
	d.until("what was emptied is missed no more", func(now live.View) bool { return len(now.Misses) == left })
	d.until("nor told of", func(live.View) bool { n, _ := d.alerts("missedPickup"); return n == left })
	now := d.s.View()
	blocked := slices.IndexFunc(now.Misses, func(m live.Miss) bool { return m.Container == theirs[0] })
	if m := now.Misses[blocked]; m.Reason != "blocked" || m.Photo != "late-photo-0000001" || !m.Day.Equal(v.Day) || !m.At.Equal(m.Day) {
		t.Errorf("%+v", m)
	}
	if jpeg, err := d.s.Photo("late-photo-0000001"); err != nil || string(jpeg) != "a masked picture" {
		t.Errorf("%q, %v", jpeg, err)
	}
	if now.Phase != live.Proposed || len(now.Tours) != len(planned) {
		t.Errorf("the new day changed: %s, %d tours", now.Phase, len(now.Tours))
	}
	late := func(person, truck, container string) error {
		return d.s.Report(person, truck, live.Report{ID: newID(), Day: yesterday, What: live.Collected, Container: container, Told: told})
	}
	refused(t, "another's truck", late("bert", "t1", ours[0]), city.Conflict, "day of this report is over")
	refused(t, "another's container", late("anna", "t1", theirs[0]), city.Forbidden, "no tour of t1 that day")
	refused(t, "a container that is none", late("anna", "t1", "c9"), city.NotFound, "c9")
	if err := late("bert", "t2", theirs[0]); err != nil { // it went there again
		t.Error(err)
	}
	d.until("the one that was missed is emptied", func(now live.View) bool { return len(now.Misses) == left-1 })

	h.forward(14 * time.Hour)
	read := func() string {
		text, err := os.ReadFile(filepath.Join(d.dir, "waste", "state.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	d.until("who drove is forgotten a shift later", func(live.View) bool {
		text := read()
		return !strings.Contains(text, "anna") && !strings.Contains(text, "bert")
	})
	if at := told.Format("2006-01-02T15:04"); strings.Contains(read(), at) {
		t.Errorf("a time of a crew is kept past the shift: %s", at)
	}
	refused(t, "past the shift", late("anna", "t1", ours[0]), city.Conflict, "day of this report is over")
}
