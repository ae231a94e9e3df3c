//go:build !cgo

package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/osm"
	"github.com/paulmach/osm/osmpbf"
)

// read returns all objects, sorted by kind and id, and the box around all nodes.
func read(ctx context.Context, r io.Reader) (*osm.OSM, orb.Bound, error) {
	scanner := osmpbf.New(ctx, r, 1)
	defer scanner.Close()
	all := &osm.OSM{}
	for scanner.Scan() {
		all.Append(scanner.Object())
	}
	if err := scanner.Err(); err != nil {
		return nil, orb.Bound{}, err
	}
	if len(all.Nodes) == 0 {
		return nil, orb.Bound{}, fmt.Errorf("it holds no nodes")
	}
	slices.SortFunc(all.Nodes, func(a, b *osm.Node) int { return int(a.ID - b.ID) })
	slices.SortFunc(all.Ways, func(a, b *osm.Way) int { return int(a.ID - b.ID) })
	slices.SortFunc(all.Relations, func(a, b *osm.Relation) int { return int(a.ID - b.ID) })
	box := all.Nodes[0].Point().Bound()
	for _, n := range all.Nodes {
		box = box.Extend(n.Point())
	}
	return all, box, nil
}
