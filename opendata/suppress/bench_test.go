package suppress_test

import (
	"math/rand/v2"
	"testing"

	"polity/opendata/suppress"
)

// BenchmarkQuietDay is the worst day of a line: every quarter of an hour is small.
func BenchmarkQuietDay(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var hours [][]int
	for range 24 {
		hours = append(hours, []int{r.IntN(5), r.IntN(5), r.IntN(3), r.IntN(2)})
	}
	t := tree(hours)
	for b.Loop() {
		if _, _, err := suppress.Protect(t, 5); err != nil {
			b.Fatal(err)
		}
	}
}
