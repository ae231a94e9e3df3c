package console

import (
	"fmt"
	"slices"

	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
	"polity/console/frame"
)

// distribution is how long things stayed in a zone, or how fast they went through it,
// over a day: many together, never one.
type distribution struct {
	Title, Summary string
	What           string // of the first column
	Bins           []bin
}

type bin struct {
	Words, Count string
	Share        int // of the greatest bin, percent
}

// fewest is from how many things on a distribution is shown.
const fewest = 10

// distributions returns those of a zone. The public gets none: bins are small.
func (c *Console) distributions(where city.Slug, r *frame.Request, d day) []distribution {
	if !r.Viewer.Counts || where == "" {
		return nil
	}
	var all []distribution
	for _, metric := range []wire.Metric{wire.Dwell, wire.Speed} {
		for _, class := range classes {
			if sum, n := d.summed(metric, class, where); n >= fewest {
				all = append(all, c.distribution(metric, class, sum, n))
			}
		}
	}
	return all
}

// summed adds the day's histograms up.
func (d day) summed(metric wire.Metric, class wire.Class, where city.Slug) (sum [wire.HistogramBins]uint32, n uint32) {
	i := slices.IndexFunc(d.series, func(s counts.Series) bool {
		return s.Metric == metric && s.Class == class && s.Where == where
	})
	if i < 0 {
		return sum, 0
	}
	for _, p := range d.series[i].Points {
		if p.Histogram == nil {
			continue
		}
		for b, v := range p.Histogram {
			sum[b] += v
			n += v
		}
	}
	return sum, n
}

func (c *Console) distribution(metric wire.Metric, class wire.Class, sum [wire.HistogramBins]uint32, n uint32) distribution {
	kind, edges := "dwell", wire.DwellEdges[:]
	if metric == wire.Speed {
		kind, edges = "speed", wire.SpeedEdges[:]
	}
	d := distribution{Title: c.Say("distribution."+kind, "class", c.Say(classKey(class))), What: c.Say("distribution." + kind + ".what")}
	greatest, passed, half := slices.Max(sum[:]), uint32(0), -1
	for i, v := range sum {
		if passed += v; half < 0 && 2*passed >= n {
			half = i
		}
		b := bin{Count: c.Number(float64(v), 0), Share: int(100 * v / greatest)}
		switch {
		case i == 0:
			b.Words = c.Say("distribution.under", "to", c.edge(kind, edges[0]))
		case i == len(sum)-1:
			b.Words = c.Say("distribution.over", "from", c.edge(kind, edges[i-1]))
		default:
			b.Words = c.Say("distribution.between", "from", c.edge(kind, edges[i-1]), "to", c.edge(kind, edges[i]))
		}
		d.Bins = append(d.Bins, b)
	}
	if half < len(edges) {
		d.Summary = c.Say("distribution."+kind+".half", "n", n, "to", c.edge(kind, edges[half]))
	} else {
		d.Summary = c.Say("distribution."+kind+".most", "n", n, "from", c.edge(kind, edges[half-1]))
	}
	return d
}

// edge is a bin's edge with its unit: seconds or minutes, or km/h.
func (c *Console) edge(kind string, v float64) string {
	switch {
	case kind == "speed":
		return fmt.Sprintf("%g km/h", v)
	case v < 60:
		return c.Say("distribution.seconds", "n", int(v))
	}
	return c.Say("distribution.minutes", "n", int(v/60))
}
