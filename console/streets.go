package console

import (
	"cmp"
	"slices"

	"polity/console/ground"
)

// streetGroup is the mapped cameras at one street, as indexes into Map.Mapped.
type streetGroup struct {
	Name    string
	Cameras []int
}

// byStreet groups mapped cameras by the street they are at, most first.
func byStreet(streets []ground.Street, mapped []MappedCamera) []streetGroup {
	index := map[string]int{}
	var groups []streetGroup
	for i, m := range mapped {
		name := ground.Nearest(streets, m.Position)
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
