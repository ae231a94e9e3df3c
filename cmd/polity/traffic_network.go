package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/internal/durable"
	"polity/services/traffic"
	"polity/services/traffic/network"
	"polity/services/traffic/streetmap"
)

func trafficNetworkCommand() *cobra.Command {
	var box, around, out, only string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "network FILE",
		Short: "Junctions, signal groups, conflicts and intergreens of a map or a network",
		Long: `Reads the signalised junctions of an OpenStreetMap extract (.osm.pbf, .osm), of a SUMO
network (.net.xml) or of a network's JSON, and prints their signal groups, who conflicts
with whom, intergreens, and what was taken for granted, for an engineer to confirm. The
plan of an imported junction is a proposal, never an engineer's.

--out writes the network as JSON (docs/formats/traffic-network.md), or, if the name ends
in .geojson, for a map. Written JSON can be corrected by hand and read again; conflicting
greens and missing intergreens are refused by name.`,
		Example: `  polity traffic network city.osm.pbf --bbox 24.935,60.165,24.950,60.172 --out net.json
  polity traffic network city.osm.pbf --around 24.941,60.170,400 --out net.geojson
  polity traffic network net.json --junction osm-25417694`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("name one map or network; see 'polity traffic network --help'")}
			}
			area, err := readArea(box, around)
			if err != nil {
				return err
			}
			n, err := traffic.Open(cmd.Context(), args[0], area)
			if err != nil {
				return err
			}
			if out != "" {
				if err := writeNetwork(n, out); err != nil {
					return err
				}
			}
			if asJSON {
				return n.WriteJSON(cmd.OutOrStdout())
			}
			if err := printNetwork(cmd.OutOrStdout(), n, only); err != nil {
				return err
			}
			if out != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "written to %s\n", out)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&box, "bbox", "", "only what lies between these: west,south,east,north in degrees")
	cmd.Flags().StringVar(&around, "around", "", "only what lies about this far from a place: lon,lat,metres")
	cmd.Flags().StringVar(&out, "out", "", "file for the network: .json or .geojson")
	cmd.Flags().StringVar(&only, "junction", "", "print this junction only")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the network as JSON instead of text")
	return cmd
}

// readArea reads --bbox or --around.
func readArea(box, around string) (streetmap.Area, error) {
	numbers := func(flag, text string, want int) ([]float64, error) {
		fields := strings.Split(text, ",")
		var out []float64
		for _, f := range fields {
			v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
			if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
				return nil, usageError{fmt.Errorf("--%s: %q is not a number", flag, f)}
			}
			out = append(out, v)
		}
		if len(out) != want {
			return nil, usageError{fmt.Errorf("--%s takes %d numbers with commas between them, not %d", flag, want, len(out))}
		}
		return out, nil
	}
	switch {
	case box != "" && around != "":
		return streetmap.Area{}, usageError{errors.New("--bbox and --around exclude one another")}
	case box != "":
		v, err := numbers("bbox", box, 4)
		if err != nil {
			return streetmap.Area{}, err
		}
		a := streetmap.Area{SouthWest: city.Point{Lon: v[0], Lat: v[1]}, NorthEast: city.Point{Lon: v[2], Lat: v[3]}}
		return a, a.Check()
	case around != "":
		v, err := numbers("around", around, 3)
		if err != nil {
			return streetmap.Area{}, err
		}
		return streetmap.Around(city.Point{Lon: v[0], Lat: v[1]}, v[2])
	}
	return streetmap.Area{}, nil
}

func writeNetwork(n *network.Network, out string) error {
	var b bytes.Buffer
	write := n.WriteJSON
	if strings.HasSuffix(out, ".geojson") {
		write = n.WriteGeoJSON
	} else if !strings.HasSuffix(out, ".json") {
		return usageError{fmt.Errorf("--out %s: the name must end in .json or .geojson", out)}
	}
	if err := write(&b); err != nil {
		return err
	}
	return durable.WriteFile(out, b.Bytes(), 0o644)
}

func printNetwork(w io.Writer, n *network.Network, only string) error {
	if only != "" && n.Junction(only) < 0 {
		return city.Errorf(city.NotFound, "there is no junction %s in %s; without --junction all are listed", only, n.Name)
	}
	edges := map[string]bool{}
	for i := range n.Lanes {
		edges[n.Lanes[i].Edge] = true
	}
	fmt.Fprintf(w, "%s: %d junctions with signals, %d street sections, %d lanes\n", n.Name, len(n.Junctions), len(edges), len(n.Lanes))
	if n.Source != "" {
		fmt.Fprintln(w, n.Source)
	}
	for _, a := range n.Assumed {
		fmt.Fprintf(w, "assumed: %s\n", a)
	}
	for _, j := range n.Junctions {
		if only == "" || only == j.ID {
			printJunction(w, j)
		}
	}
	return nil
}

func printJunction(w io.Writer, j *network.Junction) {
	fmt.Fprintf(w, "\n%s  %s\n", j.ID, j.Name)
	if j.Place != nil {
		fmt.Fprintf(w, "  at %.6f,%.6f\n", j.Place.Lon, j.Place.Lat)
	}
	ids := make([]string, len(j.Groups))
	for g := range j.Groups {
		ids[g] = j.GroupID(g)
	}
	list := func(s network.Set) string {
		var out []string
		for g := range s.All() {
			out = append(out, ids[g])
		}
		return strings.Join(out, " ")
	}
	for g := range j.Groups {
		grp := &j.Groups[g]
		amber := ""
		if grp.Timing.Amber > 0 {
			amber = fmt.Sprintf(", amber %v", grp.Timing.Amber)
		}
		fmt.Fprintf(w, "  %-4s %s (green at least %v%s)\n", ids[g], grp.Name, grp.Timing.MinGreen, amber)
		if y := list(j.Yields[g]); y != "" {
			fmt.Fprintf(w, "       gives way to %s\n", y)
		}
	}
	fmt.Fprintln(w, "  intergreens in seconds, from the end of green of a row to the start of green of a column; a dot: no conflict")
	fmt.Fprintf(w, "       %s\n", strings.Join(column(ids), ""))
	for a := range j.Groups {
		row := make([]string, len(j.Groups))
		for b := range j.Groups {
			row[b] = "."
			if j.Conflicts[a].Has(b) {
				row[b] = strconv.FormatFloat(j.Intergreen[a][b].Seconds(), 'f', -1, 64)
			}
		}
		fmt.Fprintf(w, "  %-4s %s\n", ids[a], strings.Join(column(row), ""))
	}
	for _, p := range j.Plans {
		kind := "plan"
		if p.Proposed {
			kind = "proposed plan, confirmed by nobody:"
		}
		fmt.Fprintf(w, "  %s %s, cycle %v, %d phases\n", kind, p.ID, p.Cycle(), len(p.Phases))
		for _, d := range j.PlanDangers(p) {
			fmt.Fprintf(w, "    wrong: %s\n", d)
		}
	}
	for _, a := range j.Assumed {
		fmt.Fprintf(w, "  assumed: %s\n", a)
	}
}

// column sets texts to the right in columns of five.
func column(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = fmt.Sprintf("%5s", t)
	}
	return out
}
