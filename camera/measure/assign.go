package measure

import "math"

// apart is the cost from which two are never paired.
const apart = 1.0

// assign pairs rows with columns so that the sum of costs is least, and returns
// the column of each row, -1 for none. Pairs that cost apart or more are not made.
// It is the shortest augmenting path method for the assignment problem (Jonker and
// Volgenant 1987), in rows^2 x columns steps.
func assign(cost [][]float64) []int {
	n := len(cost)
	if n == 0 {
		return nil
	}
	m := len(cost[0])
	size := m + n // a column of its own for each row: to stay alone costs apart
	at := func(i, j int) float64 {
		if j < m {
			return min(cost[i][j], 2*apart)
		}
		return apart
	}
	rowOf := make([]int, size+1) // row of a column, from 1; column 0 is the start of a path
	u, v := make([]float64, n+1), make([]float64, size+1)
	for i := 1; i <= n; i++ {
		rowOf[0] = i
		least, way, used := make([]float64, size+1), make([]int, size+1), make([]bool, size+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		j0 := 0
		for rowOf[j0] != 0 {
			used[j0] = true
			i0, delta, next := rowOf[j0], math.Inf(1), 0
			for j := 1; j <= size; j++ {
				if used[j] {
					continue
				}
				if c := at(i0-1, j-1) - u[i0] - v[j]; c < least[j] {
					least[j], way[j] = c, j0
				}
				if least[j] < delta {
					delta, next = least[j], j
				}
			}
			for j := 0; j <= size; j++ {
				if used[j] {
					u[rowOf[j]] += delta
					v[j] -= delta
				} else {
					least[j] -= delta
				}
			}
			j0 = next
		}
		for j0 != 0 {
			rowOf[j0] = rowOf[way[j0]]
			j0 = way[j0]
		}
	}
	out := make([]int, n)
	for i := range out {
		out[i] = -1
	}
	for j := 1; j <= m; j++ {
		if i := rowOf[j]; i != 0 && cost[i-1][j-1] < apart {
			out[i-1] = j - 1
		}
	}
	return out
}
