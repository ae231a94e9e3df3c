package gtfs

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// shapesOf reads shapes.txt: points of a shape stand together or apart, in any order.
func (r *reading) shapesOf(f *Feed) map[string]int32 {
	index := map[string]int32{}
	t := r.table("shapes.txt", false, "shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence")
	if t == nil {
		return index
	}
	defer t.close()
	type ordered struct {
		vertex
		sequence uint32
	}
	var points [][]ordered
	for t.next() {
		id := t.at(t.column("shape_id"))
		i, ok := index[id]
		if !ok {
			i = int32(len(points))
			index[strings.Clone(id)] = i
			points = append(points, nil)
		}
		lat, okLat := t.degrees("shape_pt_lat", 90)
		lon, okLon := t.degrees("shape_pt_lon", 180)
		n, err := strconv.ParseUint(t.at(t.column("shape_pt_sequence")), 10, 31)
		if err != nil || !okLat || !okLon {
			t.bad("the point of the shape %s needs a place and a shape_pt_sequence from 0", shorten(id))
			continue
		}
		points[i] = append(points[i], ordered{vertex{int32(math.Round(lon * 1e6)), int32(math.Round(lat * 1e6))}, uint32(n)})
	}
	f.shapes = make([][]vertex, len(points))
	for i, list := range points {
		slices.SortStableFunc(list, func(a, b ordered) int { return cmp.Compare(a.sequence, b.sequence) })
		f.shapes[i] = make([]vertex, len(list))
		for j, p := range list {
			f.shapes[i][j] = p.vertex
		}
		points[i] = nil
	}
	return index
}
