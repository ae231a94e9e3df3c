package transit

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/sqlite"
	"polity/sensors/transit/realtime"
)

// works is a publisher of a timetable and of what its vehicles say.
type works struct {
	mu    sync.Mutex
	zip   []byte
	etag  string
	now   []byte
	down  bool
	asked map[string]int // answers by path and status
}

func (w *works) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	status := http.StatusOK
	switch {
	case w.down:
		status = http.StatusBadGateway
	case r.URL.Path == "/away":
		out.Header().Set("Location", "http://elsewhere.example/gtfs.zip")
		status = http.StatusFound
	case r.URL.Path == "/gtfs.zip" && r.Header.Get("If-None-Match") == w.etag:
		status = http.StatusNotModified
	}
	w.asked[fmt.Sprint(r.URL.Path, " ", status)]++
	out.Header().Set("ETag", w.etag)
	out.WriteHeader(status)
	if status == http.StatusOK {
		_, _ = out.Write(map[string][]byte{"/gtfs.zip": w.zip, "/now": w.now}[r.URL.Path])
	}
}

func (w *works) publish(t testing.TB, x texts, etag string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(x)) {
		f, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(f, x[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.zip, w.etag = b.Bytes(), etag
}

func (w *works) tell(m realtime.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = m.Encode()
}

// town is a hub's part of it, with a clock of the test's.
type town struct {
	t     testing.TB
	works *works
	store plane.Store
	dir   string
	cfg   Config
	at    time.Time
	*System
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &works{asked: map[string]int{}}
	w.publish(t, line(), `"1"`)
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	x := &town{t: t, works: w, store: store, dir: filepath.Join(dir, "transit"), at: clock(t, "07:59:00")}
	x.cfg = Config{Name: "trams", Timetable: server.URL + "/gtfs.zip", Trips: server.URL + "/now", Vehicles: server.URL + "/now", Alerts: server.URL + "/now", Simulated: true}
	x.start()
	return x
}

func (x *town) start() {
	x.t.Helper()
	var err error
	if x.System, err = New(Deps{Feeds: []Config{x.cfg}, Store: x.store, Data: x.dir, Now: func() time.Time { return x.at }}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *town) timetable() error { return x.feeds[0].readTimetable(context.Background()) }

func (x *town) board() *Board { return x.feeds[0].Board }

// hear is one round at a time of the day, with what is told then.
func (x *town) hear(at string, m realtime.Message) {
	x.t.Helper()
	x.at = clock(x.t, at)
	m.At = x.at
	x.works.tell(m)
	x.feeds[0].round(context.Background())
}

func run(trip string, calls ...realtime.CallUpdate) realtime.TripUpdate {
	return realtime.TripUpdate{Trip: realtime.Trip{ID: trip, Date: "20261130", Direction: -1}, Calls: calls}
}

func position(trip string, lon float64) realtime.Position {
	return realtime.Position{Trip: realtime.Trip{ID: trip, Date: "20261130", Direction: -1}, Lon: lon, Lat: 60.15, Bearing: 90, Speed: 8, Stop: "s3"}
}

func (x *town) ids(typ string) (list []string) {
	x.t.Helper()
	page, err := x.store.Find(x.t.Context(), plane.Query{Types: []string{typ}, Limit: 1000})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, e := range page.Entities {
		list = append(list, e.ID)
	}
	return list
}

func TestStopsLinesVehiclesAndAlertsAreEntities(t *testing.T) {
	x := newTown(t)
	if err := x.timetable(); err != nil {
		t.Fatal(err)
	}
	x.hear("08:02:00", realtime.Message{
		Trips:    []realtime.TripUpdate{run("t0", bySequence(3, late(2*time.Minute)))},
		Vehicles: []realtime.Position{position("t0", 24.9), {Trip: realtime.Trip{ID: ""}, Lon: 24.95, Lat: 60.15}, {Trip: realtime.Trip{ID: "ghost"}, Lon: 24.95, Lat: 60.15}},
		Alerts:   []realtime.Alert{{ID: "a/1", Severity: 3, Title: []realtime.Text{{Text: "Työ", Language: "fi"}, {Text: "Works", Language: "en"}}, About: []realtime.Selector{{Route: "R1", Kind: -1, Direction: -1}}}},
	})
	if n := len(x.ids(TypeStop)); n != 10 {
		t.Errorf("%d stops", n)
	}
	want := []string{"urn:ngsi-ld:Vehicle:trams:t0:20261130"}
	if got := x.ids(TypeVehicle); !slices.Equal(got, want) {
		t.Fatalf("vehicles %q; those that make no run are nobody's business", got)
	}
	e, err := x.store.Entity(t.Context(), plane.Key{ID: want[0]})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"delay": "120", "speed": "8", "vehicleType": `"tram"`, "simulated": "true", "hasRoute": `"urn:ngsi-ld:GtfsRoute:trams:R1"`, "nextStop": `"urn:ngsi-ld:GtfsStop:trams:s3"`} {
		if a := e.Attribute(name); a == nil || string(a.Value) != want {
			t.Errorf("%s is %+v, want %s", name, a, want)
		}
	}
	a, err := x.store.Entity(t.Context(), plane.Key{ID: "urn:ngsi-ld:Alert:trams:a%2F1"})
	if err != nil || string(a.Attribute("name").Value) != `"Works"` || string(a.Attribute("severity").Value) != `"medium"` {
		t.Errorf("the alert is %+v, %v", a, err)
	}
	x.hear("08:03:00", realtime.Message{Vehicles: []realtime.Position{position("t1", 24.91)}})
	if got := x.ids(TypeVehicle); !slices.Equal(got, []string{"urn:ngsi-ld:Vehicle:trams:t1:20261130"}) || len(x.ids(TypeAlert)) != 0 {
		t.Errorf("what is not told any more stays: %q, %q", got, x.ids(TypeAlert))
	}
	x.start() // again, and what was told before the restart is gone
	x.hear("08:04:00", realtime.Message{})
	if got := x.ids(TypeVehicle); len(got) != 0 {
		t.Errorf("vehicles of before the restart stay: %q", got)
	}
}

// TestOnlyThePresent: old positions disappear when nothing is told, and no history of a
// vehicle is kept.
func TestOnlyThePresent(t *testing.T) {
	x := newTown(t)
	if err := x.timetable(); err != nil {
		t.Fatal(err)
	}
	x.hear("08:02:00", realtime.Message{Vehicles: []realtime.Position{position("t0", 24.9)}, Trips: []realtime.TripUpdate{run("t0", bySequence(3, late(0)))}})
	if len(x.ids(TypeVehicle)) != 1 {
		t.Fatal("there is no vehicle")
	}
	x.works.mu.Lock()
	x.works.down = true
	x.works.mu.Unlock()
	x.at = clock(t, "08:06:00")
	x.feeds[0].round(t.Context())
	s := x.board().State(x.at)
	if len(x.ids(TypeVehicle)) != 0 || len(s.Vehicles) != 0 || s.Sources[0].Fresh || !strings.Contains(s.Sources[0].Problem, "502") {
		t.Errorf("four minutes after the last word: %q, %+v", x.ids(TypeVehicle), s.Sources)
	}
	stop, err := x.board().Stop("s8", x.at)
	if err != nil || stop.Live || len(stop.Departures) == 0 || !stop.Departures[0].Expected.IsZero() {
		t.Errorf("a stop still shows expectations: %+v, %v", stop, err)
	}
	err = x.store.Dump(t.Context(), func(*plane.Entity) error { return nil }, func(o plane.Observation) error {
		if strings.Contains(o.ID, "Vehicle") {
			t.Errorf("the history holds %s of %s", o.Attribute, o.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVehiclesGoWithTheHub: when it stops, nobody knows where they are.
func TestVehiclesGoWithTheHub(t *testing.T) {
	x := newTown(t)
	if err := x.timetable(); err != nil {
		t.Fatal(err)
	}
	x.hear("08:02:00", realtime.Message{Vehicles: []realtime.Position{position("t0", 24.9)}})
	if len(x.ids(TypeVehicle)) != 1 {
		t.Fatal("there is no vehicle")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	x.Run(ctx)
	if left := x.ids(TypeVehicle); len(left) != 0 {
		t.Errorf("vehicles stay: %q", left)
	}
}

// TestNoPlateAnywhere: what the decoder passes over reaches neither the store's file
// nor the folder of feeds.
func TestNoPlateAnywhere(t *testing.T) {
	x := newTown(t)
	if err := x.timetable(); err != nil {
		t.Fatal(err)
	}
	message, err := os.ReadFile("realtime/testdata/plated.pb")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(message, []byte("PLATE-123")) {
		t.Fatal("the message holds no plate: this test proves nothing")
	}
	x.at = clock(t, "08:02:00")
	x.works.mu.Lock()
	x.works.now = message
	x.works.mu.Unlock()
	x.feeds[0].round(t.Context())
	if len(x.ids(TypeVehicle)) != 1 {
		t.Fatal("the vehicle with a plate is not there: this test proves nothing")
	}
	all := fmt.Sprintf("%+v", x.board().State(x.at))
	root := filepath.Dir(x.dir)
	if err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, readErr := os.ReadFile(name)
			all += string(b)
			return readErr
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(all, "Vehicle:trams:t0") {
		t.Fatal("the store's file was not read: this test proves nothing")
	}
	for _, word := range []string{"PLATE-123", "vehicle-secret", "label-secret"} {
		if strings.Contains(all, word) {
			t.Errorf("%s went through", word)
		}
	}
}

// TestABrokenTimetableChangesNothing: the last good one counts, also after a restart
// while its publisher is away.
func TestABrokenTimetableChangesNothing(t *testing.T) {
	x := newTown(t)
	if err := x.timetable(); err != nil {
		t.Fatal(err)
	}
	if err := x.timetable(); err != nil || x.works.asked["/gtfs.zip 304"] != 1 {
		t.Errorf("a second look: %v, %v", err, x.works.asked)
	}
	bad := line()
	bad["trips.txt"] += "R9,all,t99\n"
	x.works.publish(t, bad, `"2"`)
	err := x.timetable()
	if err == nil || !strings.Contains(err.Error(), `trips.txt:15: there is no route "R9"`) {
		t.Errorf("a broken one: %v", err)
	}
	x.works.publish(t, texts{}, `"3"`)
	if err := x.timetable(); err == nil {
		t.Error("an empty zip is taken")
	}
	still := func(when string) {
		if s, err := x.board().Stop("s1", x.at); err != nil || len(s.Departures) == 0 {
			t.Errorf("%s: %+v, %v", when, s, err)
		}
	}
	still("after broken ones")
	x.works.mu.Lock()
	x.works.down = true
	x.works.mu.Unlock()
	x.start()
	if err := x.timetable(); err == nil {
		t.Error("a publisher that is down goes unnoticed")
	}
	still("after a restart without the publisher")
	if left, _ := filepath.Glob(filepath.Join(x.dir, "*.new.zip")); len(left) != 0 {
		t.Errorf("%q lies about", left)
	}
}

func TestAnAddressThatLeadsElsewhereIsRefused(t *testing.T) {
	x := newTown(t)
	x.cfg.Timetable = strings.Replace(x.cfg.Timetable, "/gtfs.zip", "/away", 1)
	x.start()
	if err := x.timetable(); err == nil || !strings.Contains(err.Error(), "leads elsewhere") {
		t.Errorf("%v", err)
	}
}

// TestPunctuality: departures are measured once, when they are past, by the last word
// before them; hours are stored once.
func TestPunctuality(t *testing.T) {
	x := newTown(t)
	if err := x.timetable(); err != nil {
		t.Fatal(err)
	}
	step := func(at string, updates ...realtime.TripUpdate) { x.hear(at, realtime.Message{Trips: updates}) }
	cancelled := run("t1")
	cancelled.Trip.Schedule = realtime.Canceled
	step("07:59:30", run("t0", bySequence(1, late(0)), bySequence(4, late(2*time.Minute)), bySequence(6, late(6*time.Minute))), cancelled)
	for minute := range 25 {
		at := fmt.Sprintf("08:%02d:10", minute)
		u := run("t0", bySequence(1, late(0)), bySequence(4, late(2*time.Minute)), bySequence(6, late(6*time.Minute)))
		if minute >= 2 {
			u.Calls = u.Calls[1:] // what lies behind is not told any more
		}
		if minute > 14 {
			step(at, cancelled) // the run is over, and not told any more
			continue
		}
		step(at, u, cancelled)
	}
	x.start() // in the middle of the hour
	step("08:40:00", run("t4", bySequence(1, late(-3*time.Minute))))
	step("08:42:00", run("t4", bySequence(1, late(-3*time.Minute))))
	step("09:06:00")
	step("09:07:00")
	rows, err := x.Delays(t.Context(), "trams", "", clock(t, "00:00:00"), clock(t, "23:00:00"))
	if err != nil || len(rows) != 1 {
		t.Fatalf("%+v, %v", rows, err)
	}
	r := rows[0]
	// t0: calls 1-3 on time, 4-5 two minutes late (on time), 6-10 six minutes late. t4 was
	// planned from 08:40, and runs three minutes early: when it is first heard of, at
	// 08:40, calls until then are past; those of 08:41 and 08:42 are measured.
	if r.Measured != r.OnTime+r.Early+r.Late || r.OnTime != 5 || r.Late != 5 || r.Early != 2 || r.Cancelled != 1 || r.Route != "1" {
		t.Errorf("the hour is %+v", r)
	}
	if r.Covered < 20*time.Minute || r.Covered > 40*time.Minute {
		t.Errorf("vehicles were heard for %v of the hour", r.Covered)
	}
	if !r.Start.Equal(clock(t, "08:00:00")) {
		t.Errorf("the hour began %v", r.Start)
	}
}

func TestDeparturesOfAStop(t *testing.T) {
	x := newTown(t)
	if err := x.timetable(); err != nil {
		t.Fatal(err)
	}
	cancelled := run("t1")
	cancelled.Trip.Schedule = realtime.Canceled
	extra := realtime.TripUpdate{Trip: realtime.Trip{ID: "more", Route: "R1", Schedule: realtime.Added, Direction: -1}, Calls: []realtime.CallUpdate{
		{Stop: "s2", Departure: realtime.Event{Time: clock(t, "08:05:00")}}, {Stop: "s9", Arrival: realtime.Event{Time: clock(t, "08:09:00")}},
	}}
	x.hear("08:03:00", realtime.Message{Trips: []realtime.TripUpdate{
		run("t0", bySequence(1, late(3*time.Minute))), cancelled, run("t2", realtime.CallUpdate{Sequence: 2, BySequence: true, Relation: realtime.Skipped}), extra,
	}})
	s, err := x.board().Stop("s2", x.at)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range s.Departures[:5] {
		words := "planned " + d.Planned.UTC().Format("15:04")
		if !d.Expected.IsZero() {
			words += " expected " + d.Expected.UTC().Format("15:04")
		}
		if d.Cancelled {
			words += " cancelled"
		}
		got = append(got, words)
	}
	// Times are UTC; Helsinki is two hours ahead. t0 was planned for 08:01.
	want := []string{"planned 06:01 expected 06:04", "planned 00:00 expected 06:05", "planned 06:11 cancelled", "planned 06:21 cancelled", "planned 06:31"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if _, err := x.board().Stop("ghost", x.at); city.KindOf(err) != city.NotFound {
		t.Errorf("a stop that is not there: %v", err)
	}
	if last, _ := x.board().Stop("s10", x.at); slices.ContainsFunc(last.Departures, func(d Departure) bool { return d.Route == "1" }) {
		t.Error("a stop where the line ends shows departures of it")
	}
	if found := x.board().Find("stop 1", 10); len(found) != 2 || found[0].ID != "s1" {
		t.Errorf("found %+v", found)
	}
}

// TestRunsByHeadways: one that starts with the plan is that run; another is shown beside it.
func TestRunsByHeadways(t *testing.T) {
	x := newTown(t)
	if err := x.timetable(); err != nil {
		t.Fatal(err)
	}
	of := func(start string) realtime.TripUpdate {
		u := run("loop", bySequence(1, late(time.Minute)))
		u.Trip.Start = start
		return u
	}
	x.hear("11:58:00", realtime.Message{Trips: []realtime.TripUpdate{of("12:00:00"), of("12:02:30")}})
	s, err := x.board().Stop("s1", x.at)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range s.Departures[:3] {
		got = append(got, d.Planned.UTC().Format("15:04:05")+" "+d.Expected.UTC().Format("15:04:05"))
	}
	if want := []string{"10:00:00 10:01:00", "00:00:00 10:03:30", "10:05:00 00:00:00"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzHear: whatever a publisher tells, the board answers.
func FuzzHear(f *testing.F) {
	for _, name := range []string{"official.pb", "plated.pb"} {
		b, err := os.ReadFile("realtime/testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, int64(1796025600))
	}
	feed := feedOf(f, line())
	f.Fuzz(func(t *testing.T, message []byte, now int64) {
		m, err := realtime.Decode(message)
		if err != nil || now < 0 || now > 4_000_000_000 {
			return
		}
		b := NewBoard(Config{Name: "trams", Trips: "x", Vehicles: "x", Alerts: "x"})
		at := time.Unix(now, 0)
		b.SetTimetable(feed, at)
		b.Hear(m, at)
		b.Hear(m, at.Add(time.Hour))
		s := b.State(at)
		for _, v := range s.Vehicles {
			if v.Point.Check() != nil {
				t.Errorf("a vehicle at %v", v.Point)
			}
		}
		if _, err := b.Stop("s2", at); err != nil {
			t.Error(err)
		}
		for _, h := range b.ended(at.Add(24 * time.Hour)) {
			for route, y := range h.Routes {
				if y.Measured != y.OnTime+y.Early+y.Late {
					t.Errorf("%s: %+v", route, *y)
				}
			}
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{Name: "trams", Timetable: "https://t.example/gtfs.zip"}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"timetable is missing":           func(c *Config) { c.Timetable = "" },
		"could change what it says":      func(c *Config) { c.Vehicles = "http://t.example/rt" },
		"is no address":                  func(c *Config) { c.Trips = "https://user:secret@t.example/rt" },
		"stale is shorter than every":    func(c *Config) { c.Every, c.Stale = time.Minute, time.Second },
		"every is a second or more":      func(c *Config) { c.Every = time.Millisecond },
		"early and late are not below 0": func(c *Config) { c.Late = -time.Second },
		"a name is 1 to 63 of a-z, 0-9":  func(c *Config) { c.Name = "No Name" },
	} {
		c := good
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(want, "a-z") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
