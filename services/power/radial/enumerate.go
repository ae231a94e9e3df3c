package radial

import (
	"math"
	"slices"
)

// Trees counts the configurations that join all nodes without a loop (Kirchhoff's
// theorem: a minor of the Laplacian). Edges that cannot be opened are contracted.
func (g *Graph) Trees() float64 {
	sets := NewSets(g.Nodes)
	for _, e := range g.Edges {
		if !e.Free {
			sets.Join(e.A, e.B)
		}
	}
	number := map[int]int{}
	for n := range g.Nodes {
		if root := sets.Find(n); number[root] == 0 {
			number[root] = len(number) + 1
		}
	}
	size := len(number) - 1
	l := make([]float64, size*size)
	skip := number[sets.Find(0)]
	index := func(n int) int { // the root's group is left out
		k := number[sets.Find(n)] - 1
		switch {
		case k == skip-1:
			return -1
		case k > skip-1:
			return k - 1
		}
		return k
	}
	for _, e := range g.Edges {
		a, b := index(e.A), index(e.B)
		if !e.Free || sets.Find(e.A) == sets.Find(e.B) {
			continue
		}
		if a >= 0 {
			l[a*size+a]++
		}
		if b >= 0 {
			l[b*size+b]++
		}
		if a >= 0 && b >= 0 {
			l[a*size+b]--
			l[b*size+a]--
		}
	}
	return math.Round(determinant(l, size))
}

func determinant(a []float64, n int) float64 {
	det := 1.0
	for k := range n {
		p := k
		for i := k + 1; i < n; i++ {
			if math.Abs(a[i*n+k]) > math.Abs(a[p*n+k]) {
				p = i
			}
		}
		if a[p*n+k] == 0 {
			return 0
		}
		if p != k {
			for j := range n {
				a[p*n+j], a[k*n+j] = a[k*n+j], a[p*n+j]
			}
			det = -det
		}
		det *= a[k*n+k]
		for i := k + 1; i < n; i++ {
			f := a[i*n+k] / a[k*n+k]
			for j := k; j < n; j++ {
				a[i*n+j] -= f * a[k*n+j]
			}
		}
	}
	return det
}

// Enumerate calls visit with every configuration that joins all nodes without a
// loop, until visit says false. The slice is valid during the call only.
func (g *Graph) Enumerate(visit func(closed []bool) bool) {
	closed := make([]bool, len(g.Edges))
	begin := NewSets(g.Nodes)
	var choices []int
	missing := g.Nodes - 1
	for k, e := range g.Edges {
		if !e.Free {
			closed[k] = true
			begin.Join(e.A, e.B)
			missing--
			continue
		}
		choices = append(choices, k)
	}
	var walk func(i int, now Sets, missing int) bool
	walk = func(i int, now Sets, missing int) bool {
		if missing == 0 {
			return visit(closed)
		}
		if len(choices)-i < missing || !g.connected(now, choices[i:]) {
			return true
		}
		k := choices[i]
		joined := slices.Clone(now)
		if joined.Join(g.Edges[k].A, g.Edges[k].B) {
			closed[k] = true
			if !walk(i+1, joined, missing-1) {
				return false
			}
			closed[k] = false
		}
		return walk(i+1, now, missing)
	}
	walk(0, begin, missing)
}

// connected says whether sets and the further edges join all nodes.
func (g *Graph) connected(now Sets, further []int) bool {
	joined := slices.Clone(now)
	for _, k := range further {
		joined.Join(g.Edges[k].A, g.Edges[k].B)
	}
	for n := 1; n < g.Nodes; n++ {
		if joined.Find(n) != joined.Find(0) {
			return false
		}
	}
	return true
}
