package csv_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest/csv"
	"polity/plane/ingest/mapping"
	"polity/plane/sqlite"
)

const rain = `
name: rain
payload: csv
separator: ";"
decimal_comma: true
device: station
entity: {type: WeatherObserved, id: "urn:ngsi-ld:WeatherObserved:{device}"}
time: {path: when, format: "DD.MM.YYYY hh:mm", zone: Europe/Helsinki}
attributes:
  - {name: precipitation, path: mm, unit: MMT, min: 0, max: 500}
  - {name: temperature, path: c, unit: CEL, optional: true}
`

const homes = `
name: homes
payload: csv
columns: [area, meter, when, kwh]
device: meter
household: true
sums: {area: area, every: 1h, of_each: sum}
entity: {type: Consumption, id: "urn:ngsi-ld:Consumption:{area}"}
time: {path: when, format: unix}
attributes: [{name: energy, path: kwh, unit: KWH, min: 0}]
`

func read(t *testing.T, text string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Read("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func store(t *testing.T) plane.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func history(t *testing.T, s plane.Store, id string) (list []plane.Observation) {
	t.Helper()
	if err := s.History(t.Context(), plane.HistoryQuery{Key: plane.Key{ID: id}}, func(o plane.Observation) error {
		list = append(list, o)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

const file = "\uFEFFwhen;station;mm;c;remark\n" +
	"01.07.1998 13:00;kaisa;0,4;17,5;dry\n" +
	"01.07.1998 14:00;kaisa;601;;too much\n" +
	"01.07.1998 15:00;kaisa;1,2;;\n" +
	"yesterday;kaisa;1;;\n" +
	"01.07.1998 16:00;kaisa\n" +
	"01.07.1998 12:00;\"kaisa\";0;16;\n" +
	"01.07.1998 12:00;kai\"sa;0;16;\n" +
	"02.07.1998 12:00;tuomo;0;16;\n"

func TestAFileIsLookedThroughByLine(t *testing.T) {
	rep, err := csv.Look(read(t, rain), strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if rep.Lines != 8 || rep.Good != 4 || rep.BadLines != 4 || rep.Devices != 2 || !rep.From.Equal(time.Date(1998, 7, 1, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", rep)
	}
	for i, want := range []string{"3 precipitation is not within 0 to 500 MMT", "5 the time at when is not", "6 the line has 2 cells; 5 are expected", "8 "} {
		if got := fmt.Sprint(rep.Bad[i].Line, " ", rep.Bad[i].Why); !strings.HasPrefix(got, want) {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestStoringTwiceStoresOnce(t *testing.T) {
	m, s := read(t, rain), store(t)
	for try, added := range []int{7, 0} {
		got, err := csv.Store(t.Context(), m, strings.NewReader(file), s)
		if err != nil || got.Added != added || got.Observations != 7 || got.Entities != 2 {
			t.Errorf("try %d: %+v, %v", try, got, err)
		}
	}
	e, err := s.Entity(t.Context(), plane.Key{ID: "urn:ngsi-ld:WeatherObserved:kaisa"})
	if err != nil || string(e.Attribute("precipitation").Value) != "1.2" || string(e.Attribute("temperature").Value) != "17.5" {
		t.Errorf("the newest of each, in whatever order lines stand: %+v, %v", e, err)
	}
}

func TestManyLines(t *testing.T) {
	m, s := read(t, rain), store(t)
	var b strings.Builder
	b.WriteString("station;when;mm\n")
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range 2500 {
		fmt.Fprintf(&b, "kaisa;%s;%d\n", at.Add(time.Duration(n)*time.Hour).Format("02.01.2006 15:04"), n%100)
	}
	got, err := csv.Store(t.Context(), m, strings.NewReader(b.String()), s)
	if err != nil || got.Added < 2499 || got.Entities != 1 { // one hour of spring is no time in Helsinki
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "empty",
		"a;b\n":                  `no column "station"`,
		"station;station;when\n": `column 2 is called "station"`,
		"station;;when\n":        "column 2",
		"\"station\n":            "first line",
	} {
		_, err := csv.Look(read(t, rain), strings.NewReader(text))
		if err == nil || city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	number := read(t, "name: x\nroute: x\npayload: number\nentity: {type: X, id: 'urn:x:{device}'}\nattributes: [{name: x}]\n")
	if _, err := csv.Look(number, strings.NewReader("1")); err == nil || !strings.Contains(err.Error(), "not csv") {
		t.Errorf("%v", err)
	}
}

func TestFilesOfHouseholdsBecomeSums(t *testing.T) {
	m, s := read(t, homes), store(t)
	var b strings.Builder
	for home := range 12 {
		for hour := range 3 {
			if home > 8 && hour == 2 {
				continue // nine in the last hour
			}
			for quarter := range 4 {
				fmt.Fprintf(&b, "north,m-%d,%d,0.3125\n", home, 1_700_000_000/3600*3600+hour*3600+quarter*900)
			}
		}
	}
	rep, err := csv.Look(m, strings.NewReader(b.String()))
	if err != nil || rep.Sums != 2 || rep.TooFew != 1 || len(rep.Samples) != 0 || rep.BadLines != 0 {
		t.Errorf("%+v, %v", rep, err)
	}
	got, err := csv.Store(t.Context(), m, strings.NewReader(b.String()), s)
	if err != nil || got.Added != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	h := history(t, s, "urn:ngsi-ld:Consumption:north")
	if len(h) != 2 || h[0].Value != 15 || h[1].Value != 15 || string(h[0].Detail) != `{"homes":12}` {
		t.Errorf("%+v", h)
	}
}

func FuzzLook(f *testing.F) {
	f.Add([]byte(file))
	f.Add([]byte("station;when;mm\na;01.01.2020 00:00;1\n"))
	m, err := mapping.Read("m.yaml", []byte(rain))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rep, err := csv.Look(m, strings.NewReader(string(text)))
		if err == nil && rep.Good+rep.BadLines != rep.Lines {
			t.Errorf("%+v", rep)
		}
	})
}
