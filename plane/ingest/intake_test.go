package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/twin"
	"polity/plane/sqlite"
)

const air = `
name: air
topic: air/{device}/up
route: air
entity: {type: AirQualityObserved, id: "urn:ngsi-ld:AirQualityObserved:{device}"}
time: {path: ts, format: unix}
expect: {every: 10m}
attributes:
  - {name: temperature, path: t, unit: CEL, min: -60, max: 60}
`

const level = `
name: level
topic: level/{device}
payload: number
entity: {type: WaterLevel, id: "urn:ngsi-ld:WaterLevel:{device}"}
attributes: [{name: level, unit: MTR}]
`

const homes = `
name: homes
topic: meters/{area}/{device}
household: true
sums: {every: 15m, wait: 1m}
entity: {type: Consumption, id: "urn:ngsi-ld:Consumption:{area}"}
time: {path: ts, format: unix}
attributes: [{name: power, path: w, unit: WTT, min: 0, max: 20000}]
constants: [{name: simulated, value: true}]
`

// town is an intake over a store in a temporary folder, with a clock of its own.
type town struct {
	t      *testing.T
	dir    string
	store  *faulty
	intake *ingest.Intake
	clock  atomic.Int64
}

// faulty is a store that can be away, before or after it has committed.
type faulty struct {
	plane.Store
	mu           sync.Mutex
	before, late error
	written      []plane.Batch
}

func (f *faulty) fail(before, late error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.late = before, late
}

func (f *faulty) Write(ctx context.Context, b *plane.Batch) (plane.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before != nil {
		return plane.Result{}, f.before
	}
	f.written = append(f.written, plane.Batch{Observations: append([]plane.Observation{}, b.Observations...)})
	r, err := f.Store.Write(ctx, b)
	return r, errors.Join(err, f.late)
}

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{t: t, dir: t.TempDir()}
	w.clock.Store(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC).UnixMilli())
	w.start()
	return w
}

func (w *town) now() time.Time       { return time.UnixMilli(w.clock.Load()).UTC() }
func (w *town) pass(d time.Duration) { w.clock.Add(d.Milliseconds()) }
func (w *town) reading(v float64) string {
	return fmt.Sprintf(`{"ts": %d, "t": %g}`, w.now().Unix(), v)
}
func (w *town) send(topic, body string) error { return w.take(topic, body, false) }
func (w *town) take(topic, body string, again bool) error {
	return w.intake.Take(w.t.Context(), mapping.Message{Topic: topic, Payload: []byte(body)}, again)
}

// start begins, or begins again with what is on disk.
func (w *town) start() {
	w.t.Helper()
	if w.store != nil {
		if err := w.store.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	s, err := sqlite.Open(w.t.Context(), filepath.Join(w.dir, "city.db"), sqlite.Config{Now: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	w.store = &faulty{Store: s}
	var list []*mapping.Mapping
	for _, text := range []string{air, level, homes} {
		m, err := mapping.Read("m.yaml", []byte(text))
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, m)
	}
	set, err := mapping.NewSet(list...)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.intake, err = ingest.Open(w.t.Context(), ingest.Config{Store: w.store, Mappings: set, Refused: filepath.Join(w.dir, "refused"), Now: w.now}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) round() {
	w.t.Helper()
	if err := w.intake.Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) value(id, attribute string) string {
	w.t.Helper()
	e, err := w.store.Entity(w.t.Context(), plane.Key{ID: id})
	if city.KindOf(err) == city.NotFound && err != nil {
		return ""
	}
	if err != nil {
		w.t.Fatal(err)
	}
	if a := e.Attribute(attribute); a != nil {
		return string(a.Value)
	}
	return ""
}

func (w *town) history(id string) (list []plane.Observation) {
	w.t.Helper()
	if err := w.store.History(w.t.Context(), plane.HistoryQuery{Key: plane.Key{ID: id}}, func(o plane.Observation) error {
		list = append(list, o)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *town) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

const airEntity, airTwin = "urn:ngsi-ld:AirQualityObserved:a-1", "urn:polity:device:air:a-1"

func TestLateAndRepeatedMessages(t *testing.T) {
	w := newTown(t)
	first := w.reading(20)
	w.ok(w.send("air/a-1/up", first))
	w.pass(time.Minute)
	second := w.reading(21)
	w.ok(w.send("air/a-1/up", second))
	w.ok(w.send("air/a-1/up", first)) // comes again, after a newer one
	w.ok(w.send("air/a-1/up", second))
	w.ok(w.send("air/a-1/up", strings.Replace(second, "21", "59", 1))) // same time, another value: the first stays
	late := fmt.Sprintf(`{"ts": %d, "t": 19}`, w.now().Unix()-600)
	w.ok(w.send("air/a-1/up", late)) // waited somewhere
	if v := w.value(airEntity, "temperature"); v != "21" {
		t.Errorf("the entity says %s", v)
	}
	h := w.history(airEntity)
	if len(h) != 3 || h[0].Value != 19 || h[1].Value != 20 || h[2].Value != 21 {
		t.Errorf("%+v", h)
	}
	if c := w.intake.Counts()["air"]; c.Taken != 3 || c.Repeated != 3 || c.Refused != 0 {
		t.Errorf("%+v", c)
	}
}

func TestRepeatedMessagesWithoutATime(t *testing.T) {
	w := newTown(t)
	w.ok(w.send("level/w", "1.5"))
	w.start() // even if it was acknowledged to nobody
	w.pass(time.Minute)
	w.ok(w.take("level/w", "1.5", true))
	if h := w.history("urn:ngsi-ld:WaterLevel:w"); len(h) != 1 {
		t.Errorf("sent again is stored again: %+v", h)
	}
	w.ok(w.take("level/w", "1.5", false)) // a new message that says the same
	if h := w.history("urn:ngsi-ld:WaterLevel:w"); len(h) != 2 {
		t.Errorf("%+v", h)
	}
}

func TestMessagesWithoutATimeAreNeitherLostNorDoubled(t *testing.T) {
	w := newTown(t)
	const id = "urn:ngsi-ld:WaterLevel:w"
	for n := range 3 { // all within a millisecond
		w.ok(w.send("level/w", fmt.Sprint(n)))
	}
	if h := w.history(id); len(h) != 3 || w.value(id, "level") != "2" {
		t.Fatalf("%+v", h)
	}
	w.store.fail(nil, city.Errorf(city.Unavailable, "away")) // it commits, and nobody is told
	if err := w.send("level/w", "7"); err == nil {
		t.Fatal("nobody is told")
	}
	w.store.fail(nil, nil)
	w.pass(time.Minute)
	w.ok(w.send("level/w", "8"))
	w.ok(w.send("level/w", "7")) // the sender tries again, late, and does not say so
	if h := w.history(id); len(h) != 5 || w.value(id, "level") != "8" {
		t.Errorf("%+v", h)
	}
	w.ok(w.send("level/w", "7")) // and now the level is 7 again
	if h := w.history(id); len(h) != 6 || w.value(id, "level") != "7" {
		t.Errorf("%+v", h)
	}
}

func TestEntityAndObservationsInOneCommit(t *testing.T) {
	w := newTown(t)
	w.ok(w.send("air/a-1/up", w.reading(20)))
	if len(w.store.written) != 1 || len(w.store.written[0].Observations) != 1 {
		t.Errorf("%+v", w.store.written)
	}
	if w.value(airTwin, "state") != `"ok"` || w.value(airTwin, "messagesTaken") != "1" {
		t.Error("the twin is not of the same commit")
	}
}

func TestNothingIsTakenWhileTheStoreIsAway(t *testing.T) {
	w := newTown(t)
	away := city.Errorf(city.Unavailable, "the disk is full")
	message := w.reading(20)
	w.store.fail(away, nil)
	if err := w.send("air/a-1/up", message); city.KindOf(err) != city.Unavailable {
		t.Errorf("%v", err)
	}
	w.store.fail(nil, away) // it commits, and nobody is told
	if err := w.send("air/a-1/up", message); city.KindOf(err) != city.Unavailable {
		t.Errorf("%v", err)
	}
	w.store.fail(nil, nil)
	w.ok(w.send("air/a-1/up", message))
	if h := w.history(airEntity); len(h) != 1 || w.value(airEntity, "temperature") != "20" {
		t.Errorf("%+v", h)
	}
	if c := w.intake.Counts()["air"]; c.Unstored != 2 {
		t.Errorf("%+v", c)
	}
}

func TestRefusedMessagesAreCountedAndTheLastIsKept(t *testing.T) {
	w := newTown(t)
	for _, body := range []string{"garbage", `{"t": 1}`, w.reading(61)} {
		if err := w.send("air/a-1/up", body); city.KindOf(err) != city.Invalid || err == nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	if err := w.send("nobody/knows", "\xff\x00"); err == nil {
		t.Error("a message of no mapping is taken")
	}
	w.round()
	text, err := os.ReadFile(filepath.Join(w.dir, "refused", "air", "a-1.json"))
	w.ok(err)
	var kept struct{ Why, Text, Where string }
	w.ok(json.Unmarshal(text, &kept))
	if kept.Text != w.reading(61) || !strings.Contains(kept.Why, "not within") || kept.Where != "air/a-1/up" {
		t.Errorf("%+v", kept)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "refused", "no-mapping", "no-device.json")); err != nil {
		t.Error(err)
	}
	if w.value(airTwin, "messagesRefused") != "3" || w.value(airTwin, "state") != `"refused"` || !strings.Contains(w.value(airTwin, "lastRefusal"), "not within") {
		t.Error("the twin does not say it")
	}
	if err := w.send("air/a-1/up", strings.Replace(w.reading(20), "20}", `"Alice was here"}`, 1)); err == nil {
		t.Error("a text is taken")
	}
	w.round()
	if strings.Contains(w.everything(), "Alice") {
		t.Error("what a device wrote stands in the city's data")
	}
	w.ok(w.send("air/a-1/up", w.reading(20)))
	if w.value(airTwin, "state") != `"ok"` || w.value(airTwin, "messagesRefused") != "4" {
		t.Error("a good message did not mend the state")
	}
}

func TestALyingClock(t *testing.T) {
	w := newTown(t)
	if err := w.send("air/a-1/up", `{"ts": 86400, "t": 20}`); err == nil || !strings.Contains(err.Error(), "clock is far off") {
		t.Errorf("%v", err)
	}
	w.round()
	if s := w.value(airTwin, "state"); s != `"clock-lies"` {
		t.Error(s)
	}
	if h := w.history(airEntity); len(h) != 0 {
		t.Errorf("%+v", h)
	}
}

func (w *town) alarms() (open, ended int) {
	w.t.Helper()
	page, err := w.store.Find(w.t.Context(), plane.Query{Types: []string{twin.AlarmType}})
	w.ok(err)
	for _, e := range page.Entities {
		if e.Attribute("end") == nil {
			open++
		} else {
			ended++
		}
	}
	return open, ended
}

func TestSilenceIsAnAlarmThatEnds(t *testing.T) {
	w := newTown(t)
	w.ok(w.send("air/a-1/up", w.reading(20)))
	expect := func(state string, open, ended int) {
		t.Helper()
		w.round()
		o, e := w.alarms()
		if s := w.value(airTwin, "state"); s != `"`+state+`"` || o != open || e != ended {
			t.Errorf("%s, %d alarms go on, %d ended; expected %s, %d, %d", s, o, e, state, open, ended)
		}
	}
	w.pass(15 * time.Minute)
	expect("ok", 0, 0)
	w.pass(time.Minute)
	expect("late", 0, 0)
	w.pass(15 * time.Minute)
	expect("silent", 1, 0)
	w.pass(time.Hour)
	expect("silent", 1, 0)
	w.start() // still silent after a restart
	w.pass(time.Minute)
	expect("silent", 1, 0)
	w.ok(w.send("air/a-1/up", w.reading(20)))
	expect("ok", 0, 1)
	w.pass(31 * time.Minute)
	expect("silent", 1, 1)
	if err := w.send("air/a-1/up", "garbage"); err == nil { // it is heard, if not understood
		t.Error("garbage is taken")
	}
	expect("refused", 0, 2)
}

func TestARestartMakesNoDeviceSilent(t *testing.T) {
	w := newTown(t)
	w.ok(w.send("air/a-1/up", w.reading(20)))
	w.pass(5 * time.Hour) // the hub was off, not the device
	w.start()
	w.pass(10 * time.Minute)
	w.round()
	if open, _ := w.alarms(); open != 0 {
		t.Error("a device is called silent for the time when nobody listened")
	}
	if len(w.intake.Twins()) != 1 || w.intake.Twins()[0].Taken != 1 {
		t.Errorf("%+v", w.intake.Twins())
	}
	w.pass(21 * time.Minute)
	w.round()
	if open, _ := w.alarms(); open != 1 {
		t.Error("a device that stays away is not called silent")
	}
}

func TestAlarmsWaitForTheStore(t *testing.T) {
	w := newTown(t)
	w.ok(w.send("air/a-1/up", w.reading(20)))
	w.pass(time.Hour)
	w.store.fail(city.Errorf(city.Unavailable, "away"), nil)
	if err := w.intake.Round(t.Context()); err == nil {
		t.Error("nobody is told")
	}
	w.store.fail(nil, nil)
	w.round()
	if open, _ := w.alarms(); open != 1 {
		t.Errorf("%d alarms", open)
	}
}

// everything is all that the store holds, as text.
func (w *town) everything() string {
	w.t.Helper()
	var out strings.Builder
	w.ok(w.store.Dump(w.t.Context(), func(e *plane.Entity) error {
		fmt.Fprintf(&out, "%s", e.ID)
		for _, a := range e.Attributes {
			fmt.Fprintf(&out, " %s=%s", a.Name, a.Value)
		}
		out.WriteString("\n")
		return nil
	}, func(o plane.Observation) error {
		fmt.Fprintf(&out, "%s %s %v %s\n", o.ID, o.Attribute, o.Value, o.Detail)
		return nil
	}))
	return out.String()
}

// TestNoSingleValueOfAHomeReachesTheStore sends values that would be recognised and
// looks for them in all that was ever written, and in every file of the folder.
func TestNoSingleValueOfAHomeReachesTheStore(t *testing.T) {
	w := newTown(t)
	w.pass(15 * time.Minute) // the interval in which the intake started is never summed
	send := func(area string, homes int) (total float64) {
		for i := range homes {
			v := 7001.0625 + 2*float64(i) // each a number that nothing else would be
			w.ok(w.send(fmt.Sprintf("meters/%s/m-%s-%d", area, area, i), fmt.Sprintf(`{"ts": %d, "w": %v}`, w.now().Unix(), v)))
			total += v
		}
		return total
	}
	ten, nine := send("north", 10), send("south", 9)
	for range 20 { // one home that sends much is one home
		w.pass(time.Second)
		w.ok(w.send("meters/south/m-south-0", fmt.Sprintf(`{"ts": %d, "w": 7001.0625}`, w.now().Unix())))
	}
	if err := w.send("meters/north/m-north-0", fmt.Sprintf(`{"ts": %d, "w": 77777.0625}`, w.now().Unix())); err == nil {
		t.Error("out of bounds is taken")
	}
	if err := w.send("meters/north/m-north-0", `7001.0625`); err == nil {
		t.Error("garbage is taken")
	}
	w.round()
	w.pass(17 * time.Minute)
	w.round()
	all := w.everything()
	for _, b := range w.store.written {
		for _, o := range b.Observations {
			all += fmt.Sprintln(o.Value)
		}
	}
	for _, secret := range []string{"7001.0625", "7003.0625", "7019.0625", "77777", fmt.Sprint(nine)} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is stored:\n%s", secret, all)
		}
	}
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "7001.0625") || strings.Contains(string(text), "77777.0625") {
			t.Errorf("a home's value is in %s", path)
		}
		return err
	})
	w.ok(err)
	h := w.history("urn:ngsi-ld:Consumption:north")
	if len(h) != 1 || h[0].Value != ten || string(h[0].Detail) != `{"homes":10}` || h[0].Length != 15*time.Minute || !h[0].Start.Equal(time.Date(2026, 11, 30, 12, 15, 0, 0, time.UTC)) {
		t.Errorf("the sum of ten: %+v, not %v", h, ten)
	}
	if h := w.history("urn:ngsi-ld:Consumption:south"); len(h) != 0 {
		t.Errorf("a sum of nine: %+v", h)
	}
	if c := w.intake.Sums(); c.TooFew != 1 || c.Summed != 1 {
		t.Errorf("%+v", c)
	}
	if w.value("urn:ngsi-ld:Consumption:north", "power") != fmt.Sprint(ten) {
		t.Error("the area's entity does not say it")
	}
	if ten, nine := w.value("urn:ngsi-ld:Consumption:north", "simulated"), w.value("urn:ngsi-ld:Consumption:south", "simulated"); ten != "true" || nine != "" {
		t.Errorf("the constant of the area of ten is %q, that of nine, which nobody may know of, %q", ten, nine)
	}
	// What comes when the sum is made cannot be told from it any more.
	if err := w.send("meters/north/m-north-10", fmt.Sprintf(`{"ts": %d, "w": 5}`, w.now().Unix()-16*60)); err != nil {
		t.Error(err)
	}
	w.pass(17 * time.Minute)
	w.round()
	if h := w.history("urn:ngsi-ld:Consumption:north"); len(h) != 1 || h[0].Value != ten {
		t.Errorf("%+v", h)
	}
}

func TestSumsWaitForTheStore(t *testing.T) {
	w := newTown(t)
	w.pass(15 * time.Minute)
	for i := range 12 {
		w.ok(w.send(fmt.Sprintf("meters/a/m-%d", i), fmt.Sprintf(`{"ts": %d, "w": 1}`, w.now().Unix())))
	}
	w.pass(17 * time.Minute)
	w.store.fail(nil, city.Errorf(city.Unavailable, "away")) // it commits, and nobody is told
	if err := w.intake.Round(t.Context()); err == nil {
		t.Error("nobody is told")
	}
	w.store.fail(nil, nil)
	w.round()
	if h := w.history("urn:ngsi-ld:Consumption:a"); len(h) != 1 || h[0].Value != 12 {
		t.Errorf("%+v", h)
	}
}

func TestManyAtOnce(t *testing.T) {
	w := newTown(t)
	var work sync.WaitGroup
	for d := range 8 {
		work.Go(func() {
			for n := range 25 {
				if err := w.send(fmt.Sprintf("air/a-%d/up", d), fmt.Sprintf(`{"ts": %d, "t": %d}`, w.now().Unix()-int64(n), n)); err != nil {
					t.Error(err)
				}
			}
		})
		work.Go(func() { _ = w.intake.Round(t.Context()) })
	}
	work.Wait()
	w.round()
	for d := range 8 {
		if n := len(w.history(fmt.Sprintf("urn:ngsi-ld:AirQualityObserved:a-%d", d))); n != 25 {
			t.Errorf("%d observations", n)
		}
		if v := w.value(fmt.Sprintf("urn:polity:device:air:a-%d", d), "messagesTaken"); v != "25" {
			t.Errorf("%s taken", v)
		}
	}
}
