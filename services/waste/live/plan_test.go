package live_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/room/decision"
	"polity/services/waste/live"
)

// TestAPlannersMovesAreDecidedLikeThePlan: a draft changes nothing; put forward, it takes the
// old decision's place; after a restart it is there, moves still have a price; what is agreed
// to is what drives.
func TestAPlannersMovesAreDecidedLikeThePlan(t *testing.T) {
	live.Hurry(t, "", 0)
	two := strings.Replace(fleet, "trucks: [", `trucks: [{id: t2, depot: {lat: 60, lon: 25.001}, kilograms: 900, litres: 9000, fractions: [mixed], shift: "06:00-14:00", cost_per_km: 1, cost_per_hour: 60, cost_per_day: 5}, `, 1)
	config := files(t, "id,lat,lon,litres\na,60.0001,25.01,660\nb,60.005,25.0201,660\nc,60.0001,25.015,660\n", two)
	d := newDay(t, config)
	first := d.waits("plan")
	v := d.until("the page has it", func(v live.View) bool { return v.Phase == live.Proposed })
	has := holders(v)["a"]
	other := map[string]string{"t1": "t2", "t2": "t1"}[has]
	draft, err := d.s.Draft(nil, live.Move{Container: "a", Truck: other})
	if err != nil || draft.Decision != first.ID || draft.Asked == nil || !draft.Asked.Fits || draft.Asked.Cost <= 0 || draft.Asked.Metres <= 0 || draft.Asked.From != has {
		t.Fatalf("%+v, %v", draft.Asked, err)
	}
	moves := []live.Move{{Container: "a", Truck: other}}
	again, err := d.s.Draft(moves, live.Move{})
	if err != nil || len(again.Moves) != 1 || len(again.Tours) != 2 || holders(d.s.View())["a"] != has {
		t.Fatalf("%+v, %v", again, err)
	}
	for kind, try := range map[city.Kind]func() error{
		city.NotFound: func() error { _, err := d.s.Draft(nil, live.Move{Container: "x", Truck: other}); return err },
		city.Invalid:  func() error { return d.s.PutForward(t.Context(), first.ID, nil) },
		city.Conflict: func() error { return d.s.PutForward(t.Context(), "another", moves) },
		city.TooLarge: func() error { _, err := d.s.Draft(make([]live.Move, 101), live.Move{}); return err },
	} {
		if err := try(); city.KindOf(err) != kind {
			t.Errorf("%v, want kind %v", err, kind)
		}
	}
	if err := d.s.PutForward(t.Context(), first.ID, moves); err != nil {
		t.Fatal(err)
	}
	second := d.waits("plan")
	if second.ID == first.ID || !strings.Contains(second.Reason, "The desk made one change in the tours.") {
		t.Errorf("%+v", second)
	}
	if was, err := d.book.One(t.Context(), decision.Asker{}, live.Name, first.ID); err != nil || was.State != decision.Withdrawn {
		t.Errorf("the old decision: %+v, %v", was, err)
	}
	if err := d.s.PutForward(t.Context(), first.ID, moves); city.KindOf(err) != city.Conflict {
		t.Errorf("a draft of an old plan: %v", err)
	}
	d.stop()
	d.start(config)
	var after live.Draft
	d.until("moves have a price again", func(live.View) bool {
		after, err = d.s.Draft(nil, live.Move{Container: "a", Truck: has})
		return err == nil
	})
	if after.Decision != second.ID || after.Asked.Cost >= 0 || holders(d.s.View())["a"] != other {
		t.Errorf("%+v", after.Asked)
	}
	d.answer(second, decision.Accepted, "")
	v = d.until("it drives", func(v live.View) bool { return v.Phase == live.Driving })
	if holders(v)["a"] != other {
		t.Error("the tours that were agreed to are not those that drive")
	}
	if _, err := d.s.Draft(moves, live.Move{}); city.KindOf(err) != city.Conflict {
		t.Errorf("while trucks drive: %v", err)
	}
}

// answered waits for what was asked.
func (d *day) answered() live.Answer {
	d.t.Helper()
	var a live.Answer
	d.until("it is found out", func(live.View) bool {
		x, asked := d.s.Answer()
		a = x
		return asked && !x.Running
	})
	return a
}

// TestAnotherDayAndAnotherFleetAreFoundOut, and change nothing.
func TestAnotherDayAndAnotherFleetAreFoundOut(t *testing.T) {
	live.Hurry(t, "", 0)
	d := newDay(t, "simulate: day\n")
	d.waits("plan")
	v := d.until("the page has it", func(v live.View) bool { return v.Phase == live.Proposed })
	if _, asked := d.s.Answer(); asked {
		t.Error("an answer that nobody asked for")
	}
	ask := func(c live.Case) live.Answer {
		t.Helper()
		if err := d.s.Ask(c); err != nil {
			t.Fatal(err)
		}
		return d.answered()
	}
	if a := ask(live.Case{Without: []string{v.Tours[0].Truck}}); a.Why != "" || slices.ContainsFunc(a.Tours, func(x live.Tour) bool { return x.Truck == v.Tours[0].Truck }) || a.Containers != len(v.Containers) || a.Currency != "EUR" {
		t.Errorf("without %s: %d tours, %d containers, %s, %s", v.Tours[0].Truck, len(a.Tours), a.Containers, a.Currency, a.Why)
	}
	a := ask(live.Case{Day: v.Day.AddDate(0, 0, 1)})
	if a.Why != "" || len(a.Tours) == 0 {
		t.Errorf("tomorrow: %d tours, %s", len(a.Tours), a.Why)
	}
	today, again := holders(v), 0
	for id := range holders(live.View{Tours: a.Tours}) {
		if today[id] != "" {
			again++
		}
	}
	if again > len(today)/2 { // without what today empties it is nearly all of them
		t.Errorf("%d of %d containers that today's tours empty are emptied tomorrow again", again, len(today))
	}
	if a := ask(live.Case{Closed: []string{"transfer station"}}); len(a.Tours) > 0 || len(a.Problems) == 0 || !strings.Contains(a.Problems[0].String(), "is closed: open it") {
		t.Errorf("closed: %+v", a.Problems)
	}
	a = ask(live.Case{Tables: &live.Tables{Containers: "id,lat,lon,litres\nmine,60.1725,24.9490,660\n"}})
	if len(a.Tours) != 1 || a.Tours[0].Calls[0].Container != "mine" || len(a.Tours[0].Line) < 3 {
		t.Fatalf("own containers: %d tours, %s", len(a.Tours), a.Why)
	}
	var gpx strings.Builder
	if err := d.s.WriteAnswerGPX(&gpx, a.Tours[0].Truck); err != nil || !strings.Contains(gpx.String(), "mine") {
		t.Errorf("%v, %s", err, gpx.String())
	}
	for _, c := range []live.Case{{Day: v.Day.AddDate(0, 0, 9)}, {Day: v.Day.Add(time.Hour)}, {Without: []string{"truck-9"}}, {Closed: []string{"x"}}} {
		if err := d.s.Ask(c); city.KindOf(err) != city.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if now := d.s.View(); len(now.Tours) != len(v.Tours) || now.Phase != live.Proposed {
		t.Error("a question changed the day")
	}
	if _, err := d.s.TakeOver(live.Tables{Containers: "id,lat,lon,litres\nmine,60.1725,24.9490,660\n"}); city.KindOf(err) != city.Conflict {
		t.Errorf("real containers beside made-up ones: %v", err)
	}
}

const (
	townPlaces = "id,kind,lat,lon,open\nyard,depot,60,25.001,\nlandfill,landfill,60.009,25.02,06:00-18:00\n"
	townTrucks = "id,depot,kilograms,litres,shift,currency\nt1,yard,900,9000,06:00-14:00,SEK\n"
)

// TestACityBeginsWithItsTables: without any the service says so; a table with an error changes
// nothing; taken over, tours are planned of them, also after a restart; more of them replace
// what there was, and the plan that waits.
func TestACityBeginsWithItsTables(t *testing.T) {
	live.Hurry(t, "", 0)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.osm"), []byte(grid), 0o600); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("map: %s/m.osm\nzone: Europe/Helsinki\n", dir)
	d := newDay(t, config)
	d.until("it is empty", func(v live.View) bool { return v.Empty && !v.Day.IsZero() })
	tables := live.Tables{Containers: "id,lat,lon,litres\na,60.0001,25.01,660\nb,x,25.0201,660\n", Places: townPlaces, Trucks: townTrucks}
	p, err := d.s.Preview(tables)
	if err != nil || p.Wrong() != 1 || p.Containers.Errors[0].Error() != `line 3, lat: "x" is not a number from -90 to 90` {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := d.s.TakeOver(tables); city.KindOf(err) != city.Invalid {
		t.Errorf("a wrong line was taken over: %v", err)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "waste", "tables.next.json")); err == nil {
		t.Error("something was written")
	}
	for text, bad := range map[string]live.Tables{"no table": {Containers: " \n"}, "go together": {Trucks: townTrucks}} {
		if _, err := d.s.Preview(bad); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	tables.Containers = "id,lat,lon,litres\na,60.0001,25.01,660\nfar,60.2,25.2,660\n"
	if p, err = d.s.Preview(tables); err != nil || p.Wrong() != 0 || p.New != 2 || len(p.Problems) != 1 || p.Problems[0].Container != "far" || p.Problems[0].Help == "" {
		t.Fatalf("%+v, %v", p, err)
	}
	if later, err := d.s.TakeOver(tables); err != nil || later {
		t.Fatal(later, err)
	}
	d.until("tours are planned", func(v live.View) bool {
		return v.Phase == live.Proposed && len(v.Tours) == 1 && !v.Empty && v.Currency == "SEK"
	})
	first := d.waits("plan")
	d.stop()
	d.start(config)
	if v := d.s.View(); len(v.Tours) != 1 || v.Empty {
		t.Errorf("after a restart: %d tours, empty: %v", len(v.Tours), v.Empty)
	}
	more := live.Tables{Containers: "id,lat,lon,litres\na,60.0001,25.01,1100\nb,60.005,25.0201,660\n"}
	if p, err = d.s.Preview(more); err != nil || p.New != 1 || p.Changed != 1 || p.Going != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := d.s.TakeOver(more); err != nil {
		t.Fatal(err)
	}
	d.until("they are planned", func(v live.View) bool { return v.Phase == live.Proposed && holders(v)["b"] == "t1" })
	if was, err := d.book.One(t.Context(), decision.Asker{}, live.Name, first.ID); err != nil || was.State != decision.Withdrawn {
		t.Errorf("the old decision: %+v, %v", was, err)
	}
	d.answer(d.waits("plan"), decision.Accepted, "")
	d.until("it drives", func(v live.View) bool { return v.Phase == live.Driving })
	if later, err := d.s.TakeOver(tables); err != nil || !later {
		t.Errorf("while trucks are out: %v, %v", later, err)
	}
	time.Sleep(100 * time.Millisecond)
	if v := d.s.View(); holders(v)["b"] != "t1" || len(v.Containers) != 2 || v.Containers[1].ID != "b" {
		t.Error("tables were replaced under trucks that are out")
	}
}
