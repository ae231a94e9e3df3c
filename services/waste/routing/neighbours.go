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
	var found nearest
	for i := 1; i < n; i++ {
		found.reset(k)
		for j := 1; j < n; j++ {
			if j != i {
				found.offer(int32(j), int64(dist[i*n+j])+int64(dist[j*n+i]))
			}
		}
		for j, a := range found.all {
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

// nearest keeps the k nearest of those offered, nearest first.
type nearest struct {
	k   int
	all []ranked
}

type ranked struct {
	id  int32
	far int64
}

func (n *nearest) reset(k int) { n.k, n.all = k, n.all[:0] }

func (n *nearest) offer(id int32, far int64) {
	if len(n.all) == n.k {
		if n.k == 0 || far >= n.all[n.k-1].far {
			return
		}
		n.all = n.all[:n.k-1]
	}
	i := len(n.all)
	n.all = append(n.all, ranked{})
	for ; i > 0 && n.all[i-1].far > far; i-- {
		n.all[i] = n.all[i-1]
	}
	n.all[i] = ranked{id, far}
}
