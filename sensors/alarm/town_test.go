package alarm_test

import (
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/postgres"
	"polity/plane/postgres/postgrestest"
	"polity/plane/sqlite"
	"polity/sensors/alarm"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// flaky is a store that fails when told to.
type flaky struct {
	plane.Store
	write     error // of Write, which stores nothing
	lost      error // of Write, which stores all the same
	read      error
	histories int
}

func (f *flaky) Write(ctx context.Context, b *plane.Batch) (plane.Result, error) {
	if f.write != nil {
		return plane.Result{}, f.write
	}
	r, err := f.Store.Write(ctx, b)
	if err == nil && f.lost != nil {
		return plane.Result{}, f.lost
	}
	return r, err
}

func (f *flaky) Find(ctx context.Context, q plane.Query) (plane.Page, error) {
	if f.read != nil {
		return plane.Page{}, f.read
	}
	return f.Store.Find(ctx, q)
}

func (f *flaky) History(ctx context.Context, q plane.HistoryQuery, each func(plane.Observation) error) error {
	f.histories++
	if f.read != nil {
		return f.read
	}
	return f.Store.History(ctx, q, each)
}

// town is a store with sensors, a clock that the test moves, and a watch.
type town struct {
	t     *testing.T
	at    time.Time
	store *flaky
	cfg   alarm.Config
	watch *alarm.Watch
}

func TestMain(m *testing.M) { postgrestest.Main(m) }

func onSQLite(t *testing.T, now func() time.Time) plane.Store {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open is where the tests' data is.
var open = onSQLite

// TestOnPostgres tells some of the stories again, in a city's database.
func TestOnPostgres(t *testing.T) {
	server := postgrestest.Shared(t)
	open = func(t *testing.T, now func() time.Time) plane.Store {
		s, err := postgres.Open(t.Context(), server.Database(t), postgres.Config{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	defer func() { open = onSQLite }()
	for name, story := range map[string]func(*testing.T){
		"a flood": TestAFloodIsOneAlarm, "a restart": TestARestartRaisesNothingTwice, "late values": TestLateValues, "removed": TestSensorsThatAreRemoved,
		"quiet": TestQuietSensorsCostNothing, "homes": TestHomesOnlyAsSums, "what is stored": TestWhatAnAlarmIsInTheCitysData,
	} {
		t.Run(name, story)
	}
}

func newTown(t *testing.T, cfg alarm.Config) *town {
	t.Helper()
	w := &town{t: t, at: noon, cfg: cfg}
	s := open(t, func() time.Time { return w.at })
	t.Cleanup(func() { s.Close() })
	w.store = &flaky{Store: s}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	w.restart()
	return w
}

func (w *town) restart() {
	w.watch = alarm.New(w.store, w.cfg, nil, func() time.Time { return w.at })
}

// values are attributes with their units, as "7.5 GQ", "true", or a word in quotes.
type values map[string]string

// say lets a sensor say values at a time, as ingest stores them.
func (w *town) say(kind, id string, at time.Time, v values) {
	w.t.Helper()
	key := plane.Key{ID: id}
	var b plane.Batch
	e := &plane.Entity{Key: key, Types: []string{kind}}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		value, unit := v[name], ""
		if n := len(value) - 3; n > 0 && value[n] == ' ' {
			value, unit = value[:n], value[n+1:]
		} else if n--; n > 0 && value[n] == ' ' {
			value, unit = value[:n], value[n+1:]
		}
		e.Set(plane.Attribute{Name: name, Kind: plane.Property, Value: json.RawMessage(value), Unit: unit, ObservedAt: at})
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: key, Attribute: name}, Start: at, Value: n})
		}
	}
	b.Changes = []plane.Change{{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			return e.Clone(), nil
		}
		for _, a := range e.Clone().Attributes {
			if there := old.Attribute(a.Name); there == nil || a.ObservedAt.After(there.ObservedAt) {
				old.Set(a)
			}
		}
		return old, nil
	}}}
	if r, err := w.store.Store.Write(w.t.Context(), &b); err != nil || r.Err() != nil {
		w.t.Fatal(err, r.Err())
	}
}

const (
	underpass = "urn:ngsi-ld:FloodMonitoring:underpass-1"
	flooding  = "FloodMonitoring"
)

// level says a water level now, lets a minute pass, and has the watch look.
func (w *town) level(metres ...float64) {
	w.t.Helper()
	for _, m := range metres {
		w.say(flooding, underpass, w.at, values{"currentLevel": strconv.FormatFloat(m, 'g', -1, 64) + " MTR"})
		w.round()
		w.at = w.at.Add(time.Minute)
	}
}

func (w *town) round() {
	w.t.Helper()
	if err := w.watch.Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// stored lists the alarms in the city's data, by when they began.
func (w *town) stored() []alarm.Alarm {
	w.t.Helper()
	page, err := w.store.Store.Find(w.t.Context(), plane.Query{Types: []string{alarm.Type}})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []alarm.Alarm
	for _, e := range page.Entities {
		a, err := alarm.Read(e)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b alarm.Alarm) int { return a.Start.Compare(b.Start) })
	return out
}

// of lists those of a rule.
func (w *town) of(rule city.Slug) []alarm.Alarm {
	w.t.Helper()
	return slices.DeleteFunc(w.stored(), func(a alarm.Alarm) bool { return a.Rule != rule })
}

func (w *town) state(id string) alarm.State {
	w.t.Helper()
	s, err := w.watch.State(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *town) states() []alarm.State {
	w.t.Helper()
	all, err := w.watch.States(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}
