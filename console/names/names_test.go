package names_test

import (
	"maps"
	"slices"
	"testing"

	"polity/camera/wire"
	"polity/city"
	"polity/console/names"
)

func TestEveryNumberHasAWord(t *testing.T) {
	check(t, "class", names.Classes, wire.AnyClass, wire.Vehicle)
	check(t, "metric", names.Metrics, wire.Occupancy, wire.QueueMax)
	check(t, "event", names.Events, wire.Crowding, wire.ObservingLess)
	check(t, "condition", names.Conditions, wire.Starting, wire.Ended)
	for s := wire.NoDump; s <= wire.MemoryBounded; s <<= 1 {
		if names.Shields[s] == "" {
			t.Errorf("shield %#x has no word", s)
		}
	}
}

func check[K interface{ ~uint8 }](t *testing.T, what string, words map[K]string, first, last K) {
	t.Helper()
	for k := first; k <= last; k++ {
		if err := city.Slug(words[k]).Check(); err != nil {
			t.Errorf("%s %d: %v", what, k, err)
		}
	}
	all := slices.Sorted(maps.Values(words))
	if len(slices.Compact(all)) != len(words) || len(words) != int(last-first)+1 {
		t.Errorf("%s: %d words for %d numbers, some twice or for an unknown one", what, len(words), last-first+1)
	}
}
