package leaks

import (
	"cmp"
	"math"
	"slices"
)

// Candidate is a pipe where a leak may be.
type Candidate struct {
	Pipe        string
	Probability float64
}

// place is where a leak is by its evidence.
type located struct {
	link   int
	mass   float64 // probability within the radius of the link
	radius float64 // m that hold 80% of the probability around the link
	chance []float64
}

// locate turns evidence into probabilities, all pipes being as likely beforehand by
// their length, and takes the pipe with the most of it within the radius.
func (d *detector) locate(evidence []float64, scale float64) located {
	best := math.Inf(-1)
	for j, v := range evidence {
		if d.signs[j] != nil {
			best = max(best, v)
		}
	}
	l := located{link: -1, chance: make([]float64, len(evidence))}
	sum := 0.0
	for j, v := range evidence {
		if d.signs[j] != nil {
			l.chance[j] = math.Exp((v-best)/scale) * math.Sqrt(d.p.n.Links[j].Length)
			sum += l.chance[j]
		}
	}
	var likely []int
	for j := range l.chance {
		l.chance[j] /= sum
		if l.chance[j] > 1e-4 {
			likely = append(likely, j)
		}
	}
	for _, j := range likely {
		mass := 0.0
		for _, k := range likely {
			if d.between.Links(j, k) <= d.c.Radius {
				// What lies near the edge helps less: the place will shift.
				mass += l.chance[k]
			}
		}
		if mass > l.mass+1e-9 || mass > l.mass-0.02 && l.link >= 0 && l.chance[j] > l.chance[l.link] {
			l.link, l.mass = j, max(mass, l.mass)
		}
	}
	if l.link < 0 {
		return l
	}
	slices.SortFunc(likely, func(a, b int) int {
		return cmp.Compare(d.between.Links(l.link, a), d.between.Links(l.link, b))
	})
	within := 0.0
	for _, j := range likely {
		within += l.chance[j]
		l.radius = d.between.Links(l.link, j)
		if within >= 0.8 {
			break
		}
	}
	return l
}

// candidates lists the likeliest pipes.
func (d *detector) candidates(chance []float64, most int) []Candidate {
	order := make([]int, 0, len(chance))
	for j, v := range chance {
		if v > 0.001 {
			order = append(order, j)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(chance[b], chance[a]) })
	var out []Candidate
	for _, j := range order[:min(most, len(order))] {
		out = append(out, Candidate{Pipe: d.p.n.Links[j].ID, Probability: chance[j]})
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
