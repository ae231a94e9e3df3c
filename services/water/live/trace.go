package live

import (
	"context"
	"slices"
	"strings"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/isolation"
	"polity/services/water/quality"
)

// Trace is the search for where something in the water came from.
type Trace struct {
	Text     string // of the samples: a table (CSV)
	Samples  []TraceSample
	Busy     bool
	Problem  string
	Sources  []TraceSource // the likeliest first
	Reached  int           // nodes that water of the likeliest has reached
	Hours    int           // that ways to act are compared over
	Measures []TraceMeasure
}

// TraceSample is what was seen at a node.
type TraceSample struct {
	Node  string
	Hours float64 // since the start of the model's day
	Seen  bool
}

// TraceSource is a node where it may have entered.
type TraceSource struct {
	Node   string
	Chance float64
	Since  float64 // hours, as those of samples
	Agrees int     // samples that it explains
}

// TraceMeasure is a way to act.
type TraceMeasure struct {
	What    string
	Pipes   []string // to be closed
	Valves  []string // that close them; nothing where no set of valves does
	Flush   string   // node; empty: none
	Hydrant string   // nearest to it; empty: none is known
	Used    float64  // m³ of its water that are used all the same
	Reached int      // nodes
	Dry     int      // nodes
}

const (
	traceHours   = 24
	traceSources = 8
	traceText    = 64 << 10
)

// Search begins to look for a source that explains samples: a table (CSV) with the columns
// node, hours and seen. It is city.Conflict while another search runs.
func (s *Service) Search(text string) error {
	if len(text) > traceText {
		return city.Errorf(city.TooLarge, "samples of %d bytes; %d are the most", len(text), traceText)
	}
	samples, err := quality.ReadSamples("samples", strings.NewReader(text), s.net)
	if err != nil {
		return err
	}
	t := &Trace{Text: text, Busy: true, Hours: traceHours}
	for _, x := range samples {
		t.Samples = append(t.Samples, TraceSample{s.net.Nodes[x.Node].ID, float64(x.Seconds) / 3600, x.Seen})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.operation.Trace != nil && s.operation.Trace.Busy {
		return city.Errorf(city.Conflict, "another search is not over: it takes some seconds")
	}
	s.operation.Trace = t
	s.nudge()
	return nil
}

// trace carries the search out.
func (s *Service) trace(ctx context.Context) {
	s.mu.Lock()
	t := *s.operation.Trace
	s.mu.Unlock()
	if err := s.traced(ctx, &t); err != nil {
		t.Problem = err.Error()
	}
	t.Busy = false
	s.mu.Lock()
	s.operation.Trace = &t
	s.mu.Unlock()
}

func (s *Service) traced(ctx context.Context, t *Trace) error {
	samples, err := quality.ReadSamples("samples", strings.NewReader(t.Text), s.net)
	if err != nil {
		return err
	}
	sources, err := quality.Sources(ctx, epanet.Native, s.net, samples)
	if err != nil {
		return err
	}
	for _, x := range sources[:min(traceSources, len(sources))] {
		t.Sources = append(t.Sources, TraceSource{s.net.Nodes[x.Node].ID, x.Probability, float64(x.Seconds) / 3600, x.Agrees})
	}
	now := int64(0)
	for _, x := range samples {
		now = max(now, x.Seconds)
	}
	r, err := quality.Respond(ctx, epanet.Native, s.net, sources[0], now, traceHours)
	if err != nil {
		return err
	}
	t.Reached = len(r.Reached)
	for _, m := range r.Measures {
		x := TraceMeasure{What: m.What, Used: m.Drunk, Reached: m.Reached, Dry: m.Dry}
		valves, all := map[int]bool{}, true
		for _, link := range m.Close {
			x.Pipes = append(x.Pipes, s.net.Links[link].ID)
			plan, err := s.planner.Isolate(link)
			if err != nil {
				all = false
				continue
			}
			for _, v := range plan.Close {
				valves[v] = true
			}
		}
		if all {
			x.Valves = s.valveNames(keys(valves))
		}
		if m.Flush >= 0 {
			x.Flush = s.net.Nodes[m.Flush].ID
			if near := s.hydrantsNear(m.Flush, nil, 1); len(near) > 0 {
				x.Hydrant = near[0]
			}
		}
		t.Measures = append(t.Measures, x)
	}
	return nil
}

// hydrantsNear are those nearest to a node along pipes, but for those at nodes without water.
func (s *Service) hydrantsNear(node int, dry []int, most int) (names []string) {
	far := s.net.Distances(node)
	list := slices.DeleteFunc(slices.Clone(s.hydrants), func(h isolation.Hydrant) bool { return slices.Contains(dry, h.Node) })
	slices.SortStableFunc(list, func(a, b isolation.Hydrant) int {
		switch {
		case far[a.Node] < far[b.Node]:
			return -1
		case far[a.Node] > far[b.Node]:
			return 1
		}
		return 0
	})
	for _, h := range list[:min(most, len(list))] {
		names = append(names, h.ID)
	}
	return names
}
