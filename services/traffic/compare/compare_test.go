package compare

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"polity/city"
	"polity/services/traffic"
	"polity/services/traffic/twin"
)

// study writes a folder as a study does.
func study(t *testing.T, control string, factor float64, change func(*twin.Record)) string {
	t.Helper()
	report := traffic.Report{Scenario: "town.sumocfg", Control: control, Seed: 1}
	report.SUMO = "SUMO 1.28.0"
	report.Trips = twin.Trips{Due: 100, Finished: 90, Delay: 40 * factor, TimeLoss: 30 * factor}
	report.People, report.WalkWait = 20, 12*factor
	record := twin.Record{
		Begin: 0, End: 1200,
		Approaches: []twin.Approach{
			{Junction: "J1", Edge: "north", Street: "Long, <Street>", Vehicles: 50, TimeLoss: 500 * factor, DepartDelay: 100, Stops: 40, QueueMean: 2 * factor, QueueMax: 6},
			{Junction: "J1", Edge: "=east", Vehicles: 10, TimeLoss: 400 * factor, Stops: 10, QueueMean: 1, QueueMax: 9},
			{Junction: "J2", Edge: "west", Vehicles: 0},
		},
		Crossings: []twin.CrossingRecord{{Junction: "J1", Crossing: "c", People: 20, Wait: 240 * factor, Longest: 60 * factor}, {Junction: "J2", Crossing: "d"}},
		Corridors: []twin.Corridor{
			{Length: 300, Junctions: []twin.CorridorStop{{Junction: "J1", Name: "A & <B>", At: 50, Greens: [][2]float64{{320, 350}, {400, 430}}}, {Junction: "J2", At: 250}}, Tracks: [][][2]float64{{{310, 0}, {330, 100}, {350, 290}}, {{0, 5}, {2, 7}}}},
		},
	}
	if change != nil {
		change(&record)
	}
	dir := t.TempDir()
	for name, v := range map[string]any{traffic.ReportFile: report, traffic.RecordFile: record} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, dir string) *Run {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFigures(t *testing.T) {
	c, err := Of(open(t, study(t, "fixed", 1, nil)), open(t, study(t, "polity", 0.5, nil)))
	if err != nil {
		t.Fatal(err)
	}
	want := Measures{Vehicles: 50, Delay: 12, TimeLoss: 10, Stops: 0.8, QueueMean: 2, QueueMax: 6}
	if c.Approaches[0].Before != want {
		t.Errorf("got  %+v\nwant %+v", c.Approaches[0].Before, want)
	}
	if after := c.Approaches[0].After; after.Delay != 7 || after.TimeLoss != 5 {
		t.Errorf("after: %+v", after)
	}
	// The junction: 60 vehicles, 900 s lost, 100 s before departure, queues 2 and 1.
	want = Measures{Vehicles: 60, Delay: 1000.0 / 60, TimeLoss: 15, Stops: 50.0 / 60, QueueMean: 3, QueueMax: 9}
	if len(c.Junctions) != 2 || c.Junctions[0].Before != want {
		t.Errorf("got  %+v\nwant %+v", c.Junctions[0].Before, want)
	}
	if c.Walks[0].Mean != [2]float64{12, 6} || c.Walks[0].Longest != [2]float64{60, 30} || c.Walks[1].Mean != [2]float64{} {
		t.Errorf("on foot: %+v", c.Walks)
	}
	more := func(r *twin.Record) {
		r.Crossings = append(r.Crossings, twin.CrossingRecord{Junction: "J1", Crossing: "e", People: 10, Wait: 60, Longest: 70})
	}
	c, err = Of(open(t, study(t, "fixed", 1, more)), open(t, study(t, "polity", 0.5, more)))
	if err != nil {
		t.Fatal(err)
	}
	// 20 people waited 240 s, 10 waited 60 s.
	if len(c.JunctionWalks) != 2 || c.JunctionWalks[0].Mean != [2]float64{10, 6} || c.JunctionWalks[0].Longest != [2]float64{70, 70} || c.JunctionWalks[0].People != [2]int{30, 30} {
		t.Errorf("on foot at a junction: %+v", c.JunctionWalks)
	}
}

func TestWrite(t *testing.T) {
	c, err := Of(open(t, study(t, "fixed", 1, nil)), open(t, study(t, "polity", 0.5, nil)))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	paths, err := c.Write(dir)
	if err != nil || len(paths) != 6 {
		t.Fatalf("%v, %v", paths, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Everything on this page is simulated", "SUMO 1.28.0", "Long, &lt;Street&gt;", "-50 %", "12.0 → 7.0", "<svg", "One seed"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	for _, part := range []string{"<script", "http://www.w3.org/1999", "src=", "<Street>", "@import", "url("} {
		if strings.Contains(string(text), part) {
			t.Errorf("the page has %q", part)
		}
	}
	paper, err := os.ReadFile(filepath.Join(dir, "report.pdf"))
	if err != nil || !bytes.HasPrefix(paper, []byte("%PDF-")) {
		t.Fatalf("%.20q, %v", paper, err)
	}
	for _, part := range []string{"simulated by SUMO 1.28.0", "Long, <Street> \\(north\\): delay, s", "-50 %", "One seed"} {
		if !bytes.Contains(paper, []byte(part)) {
			t.Errorf("the PDF does not say %q", part)
		}
	}
	f, err := os.Open(filepath.Join(dir, "approaches.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 1+3+2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if rows[1][2] != "Long, <Street>" || rows[1][5] != "12.00" || rows[1][6] != "7.00" || rows[4][1] != "all" {
		t.Errorf("%q", rows)
	}
	if rows[2][1] != "'=east" {
		t.Errorf("a spreadsheet would take %q for a formula", rows[2][1])
	}
}

// TestDiagram: it is well-formed, shows the window alone, and red where there is no
// green.
func TestDiagram(t *testing.T) {
	r := open(t, study(t, "fixed", 1, nil))
	text := Diagram(r.Record.Corridors[0], r.Record.Begin, r.Record.End)
	dec := xml.NewDecoder(strings.NewReader(text))
	count := map[string]int{}
	colours := map[string]int{}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok {
			count[e.Name.Local]++
			for _, a := range e.Attr {
				if a.Name.Local == "stroke" {
					colours[a.Value]++
				}
			}
		}
	}
	if count["polyline"] != 1 {
		t.Errorf("%d vehicles are drawn, one of two is within the ten minutes shown", count["polyline"])
	}
	if colours["#2e7d32"] != 2 || colours["#c62828"] != 4 {
		t.Errorf("greens and reds: %v; two greens, three reds at the first junction, one at the second", colours)
	}
	if !strings.Contains(text, "A &amp; &lt;B&gt;") {
		t.Error("a name is not escaped")
	}
}

func TestWhatDoesNotCompare(t *testing.T) {
	good := study(t, "fixed", 1, nil)
	for name, c := range map[string]struct {
		change  func(*twin.Record)
		problem string
	}{
		"fewer approaches":  {func(r *twin.Record) { r.Approaches = r.Approaches[:2] }, "of different streets"},
		"another approach":  {func(r *twin.Record) { r.Approaches[1].Edge = "x" }, "approach 2 is =east of J1 here, x of J1 there"},
		"another crossing":  {func(r *twin.Record) { r.Crossings[0].Crossing = "x" }, "different crossings"},
		"another beginning": {func(r *twin.Record) { r.Begin = 600 }, "do not compare"},
	} {
		_, err := Of(open(t, good), open(t, study(t, "polity", 1, c.change)))
		if err == nil || !strings.Contains(err.Error(), c.problem) || city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v, want %q", name, err, c.problem)
		}
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "--record") || city.KindOf(err) != city.NotFound {
		t.Errorf("an empty folder: %v", err)
	}
	broken := study(t, "fixed", 1, nil)
	if err := os.WriteFile(filepath.Join(broken, traffic.RecordFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(broken); city.KindOf(err) != city.Invalid {
		t.Errorf("a broken record: %v", err)
	}
	if _, err := Open(study(t, "fixed", 1, func(r *twin.Record) { r.Approaches = nil })); city.KindOf(err) != city.Invalid {
		t.Errorf("a record of nothing: %v", err)
	}
	other := open(t, good)
	other.Report.Seed, other.Report.Scenario, other.Record.End = 2, "b.sumocfg", 1300
	c, err := Of(open(t, good), other)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"seeds differ (1, 2)", "different names (town.sumocfg, b.sumocfg)", "last 1200 and 1300 s"} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("the page does not say %q", part)
		}
	}
}

// TestTheDocumentedExample holds docs/formats/traffic-study.md to the code: every field
// of a record is there, and none that is not one.
func TestTheDocumentedExample(t *testing.T) {
	page, err := os.ReadFile("../../../docs/formats/traffic-study.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example")
	}
	var r twin.Record
	d := json.NewDecoder(strings.NewReader(example))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	var written, read any
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(json.Unmarshal(text, &written), json.Unmarshal([]byte(example), &read)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(written, read) {
		t.Errorf("the example lacks a field: %s", text)
	}
}
