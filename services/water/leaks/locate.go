package leaks

import (
	"cmp"
	"math"
	"slices"

	"polity/services/water/network"
)

// Candidate is a pipe where a leak may be.
type Candidate struct {
	Pipe        string
	Probability float64
}

// located is where a leak is by its evidence.
type located struct {
	link   int
	mass   float64 // probability within the radius of the link
	radius float64 // m that hold 80% of the probability around the link
	chance []float64
}

// locate turns evidence into probabilities, all pipes being as likely beforehand by
// the root of their length, and takes the pipe with the most of it within the radius.
func (d *detector) locate(evidence []float64) located {
	best := math.Inf(-1)
	for j, v := range evidence {
		if d.signs[j] != nil {
			best = max(best, v)
		}
	}
	chance, sum := make([]float64, len(evidence)), 0.0
	for j, v := range evidence {
		if d.signs[j] != nil {
			chance[j] = math.Exp((v-best)/d.c.Temper) * math.Sqrt(d.p.n.Links[j].Length)
			sum += chance[j]
		}
	}
	for j := range chance {
		chance[j] /= sum
	}
	return densest(chance, d.between, d.c.Radius)
}

// densest takes the pipe with the most probability within a radius.
func densest(chance []float64, between *network.Between, within float64) located {
	l := located{link: -1, chance: chance}
	var likely []int
	for j, v := range chance {
		if v > 1e-4 {
			likely = append(likely, j)
		}
	}
	for _, j := range likely {
		mass := 0.0
		for _, k := range likely {
			if between.Links(j, k) <= within {
				mass += chance[k]
			}
		}
		if mass > l.mass+1e-9 || mass > l.mass-0.02 && l.link >= 0 && chance[j] > chance[l.link] {
			l.link, l.mass = j, max(mass, l.mass)
		}
	}
	if l.link < 0 {
		return l
	}
	return around(chance, between, l.link, within)
}

// around is a place at a link.
func around(chance []float64, between *network.Between, link int, within float64) located {
	l := located{link: link, chance: chance}
	var likely []int
	for j, v := range chance {
		if v > 1e-4 {
			likely = append(likely, j)
			if between.Links(link, j) <= within {
				l.mass += v
			}
		}
	}
	slices.SortFunc(likely, func(a, b int) int {
		return cmp.Compare(between.Links(l.link, a), between.Links(l.link, b))
	})
	sum := 0.0
	for _, j := range likely {
		sum += chance[j]
		l.radius = between.Links(l.link, j)
		if sum >= 0.8 {
			break
		}
	}
	return l
}

// candidates lists pipes, the likeliest first.
func candidates(n *network.Network, chance []float64) []Candidate {
	order := make([]int, 0, len(chance))
	for j, v := range chance {
		if v > 0.001 {
			order = append(order, j)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(chance[b], chance[a]) })
	var out []Candidate
	for _, j := range order {
		out = append(out, Candidate{Pipe: n.Links[j].ID, Probability: chance[j]})
	}
	return out
}

func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}
