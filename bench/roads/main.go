// Command roads measures the street network: how long building takes, a query,
// and a matrix of 1,000 x 1,000; and holds random ways against Dijkstra's
// algorithm, which it brings itself.
package main

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"polity/bench/harness"
	"polity/services/waste/roads"
)

func main() {
	harness.Main(harness.Bench{
		Name: "roads",
		About: `Builds the streets of each extract for a 26-tonne refuse truck (turn costs, one-way
streets, turn restrictions, limits) and its contraction hierarchy; then a matrix
of PLACES x PLACES random places and PAIRS random ways. Every way is held against
Dijkstra's algorithm over the same arcs and turns, and driven arc by arc. Times are
CPU seconds. Without OSM: central Helsinki and Liechtenstein.`,
		Variables: []harness.Variable{
			{Name: "OSM", Help: "OpenStreetMap extracts (.osm.pbf or .osm), comma-separated", Default: ".cache/osm/Helsinki.osm.pbf,.cache/osm/Liechtenstein.osm.pbf"},
			{Name: "PAIRS", Help: "random ways held against Dijkstra's, for each extract", Default: "2000"},
			{Name: "PLACES", Help: "size of the matrix", Default: "1000"},
			{Name: "SEED", Help: "seed of the random places", Default: "1"},
		},
		Quick: "nine of ten pairs",
		Run:   run,
	})
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type figures struct {
	Arcs       int     `json:"arcs"`
	Shortcuts  int     `json:"shortcuts"`
	Cut        int     `json:"arcs_cut_off"`
	BuildS     float64 `json:"build_s"`
	MatrixS    float64 `json:"matrix_s"`
	QueryUS    float64 `json:"query_us"`
	DijkstraUS float64 `json:"dijkstra_us"`
	Pairs      int     `json:"pairs"`
	Wrong      int     `json:"wrong"`
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	all := map[string]figures{}
	wrong, slowest := 0, 0.0
	var pairs, places, seed float64
	for name, into := range map[string]*float64{"PAIRS": &pairs, "PLACES": &places, "SEED": &seed} {
		v, err := r.Number(name)
		if err != nil {
			return nil, err
		}
		*into = v
	}
	if r.Quick {
		pairs /= 10
	}
	if pairs < 1 || places < 2 || places > 20_000 {
		return nil, fmt.Errorf("PAIRS=%g, PLACES=%g: pairs must be at least 1, places 2 to 20000", pairs, places)
	}
	for _, file := range r.List("OSM") {
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".pbf"), ".osm")
		f, err := measure(ctx, r, file, name, int(pairs), int(places), uint64(seed))
		if err != nil {
			return nil, err
		}
		all[name] = *f
		wrong += f.Wrong
		slowest = max(slowest, f.MatrixS)
		r.Say("%s: %+v", name, *f)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("OSM names no extract")
	}
	return harness.Figures{
		{Name: "wrong_routes", Value: wrong},
		{Name: "matrix_1000x1000_s", Value: slowest},
		{Name: "by_map", Value: all},
	}, nil
}

func measure(ctx context.Context, r *harness.Run, file, name string, pairs, count int, seed uint64) (*figures, error) {
	f := &figures{Pairs: pairs}
	start := cpu()
	m, err := roads.ReadFile(ctx, file)
	if err != nil {
		return nil, err
	}
	n, err := m.Build(roads.RefuseTruck)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	f.BuildS = (cpu() - start).Seconds()
	f.Arcs, f.Cut, f.Shortcuts = len(n.Arcs()), n.Cut, n.Shortcuts()
	r.Say("%s: %d arcs, %d shortcuts, built in %.2f CPU seconds; %d arcs are cut off from the rest and left out", name, f.Arcs, f.Shortcuts, f.BuildS, f.Cut)
	random := rand.New(rand.NewPCG(seed, 1))
	place := func() roads.Place {
		return roads.Place{Arc: int32(random.IntN(f.Arcs)), Along: random.Float64()}
	}
	places := make([]roads.Place, count)
	for i := range places {
		places[i] = place()
	}
	start = cpu()
	matrix, err := n.Matrix(ctx, places, 0)
	if err != nil {
		return nil, err
	}
	f.MatrixS = (cpu() - start).Seconds()
	r.Say("%s: %d x %d matrix in %.2f CPU seconds", name, count, count, f.MatrixS)
	asker := n.NewAsker()
	froms, tos := make([]int, pairs), make([]int, pairs)
	ways := make([]roads.Way, pairs)
	for i := range pairs {
		froms[i], tos[i] = random.IntN(count), random.IntN(count)
	}
	start = cpu()
	for i := range pairs {
		ways[i] = asker.Quickest(places[froms[i]], places[tos[i]])
	}
	f.QueryUS = float64((cpu() - start).Microseconds()) / float64(pairs)
	start = cpu()
	for i := range pairs {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		from, to := places[froms[i]], places[tos[i]]
		want := dijkstra(n, from, to)
		if got := ways[i].Millis; got != want || matrix.Millis[froms[i]*count+tos[i]] != want || !drivable(n, ways[i], from, to) {
			f.Wrong++
			r.Say("%s: wrong way from %+v to %+v: %d ms, in the matrix %d ms, by Dijkstra %d ms", name, from, to, got, matrix.Millis[froms[i]*count+tos[i]], want)
		}
	}
	f.DijkstraUS = float64((cpu() - start).Microseconds()) / float64(pairs)
	return f, nil
}

// part is an arc's time up to a share of its length, to the nearest millisecond.
func part(millis uint32, share float64) uint32 { return uint32(float64(millis)*share + 0.5) }

type entry struct {
	millis uint32
	arc    int32
}

type queue []entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].millis < q[j].millis }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// dijkstra finds the quickest time over arcs and turns alone.
func dijkstra(n *roads.Network, from, to roads.Place) uint32 {
	arcs := n.Arcs()
	a, b := arcs[from.Arc], arcs[to.Arc]
	if from.Arc == to.Arc && to.Along >= from.Along {
		return part(a.Millis, to.Along) - part(a.Millis, from.Along)
	}
	settled := make([]bool, len(arcs))
	q := &queue{}
	turns := func(arc int32, millis uint32) {
		n.Turns(arc, func(next int32, turn uint32) {
			if !settled[next] {
				heap.Push(q, entry{millis + turn + arcs[next].Millis, next})
			}
		})
	}
	turns(from.Arc, a.Millis-part(a.Millis, from.Along))
	for q.Len() > 0 {
		e := heap.Pop(q).(entry)
		if settled[e.arc] {
			continue
		}
		settled[e.arc] = true
		if e.arc == to.Arc {
			return e.millis - (b.Millis - part(b.Millis, to.Along))
		}
		turns(e.arc, e.millis)
	}
	return 0
}

// drivable follows a way arc by arc: each turn must be allowed, and time and
// ends be as said.
func drivable(n *roads.Network, w roads.Way, from, to roads.Place) bool {
	if len(w.Arcs) == 0 || w.Arcs[0] != from.Arc || w.Arcs[len(w.Arcs)-1] != to.Arc {
		return false
	}
	arcs := n.Arcs()
	sum := -int64(part(arcs[from.Arc].Millis, from.Along))
	for i, arc := range w.Arcs {
		sum += int64(arcs[arc].Millis)
		if i == 0 {
			continue
		}
		allowed := false
		n.Turns(w.Arcs[i-1], func(next int32, turn uint32) {
			if next == arc {
				allowed = true
				sum += int64(turn)
			}
		})
		if !allowed {
			return false
		}
	}
	last := arcs[to.Arc]
	sum -= int64(last.Millis - part(last.Millis, to.Along))
	return sum == int64(w.Millis)
}
