package csv_test

import (
	"strings"
	"testing"
	"time"

	"polity/plane"
	"polity/plane/ingest/csv"
)

// TestValuesOfAThinnedTimeAreTold: what comes for a time of which only summaries are kept is
// passed over, and counted apart from what was there before.
func TestValuesOfAThinnedTimeAreTold(t *testing.T) {
	m, s := read(t, rain), store(t)
	if _, err := csv.Store(t.Context(), m, strings.NewReader(file), s); err != nil {
		t.Fatal(err)
	}
	thinner, ok := s.(plane.Thinner)
	if !ok {
		t.Fatal("the store keeps no summaries")
	}
	var all []plane.Series
	if err := thinner.EachSeries(t.Context(), func(one plane.Series, _ []string) error {
		all = append(all, one)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	cut := time.Now().UTC().Truncate(24 * time.Hour).Add(-72 * time.Hour)
	if _, err := thinner.Thin(t.Context(), all, plane.Cut{Raw: cut}); err != nil {
		t.Fatal(err)
	}
	got, err := csv.Store(t.Context(), m, strings.NewReader(file), s)
	if err != nil || got.Added != 0 || got.Late != got.Observations || got.Late == 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
