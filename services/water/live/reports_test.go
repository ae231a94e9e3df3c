package live_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/water/example"
	"polity/services/water/leaks"
	"polity/services/water/live"
)

// TestWhatResidentsSend: kind, street and quarter of an hour are kept and nothing else; the
// same again is one; a flood pushes nothing of the desk's out; it is evidence, less than what
// the desk heard; and it is forgotten with its leak, by the desk, or after 30 days.
func TestWhatResidentsSend(t *testing.T) {
	now := time.Date(2026, 3, 9, 14, 22, 31, 0, time.UTC)
	s := still(t, func() time.Time { return now })
	streets := s.Streets()
	if len(streets) < 5 {
		t.Fatal(streets)
	}
	for what, street := range map[string]string{"a neighbour": streets[0], "no-water": "P34", "brown-water": ""} {
		if err := s.Tell(what, street); err == nil {
			t.Errorf("%q in %q is taken", what, street)
		}
	}
	if err := s.Report("street-wet", "P34"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Tell("no-water", streets[1]); err != nil {
			t.Fatal(err)
		}
	}
	list := s.View().Reports
	if text, _ := json.Marshal(list); len(list) != 2 || string(text) != `[{"What":"street-wet","Pipe":"P34","At":"2026-03-09T14:22:00Z"},{"What":"no-water","Street":"`+streets[1]+`","At":"2026-03-09T14:15:00Z","Times":3}]` {
		t.Errorf("%s", text)
	}
	for i := range 700 {
		now = now.Add(15 * time.Minute)
		if err := s.Tell("brown-water", streets[i%len(streets)]); err != nil {
			t.Fatal(err)
		}
	}
	if list := s.View().Reports; len(list) != 301 || list[0].Pipe != "P34" {
		t.Errorf("%d reports, the first %+v", len(list), list[0])
	}
	if samples := s.ReportSamples(); !strings.HasPrefix(samples, "node,hours,seen\n") || strings.Count(samples, "\n") < 100 {
		t.Errorf("%.200s", samples)
	}
	if err := s.Search(s.ReportSamples()); err != nil {
		t.Errorf("the search does not take reports of brown water: %v", err)
	}
	if err := s.Forget("brown-water", streets[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget("brown-water", streets[0]); city.KindOf(err) != city.NotFound {
		t.Error(err)
	}
	now = now.AddDate(0, 0, 31)
	if err := s.Report("no-water", "P1"); err != nil {
		t.Fatal(err)
	}
	if list := s.View().Reports; len(list) != 1 {
		t.Errorf("%d reports behind 31 days", len(list))
	}
}

func TestReportsAreForgottenWithTheirLeak(t *testing.T) {
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	s := still(t, func() time.Time { return now })
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	f := leaks.Found{Pipe: "P34", At: now, Since: now.AddDate(0, 0, -2), Flow: 8, Within: 200, All: []leaks.Candidate{{Pipe: "P34", Probability: 0.5}, {Pipe: "P1", Probability: 0.4}}}
	f.Candidates = f.All
	live.Note(s, now, f)
	if err := s.Report("street-wet", "P1"); err != nil {
		t.Fatal(err)
	}
	heard := s.View().Leaks[0].Candidates[0]
	if err := s.Forget("street-wet", "P1"); err != nil {
		t.Fatal(err)
	}
	street := live.StreetOf(s, "P1")
	for range 20 {
		if err := s.Tell("street-wet", street); err != nil {
			t.Fatal(err)
		}
	}
	l := s.View().Leaks[0]
	if sent := l.Candidates[0]; heard.Pipe != "P1" || sent.Pipe != "P1" || sent.Probability >= heard.Probability || sent.Probability <= 0.5 || l.Reports != 1 {
		t.Errorf("heard %+v, sent %+v, %d reports", heard, sent, l.Reports)
	}
	far := ""
	at, _ := n.Link("P34")
	for i, x := range n.Links {
		if n.Between().Links(at, i) > 1000 {
			far = x.ID
		}
	}
	for _, pipe := range []string{"P34", far} {
		if err := s.Report("no-water", pipe); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Report("brown-water", "P34"); err != nil {
		t.Fatal(err)
	}
	f.Until = now.AddDate(0, 0, -10)
	live.Note(s, now, f)
	for _, r := range s.View().Reports {
		if r.Where() == "P34" && r.What == "no-water" {
			t.Error("it outlived its leak")
		}
	}
	if list := s.View().Reports; len(list) < 2 {
		t.Errorf("what is of something else is forgotten, too: %+v", list)
	}
}

func TestStreets(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"street,pipe\nQuay,P34\nQuay,P1\nMarket,P2\n": "",
		"pipe\nP34\n":                      "columns street and pipe",
		"street,pipe\nQuay,P34\nP1,Quay\n": ":3: Quay lies in P1",
		"street,pipe\n,P34\n":              ":2: a street has a name",
		"street,pipe\nQuay\n":              "wrong number of fields",
		"":                                 "first line street,pipe",
	} {
		name := filepath.Join(dir, "streets.csv")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := live.ReadStreets(t, name)
		if want == "" {
			if err != nil || len(list) != 2 || list[0].Name != "Market" || len(list[1].Pipes) != 2 {
				t.Errorf("%v %v", list, err)
			}
			continue
		}
		if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
