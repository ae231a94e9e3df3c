package live_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"polity/city"
	"polity/room/decision"
	"polity/service"
	"polity/services/waste/live"
)

// hands is a clock that a test sets forward.
type hands struct{ ahead atomic.Int64 }

func (h *hands) now() time.Time          { return time.Now().Add(time.Duration(h.ahead.Load())) }
func (h *hands) forward(d time.Duration) { h.ahead.Add(int64(d)) }

// early is a clock at 06:10 of the next morning.
func early(t *testing.T) *hands {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(zone)
	h := &hands{}
	h.forward(time.Date(now.Year(), now.Month(), now.Day()+1, 6, 10, 0, 0, zone).Sub(now))
	return h
}

// twoTrucks have to share six containers: a shift is long enough for one way to the landfill.
const twoTrucks = `trucks:
  - {id: t1, depot: {lat: 60, lon: 25.001}, kilograms: 260, litres: 9000, fractions: [mixed], shift: "06:20-07:00", cost_per_km: 1, cost_per_hour: 60, co2_g_per_km: 900}
  - {id: t2, depot: {lat: 60, lon: 25.001}, kilograms: 260, litres: 9000, fractions: [mixed], shift: "06:20-07:00", cost_per_km: 1, cost_per_hour: 60, co2_g_per_km: 900}
sites: [{id: landfill, place: {lat: 60.009, lon: 25.02}, open: "06:00-18:00", unload_minutes: 10}]
`

const sixBins = "id,lat,lon,litres\nc1,60.0001,25.004,660\nc2,60.0001,25.008,660\nc3,60.0001,25.012,660\nc4,60.0001,25.016,660\nc5,60.003,25.0201,660\nc6,60.006,25.0201,660\n"

// driving is a real day of two trucks that a person has agreed to.
func driving(t *testing.T) (*day, *hands, string, live.View) {
	t.Helper()
	live.Hurry(t, "", 0)
	h := early(t)
	config := files(t, sixBins, twoTrucks)
	d := newDayAt(t, config, h.now)
	d.answer(d.waits("plan"), decision.Accepted, "")
	v := d.until("trucks are out", func(v live.View) bool { return v.Phase == live.Driving })
	if len(v.Tours) != 2 {
		t.Fatalf("%d tours; %v", len(v.Tours), v.Problems)
	}
	return d, h, config, v
}

// made is the service without its run loop.
func (d *day) made(config string) *live.Service {
	d.t.Helper()
	s, err := live.New([]byte(config), service.Deps{
		Data: d.store, Decisions: d.book.For(live.Name), Dir: filepath.Join(d.dir, "waste"), Log: slog.New(slog.DiscardHandler), Now: d.now,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

var lastID atomic.Int64

func newID() string { return fmt.Sprintf("report-%012d", lastID.Add(1)) }

// of are the containers of a truck's tour.
func of(v live.View, truck string) (list []string) {
	for _, t := range v.Tours {
		for _, c := range t.Calls {
			if t.Truck == truck && c.Container != "" {
				list = append(list, c.Container)
			}
		}
	}
	return list
}

func refused(t *testing.T, what string, err error, want city.Kind, says string) {
	t.Helper()
	if city.KindOf(err) != want || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%s: %v, want %q", what, err, says)
	}
}

// TestADayThatPeopleDrive: tours are taken; what crews tell counts once, also after a crash
// and told again; a missed container and a breakdown are told of; another takes over what is
// left; the streets follow; who drove is forgotten.
func TestADayThatPeopleDrive(t *testing.T) {
	d, h, config, v := driving(t)
	today := v.Day.Format(time.DateOnly)
	tell := func(person, truck, what, container, reason string) error {
		return d.s.Report(person, truck, live.Report{ID: newID(), Day: today, What: what, Container: container, Reason: reason, Told: h.now()})
	}
	ours, theirs := of(v, "t1"), of(v, "t2")
	refused(t, "a report before the tour is taken", tell("anna", "t1", live.Collected, ours[0], ""), city.Forbidden, "take it first")
	for person, truck := range map[string]string{"anna": "t1", "bert": "t2"} {
		if err := d.s.Take(person, truck); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "a tour that another drives", d.s.Take("bert", "t1"), city.Conflict, "somebody else")
	refused(t, "a report of another's tour", tell("bert", "t1", live.Collected, ours[0], ""), city.Forbidden, "not yours")
	refused(t, "another's container", tell("anna", "t1", live.Collected, theirs[0], ""), city.Forbidden, "on the tour of t2")
	refused(t, "a container that is none", tell("anna", "t1", live.Collected, "c9", ""), city.NotFound, "c9")
	refused(t, "missed without a reason", tell("anna", "t1", live.Missed, ours[0], "people in the way"), city.Invalid, "a reason of the list")
	refused(t, "yesterday", d.s.Report("anna", "t1", live.Report{ID: newID(), Day: "2020-01-01", What: live.Collected, Container: ours[0]}), city.Conflict, "day of this report is over")
	first := live.Report{ID: newID(), Day: today, What: live.Collected, Container: ours[0], Told: h.now()}
	for range 2 {
		if err := d.s.Report("anna", "t1", first); err != nil {
			t.Fatal(err)
		}
	}
	other := first
	other.Container = ours[1]
	refused(t, "another report under its id", d.s.Report("anna", "t1", other), city.Conflict, "another report")
	if err := tell("bert", "t2", live.Missed, theirs[0], "blocked"); err != nil {
		t.Fatal(err)
	}
	photo := newID()
	if err := d.s.AddPhoto("bert", "t2", today, theirs[0], photo, []byte("a masked picture")); err != nil {
		t.Fatal(err)
	}
	refused(t, "a photo of another's container", d.s.AddPhoto("bert", "t2", today, ours[0], newID(), []byte("x")), city.Forbidden, "not on yours")
	refused(t, "a photo with a path for its id", d.s.AddPhoto("bert", "t2", today, theirs[0], "../../../../etc/passwd", []byte("x")), city.Invalid, "id")
	d.until("the missed pickup is told of", func(live.View) bool { n, _ := d.alerts("missedPickup"); return n == 1 })

	// The vehicle stands, and the hub is killed just behind the report.
	if err := tell("anna", "t1", live.Stands, "", ""); err != nil {
		t.Fatal(err)
	}
	d.stop()
	d.start(config)
	moves := d.waits("moves")
	if err := d.s.Report("anna", "t1", first); err != nil {
		t.Errorf("the first report told again after the crash: %v", err)
	}
	if !strings.Contains(moves.Reason, "t1 has broken down") || !strings.Contains(moves.Do, fmt.Sprintf("t2 takes %d", len(ours)-1)) {
		t.Errorf("%s %s", moves.Reason, moves.Do)
	}
	d.answer(moves, decision.Accepted, "")
	v = d.until("t2 has the rest", func(v live.View) bool { return len(of(v, "t2")) >= 5 })
	if v.Containers[0].Street != "Long Street" || len(v.Misses) != 1 || v.Misses[0].Photo != photo || len(v.Taken) != 2 {
		t.Errorf("%+v", v.Misses)
	}
	if jpeg, err := d.s.Photo(photo); err != nil || string(jpeg) != "a masked picture" {
		t.Errorf("%q, %v", jpeg, err)
	}
	mine := d.s.Drive("bert").Mine
	if mine == nil || mine.Truck != "t2" || mine.Calls[0].Container != theirs[0] || !mine.Calls[0].Done || mine.Calls[0].Missed != "blocked" || !mine.Calls[0].Near {
		t.Fatalf("%+v", mine)
	}
	for _, c := range mine.Calls[1:] {
		r := live.Report{ID: newID(), Day: today, What: live.Collected, Container: c.Container, Told: h.now()}
		if c.Site != "" {
			r.What, r.Site, r.Kilograms = live.Unloaded, c.Site, 230
		}
		if err := d.s.Report("bert", "t2", r); err != nil {
			t.Fatal(err)
		}
	}
	if err := tell("bert", "t2", live.Collected, theirs[0], ""); err != nil { // it went there again
		t.Fatal(err)
	}
	if err := tell("bert", "t2", live.Back, "", ""); err != nil {
		t.Fatal(err)
	}
	v = d.until("all is told", func(v live.View) bool { return v.Phase == live.Over })
	if st := v.Streets[0]; st.Planned != 6 || st.Collected != 6 || st.Missed != 0 || len(v.Unloads) == 0 || v.Unloads[0].Kilograms != 230 || len(v.Misses) != 0 {
		t.Errorf("%+v %+v", st, v.Unloads)
	}
	d.until("no alert of a missed one is left", func(live.View) bool { a, e := d.alerts("missedPickup"); return a == 0 && e == 1 })
	d.until("the photo is gone", func(live.View) bool {
		list, err := os.ReadDir(filepath.Join(d.dir, "waste", "photos"))
		return err == nil && len(list) == 0
	})
	h.forward(25 * time.Hour)
	d.until("the next day is planned", func(v live.View) bool { return v.Phase == live.Proposed })
	d.stop()
	text, err := os.ReadFile(filepath.Join(d.dir, "waste", "state.json"))
	if err != nil || bytes.Contains(text, []byte("anna")) || bytes.Contains(text, []byte("bert")) || bytes.Contains(text, []byte(`"last"`)) {
		t.Errorf("who drove is kept past the day (%v)", err)
	}
}

// TestWhoDroveAndWhereIsForgottenAfterAShift: also when no next day is planned.
func TestWhoDroveAndWhereIsForgottenAfterAShift(t *testing.T) {
	d, h, config, v := driving(t)
	if err := d.s.Take("anna", "t1"); err != nil {
		t.Fatal(err)
	}
	c := of(v, "t1")[0]
	at := h.now()
	if err := d.s.Report("anna", "t1", live.Report{ID: newID(), Day: v.Day.Format(time.DateOnly), What: live.Collected, Container: c, Told: at}); err != nil {
		t.Fatal(err)
	}
	read := func() string {
		text, err := os.ReadFile(filepath.Join(d.dir, "waste", "state.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if !strings.Contains(read(), "anna") || !strings.Contains(read(), at.Format("2006-01-02T15:04:05")) || len(d.s.View().Tours[0].DoneAt)+len(d.s.View().Tours[1].DoneAt) != 1 {
		t.Fatal("it is not known during the shift")
	}
	d.stop()
	h.forward(17 * time.Hour)
	d.start(config)
	d.until("it is forgotten", func(v live.View) bool {
		return len(v.Taken) == 0 && len(v.Tours[0].DoneAt)+len(v.Tours[1].DoneAt) == 0
	})
	for _, known := range []string{"anna", at.Format("2006-01-02T15:04:05"), at.In(v.Day.Location()).Format("2006-01-02T15:04:05")} {
		if strings.Contains(read(), known) {
			t.Errorf("%s is kept past the shift", known)
		}
	}
	if v := d.s.View(); v.Streets[0].Collected != 1 {
		t.Error("what was collected is forgotten, too")
	}
	refused(t, "a report after the shift", d.s.Report("anna", "t1", live.Report{ID: newID(), Day: v.Day.Format(time.DateOnly), What: live.Collected, Container: of(v, "t1")[1]}), city.Forbidden, "not yours")
}

// TestTheOrderOfReportsDoesNotMatter: whatever way they come, the day is the same.
func TestTheOrderOfReportsDoesNotMatter(t *testing.T) {
	d, h, config, v := driving(t)
	if err := d.s.Take("anna", "t1"); err != nil {
		t.Fatal(err)
	}
	d.stop() // reports alone: nothing else moves the day
	state := filepath.Join(d.dir, "waste", "state.json")
	before, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	ours, begun := of(v, "t1"), h.now()
	var reports []live.Report
	for i, r := range []live.Report{
		{What: live.Collected, Container: ours[0]},
		{What: live.Missed, Container: ours[1], Reason: "locked"},
		{What: live.Stands},
		{What: live.Goes},
		{What: live.Collected, Container: ours[2]},
		{What: live.Collected, Container: ours[1]},               // it came back to it
		{What: live.Missed, Container: ours[2], Reason: "empty"}, // told by mistake before
		{What: live.Unloaded, Site: "landfill", Kilograms: 140},
		{What: live.Back},
	} {
		r.ID, r.Day, r.Told = newID(), v.Day.Format(time.DateOnly), begun.Add(time.Duration(i)*time.Minute)
		reports = append(reports, r)
	}
	h.forward(time.Hour)
	type outcome struct {
		Containers []live.ContainerView
		Mine       []live.MyCall
		Misses     []live.Miss
		Unloads    []live.Unload
		Broken     bool
		Home       bool
	}
	play := func(order []live.Report) outcome {
		if err := os.WriteFile(state, before, 0o600); err != nil {
			t.Fatal(err)
		}
		s := d.made(config)
		for _, r := range order {
			for range 2 {
				if err := s.Report("anna", "t1", r); err != nil {
					t.Fatal(err)
				}
			}
		}
		v, mine := s.View(), s.Drive("anna").Mine
		return outcome{v.Containers, mine.Calls, v.Misses, v.Unloads, mine.Broken, mine.Home}
	}
	want := play(reports)
	if want.Broken || !want.Home || len(want.Misses) != 1 || want.Misses[0].Container != ours[2] || len(want.Unloads) != 1 {
		t.Fatalf("%+v", want)
	}
	for range 20 {
		order := slices.Clone(reports)
		rand.Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
		if got := play(order); !reflect.DeepEqual(got, want) {
			t.Fatalf("told in another order the day is another:\n%+v\n%+v", got, want)
		}
	}
}

// TestATruckThatGoesAgainKeepsItsStops: what was asked about them is withdrawn.
func TestATruckThatGoesAgainKeepsItsStops(t *testing.T) {
	d, h, _, v := driving(t)
	if err := d.s.Take("anna", "t1"); err != nil {
		t.Fatal(err)
	}
	tell := func(what string) {
		t.Helper()
		if err := d.s.Report("anna", "t1", live.Report{ID: newID(), Day: v.Day.Format(time.DateOnly), What: what, Told: h.now()}); err != nil {
			t.Fatal(err)
		}
	}
	tell(live.Stands)
	moves := d.waits("moves")
	tell(live.Goes)
	d.until("what was asked is withdrawn", func(live.View) bool {
		list, _, err := d.book.Find(t.Context(), decision.Asker{}, decision.Query{Services: []city.Slug{live.Name}})
		return err == nil && slices.ContainsFunc(list, func(x *decision.Decision) bool { return x.ID == moves.ID && x.State == decision.Withdrawn })
	})
	d.until("the alert is over", func(live.View) bool { a, e := d.alerts("vehicleBreakdown"); return a == 0 && e == 1 })
	if got := d.s.View(); len(of(got, "t1")) != len(of(v, "t1")) || len(of(got, "t2")) != len(of(v, "t2")) {
		t.Errorf("%v and %v, before %v and %v", of(got, "t1"), of(got, "t2"), of(v, "t1"), of(v, "t2"))
	}
	tell(live.Stands)
	if again := d.waits("moves"); again.ID == moves.ID {
		t.Error("it stands again, and nobody is asked")
	}
}

// TestSomebodyTakesAMadeUpTour: the made-up crew steps aside, and goes on once they leave.
func TestSomebodyTakesAMadeUpTour(t *testing.T) {
	live.Hurry(t, "", 0)
	d := newDay(t, "simulate: day\npace: 600\n")
	d.answer(d.waits("plan"), decision.Accepted, "")
	v := d.until("trucks are out", func(v live.View) bool { return v.Phase == live.Driving })
	truck := v.Tours[0].Truck
	if err := d.s.Take("anna", truck); err != nil {
		t.Fatal(err)
	}
	done := func(v live.View, truck string) int {
		for _, tour := range v.Tours {
			if tour.Truck == truck {
				return tour.Done
			}
		}
		return -1
	}
	others := 0
	d.until("another goes on", func(v live.View) bool {
		others = done(v, v.Tours[1].Truck)
		return others > 2
	})
	v = d.s.View()
	stood := done(v, truck)
	d.until("another goes on still", func(v live.View) bool { return done(v, v.Tours[1].Truck) > others+1 })
	if got := done(d.s.View(), truck); got != stood {
		t.Errorf("the made-up crew did %d stops of a tour that somebody drives", got-stood)
	}
	next := d.s.Drive("anna").Mine.Calls[stood]
	if err := d.s.Report("anna", truck, live.Report{ID: newID(), Day: v.Day.Format(time.DateOnly), What: live.Collected, Container: next.Container, Told: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := d.s.Free(truck); err != nil {
		t.Fatal(err)
	}
	v = d.until("all are home", func(v live.View) bool { return v.Phase == live.Over })
	for _, tour := range v.Tours {
		if tour.Done < len(tour.Calls) {
			t.Errorf("%s did %d of %d stops", tour.Truck, tour.Done, len(tour.Calls))
		}
	}
}
