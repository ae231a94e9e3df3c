package sparse

import "slices"

// order returns a permutation of the columns, the first to be eliminated first,
// by minimum degree on the graph of A + Aᵀ: each step removes a node with
// fewest neighbours and joins these to one another. Ties go to the node that
// stands first, so that the same pattern always gives the same order.
func order[T Scalar](m *Matrix[T]) []int32 {
	neighbours := graph(m)
	n := m.N
	buckets := make([][]int32, n+1) // by degree; entries may be out of date
	for v := n - 1; v >= 0; v-- {
		d := len(neighbours[v])
		buckets[d] = append(buckets[d], int32(v))
	}
	perm := make([]int32, 0, n)
	done := make([]bool, n)
	var merged []int32
	for lowest := 0; len(perm) < n; {
		for len(buckets[lowest]) == 0 {
			lowest++
		}
		last := len(buckets[lowest]) - 1
		v := buckets[lowest][last]
		buckets[lowest] = buckets[lowest][:last]
		if done[v] || len(neighbours[v]) != lowest {
			continue
		}
		done[v] = true
		perm = append(perm, v)
		for _, u := range neighbours[v] {
			merged = union(merged[:0], neighbours[u], neighbours[v], u, v)
			if len(merged) != len(neighbours[u]) || !slices.Equal(merged, neighbours[u]) {
				neighbours[u] = append(neighbours[u][:0], merged...)
			}
			d := len(neighbours[u])
			buckets[d] = append(buckets[d], u)
			lowest = min(lowest, d)
		}
		neighbours[v] = nil
	}
	return perm
}

// graph returns the neighbours of each node in the graph of A + Aᵀ, ascending.
func graph[T Scalar](m *Matrix[T]) [][]int32 {
	adjacent := make([][]int32, m.N)
	for j := range m.N {
		for p := m.Col[j]; p < m.Col[j+1]; p++ {
			if i := m.Row[p]; int(i) != j {
				adjacent[j] = append(adjacent[j], i)
				adjacent[i] = append(adjacent[i], int32(j))
			}
		}
	}
	for v := range adjacent {
		slices.Sort(adjacent[v])
		adjacent[v] = slices.Compact(adjacent[v])
	}
	return adjacent
}

// union appends to dst the sorted union of a and b without u and v.
func union(dst, a, b []int32, u, v int32) []int32 {
	for len(a) > 0 || len(b) > 0 {
		var x int32
		switch {
		case len(b) == 0 || (len(a) > 0 && a[0] < b[0]):
			x, a = a[0], a[1:]
		case len(a) == 0 || b[0] < a[0]:
			x, b = b[0], b[1:]
		default:
			x, a, b = a[0], a[1:], b[1:]
		}
		if x != u && x != v {
			dst = append(dst, x)
		}
	}
	return dst
}
