package routing

import (
	"cmp"
	"slices"
)

// near is a customer and its distance from another.
type near struct{ id, dist int32 }

// nearLists returns, for every location from 1, its k nearest others by the mean
// of both directions, nearest first, flat with k entries a location; the depot
// is neither listed nor given a list. k is cut to what there is.
func nearLists(dist []int32, n, k int) ([]near, int) {
	k = max(0, min(k, n-2))
	lists := make([]near, n*k)
	all := make([]near, 0, n)
	for i := 1; i < n; i++ {
		all = all[:0]
		for j := 1; j < n; j++ {
			if j != i {
				all = append(all, near{int32(j), dist[i*n+j]/2 + dist[j*n+i]/2})
			}
		}
		slices.SortFunc(all, func(a, b near) int {
			if c := cmp.Compare(a.dist, b.dist); c != 0 {
				return c
			}
			return cmp.Compare(a.id, b.id)
		})
		for j, a := range all[:k] {
			lists[i*k+j] = near{a.id, dist[i*n+int(a.id)]}
		}
	}
	return lists, k
}

// sortPairs sorts ids by their keys.
func sortPairs(keys []int64, ids []int32) {
	type pair struct {
		key int64
		id  int32
	}
	pairs := make([]pair, len(keys))
	for i := range keys {
		pairs[i] = pair{keys[i], ids[i]}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	for i, p := range pairs {
		keys[i], ids[i] = p.key, p.id
	}
}
