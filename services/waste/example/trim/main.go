// Command trim makes the example's streets.osm.gz from an extract of OpenStreetMap: the
// streets that vehicles use within the demo city's bounds, with what routing asks of them.
// The same extract gives the same bytes.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/paulmach/osm"

	"polity/internal/osmfile"
)

// Bounds of the demo city's map.
const west, south, east, north = 24.935176, 60.164155, 24.953415, 60.179108

var (
	driven = strings.Fields("motorway motorway_link trunk trunk_link primary primary_link secondary secondary_link tertiary tertiary_link unclassified residential living_street service road")
	kept   = strings.Fields("highway name oneway oneway:motor_vehicle junction area access motor_vehicle vehicle hgv goods maxspeed maxweight maxwidth maxheight maxlength maxaxleload barrier type restriction restriction:hgv")
)

func main() {
	from := flag.String("osm", "", "extract of OpenStreetMap (.osm.pbf)")
	to := flag.String("out", "services/waste/example/streets.osm.gz", "file to write")
	flag.Parse()
	if err := trim(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "trim:", err)
		os.Exit(1)
	}
}

func trim(from, to string) error {
	if from == "" {
		return errors.New("--osm names the extract; README.md says where it is from")
	}
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	nodes := map[osm.NodeID]*osm.Node{}
	out := &osm.OSM{Version: "0.6", Attribution: "(c) OpenStreetMap contributors", License: "https://opendatacommons.org/licenses/odbl/1-0/"}
	var ways osm.Ways
	var relations osm.Relations
	err = osmfile.Scan(context.Background(), file, false, func(o osm.Object) {
		switch o := o.(type) {
		case *osm.Node:
			if o.Lon >= west && o.Lon <= east && o.Lat >= south && o.Lat <= north {
				nodes[o.ID] = &osm.Node{ID: o.ID, Lat: o.Lat, Lon: o.Lon, Tags: few(o.Tags), Visible: true}
			}
		case *osm.Way:
			if slices.Contains(driven, o.Tags.Find("highway")) {
				ways = append(ways, &osm.Way{ID: o.ID, Nodes: o.Nodes, Tags: few(o.Tags), Visible: true})
			}
		case *osm.Relation:
			if o.Tags.Find("type") == "restriction" {
				relations = append(relations, &osm.Relation{ID: o.ID, Members: o.Members, Tags: few(o.Tags), Visible: true})
			}
		}
	})
	if err != nil {
		return err
	}
	used, isWay := map[osm.NodeID]bool{}, map[int64]bool{}
	for _, w := range ways {
		w.Nodes = slices.DeleteFunc(slices.Clone(w.Nodes), func(n osm.WayNode) bool { return nodes[n.ID] == nil })
		if len(w.Nodes) < 2 {
			continue
		}
		for i := range w.Nodes {
			w.Nodes[i] = osm.WayNode{ID: w.Nodes[i].ID}
			used[w.Nodes[i].ID] = true
		}
		isWay[int64(w.ID)] = true
		out.Ways = append(out.Ways, w)
	}
	for _, n := range nodes {
		if used[n.ID] {
			out.Nodes = append(out.Nodes, n)
		}
	}
	slices.SortFunc(out.Nodes, func(a, b *osm.Node) int { return int(a.ID - b.ID) })
	for _, r := range relations {
		for i := range r.Members {
			r.Members[i] = osm.Member{Type: r.Members[i].Type, Ref: r.Members[i].Ref, Role: r.Members[i].Role}
		}
		if !slices.ContainsFunc(r.Members, func(m osm.Member) bool { return m.Type == osm.TypeWay && !isWay[m.Ref] }) {
			out.Relations = append(out.Relations, r)
		}
	}
	return write(to, out)
}

func few(tags osm.Tags) (list osm.Tags) {
	for _, t := range tags {
		if slices.Contains(kept, t.Key) {
			list = append(list, t)
		}
	}
	return list
}

func write(name string, out *osm.OSM) error {
	text, err := xml.Marshal(out)
	if err != nil {
		return err
	}
	// What trimming has no use for.
	for _, empty := range []string{` visible="true"`, ` version="0"`, ` user=""`, ` uid="0"`, ` changeset="0"`, ` timestamp="0001-01-01T00:00:00Z"`} {
		text = bytes.ReplaceAll(text, []byte(empty), nil)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, packed.Bytes(), 0o644) //nolint:gosec // public map data
}
