package ground

import (
	"math"

	"polity/city"
)

func namedStreets(l *layerFile) ([]Street, error) {
	byName := map[string]int{}
	var all []Street
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
			all = append(all, Street{Name: f.Properties.Name})
		}
		all[i].Lines = append(all[i].Lines, lines...)
	}
	return all, nil
}

// Nearest is the name of the street that a position is at, "" when none is within
// 60 m.
func Nearest(streets []Street, p city.Point) string {
	best, name := 60.0, ""
	for _, s := range streets {
		for _, line := range s.Lines {
			for i := 1; i < len(line); i++ {
				if d := metresToSegment(p, line[i-1], line[i]); d < best {
					best, name = d, s.Name
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
