package hub_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/city"
	"polity/console/consoletest"
	"polity/hub"
	"polity/internal/strictyaml"
	"polity/opendata"
	"polity/plane"
)

// publishing is a town whose clock the test sets, with counts of a camera in its store.
type publishing struct {
	*town
	mu  sync.Mutex
	now time.Time
}

func (p *publishing) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *publishing) set(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = t
}

func newPublishing(t *testing.T, now time.Time) *publishing {
	p := &publishing{town: newTown(t), now: now}
	p.enter("square", "edge-1")
	p.cfg.OpenData.Settle = time.Hour
	p.run()
	return p
}

func (p *publishing) run() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan hub.Started, 1), make(chan error, 1)
	go func() {
		deps := hub.Deps{Now: p.clock, Log: slog.New(slog.NewTextHandler(p.log, nil)), Ready: func(s hub.Started) { ready <- s }}
		done <- hub.Run(ctx, p.cfg, hub.WithAccess(deps, p.access, &consoletest.Looks{}))
	}()
	select {
	case p.started = <-ready:
	case err := <-done:
		p.t.Fatalf("the hub did not start: %v", err)
	}
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Errorf("the hub ended: %v", err)
		}
	})
	p.t.Cleanup(p.stop)
}

// count stores what the camera measured in a quarter of an hour.
func (p *publishing) count(at time.Time, covered time.Duration, values map[string]float64) {
	p.t.Helper()
	var b plane.Batch
	for name, v := range values {
		attribute, dataset, _ := strings.Cut(name, " ")
		b.Observations = append(b.Observations, plane.Observation{
			Series: plane.Series{Key: plane.Key{ID: "urn:polity:camera:square"}, Attribute: attribute, Dataset: dataset}, Start: at, Length: 15 * time.Minute, Covered: covered, Value: v,
		})
	}
	if _, err := p.started.Store.Write(p.t.Context(), &b); err != nil {
		p.t.Fatal(err)
	}
}

func (p *publishing) get(path string) (int, []byte) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.started.Address+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, body
}

func (p *publishing) read(path string, to any) {
	p.t.Helper()
	status, body := p.get(path)
	if err := json.Unmarshal(body, to); err != nil || status != http.StatusOK {
		p.t.Fatalf("%s: %d %s (%v)", path, status, body, err)
	}
}

// cell is one published number.
type cell struct {
	period, series string
	start          int64 // ms
}

type shown struct {
	value    float64
	withheld bool
}

// table reads a file of counts.
func (p *publishing) table(path string) map[cell]shown {
	p.t.Helper()
	status, body := p.get(path)
	if status != http.StatusOK {
		p.t.Fatalf("%s: %d %s", path, status, body)
	}
	rows, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[cell]shown{}
	for _, r := range rows[1:] {
		start, err := time.Parse(time.RFC3339, r[0])
		if err != nil {
			p.t.Fatal(err)
		}
		s := shown{withheld: r[8] == "true"}
		if !s.withheld {
			if _, err := fmt.Sscan(r[7], &s.value); err != nil {
				p.t.Fatal(err)
			}
		}
		out[cell{r[2], r[3] + " " + r[5] + "/" + r[4] + "/" + r[6], start.UnixMilli()}] = s
	}
	return out
}

// api reads the same from the API.
func (p *publishing) api(from, to time.Time) map[cell]shown {
	p.t.Helper()
	out := map[cell]shown{}
	span := "&as=public&from=" + from.UTC().Format(time.RFC3339) + "&to=" + to.UTC().Format(time.RFC3339)
	for _, attribute := range []string{"occupancy", "crossings"} {
		const path = "/api/v1/entities/urn:polity:counts:square/"
		var h struct {
			Observations []struct {
				Dataset  string
				Start    time.Time
				Value    *float64
				Withheld bool
			}
		}
		p.read(path+"history?limit=10000&attribute="+attribute+span, &h)
		for _, o := range h.Observations {
			s := shown{withheld: o.Withheld}
			if o.Value != nil {
				s.value = *o.Value
			}
			out[cell{"15min", attribute + " " + o.Dataset, o.Start.UnixMilli()}] = s
		}
		for _, by := range []string{"hour", "day"} {
			var a struct {
				Aggregates []struct {
					Dataset   string
					From      time.Time
					Sum, Mean *float64
					Withheld  int
				}
			}
			p.read(path+"aggregates?by="+by+"&attribute="+attribute+span, &a)
			for _, x := range a.Aggregates {
				s := shown{withheld: x.Withheld > 0}
				for _, v := range []*float64{x.Sum, x.Mean} {
					if v != nil {
						s.value = *v
					}
				}
				out[cell{by, attribute + " " + x.Dataset, x.From.UnixMilli()}] = s
			}
		}
	}
	return out
}

// workOut works out, from everything that is published of a day and with the knowledge
// that steps are sums of hours and hours of the day, what each withheld number of
// crossings can be. It fails on a number of which more is known than that it is small.
func workOut(t *testing.T, published map[cell]shown, day time.Time, threshold float64) (withheld, sums int) {
	t.Helper()
	type bounds struct{ low, high float64 }
	series := map[string]bool{}
	for c := range published {
		if strings.HasPrefix(c.series, "crossings") {
			series[c.series] = true
		}
	}
	for s := range series {
		known := map[cell]bounds{}
		for c, x := range published {
			if c.series != s {
				continue
			}
			switch {
			case !x.withheld:
				known[c] = bounds{x.value, x.value}
			case c.period == "15min":
				known[c] = bounds{0, threshold - 1}
			default:
				known[c] = bounds{0, 1e9}
			}
		}
		children := func(c cell) (list []cell) {
			length, period := time.Hour, "15min"
			if c.period == "day" {
				length, period = 25*time.Hour, "hour"
			}
			for x := range known {
				if x.period == period && x.start >= c.start && x.start < c.start+length.Milliseconds() {
					list = append(list, x)
				}
			}
			return list
		}
		// Sums form a tree: narrowing until nothing changes gives the exact bounds.
		for changed := true; changed; {
			changed = false
			narrow := func(c cell, low, high float64) {
				b := known[c]
				n := bounds{max(b.low, low), min(b.high, high)}
				if n != b {
					known[c], changed = n, true
				}
			}
			for c := range known {
				if c.period == "15min" {
					continue
				}
				list := children(c)
				low, high := 0.0, 0.0
				for _, x := range list {
					low, high = low+known[x].low, high+known[x].high
				}
				narrow(c, low, high)
				for _, x := range list {
					narrow(x, known[c].low-(high-known[x].high), known[c].high-(low-known[x].low))
				}
			}
		}
		for c, x := range published {
			if c.series != s {
				continue
			}
			b := known[c]
			switch {
			case b.low > b.high:
				t.Fatalf("%v contradicts itself: %v", c, b)
			case c.period == "15min" && x.withheld:
				withheld++
				if b.low > 0 || b.high < threshold-1 {
					t.Errorf("%s of %v, which is withheld, lies between %g and %g", s, time.UnixMilli(c.start).In(day.Location()), b.low, b.high)
				}
			case c.period != "15min" && !x.withheld:
				sums++
				if x.value < threshold {
					t.Errorf("%s of %v by %s is %g", s, time.UnixMilli(c.start).In(day.Location()), c.period, x.value)
				}
				rest := x.value
				for _, part := range children(c) {
					if !published[part].withheld {
						rest -= published[part].value
					}
				}
				if rest != 0 && rest < threshold {
					t.Errorf("%s of %v by %s: its withheld parts are %g together", s, time.UnixMilli(c.start).In(day.Location()), c.period, rest)
				}
			}
		}
	}
	return withheld, sums
}

var zone = func() *time.Location {
	z, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		panic(err)
	}
	return z
}()

// busyDay is a camera's day of numbers as they come: quiet nights, busy noons.
func (p *publishing) busyDay(day time.Time, r *rand.Rand) {
	for at := day; at.Before(day.AddDate(0, 0, 1)); at = at.Add(15 * time.Minute) {
		values := map[string]float64{}
		for i, way := range []string{"right", "left"} {
			for j, class := range []string{"person", "bicycle"} {
				most := []int{4, 3, 9, 30}[(at.Hour()/6+i+j)%4]
				values["crossings "+class+"/gate/"+way] = float64(r.IntN(most + 1))
			}
		}
		n := r.Float64() * float64(2+at.Hour())
		values["occupancy person//"], values["occupancy person/lawn/"] = n, n*r.Float64()
		p.count(at, 15*time.Minute, values)
	}
}

// What is published of a day, all of it taken together, reveals no small number.
func TestPublishedCountsRevealNothing(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, zone)
	for seed := range uint64(4) {
		p := newPublishing(t, day.Add(-time.Hour))
		p.busyDay(day, rand.New(rand.NewPCG(seed, 7)))
		// As the day passes, hours are published one by one.
		for hour := 1; hour <= 24; hour += 5 {
			p.set(day.Add(time.Duration(hour)*time.Hour + 11*time.Minute))
			workOut(t, p.api(day, day.AddDate(0, 0, 1)), day, 5)
		}
		p.set(day.AddDate(0, 0, 1).Add(2 * time.Hour))
		p.stop() // a restart publishes what is due at once
		p.run()
		p.eventually("the day's file", func() bool { status, _ := p.get("/data/counts-square/2026-11-23.csv"); return status == http.StatusOK })
		file, api := p.table("/data/counts-square/2026-11-23.csv"), p.api(day, day.AddDate(0, 0, 1))
		withheld, sums := workOut(t, file, day, 5)
		t.Logf("%d quarters of an hour withheld, %d sums of hours and days published", withheld, sums)
		if withheld < 50 || sums < 10 {
			t.Errorf("%d withheld, %d sums published: there is little to attack", withheld, sums)
		}
		if len(file) != len(api) || len(file) < 96*5 {
			t.Errorf("%d numbers in the file, %d in the API", len(file), len(api))
		}
		for c, x := range file {
			if api[c] != x {
				t.Errorf("%v is %v in the file and %v in the API", c, x, api[c])
			}
		}
		p.stop()
	}
}

// What comes late cannot be subtracted from what was published before.
func TestLateCountsDoNotShow(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, zone)
	p := newPublishing(t, day.Add(time.Hour))
	one := map[string]float64{"crossings person/gate/right": 9, "occupancy person//": 12}
	p.count(day, 10*time.Minute, one)
	p.set(day.Add(2 * time.Hour))
	before := p.api(day, day.Add(time.Hour))
	if len(before) != 2 {
		t.Fatalf("%v", before)
	}
	// The rest of the quarter of an hour comes, with one more crossing.
	var b plane.Batch
	b.Observations = append(b.Observations, plane.Observation{
		Series: plane.Series{Key: plane.Key{ID: "urn:polity:camera:square"}, Attribute: "crossings", Dataset: "person/gate/right"}, Start: day.Add(10 * time.Minute), Length: 5 * time.Minute, Covered: 5 * time.Minute, Value: 1,
	})
	if _, err := p.started.Store.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	p.set(day.Add(3 * time.Hour))
	check := func(when string) {
		t.Helper()
		now := p.api(day, day.Add(time.Hour))
		for c, x := range before {
			if now[c] != x {
				t.Errorf("%s: %v was %v and is %v", when, c, x, now[c])
			}
		}
		// The camera's page says the same.
		_, page := p.get("/cameras/square/counts.csv?as=public&day=2026-11-23")
		rows, err := csv.NewReader(strings.NewReader(string(page))).ReadAll()
		said := map[string]string{}
		for _, r := range rows {
			if strings.HasPrefix(r[0], "2026-11-23T00:00:00") {
				said[r[2]] = r[6]
			}
		}
		if err != nil || said["occupancy"] != "12" || said["crossings"] != "9" {
			t.Errorf("%s: the page says %v (%v)", when, rows, err)
		}
	}
	check("later")
	p.stop()
	p.run()
	check("after a restart")
	// A step of which nothing was there may still come, until the day is closed.
	p.count(day.Add(15*time.Minute), 15*time.Minute, one)
	p.set(day.Add(4 * time.Hour))
	if now := p.api(day, day.Add(time.Hour)); len(now) != 4 {
		t.Errorf("a step that came late: %v", now)
	}
	p.set(day.AddDate(0, 0, 1).Add(2 * time.Hour))
	p.stop()
	p.run()
	p.eventually("the day's file", func() bool { status, _ := p.get("/data/counts-square/2026-11-23.csv"); return status == http.StatusOK })
	_, first := p.get("/data/counts-square/2026-11-23.csv")
	p.count(day.Add(30*time.Minute), 15*time.Minute, one)
	p.set(day.AddDate(0, 0, 1).Add(5 * time.Hour))
	if err := opendata.Ask(filepath.Join(p.cfg.Data, "opendata"), opendata.Request{Set: "counts-square", Day: "2026-11-23", Reason: "try"}); err != nil {
		t.Fatal(err)
	}
	p.stop()
	p.run()
	p.eventually("the correction is done", func() bool {
		left, err := filepath.Glob(filepath.Join(p.cfg.Data, "opendata", ".corrections", "*"))
		return err == nil && len(left) == 0
	})
	if _, again := p.get("/data/counts-square/2026-11-23.csv"); string(again) != string(first) {
		t.Errorf("a closed day changed:\n%s\n%s", first, again)
	}
	check("when the day is closed")
}

// What cannot be remembered is not said.
func TestNothingIsSaidThatIsNotWrittenDown(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, zone)
	p := newPublishing(t, day)
	p.count(day, 15*time.Minute, map[string]float64{"crossings person/gate/right": 9, "occupancy person//": 12})
	blocked := filepath.Join(p.cfg.Data, "published-counts")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	p.set(day.Add(2 * time.Hour))
	const past, page = "/api/v1/entities/urn:polity:counts:square/history?attribute=crossings", "/cameras/square/counts.csv?as=public&day=2026-11-23"
	for _, path := range []string{past, page} {
		if status, body := p.get(path); status != http.StatusServiceUnavailable || strings.Contains(string(body), "9") && strings.Contains(string(body), "gate") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if got := p.api(day, day.Add(time.Hour)); len(got) != 2 {
		t.Errorf("when it can be written again: %v", got)
	}
}

// Everyone sees what is on the list and nothing else.
func TestOnlyWhatIsListedIsPublic(t *testing.T) {
	p := newPublishing(t, time.Now())
	e := func(id, kind, value string) plane.Change {
		return plane.Put(&plane.Entity{Key: plane.Key{ID: id}, Types: []string{kind}, Attributes: []plane.Attribute{{Name: "temperature", Kind: plane.Property, Value: json.RawMessage(value)}}})
	}
	if _, err := p.started.Store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{e("urn:x:1", "Air", "1"), e("urn:x:2", "Patrol", "2")}}); err != nil {
		t.Fatal(err)
	}
	var list struct{ Entities []struct{ ID string } }
	p.read("/api/v1/entities?as=public", &list)
	if len(list.Entities) != 1 || list.Entities[0].ID != "urn:polity:counts:square" {
		t.Errorf("without a list: %+v", list)
	}
	p.stop()
	p.cfg.OpenData.Types = []hub.DataType{{Type: "Air", Attributes: []hub.DataAttribute{{Name: "temperature", Unit: "CEL"}}}}
	p.run()
	p.read("/api/v1/entities?as=public", &list)
	if len(list.Entities) != 2 || list.Entities[1].ID != "urn:x:1" {
		t.Errorf("with a list: %+v", list)
	}
	p.read("/api/v1/entities", &list)
	if len(list.Entities) < 4 {
		t.Errorf("for who is trusted: %+v", list)
	}
	p.stop()
	p.cfg.OpenData.Off = true
	p.run()
	p.read("/api/v1/entities?as=public", &list)
	if len(list.Entities) != 0 {
		t.Errorf("when it is off: %+v", list)
	}
	if status, _ := p.get("/data/counts-square/all.csv"); status != http.StatusNotFound {
		t.Errorf("files when it is off: %d", status)
	}
	p.stop()
	p.cfg.REST.Off = true
	p.run()
	if status, _ := p.get("/api/v1/entities"); status != http.StatusNotFound {
		t.Errorf("the API when it is off: %d", status)
	}
}

func TestOpenDataIsChecked(t *testing.T) {
	for name, o := range map[string]hub.OpenData{
		"address": {Address: "data.city.example"}, "email": {Contact: hub.DataContact{Email: "nobody"}}, "licence": {Licence: hub.DataLicence{Name: "own"}}, "settle": {Settle: -time.Hour},
		"keep": {KeepDays: -1}, "type": {Types: []hub.DataType{{}}}, "twice": {Types: []hub.DataType{{Type: "A"}, {Type: "A"}}},
		"attribute": {Types: []hub.DataType{{Type: "A", Attributes: []hub.DataAttribute{{Name: ""}}}}}, "no letters": {Types: []hub.DataType{{Type: "Ä", Attributes: []hub.DataAttribute{{Name: "x"}}}}},
	} {
		w := newTown(t)
		w.cfg.OpenData = o
		if err := w.cfg.WithDefaults().Check(); city.KindOf(errAt(err)) != city.Invalid || !strings.Contains(err.Error(), "hub.open_data") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// errAt is the first of joined errors.
func errAt(err error) error {
	if list, ok := err.(interface{ Unwrap() []error }); ok && len(list.Unwrap()) > 0 {
		return list.Unwrap()[0]
	}
	return err
}

// The columns and the configuration of docs/formats/opendata.md are those of the code.
func TestTheDocumentedColumnsAreThose(t *testing.T) {
	text, err := os.ReadFile("../docs/formats/opendata.md")
	if err != nil {
		t.Fatal(err)
	}
	p := newPublishing(t, time.Now())
	_, table := p.get("/data/counts-square/all.csv")
	if head := strings.TrimSuffix(string(table), "\r\n"); head == "" || !strings.Contains(string(text), "\n"+head+"\n") {
		t.Errorf("the columns %q are not documented", table)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\nhub:\n")
	section, _, _ := strings.Cut(rest, "```")
	var c struct {
		OpenData hub.OpenData `yaml:"open_data"`
	}
	if err := strictyaml.Decode("opendata.md", []byte(section), &c); err != nil || len(c.OpenData.Types) != 1 || c.OpenData.Settle != 2*time.Hour {
		t.Errorf("the documented configuration: %+v, %v", c, err)
	}
}

// A type's file has a row per moment, negative values, and no small number of people.
func TestFilesOfSensors(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, zone)
	p := newPublishing(t, day.AddDate(0, 0, 1).Add(3*time.Hour))
	p.stop()
	p.cfg.OpenData.Types = []hub.DataType{{Type: "Air", Attributes: []hub.DataAttribute{
		{Name: "temperature", Unit: "CEL"}, {Name: "visitors", PeopleAtLeast: 5}, {Name: "door", Words: true}, {Name: "location"},
	}}}
	p.run()
	var b plane.Batch
	for _, id := range []string{"urn:x:2", "urn:x:1"} {
		e := &plane.Entity{Key: plane.Key{ID: id}, Types: []string{"Air"}}
		e.Set(plane.Attribute{Name: "location", Kind: plane.Geo, Value: json.RawMessage(`{"type":"Point","coordinates":[24.9,60.1]}`)})
		b.Changes = append(b.Changes, plane.Put(e))
	}
	observe := func(id, attribute string, at time.Time, v float64) {
		b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: plane.Key{ID: id}, Attribute: attribute}, Start: at, Value: v})
	}
	observe("urn:x:1", "temperature", day.Add(time.Hour), -3.5)
	observe("urn:x:1", "visitors", day.Add(time.Hour), 4)
	observe("urn:x:1", "visitors", day.Add(2*time.Hour), 5)
	observe("urn:x:1", "secret", day.Add(2*time.Hour), 1)
	observe("urn:x:2", "temperature", day.AddDate(0, 0, 1).Add(-time.Millisecond), 1)
	observe("urn:x:2", "temperature", day.AddDate(0, 0, 1), 2) // the next day
	if _, err := p.started.Store.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	p.stop()
	p.run()
	p.eventually("the day's file", func() bool { status, _ := p.get("/data/air/2026-11-23.csv"); return status == http.StatusOK })
	_, got := p.get("/data/air/2026-11-23.csv")
	want := "entity,time,lon,lat,temperature,visitors\r\n" +
		"urn:x:1,2026-11-23T01:00:00+02:00,24.9,60.1,-3.5,\r\n" +
		"urn:x:1,2026-11-23T02:00:00+02:00,24.9,60.1,,5\r\n" +
		"urn:x:2,2026-11-23T23:59:59.999+02:00,24.9,60.1,1,\r\n"
	if string(got) != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	_, page := p.get("/data/air")
	for _, says := range []string{"Air", "2026-11-23.csv", "-3.5", "CEL"} {
		if !strings.Contains(string(page), says) {
			t.Errorf("the page does not say %q", says)
		}
	}
}
