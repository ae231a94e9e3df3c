package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/services/traffic"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	"polity/services/traffic/streetmap"
)

func trafficPlanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Signal plans: write them down, check them",
		Example: `  polity traffic plan show net.json --junction osm-25417694 > evening.yaml
  polity traffic plan check net.json evening.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(trafficPlanCheckCommand(), trafficPlanShowCommand())
	return cmd
}

func trafficPlanShowCommand() *cobra.Command {
	var junction string
	cmd := &cobra.Command{
		Use:   "show NETWORK",
		Short: "Print a network's own plans as YAML, to be edited and checked",
		Long: `Prints when each signal group is green, in seconds from the start of the cycle. A green
over the end of the cycle ends at a smaller number than it begins.`,
		Example: `  polity traffic plan show net.json --junction osm-25417694 > evening.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("name one network; see 'polity traffic plan show --help'")}
			}
			n, err := traffic.Open(cmd.Context(), args[0], streetmap.Area{})
			if err != nil {
				return err
			}
			if junction != "" && n.Junction(junction) < 0 {
				return city.Errorf(city.NotFound, "there is no junction %s in %s", junction, args[0])
			}
			w := cmd.OutOrStdout()
			fmt.Fprintln(w, "plans:")
			for _, j := range n.Junctions {
				if junction != "" && j.ID != junction {
					continue
				}
				for _, p := range j.Plans {
					fmt.Fprintf(w, "  # %s%s\n", j.Name, map[bool]string{true: "; proposed, confirmed by nobody"}[p.Proposed])
					t := plan.Of(j, p)
					fmt.Fprint(w, t.YAML(j))
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&junction, "junction", "", "this junction only")
	return cmd
}

func trafficPlanCheckCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "check NETWORK [PLANS.yaml]",
		Short: "Say what is wrong with signal plans",
		Long: `Checks plans against the model of their junctions: greens of groups that conflict,
intergreens, minimum and maximum greens, the longest red, the time to clear a crossing,
the yellow trap. Without a file the network's own plans are checked. Whatever is wrong is
printed with groups and seconds, and the command fails.

--out writes the network with these plans, each in place of the junction's plan of that
name or beside its others, if nothing is wrong.`,
		Example: `  polity traffic plan check net.json
  polity traffic plan check net.json evening.yaml --out net-evening.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError{errors.New("name a network and, to check others than its own, a file of plans; see 'polity traffic plan check --help'")}
			}
			n, err := traffic.Open(cmd.Context(), args[0], streetmap.Area{})
			if err != nil {
				return err
			}
			tables, err := tablesToCheck(n, args)
			if err != nil {
				return err
			}
			wrong := 0
			for _, t := range tables {
				j := n.Junctions[n.Junction(t.Junction)]
				found := plan.Check(j, t)
				if len(args) == 1 { // letters say more than a timetable: who has priority
					for _, p := range j.Plans {
						if p.ID == t.ID {
							found = append(found, priorities(j, p)...)
						}
					}
				}
				if len(found) == 0 {
					fmt.Fprintf(cmd.OutOrStdout(), "%s, plan %s: nothing wrong, cycle %g s\n", t.Junction, t.ID, t.Cycle)
				}
				for _, text := range found {
					fmt.Fprintf(cmd.OutOrStdout(), "%s, plan %s: %s\n", t.Junction, t.ID, text)
				}
				wrong += len(found)
			}
			if wrong > 0 {
				return city.Errorf(city.Invalid, "%d things are wrong with the plans; none was written", wrong)
			}
			if out == "" {
				return nil
			}
			for _, t := range tables {
				put(n.Junctions[n.Junction(t.Junction)], t)
			}
			if err := network.Complete(n); err != nil {
				return err
			}
			if err := writeNetwork(n, out); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "written to %s\n", out)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file for the network with these plans: .json")
	return cmd
}

func tablesToCheck(n *network.Network, args []string) ([]plan.Timetable, error) {
	if len(args) == 1 {
		var tables []plan.Timetable
		for _, j := range n.Junctions {
			for _, p := range j.Plans {
				tables = append(tables, plan.Of(j, p))
			}
		}
		if len(tables) == 0 {
			return nil, city.Errorf(city.Invalid, "%s has no signalised junction", args[0])
		}
		return tables, nil
	}
	text, err := readNamed(args[1], "a file of plans (YAML)")
	if err != nil {
		return nil, err
	}
	tables, err := plan.Read(args[1], text)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		if n.Junction(t.Junction) < 0 {
			return nil, city.Errorf(city.Invalid, "%s: there is no junction %s in %s", args[1], t.Junction, args[0])
		}
	}
	return tables, nil
}

// priorities lists ways that cross and that a plan both gives priority.
func priorities(j *network.Junction, p network.Plan) []string {
	var out []string
	for _, d := range j.PlanDangers(p) {
		if strings.Contains(d, "green with priority") {
			out = append(out, d)
		}
	}
	return out
}

// put gives a junction a plan, in place of the one of its name or one that was
// proposed.
func put(j *network.Junction, t plan.Timetable) {
	p := t.Plan(j)
	for i := range j.Plans {
		if j.Plans[i].ID == p.ID || j.Plans[i].Proposed {
			j.Plans[i] = p
			return
		}
	}
	j.Plans = append(j.Plans, p)
}
