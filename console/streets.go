package console

import (
	"cmp"
	"math"
	"slices"

	"polity/city"
)

func namedStreets(l *layerFile) ([]street, error) {
	byName := map[string]int{}
	var all []street
	for _, f := range l.Features {
		if f.Properties.Name == "" || f.Properties.Kind == "path" {
			continue
		}
		lines, _, err := lineStrings(f.Geometry.Type, f.Geometry.Coordinates)
		if err != nil {
			return nil, err
		}
		i, ok := byName[f.Properties.Name]
		if !ok {
			i = len(all)
			byName[f.Properties.Name] = i
			all = append(all, street{name: f.Properties.Name})
		}
		all[i].lines = append(all[i].lines, lines...)
	}
	return all, nil
}

// nearest is the name of the street that a position is at, "" when none is within
// 60 m.
func nearest(streets []street, p city.Point) string {
	best, name := 60.0, ""
	for _, s := range streets {
		for _, line := range s.lines {
			for i := 1; i < len(line); i++ {
				if d := metresToSegment(p, line[i-1], line[i]); d < best {
					best, name = d, s.name
				}
			}
		}
	}
	return name
}

// metresToSegment treats the surroundings as flat, which is exact enough within a
// city.
func metresToSegment(p, a, b city.Point) float64 {
	const perDegree = 111_195
	k := math.Cos(p.Lat * math.Pi / 180)
	ax, ay := (a.Lon-p.Lon)*k*perDegree, (a.Lat-p.Lat)*perDegree
	bx, by := (b.Lon-p.Lon)*k*perDegree, (b.Lat-p.Lat)*perDegree
	dx, dy := bx-ax, by-ay
	t := 0.0
	if length := dx*dx + dy*dy; length > 0 {
		t = min(1, max(0, -(ax*dx+ay*dy)/length))
	}
	return math.Hypot(ax+t*dx, ay+t*dy)
}

// streetGroup is the mapped cameras at one street, as indexes into Map.Mapped.
type streetGroup struct {
	Name    string
	Cameras []int
}

// byStreet groups mapped cameras by the street they are at, most first.
func byStreet(streets []street, mapped []MappedCamera) []streetGroup {
	index := map[string]int{}
	var groups []streetGroup
	for i, m := range mapped {
		name := nearest(streets, m.Position)
		g, ok := index[name]
		if !ok {
			g = len(groups)
			index[name] = g
			groups = append(groups, streetGroup{Name: name})
		}
		groups[g].Cameras = append(groups[g].Cameras, i)
	}
	slices.SortStableFunc(groups, func(a, b streetGroup) int {
		return cmp.Or(cmp.Compare(len(b.Cameras), len(a.Cameras)), cmp.Compare(a.Name, b.Name))
	})
	return groups
}
