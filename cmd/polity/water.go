package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/internal/durable"
	"polity/services/water/epanet"
	"polity/services/water/isolation"
	"polity/services/water/network"
)

func waterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "water",
		Short: "Water networks: simulate, calibrate, find leaks, isolate a burst, schedule pumps, follow water",
		Example: `  polity water simulate town.inp --hours 24 --out heads.csv
  polity water leaks town.inp scada-2019 --history scada-2018 --out results.txt
  polity water isolate town.inp --valves valves.csv --pipe p12`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(waterSimulateCommand(), waterLeaksCommand(), waterCalibrateCommand(), waterIsolateCommand(), waterBalanceCommand(),
		waterScheduleCommand(), waterAgeCommand(), waterContaminationCommand())
	return cmd
}

func readNetwork(name string) (*network.Network, []byte, error) {
	text, err := readNamed(name, "a network (EPANET .inp)")
	if err != nil {
		return nil, nil, err
	}
	n, err := network.Read(name, text)
	return n, text, err
}

func waterSimulateCommand() *cobra.Command {
	var hours float64
	var out, what string
	properties := map[string]epanet.Column{
		"head": {Object: epanet.Node, Property: epanet.Head}, "pressure": {Object: epanet.Node, Property: epanet.Pressure},
		"demand": {Object: epanet.Node, Property: epanet.Demand}, "flow": {Object: epanet.Link, Property: epanet.Flow},
	}
	cmd := &cobra.Command{
		Use:   "simulate NETWORK.inp",
		Short: "Run a network's hydraulics with EPANET and write them as a table",
		Long: `Runs the hydraulics of an EPANET network file and writes one quantity of all nodes
or links as a table (CSV), a row every reported moment, in the units of the file.`,
		Example: `  polity water simulate town.inp --hours 24 --what pressure --out pressure.csv
  polity water simulate town.inp --what flow --out flow.csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			column, ok := properties[what]
			if !ok || hours < 0 {
				return usageError{errors.New("--what is head, pressure, demand or flow, and --hours not below 0; see 'polity water simulate --help'")}
			}
			n, text, err := readNetwork(args[0])
			if err != nil {
				return err
			}
			return simulateTo(cmd, n, text, hours, column, out)
		},
	}
	cmd.Flags().Float64Var(&hours, "hours", 0, "hours to simulate; 0: as the file says")
	cmd.Flags().StringVar(&what, "what", "pressure", "head, pressure, demand (nodes) or flow (links)")
	cmd.Flags().StringVar(&out, "out", "hydraulics.csv", "the table to write")
	return cmd
}

func simulateTo(cmd *cobra.Command, n *network.Network, text []byte, hours float64, column epanet.Column, out string) error {
	var table bytes.Buffer
	warnings := map[int]int{}
	rows := 0
	err := epanet.Simulate(cmd.Context(), epanet.Native, epanet.Scenario{
		Network: text, Seconds: int64(hours * 3600), Columns: []epanet.Column{column}, Restarts: 2,
	}, func(l epanet.Layout, p epanet.Period) error {
		if rows == 0 {
			names := l.Nodes
			if column.Object == epanet.Link {
				names = l.Links
			}
			table.WriteString("seconds," + strings.Join(names, ",") + "\n")
		}
		rows++
		warnings[p.Warning]++
		table.WriteString(strconv.FormatInt(p.Seconds, 10))
		for _, v := range p.Values[0] {
			table.WriteByte(',')
			table.WriteString(strconv.FormatFloat(v, 'f', 4, 64))
		}
		table.WriteByte('\n')
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", n.File.Name, err)
	}
	if err := durable.WriteFile(out, table.Bytes(), 0o644); err != nil {
		return err
	}
	for code, words := range map[int]string{
		1: "did not balance: more trials or a looser accuracy may help, or the network has no solution", 2: "were unstable",
		3: "have nodes cut off from every source", 4: "have a pump that cannot deliver", 5: "have a valve that cannot hold its setting", 6: "have negative pressures",
	} {
		if warnings[code] > 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "warning: %d of %d periods %s\n", warnings[code], rows, words)
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d periods of %d nodes and %d links, written to %s\n", rows, len(n.Nodes), len(n.Links), out)
	return nil
}

func waterIsolateCommand() *cobra.Command {
	var valves, pipe string
	cmd := &cobra.Command{
		Use:   "isolate NETWORK.inp",
		Short: "Say which valves to close when a pipe has burst, and who is dry then",
		Long: `Says which valves isolate a burst pipe while the fewest nodes go dry, and which
smallest set would do it. The table of valves (CSV) has the columns valve, link and
node (the end of the link where the valve is), and may have stuck (yes or no).`,
		Example: `  polity water isolate town.inp --valves valves.csv --pipe p12`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if valves == "" || pipe == "" {
				return usageError{errors.New("--valves and --pipe are needed; see 'polity water isolate --help'")}
			}
			n, _, err := readNetwork(args[0])
			if err != nil {
				return err
			}
			table, err := readNamed(valves, "a table of valves (CSV)")
			if err != nil {
				return err
			}
			list, err := isolation.ReadValves(valves, bytes.NewReader(table), n)
			if err != nil {
				return err
			}
			link, ok := n.Link(pipe)
			if !ok {
				return city.Errorf(city.Invalid, "%s has no pipe %s", args[0], pipe)
			}
			return isolate(cmd, n, list, link)
		},
	}
	cmd.Flags().StringVar(&valves, "valves", "", "table of isolating valves (CSV)")
	cmd.Flags().StringVar(&pipe, "pipe", "", "the burst pipe")
	return cmd
}

func isolate(cmd *cobra.Command, n *network.Network, valves []isolation.Valve, link int) error {
	planner := isolation.NewPlanner(n, valves)
	near, err := planner.Isolate(link)
	if err != nil {
		return err
	}
	fewest, err := planner.Fewest(link)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	say := func(what string, p *isolation.Plan) {
		fmt.Fprintf(out, "%s: close %d valves: ", what, len(p.Close))
		for i, v := range p.Close {
			if i > 0 {
				fmt.Fprint(out, ", ")
			}
			fmt.Fprintf(out, "%s (%s at %s)", valves[v].ID, n.Links[valves[v].Link].ID, n.Nodes[valves[v].Node].ID)
		}
		var dry []string
		for _, node := range p.Dry {
			dry = append(dry, n.Nodes[node].ID)
		}
		fmt.Fprintf(out, "\n  without water: %d nodes: %s\n", len(dry), strings.Join(dry, " "))
	}
	say("fewest nodes dry", near)
	if len(fewest.Close) < len(near.Close) && !slices.Equal(fewest.Close, near.Close) {
		say("fewest valves", fewest)
	}
	return nil
}
