package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/internal/durable"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/quality"
)

func waterAgeCommand() *cobra.Command {
	var hours int
	var from, out string
	cmd := &cobra.Command{
		Use:   "age NETWORK.inp",
		Short: "Say how old water is everywhere, or how much of it comes from one node",
		Long: `Follows water through a network with EPANET and says, for the last day of the run,
how old it is at every node, in hours; with --from how much of it came from one node,
in per cent. The run begins with new water everywhere, so it must be longer than the
oldest water: whether it was is said at the end.`,
		Example: `  polity water age town.inp --hours 168 --out age.csv
  polity water age town.inp --from R2 --hours 72`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, _, err := readNetwork(args[0])
			if err != nil {
				return err
			}
			return age(cmd, n, hours, from, out)
		},
	}
	cmd.Flags().IntVar(&hours, "hours", 120, "hours to run")
	cmd.Flags().StringVar(&from, "from", "", "node whose water is followed")
	cmd.Flags().StringVar(&out, "out", "", "table to write (CSV)")
	return cmd
}

func age(cmd *cobra.Command, n *network.Network, hours int, from, out string) error {
	what, unit := "age_h", "h"
	var c *quality.Course
	var err error
	if from == "" {
		c, err = quality.Age(cmd.Context(), epanet.Native, n, hours)
	} else {
		node, ok := n.Node(from)
		if !ok {
			return city.Errorf(city.Invalid, "%s has no node %s", n.File.Name, from)
		}
		what, unit = "from_"+from+"_pct", "%"
		c, err = quality.Trace(cmd.Context(), epanet.Native, n, node, hours)
	}
	if err != nil {
		return err
	}
	mean := c.Mean()
	var used []int
	for i, node := range n.Nodes {
		if node.BaseDemand() > 0 {
			used = append(used, i)
		}
	}
	slices.SortStableFunc(used, func(a, b int) int { return cmp.Compare(mean[b], mean[a]) })
	sum, weight := 0.0, 0.0
	for _, i := range used {
		sum, weight = sum+n.Nodes[i].BaseDemand()*mean[i], weight+n.Nodes[i].BaseDemand()
	}
	w := cmd.OutOrStdout()
	if weight > 0 {
		fmt.Fprintf(w, "water that is used: %.1f %s on average; most:\n", sum/weight, unit)
	}
	for _, i := range used[:min(10, len(used))] {
		fmt.Fprintf(w, "  %-12s %.1f %s\n", n.Nodes[i].ID, mean[i], unit)
	}
	switch {
	case math.IsNaN(c.Settled):
		fmt.Fprintln(w, "the run is shorter than two days, so it is not known whether this still grows: give more --hours")
	case c.Settled > 0.02:
		fmt.Fprintf(w, "the last day still differs by %.0f%% from the one before: give more --hours\n", 100*c.Settled)
	}
	if out == "" {
		return nil
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "node,%s\n", what)
	for i, node := range n.Nodes {
		fmt.Fprintf(&b, "%s,%.3f\n", node.ID, mean[i])
	}
	if err := durable.WriteFile(out, b.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d nodes, written to %s\n", len(n.Nodes), out)
	return nil
}

type waterContaminationFlags struct {
	samples, source string
	hours           int
	begun           float64
}

func waterContaminationCommand() *cobra.Command {
	var f waterContaminationFlags
	cmd := &cobra.Command{
		Use:   "contamination NETWORK.inp --samples SAMPLES.csv",
		Short: "Find where a contamination may have entered, and compare ways to act",
		Long: `Finds the nodes from which something that entered explains what sensors and
laboratories saw, and compares ways to act from the last sample on: nothing, flushing,
closing pipes at the source or where it goes on, and both. A sample may be wrong. It
is advice; nothing is closed.

Samples are a table (CSV) with the columns node, hours (since the start of the network
file's run) and seen (yes or no); clean ones tell as much as others. The network must
run as it did: give it the demands and controls of the day.

The likeliest node is taken for the comparison; --source and --begun take another.
What is reached is water with 1% or more of what left the source; "used" is how much
of it is used over the --hours. Something that settles, decays or sticks to pipes is
not computed.`,
		Example: `  polity water contamination town.inp --samples samples.csv
  polity water contamination town.inp --samples samples.csv --source J12 --begun 4.5 --hours 48`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	cmd.Flags().StringVar(&f.samples, "samples", "", "table of samples (CSV)")
	cmd.Flags().StringVar(&f.source, "source", "", "node to take as the source")
	cmd.Flags().Float64Var(&f.begun, "begun", 0, "hour at which it began there, with --source")
	cmd.Flags().IntVar(&f.hours, "hours", 24, "hours from the last sample on that are compared")
	return cmd
}

func (f *waterContaminationFlags) run(cmd *cobra.Command, name string) error {
	if f.samples == "" || f.hours < 1 || f.begun < 0 {
		return usageError{errors.New("--samples is needed, --hours must be 1 or more and --begun 0 or more; see 'polity water contamination --help'")}
	}
	n, _, err := readNetwork(name)
	if err != nil {
		return err
	}
	text, err := readNamed(f.samples, "a table of samples (CSV)")
	if err != nil {
		return err
	}
	samples, err := quality.ReadSamples(f.samples, bytes.NewReader(text), n)
	if err != nil {
		return err
	}
	sources, err := quality.Sources(cmd.Context(), epanet.Native, n, samples)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, "where it may have entered:")
	for _, s := range sources[:min(8, len(sources))] {
		if s.Probability < 0.001 {
			break
		}
		fmt.Fprintf(out, "  %-12s %5.1f%%  since hour %.1f or before; explains %d of %d samples\n", n.Nodes[s.Node].ID, 100*s.Probability, float64(s.Seconds)/3600, s.Agrees, len(samples))
	}
	taken := sources[0]
	if f.source != "" {
		node, ok := n.Node(f.source)
		if !ok {
			return city.Errorf(city.Invalid, "%s has no node %s", name, f.source)
		}
		taken = quality.Source{Node: node, Seconds: int64(f.begun * 3600)}
	}
	now := int64(0)
	for _, s := range samples {
		now = max(now, s.Seconds)
	}
	r, err := quality.Respond(cmd.Context(), epanet.Native, n, taken, now, f.hours)
	if err != nil {
		return err
	}
	sayResponse(out, n, taken, r, f.hours)
	return nil
}

func sayResponse(out io.Writer, n *network.Network, s quality.Source, r *quality.Response, hours int) {
	fmt.Fprintf(out, "from %s it has reached %d nodes; over the next %d hours:\n", n.Nodes[s.Node].ID, len(r.Reached), hours)
	for _, m := range r.Measures {
		what := m.What
		if m.Flush >= 0 {
			what += " at " + n.Nodes[m.Flush].ID
		}
		fmt.Fprintf(out, "  %-34s %8.0f m3 of it used, at %d nodes; %d nodes without water\n", what, m.Drunk, m.Reached, m.Dry)
		if len(m.Close) > 0 {
			var ids []string
			for _, l := range m.Close {
				ids = append(ids, n.Links[l].ID)
			}
			fmt.Fprintf(out, "    close: %s\n", strings.Join(ids, " "))
		}
	}
}
