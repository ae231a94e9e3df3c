package hub_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"polity/plane"
	"polity/plane/backend"
	"polity/plane/retention"
)

// TestHistoryIsThinnedOut: a hub that starts thins out what is old by its configuration,
// and leaves alone what a camera's entry decides about.
func TestHistoryIsThinnedOut(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.cfg.Retention = retention.Rules{{Type: "*", Attribute: "power", Raw: &retention.Period{Days: 30}, Hourly: &retention.Period{Years: 1}}}
	if err := os.MkdirAll(w.cfg.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := backend.Open(t.Context(), filepath.Join(w.cfg.Data, backend.File), backend.Config{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Hour)
	var b plane.Batch
	for _, id := range []string{"urn:x:lamp", "urn:polity:camera:nowhere"} {
		for _, attribute := range []string{"power", "other"} {
			for _, days := range []int{1, 40, 400} {
				b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: plane.Key{ID: id}, Attribute: attribute}, Start: now.AddDate(0, 0, -days), Value: 7})
			}
		}
	}
	if _, err := s.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w.start()
	count := func(id, attribute string) (observations, summarized int64) {
		if err := w.started.Store.History(t.Context(), plane.HistoryQuery{Key: plane.Key{ID: id}, Attribute: attribute}, func(plane.Observation) error { observations++; return nil }); err != nil {
			t.Fatal(err)
		}
		q := plane.SummaryQuery{Attribute: attribute, IDs: []string{id}, From: now.AddDate(-3, 0, 0).Truncate(plane.Day), To: now.Add(time.Hour)}
		if err := w.started.Store.(plane.Summarizer).Summarize(t.Context(), q, func(x plane.Summary) error { summarized += x.Count; return nil }); err != nil {
			t.Fatal(err)
		}
		return observations, summarized
	}
	w.eventually("the lamp's history is thinned out", func() bool {
		observations, summarized := count("urn:x:lamp", "power")
		return observations == 1 && summarized == 2 // what is older than a year is gone
	})
	for _, x := range [][2]string{{"urn:x:lamp", "other"}, {"urn:polity:camera:nowhere", "power"}} {
		if observations, summarized := count(x[0], x[1]); observations != 3 || summarized != 3 {
			t.Errorf("%s of %s: %d observations are left, %d summarized", x[1], x[0], observations, summarized)
		}
	}
}
