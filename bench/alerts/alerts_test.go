package main

import "testing"

// TestWhatCameBeneathCounts: a row that was never in sight counts no earlier than a newer one
// was painted, and one behind which nothing was painted is not made up.
func TestWhatCameBeneathCounts(t *testing.T) {
	sent := map[string]posted{"a": {}, "b": {}, "c": {}, "d": {}}
	o := onScreen{Seen: map[string]float64{"a": 100, "c": 300}}
	at, hidden := o.painted(sent)
	if at["a"] != 100 || at["b"] != 300 || at["c"] != 300 || hidden != 1 {
		t.Errorf("%v, %d hidden", at, hidden)
	}
	if _, there := at["d"]; there {
		t.Error("d was made up")
	}
}

func TestQuantile(t *testing.T) {
	list := []float64{5, 1, 4, 2, 3}
	if quantile(list, .5) != 3.0 || quantile(list, .99) != 5.0 || quantile(nil, .5) != nil {
		t.Error(quantile(list, .5), quantile(list, .99))
	}
}
