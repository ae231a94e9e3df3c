package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"polity/camera/layout"
	"polity/camera/standin"
	"polity/hub/minutes"
	"polity/plane"
	"polity/plane/sqlite"
)

// crossing is a layout with something of everything.
func crossing() layout.Layout {
	return layout.Layout{
		Revision: 1,
		Zones:    []layout.Zone{{Name: "all", Crowd: 2, Corners: []layout.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0, Y: 1}}}},
		Lines:    []layout.Line{{Name: "west", From: layout.Point{X: 1. / 3, Y: 0}, To: layout.Point{X: 1. / 3, Y: 1}}},
	}
}

// watchSquare is a town whose one camera replays the square.
func watchSquare(t *testing.T) *town {
	t.Helper()
	w := newTown(t)
	w.employ()
	c := serve(t, standin.Config{Film: square(), User: "polity", Password: password})
	w.watch = []watched{{"square", c.URL(), password}}
	w.allow("square")
	w.draw("square", crossing())
	return w
}

// shows waits until so much of the place is shown, percent.
func (w *town) shows(percent int) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%d%% of the place is shown", percent), later, func() bool {
		_, rest, _ := strings.Cut(w.line("square"), "delay ")
		_, rest, _ = strings.Cut(rest, ", ")
		hidden := 100
		if _, err := fmt.Sscanf(rest, "%d%%", &hidden); err != nil {
			return false
		}
		return w.live("square") && hidden <= 100-percent
	})
}

// TestKillsLoseNothingAndShowNobody kills ffmpeg, the detector, the hub and the edge
// in turn.
func TestKillsLoseNothingAndShowNobody(t *testing.T) {
	t.Parallel()
	w := watchSquare(t)
	w.startHub()
	w.startEdge()
	view := w.look()
	w.shows(50)
	began := time.Now()

	w.replace("ffmpeg", func() bool { return w.live("square") })
	w.replace("polity-native", func() bool { return w.live("square") && strings.Contains(w.state(), "Detector: runs") })

	w.hub.kill()
	w.eventually("the edge notices", soon, func() bool { return strings.Contains(w.state(), "Hub: cannot be reached") })
	w.eventually("observations wait at the edge", later, func() bool { return w.waiting() > 0 })
	w.startHub()
	w.eventually("the hub has caught up", soon, func() bool { return strings.Contains(w.state(), "Hub: connected") && w.waiting() == 0 })

	// In the middle of a minute, so that there is a part of one to lose.
	w.eventually("some of a minute is measured", soon, func() bool { s := time.Now().Second(); return s > 8 && s < 55 })
	camera := child(t, w.edge.pid(), "camera-process")
	w.edge.kill()
	killed := time.Now()
	w.eventually("the camera's process ends, too", soon, func() bool { return !alive(camera) })
	w.startEdge()
	w.shows(50)
	w.eventually("the hub has everything", soon, func() bool { return w.waiting() == 0 })

	view.end()
	if view.places < 10 || view.marks < 50 {
		t.Errorf("the page showed %d changes of the place and %d marks: too few to say anything", view.places, view.marks)
	}
	if view.people > 0 {
		t.Errorf("the page showed people %d times: %s", view.people, view.worst)
	}
	w.edge.kill()
	if status := w.hub.interrupt(soon); status != 0 {
		t.Errorf("the hub ended with %d", status)
	}
	w.checkIntervals(began, killed)
}

// replace kills a process of the edge and waits until another has taken its place.
func (w *town) replace(word string, well func() bool) {
	w.t.Helper()
	before := child(w.t, w.edge.pid(), word)
	if before == 0 {
		w.t.Fatalf("the edge runs no %s", word)
	}
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("another "+word+" takes over", soon, func() bool {
		now := child(w.t, w.edge.pid(), word)
		return now != 0 && now != before && well()
	})
}

// checkIntervals reads the hub's store: every series goes on without a gap and
// without an overlap from before began until the edge was killed, and again after.
func (w *town) checkIntervals(began, killed time.Time) {
	t := w.t
	t.Helper()
	store, err := sqlite.Open(t.Context(), w.path("hub", "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	all := map[plane.Series][]plane.Observation{}
	if err := store.History(t.Context(), plane.HistoryQuery{Key: plane.Key{ID: "urn:polity:camera:square"}}, func(o plane.Observation) error {
		all[o.Series] = append(all[o.Series], o)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	last, err := minutes.Open(t.Context(), w.path("hub", "minutes.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if err := last.History(t.Context(), "urn:polity:camera:square", began.Add(-time.Hour), time.Now().Add(time.Hour), func(o plane.Observation) error {
		all[o.Series] = append(all[o.Series], o)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for series, list := range all {
		if series.Attribute == "dwell" || series.Attribute == "speed" {
			continue // told only when there is enough to tell
		}
		checked++
		slices.SortFunc(list, func(a, b plane.Observation) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Length, b.Length))
		})
		name := series.Attribute + " of " + series.Dataset
		if first := list[0].Start; first.After(began) {
			t.Errorf("%s begins at %v, when it was watched since before %v", name, first, began)
		}
		covered := time.Duration(0)
		end := list[0].Start
		for _, o := range list {
			switch {
			case o.Start.Before(end):
				t.Errorf("%s: %v is told twice, until %v", name, o.Start, end)
			case o.Start.After(end) && end.Before(killed.Add(-3*time.Second)):
				t.Errorf("%s: nothing from %v until %v", name, end, o.Start)
			}
			if o.Covered > o.Length {
				t.Errorf("%s at %v: %v of %v were seen", name, o.Start, o.Covered, o.Length)
			}
			if end = o.Start.Add(o.Length); !end.After(killed.Add(time.Second)) {
				covered += o.Covered
			}
		}
		if end.Before(killed.Add(-3 * time.Second)) {
			t.Errorf("%s ends at %v; the edge was killed at %v", name, end, killed)
		}
		if all := killed.Sub(list[0].Start); covered < all/2 {
			t.Errorf("%s: of %v only %v were seen", name, all, covered)
		}
	}
	if checked < 20 {
		t.Errorf("only %d series are in the hub's store", checked)
	}
}
