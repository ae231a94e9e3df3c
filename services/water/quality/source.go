package quality

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
)

// Sample is what a sensor or a laboratory says of a node's water at a time.
type Sample struct {
	Node    int
	Seconds int64
	Seen    bool
}

// ReadSamples reads a table (CSV) with the columns node, hours (since the start of the
// network file's run) and seen (yes or no).
func ReadSamples(name string, r io.Reader, n *network.Network) ([]Sample, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil || len(head) != 3 || strings.TrimSpace(head[0]) != "node" || strings.TrimSpace(head[1]) != "hours" || strings.TrimSpace(head[2]) != "seen" {
		return nil, city.Errorf(city.Invalid, "%s:1: the first line must be node,hours,seen", name)
	}
	var all []Sample
	seen := false
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
		}
		line, _ := in.FieldPos(0)
		node, ok := n.Node(strings.TrimSpace(row[0]))
		if !ok {
			return nil, city.Errorf(city.Invalid, "%s:%d: %s is no node of %s", name, line, row[0], n.File.Name)
		}
		hours, err := strconv.ParseFloat(strings.TrimSpace(row[1]), 64)
		if err != nil || !(hours >= 0 && hours <= longest) {
			return nil, city.Errorf(city.Invalid, "%s:%d: %q is no number of hours from 0 to %d", name, line, row[1], longest)
		}
		s := Sample{Node: node, Seconds: int64(hours * 3600)}
		switch strings.ToLower(strings.TrimSpace(row[2])) {
		case "yes":
			s.Seen, seen = true, true
		case "no":
		default:
			return nil, city.Errorf(city.Invalid, "%s:%d: seen is %q; it must be yes or no", name, line, row[2])
		}
		all = append(all, s)
	}
	if !seen {
		return nil, city.Errorf(city.Invalid, "%s: nothing was seen anywhere, so there is no source to look for", name)
	}
	return all, nil
}

// Source is where something may have entered.
type Source struct {
	Node        int
	Seconds     int64   // when it began, most likely
	Probability float64 // of the node, over all times
	Agrees      int     // samples that it explains, by EPANET's transport
}

// What samples are believed to say.
const (
	shows   = 0.05 // part of a sample's water that must come from the source for it to be seen
	missed  = 0.05 // probability that a sample does not show what is there
	wrongly = 0.02 // probability that it shows what is not
)

func likelihood(part float64, seen bool) float64 {
	p := wrongly
	if part >= shows {
		p = 1 - missed
	}
	if seen {
		return math.Log(p)
	}
	return math.Log(1 - p)
}

// checked is how many sources EPANET's transport is asked about.
const checked = 12

// Sources finds the nodes from which something that enters and goes on entering
// explains the samples: those whose water passed there, followed backwards, and then,
// for the likeliest, by EPANET's own transport. The likeliest are first.
func Sources(ctx context.Context, dial epanet.Dialer, n *network.Network, samples []Sample) ([]Source, error) {
	last := int64(0)
	for _, s := range samples {
		last = max(last, s.Seconds)
	}
	if last == 0 {
		return nil, city.Errorf(city.Invalid, "all samples are of hour 0, before any water has flowed: give hours since the start of the file's run")
	}
	f, err := hydraulics(ctx, dial, n, last)
	if err != nil {
		return nil, err
	}
	slices_ := int(last)/slice + 1
	// For each sample, node and beginning: the part of its water that passed since.
	parts := make([]map[int][]float64, len(samples))
	candidates := map[int]bool{}
	for k, s := range samples {
		parts[k] = map[int][]float64{}
		for node, by := range f.origins(s.Node, float64(s.Seconds)) {
			since := make([]float64, slices_+1)
			for i := slices_ - 1; i >= 0; i-- {
				since[i] = since[i+1] + by[i]
			}
			parts[k][node] = since
			if s.Seen {
				candidates[node] = true
			}
		}
	}
	var all []Source
	total := 0.0
	best := math.Inf(-1)
	score := map[int][]float64{}
	for node := range candidates {
		by := make([]float64, slices_)
		for i := range by {
			for k, s := range samples {
				part := 0.0
				if since := parts[k][node]; since != nil {
					part = since[i]
				}
				by[i] += likelihood(part, s.Seen)
			}
			best = max(best, by[i])
		}
		score[node] = by
	}
	for node, by := range score {
		s := Source{Node: node}
		top := math.Inf(-1)
		for i, v := range by {
			s.Probability += math.Exp(v - best)
			if v >= top { // the latest of the likeliest beginnings
				top, s.Seconds = v, int64(i)*slice
			}
		}
		total += s.Probability
		all = append(all, s)
	}
	for i := range all {
		all[i].Probability /= total
	}
	order(n, all)
	return check(ctx, dial, n, samples, all)
}

func order(n *network.Network, all []Source) {
	slices.SortFunc(all, func(a, b Source) int {
		return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(n.Nodes[a.Node].ID, n.Nodes[b.Node].ID))
	})
}

// check asks EPANET's transport about the likeliest sources.
func check(ctx context.Context, dial epanet.Dialer, n *network.Network, samples []Sample, all []Source) ([]Source, error) {
	last := int64(0)
	for _, s := range samples {
		last = max(last, s.Seconds)
	}
	sum, after := 0.0, 0.0
	few := all[:min(checked, len(all))]
	for i := range few {
		c, err := spread(ctx, dial, n, few[i], int(last/3600)+1, nil)
		if err != nil {
			return nil, err
		}
		change := 0.0
		for _, s := range samples {
			part := c.at(s.Seconds, s.Node) / 100
			change += likelihood(part, s.Seen)
			if (part >= shows) == s.Seen {
				few[i].Agrees++
			}
		}
		sum += few[i].Probability
		few[i].Probability = math.Exp(change)
		after += few[i].Probability
	}
	for i := range few {
		few[i].Probability *= sum / after
	}
	order(n, all)
	return all, nil
}

// at is the value of a node at a time: that of the moment before it.
func (c *Course) at(seconds int64, node int) float64 {
	v := 0.0
	for k, s := range c.Seconds {
		if s > seconds {
			break
		}
		v = c.Values[k][node]
	}
	return v
}

// spread runs the transport of something that enters at a source, 100 being what
// leaves its node, with changes to the network if more is given.
func spread(ctx context.Context, dial epanet.Dialer, n *network.Network, s Source, hours int, more func(from int64) []epanet.Drive) (*Course, error) {
	f := prepare(n, "Chemical mg/L")
	f.Section("SOURCES").Add(" %s SETPOINT 0", n.Nodes[s.Node].ID)
	return run(ctx, dial, n, f, hours, func(sc *epanet.Scenario) {
		sc.Every = slice
		sc.Drives = func(from, _ int64) ([]epanet.Drive, error) {
			drives := []epanet.Drive{{Object: epanet.Node, Property: epanet.SourceQual, Indices: []int{s.Node}, Start: s.Seconds, Step: 1 << 40, Rows: [][]float64{{100}}}}
			if more != nil {
				drives = append(drives, more(from)...)
			}
			return drives, nil
		}
	})
}
