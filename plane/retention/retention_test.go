package retention_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/plane"
	"polity/plane/retention"
	"polity/plane/sqlite"
)

func read(t *testing.T, text string) (retention.Rules, error) {
	t.Helper()
	var c struct {
		Retention retention.Rules `yaml:"retention"`
	}
	err := strictyaml.Decode("test.yaml", []byte(text), &c)
	return c.Retention, err
}

const sample = `
retention:
  - {type: AirQualityObserved, attribute: pm25, raw: forever}
  - {type: AirQualityObserved, attribute: "*", raw: 90d, hourly: 2y, daily: 10y}
  - {type: https://example.org/Lamp, attribute: "*", raw: 30d}
  - {type: "*", attribute: "*", raw: 1y, daily: forever}
`

func TestTheFirstRuleThatFits(t *testing.T) {
	rules, err := read(t, sample)
	if err != nil || rules.Check() != nil {
		t.Fatal(err, rules.Check())
	}
	now := time.Date(2026, 11, 30, 13, 0, 0, 0, time.UTC)
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		types     string
		attribute string
		want      plane.Cut
		said      string
	}{
		{"https://uri.etsi.org/ngsi-ld/default-context/AirQualityObserved", "https://uri.etsi.org/ngsi-ld/default-context/pm25", plane.Cut{}, "raw forever"},
		{"Other AirQualityObserved", "no2", plane.Cut{Raw: day(2026, 9, 1), Hourly: day(2024, 11, 30), Daily: day(2016, 11, 30)}, "raw 90d, hourly 2y, daily 10y"},
		{"https://example.org/Lamp", "on", plane.Cut{Raw: day(2026, 10, 31), Hourly: day(2026, 10, 31), Daily: day(2026, 10, 31)}, "raw 30d"},
		{"https://elsewhere.example/Lamp", "on", plane.Cut{Raw: day(2025, 11, 30), Hourly: day(2025, 11, 30)}, "raw 1y, daily forever"},
		{"", "on", plane.Cut{Raw: day(2025, 11, 30), Hourly: day(2025, 11, 30)}, "raw 1y, daily forever"},
	} {
		rule := rules.For(strings.Fields(c.types), c.attribute)
		if rule == nil || rule.String() != c.said {
			t.Errorf("%s of %q: %v, want %s", c.attribute, c.types, rule, c.said)
			continue
		}
		cut := rule.Cut(now)
		if diff := cmp.Diff(c.want, cut); diff != "" {
			t.Errorf("%s of %q: (-want +got)\n%s", c.attribute, c.types, diff)
		}
		if err := cut.Check(now); err != nil {
			t.Error(err)
		}
	}
	if rule := rules[:3].For([]string{"Bin"}, "fill"); rule != nil {
		t.Errorf("a rule for what none is about: %v", rule)
	}
	if err := retention.Default().Check(); err != nil {
		t.Error(err)
	}
}

func TestWrongRules(t *testing.T) {
	for text, says := range map[string]string{
		`{type: A, attribute: b}`:                                    "raw is missing",
		`{attribute: b, raw: 90d}`:                                   "type and attribute",
		`{type: A, raw: 90d}`:                                        "type and attribute",
		`{type: A, attribute: b, raw: 2d}`:                           "3d is the least",
		`{type: A, attribute: b, raw: 90d, hourly: 30d}`:             "hourly: 30d is shorter than raw, 90d",
		`{type: A, attribute: b, raw: 90d, daily: 1d}`:               "daily: 1d is shorter than raw, 90d",
		`{type: A, attribute: b, raw: 90d, hourly: 2y, daily: 400d}`: "daily: 400d is shorter than hourly, 2y",
		`{type: A, attribute: b, raw: forever, daily: 1y}`:           "daily: 1y is shorter than raw, forever",
		`{type: A, attribute: b, raw: 90}`:                           "90d, 2y or forever",
		`{type: A, attribute: b, raw: 3 months}`:                     "90d, 2y or forever",
		`{type: A, attribute: b, raw: 0d}`:                           "between 1 and 10000",
		`{type: A, attribute: b, raw: 99999y}`:                       "between 1 and 10000",
		`{type: A, attribute: b, raw: -1d}`:                          "90d, 2y or forever",
		`{type: A, attribute: b, raw: 90d, weekly: 1y}`:              "weekly",
	} {
		rules, err := read(t, "retention:\n  - "+text+"\n")
		if err == nil {
			if err = rules.Check(); city.KindOf(err) != city.Invalid {
				t.Errorf("%s: kind of %v", text, err)
			}
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want it to say %q", text, err, says)
		}
	}
}

// TestRunAndPlan: the plan says what a run does, and changes nothing.
func TestRunAndPlan(t *testing.T) {
	now := time.Date(2026, 11, 30, 13, 0, 0, 0, time.UTC)
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rules, err := read(t, sample)
	if err != nil {
		t.Fatal(err)
	}
	b := &plane.Batch{Changes: []plane.Change{
		plane.Create(&plane.Entity{Key: plane.Key{ID: "urn:x:air"}, Types: []string{"AirQualityObserved"}}),
		plane.Create(&plane.Entity{Key: plane.Key{ID: "urn:x:camera"}, Types: []string{"Camera"}}),
	}}
	for day := range 1000 {
		for _, x := range []plane.Series{
			{Key: plane.Key{ID: "urn:x:air"}, Attribute: "no2"},
			{Key: plane.Key{ID: "urn:x:air"}, Attribute: "pm25"},
			{Key: plane.Key{ID: "urn:x:camera"}, Attribute: "count"},
			{Key: plane.Key{ID: "urn:x:gone"}, Attribute: "level"},
		} {
			b.Observations = append(b.Observations, plane.Observation{Series: x, Start: now.AddDate(0, 0, -day), Value: 1})
		}
	}
	if _, err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	camera := func(x plane.Series) bool { return x.ID == "urn:x:camera" }
	counts := func(list []retention.Held) (out []plane.Thinned) {
		for _, h := range list {
			if h.Series != 1 {
				t.Errorf("%+v", h)
			}
			out = append(out, h.Thinned)
		}
		return out
	}
	want := []plane.Thinned{{Raw: 1000 - 366}, {Raw: 1000 - 91}, {}} // of what is gone; no2; pm25
	for range 2 {
		plan, err := retention.Plan(t.Context(), s, rules, now, camera)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, counts(plan)); diff != "" {
			t.Errorf("planned (-want +got)\n%s", diff)
		}
	}
	done, err := retention.Run(t.Context(), s, rules, now, camera)
	if err != nil {
		t.Fatal(err)
	}
	want = []plane.Thinned{{Raw: 1000 - 366, Hourly: 1000 - 366}, {Raw: 1000 - 91, Hourly: 1000 - 731}, {}}
	if diff := cmp.Diff(want, counts(done)); diff != "" {
		t.Errorf("done (-want +got)\n%s", diff)
	}
	left := map[string]int{}
	for _, id := range []string{"urn:x:air", "urn:x:camera", "urn:x:gone"} {
		if err := s.History(context.Background(), plane.HistoryQuery{Key: plane.Key{ID: id}}, func(o plane.Observation) error { left[o.Attribute]++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]int{"no2": 91, "pm25": 1000, "count": 1000, "level": 366}, left); diff != "" {
		t.Errorf("left (-want +got)\n%s", diff)
	}
}
