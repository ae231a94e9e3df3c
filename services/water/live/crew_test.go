package live_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/decision"
	"polity/room/order"
	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/example"
	"polity/services/water/live"
	"polity/services/water/scada"
	"polity/services/water/season"
)

// field is a real network: its measurements come in a folder, day by day, and its crews work
// from the book of orders. What happens under the streets is played.
type field struct {
	*town
	days   *season.Season
	tables *scada.Data
	keys   int
}

var (
	waterDesk = order.Asker{Who: access.Who{ID: "p1", Name: "Pirjo"}}
	northCrew = order.Asker{Who: access.Who{ID: "p2", Name: "Anna"}}
)

func newField(t *testing.T, leak season.Leak) (x *field, config string) {
	t.Helper()
	epanettest.Native(t)
	live.Folder(t, 20*time.Millisecond)
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	valves, err := example.Valves(n)
	if err != nil {
		t.Fatal(err)
	}
	x = &field{town: newTown(t, "")}
	var before *scada.Data
	if x.days, before, err = season.Begin(t.Context(), season.Config{Network: n, Valves: valves, Before: 30, Seed: 4, Dial: epanet.Native, Leaks: []season.Leak{leak}}); err != nil {
		t.Fatal(err)
	}
	x.at(before.Pressures.Start)
	x.work, err = order.Open(t.Context(), order.Config{
		Path: filepath.Join(x.dir, "orders.db"), Decider: allow{}, Now: x.clock.now,
		Roster: &order.Crews{List: []order.CrewConfig{{Name: "north", Title: "Pipes north", Desks: []city.Slug{access.Water}, Members: []string{"p2"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.work.Close() })
	for name, text := range map[string][]byte{"town.inp": n.File.Text(), "valves.csv": example.ValveTable()} {
		if err := os.WriteFile(filepath.Join(x.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := before.WriteFolder(filepath.Join(x.dir, "before"), ""); err != nil {
		t.Fatal(err)
	}
	return x, fmt.Sprintf("network: %[1]s/town.inp\nvalves: %[1]s/valves.csv\nhistory: %[1]s/before\nmeasurements: %[1]s/now\n", x.dir)
}

func (x *field) at(when time.Time) { x.clock.at.Store(&when) }

// day plays a day, and returns what the crew under the streets found; told is the tables'
// business, which come when the crew has said how it ended.
func (x *field) day() (words []season.Word) {
	x.t.Helper()
	d, words, err := x.days.Day(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	if x.tables == nil {
		x.tables = d
	} else {
		x.tables.Append(d)
	}
	x.at(d.Pressures.Start.Add(9 * time.Hour))
	return words
}

func (x *field) tell() live.View {
	x.t.Helper()
	if err := x.tables.WriteFolder(filepath.Join(x.dir, "now"), ""); err != nil {
		x.t.Fatal(err)
	}
	days := x.tables.Pressures.Len() / (24 * 12)
	return x.wait(fmt.Sprintf("day %d is looked at", days), func(v live.View) bool { return v.Day == days })
}

func (x *field) key() string {
	x.keys++
	return fmt.Sprintf("key-%016d", x.keys)
}

// order waits for the work order of a decision, and gives it to the crew.
func (x *field) order(d *decision.Decision) order.Order {
	x.t.Helper()
	var o order.Order
	x.wait("there is a work order for "+d.ID, func(live.View) bool {
		list, _, err := x.work.List(x.t.Context(), waterDesk, order.Filter{From: order.FromDecision, Key: d.ID})
		if err != nil {
			x.t.Fatal(err)
		}
		if len(list) == 1 {
			o = list[0]
		}
		return len(list) == 1
	})
	o, err := x.work.Decide(x.t.Context(), waterDesk, x.key(), o.ID, o.Revision, order.Given, order.Assignee{Crew: "north"})
	if err != nil {
		x.t.Fatal(err)
	}
	return o
}

func (x *field) steps(o order.Order, list ...order.Step) {
	x.t.Helper()
	for _, s := range list {
		if _, err := x.work.Do(x.t.Context(), northCrew, x.key(), o.ID, s); err != nil {
			x.t.Fatal(err)
		}
	}
}

// TestACrewIsAskedAndTheTwinFollows: what people agree to becomes an order in the book; done,
// valves are as it says in the twin; nothing is heard, another pipe is proposed; mended and
// opened, the residual goes back. The service is ended and begun while the valves are closed.
func TestACrewIsAskedAndTheTwinFollows(t *testing.T) {
	x, config := newField(t, season.Leak{Pipe: "P34", Day: 1, Diameter: 0.02})
	x.day()
	x.start(config)
	v := x.tell()
	for days := 0; len(v.Leaks) == 0 && days < 15; days++ {
		x.day()
		v = x.tell()
	}
	if len(v.Leaks) != 1 {
		t.Fatalf("no leak is found by day %d", v.Day)
	}
	for try := 0; !v.Leaks[0].Cut; try++ {
		if try > 5 {
			t.Fatalf("%+v", v.Leaks[0])
		}
		d := x.agree("isolate")
		o := x.order(d)
		if o.Kind != "valve" || o.Priority != order.Urgent || !strings.Contains(o.Task, "close V") || !strings.Contains(o.Task, "no water meanwhile") {
			t.Errorf("%+v", o.Content)
		}
		v = x.wait("the page has it", func(v live.View) bool {
			return v.Leaks[0].Work != nil && v.Leaks[0].Work.Order.Crew == "Pipes north"
		})
		if slices.ContainsFunc(v.Valves, func(v live.ValveView) bool { return v.Closed }) {
			t.Fatal("a valve counts as closed that nobody has closed")
		}
		at, is := pipeValves(v, d)
		if !is {
			t.Fatalf("%s names no pipe", d.Do)
		}
		x.days.Send(season.Job{ID: d.ID, Pipe: at.pipe, Close: at.valves})
		if words := x.day(); words[0].What == season.Closed {
			x.steps(o, order.Step{To: order.Accepted}, order.Step{To: order.AtThePlace}, order.Step{To: order.Done})
			v = x.wait("the twin has the valves closed", func(v live.View) bool { return v.Leaks[0].Cut && v.Dry > 0 })
		} else {
			x.steps(o, order.Step{To: order.Cannot, Reason: "not-found"})
			o, err := x.work.Get(t.Context(), waterDesk, o.ID)
			if err == nil {
				_, err = x.work.Decide(t.Context(), waterDesk, x.key(), o.ID, o.Revision, order.Cancelled, order.Assignee{})
			}
			if err != nil {
				t.Fatal(err)
			}
			v = x.wait("the decision has failed", func(v live.View) bool { return v.Leaks[0].Waiting != d.ID })
		}
		x.tell()
	}
	x.stop()
	x.start(config)
	v = x.wait("it looks again", func(v live.View) bool { return v.Day > 0 })
	if v.Dry == 0 || !v.Leaks[0].Cut || !slices.ContainsFunc(v.Valves, func(v live.ValveView) bool { return v.Closed }) {
		t.Errorf("behind a restart: %d homes dry, %+v", v.Dry, v.Leaks[0])
	}
	d := x.agree("repair")
	o := x.order(d)
	if o.Kind != "leak" || !strings.Contains(o.Task, "Mend the leak on") {
		t.Errorf("%+v", o.Content)
	}
	closed := v.Leaks[0].Close
	x.days.Send(season.Job{ID: d.ID, Open: closed})
	x.day()
	x.steps(o, order.Step{To: order.Accepted}, order.Step{To: order.AtThePlace}, order.Step{To: order.Done})
	x.wait("the valves are open in the twin", func(v live.View) bool { return v.Dry == 0 && v.Leaks[0].Mended })
	v = x.tell()
	for days := 0; len(v.Past) == 0 && days < 15; days++ {
		x.day()
		v = x.tell()
	}
	if len(v.Past) != 1 || len(v.Leaks) != 0 {
		t.Fatalf("day %d: its residual is not free: %+v", v.Day, v.Leaks)
	}
	if open := x.open(); len(open) != 0 {
		t.Errorf("decisions are open: %+v", open)
	}
}

type search struct {
	pipe   string
	valves []int
}

// pipeValves reads a decision as a crew does, by its words.
func pipeValves(v live.View, d *decision.Decision) (s search, is bool) {
	_, rest, is := strings.Cut(d.Do, "around ")
	s.pipe, _, _ = strings.Cut(rest, ",")
	for i, x := range v.Valves {
		if slices.Contains(strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == ',' || r == '.' }), x.Name) {
			s.valves = append(s.valves, i)
		}
	}
	return s, is && len(s.valves) > 0
}
