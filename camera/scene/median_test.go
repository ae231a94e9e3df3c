package scene

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMedian(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float32Range(-1e6, 1e6), 1, 200).Draw(t, "values")
		sorted := slices.Sorted(slices.Values(v))
		if got := median(v); got != sorted[len(v)/2] {
			t.Fatalf("median %g, sorting gives %g", got, sorted[len(v)/2])
		}
		if slices.Sort(v); !slices.Equal(v, sorted) {
			t.Fatal("values were lost")
		}
	})
}
