package opendata_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/opendata"
)

// What was published keeps its bytes, whatever comes late, until it is corrected.
func TestPublishedBytesStay(t *testing.T) {
	w := newTown(t)
	w.source.put("2026-11-02", 1.5, 0, 3)
	w.round()
	before := map[string]string{}
	for _, ending := range opendata.Endings {
		before[ending] = w.get("/data/air/2026-11-02." + ending)
	}
	w.source.put("2026-11-02", 1.5, 0, 3, 99)
	w.round()
	w.open() // a restart
	w.round()
	for _, ending := range opendata.Endings {
		if now := w.get("/data/air/2026-11-02." + ending); now != before[ending] {
			t.Errorf("%s changed from\n%s\nto\n%s", ending, before[ending], now)
		}
	}
	if err := opendata.Ask(w.dir, opendata.Request{Set: "air", Day: "2026-11-02", Reason: "a sensor was late"}); err != nil {
		t.Fatal(err)
	}
	w.round()
	now := w.get("/data/air/2026-11-02.csv")
	if !strings.Contains(now, ",99,") {
		t.Errorf("corrected: %s", now)
	}
	x, err := w.archive.Index("air")
	if err != nil {
		t.Fatal(err)
	}
	c := x.Days[0].Corrections
	if len(c) != 1 || c[0].Reason != "a sensor was late" || x.Days[0].Revision != 2 || c[0].Was["csv"] == x.Days[0].Files["csv"].SHA256 || len(c[0].Was["geojson"]) != 64 {
		t.Errorf("%+v", x.Days[0])
	}
	if got := w.files(); !slices.Equal(got, []string{"2026-11-02.2.csv", "2026-11-02.2.geojson", "index.json"}) {
		t.Errorf("files: %v", got)
	}
	// The same again changes nothing, and is no correction.
	if err := opendata.Ask(w.dir, opendata.Request{Set: "air", Day: "2026-11-02", Reason: "again"}); err != nil {
		t.Fatal(err)
	}
	w.round()
	if x, err = w.archive.Index("air"); err != nil || x.Days[0].Revision != 2 || w.get("/data/air/2026-11-02.csv") != now {
		t.Errorf("%+v %v", x.Days[0], err)
	}
}

func TestCorrectionsThatAreNone(t *testing.T) {
	w := newTown(t)
	w.source.put("2026-11-02", 1)
	w.round()
	for _, r := range []opendata.Request{
		{Set: "air", Day: "2026-11-01", Reason: "x"}, {Set: "air", Day: "yesterday", Reason: "x"}, {Set: "air", Day: "2026-11-02", Reason: " "}, {Set: "../air", Day: "2026-11-02", Reason: "x"}, {Set: "water", Day: "2026-11-02", Reason: "x"},
	} {
		if err := opendata.Ask(w.dir, r); city.KindOf(err) != city.Invalid && city.KindOf(err) != city.NotFound {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestDaysAreThoseOfTheCityAndSettle(t *testing.T) {
	w := newTown(t)
	for _, d := range []string{"2026-10-25", "2026-11-01", "2026-11-02", "2026-11-03"} {
		w.source.put(d, 1, 2)
	}
	w.now = time.Date(2026, 11, 3, 1, 59, 0, 0, helsinki)
	w.round()
	if got := w.names(); !slices.Equal(got, []string{"2026-10-25", "2026-11-01"}) {
		t.Errorf("before the day has settled: %v", got)
	}
	w.now = time.Date(2026, 11, 3, 2, 0, 0, 0, helsinki)
	w.round()
	if got := w.names(); !slices.Equal(got, []string{"2026-10-25", "2026-11-01", "2026-11-02"}) {
		t.Errorf("when it has: %v", got)
	}
	x, err := w.archive.Index("air")
	if err != nil || x.Days[0].To.Sub(x.Days[0].From) != 25*time.Hour {
		t.Errorf("the day when clocks go back is %v long (%v)", x.Days[0].To.Sub(x.Days[0].From), err)
	}
	w.source.put("2026-10-20", 5) // an edge was cut off for a fortnight
	asked := w.source.asked
	w.round()
	if w.source.asked != asked {
		t.Errorf("days without rows were looked at again %d times at once", w.source.asked-asked)
	}
	w.now = w.now.Add(7 * time.Hour)
	w.round()
	if got := w.names(); !slices.Contains(got, "2026-10-20") {
		t.Errorf("a day that came late: %v", got)
	}
}

// A month is its days, byte for byte as if they had been written into one file.
func TestMonthsAreTheirDays(t *testing.T) {
	w := newTown(t)
	for d := time.Date(2026, 10, 1, 0, 0, 0, 0, helsinki); d.Month() == 10; d = d.AddDate(0, 0, 1) {
		w.source.put(d.Format(time.DateOnly), float64(d.Day()), 0, 7)
	}
	w.now = time.Date(2026, 11, 1, 3, 0, 0, 0, helsinki)
	w.round()
	if got := w.names(); got[len(got)-1] != "2026-10" || len(got) != 32 {
		t.Fatalf("%v", got)
	}
	table, err := csv.NewReader(strings.NewReader(w.get("/data/air/2026-10.csv"))).ReadAll()
	if err != nil || len(table) != 1+31*3 {
		t.Errorf("%d rows, %v", len(table), err)
	}
	var c struct {
		Type     string
		Features []struct{ Properties map[string]any }
	}
	text := w.get("/data/air/2026-10.geojson")
	if err := json.Unmarshal([]byte(text), &c); err != nil || len(c.Features) != 31*3 || c.Type != "FeatureCollection" {
		t.Errorf("%d features, %v", len(c.Features), err)
	}
	if whole := w.get("/data/air/all.geojson?from=2026-10-01&to=2026-11-01"); whole != text {
		t.Error("the month and its range differ")
	}
	if err := opendata.Ask(w.dir, opendata.Request{Set: "air", Day: "2026-10-07", Reason: "wrong unit"}); err != nil {
		t.Fatal(err)
	}
	w.source.put("2026-10-07", 70)
	w.round()
	x, err := w.archive.Index("air")
	if err != nil || x.Month[0].Revision != 2 || x.Month[0].Corrections[0].Reason != "2026-10-07: wrong unit" || x.Month[0].Rows != 31*3-2 {
		t.Errorf("%+v, %v", x.Month, err)
	}
	if whole := w.get("/data/air/all.csv?from=2026-10-01&to=2026-11-01"); whole != w.get("/data/air/2026-10.csv") {
		t.Error("after a correction the month and its range differ")
	}
}

// A month with days that never came is published when they cannot come any more.
func TestAMonthWaitsForItsDays(t *testing.T) {
	w := newTown(t)
	w.source.put("2026-10-30", 1)
	w.now = time.Date(2026, 11, 20, 3, 0, 0, 0, helsinki)
	w.round()
	if got := w.names(); !slices.Equal(got, []string{"2026-10-30"}) {
		t.Errorf("%v", got)
	}
	w.now = time.Date(2026, 12, 3, 3, 0, 0, 0, helsinki)
	w.round()
	if got := w.names(); !slices.Equal(got, []string{"2026-10-30", "2026-10"}) {
		t.Errorf("%v", got)
	}
}

// What is not kept any longer goes, that of sets that are gone, too.
func TestRetention(t *testing.T) {
	w := newTown(t)
	w.source.set.Keep = 5 * 24 * time.Hour
	w.source.put("2026-11-01", 1)
	w.source.put("2026-11-02", 1)
	w.source.put("2026-10-20", 1) // older than what is kept: not published at all
	w.round()
	if got := w.names(); !slices.Equal(got, []string{"2026-11-01", "2026-11-02"}) {
		t.Errorf("%v", got)
	}
	w.now = time.Date(2026, 11, 7, 1, 0, 0, 0, helsinki)
	w.round()
	if got := w.names(); !slices.Equal(got, []string{"2026-11-02"}) {
		t.Errorf("%v", got)
	}
	if got := w.files(); len(got) != 3 {
		t.Errorf("files: %v", got)
	}
	w.sources = nil
	w.open()
	w.round()
	if got := w.files(); len(got) != 3 {
		t.Errorf("files of a set that is gone, kept as long: %v", got)
	}
	w.now = time.Date(2026, 11, 9, 1, 0, 0, 0, helsinki)
	w.round()
	if got := w.files(); !slices.Equal(got, []string{"index.json"}) {
		t.Errorf("files of a set that is gone: %v", got)
	}
}

// A crash leaves nothing that is served and nothing for ever.
func TestLeftoversGo(t *testing.T) {
	w := newTown(t)
	w.source.put("2026-11-02", 1)
	w.round()
	for _, name := range []string{"air/.new-123", "air/2026-11-01.1.csv", ".spool-9"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.ask("GET", "/data/air/2026-11-01.csv"); got.Code != 404 {
		t.Errorf("a file that no index names: %d", got.Code)
	}
	w.open()
	w.round()
	if got := w.files(); !slices.Equal(got, []string{"2026-11-02.1.csv", "2026-11-02.1.geojson", "index.json"}) {
		t.Errorf("files: %v", got)
	}
	if _, err := os.Stat(filepath.Join(w.dir, ".spool-9")); !os.IsNotExist(err) {
		t.Error("a spool of a run that was killed is there")
	}
}

// A set that fails keeps no other from being published, and leaves no files.
func TestASetThatFails(t *testing.T) {
	w := newTown(t)
	broken := &made{set: w.source.set, fail: errAway}
	broken.set.ID = "broken"
	w.sources = []opendata.Source{broken, w.source}
	w.source.put("2026-11-02", 1)
	if err := w.archive.Round(t.Context()); err == nil {
		t.Error("no error")
	}
	if got := w.names(); len(got) != 1 {
		t.Errorf("%v", got)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "broken", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}

func TestSetsAreChecked(t *testing.T) {
	good := newTown(t).source.set
	for name, spoil := range map[string]func(*opendata.Set){
		"id": func(s *opendata.Set) { s.ID = "../x" }, "upper": func(s *opendata.Set) { s.ID = "Air" }, "title": func(s *opendata.Set) { s.Title = "" },
		"columns": func(s *opendata.Set) { s.Columns = nil }, "twice": func(s *opendata.Set) { s.Columns = append(s.Columns, s.Columns[0]) },
	} {
		s := good
		s.Columns = slices.Clone(good.Columns)
		spoil(&s)
		if s.Check() == nil {
			t.Errorf("%s passed", name)
		}
	}
}
