package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/services/power"
	"polity/services/power/grid"
	"polity/services/power/restore"
	"polity/services/power/switching"
)

func powerRestoreCommand() *cobra.Command {
	var fault string
	var tags, breakers []string
	var all, atEnds, asJSON bool
	o := restore.Options{Limits: switching.Standard()}
	cmd := &cobra.Command{
		Use:   "restore FILE --fault LINE",
		Short: "Propose how to cut a fault off and restore the rest, step by step",
		Long: `Says which switches cut a faulted line off and in which order to switch so that
most of the other loads have their power back, every step within voltage limits and
emergency ratings, without loops. It proposes; it switches nothing.`,
		Example: `  polity power restore feeder.dss --fault line.l67
  polity power restore case33.m --fault branch.7 --all-lines --at-ends
  polity power restore feeder.dss --fault line.l67 --tag line.sw5 --breaker line.sw1`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			net, err := power.Read(args[0])
			if err != nil {
				return err
			}
			if fault == "" {
				return usageError{fmt.Errorf("--fault names the line with the fault")}
			}
			index, err := lineNamed(net, fault)
			if err != nil {
				return err
			}
			if all {
				o.Switchable = func(int) bool { return true }
			}
			o.AtEnds = atEnds
			for _, name := range tags {
				i, err := lineNamed(net, name)
				if err != nil {
					return err
				}
				o.Tags = append(o.Tags, switching.Tag{Line: i, Reason: "not to be operated", By: "the command line"})
			}
			for _, name := range breakers {
				i, err := lineNamed(net, name)
				if err != nil {
					return err
				}
				o.Breakers = append(o.Breakers, i)
			}
			plan, err := restore.Restore(cmd.Context(), net, restore.Fault{Line: index}, o)
			if err != nil {
				return err
			}
			if asJSON {
				return encode(cmd.OutOrStdout(), restoreReport(net, plan))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", plan.Reason, plan.Order.Sheet())
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&fault, "fault", "", "line with the fault, as polity power flow names it")
	f.StringSliceVar(&tags, "tag", nil, "lines whose switch must not be operated")
	f.StringSliceVar(&breakers, "breaker", nil, "lines whose breaker trips on a fault behind it (default: the source's alone)")
	f.BoolVar(&all, "all-lines", false, "let every line be switched, not only those with a switch")
	f.BoolVar(&atEnds, "at-ends", false, "switches sit at both ends of their lines, so that a faulted line can be cut out alone")
	f.Float64Var(&o.Limits.VMin, "vmin", o.Limits.VMin, "lowest voltage allowed, per unit")
	f.Float64Var(&o.Limits.VMax, "vmax", o.Limits.VMax, "highest voltage allowed, per unit")
	f.BoolVar(&asJSON, "json", false, "print the plan as JSON")
	return cmd
}

func lineNamed(net *grid.Network, name string) (int, error) {
	i := slices.IndexFunc(net.Lines, func(l grid.Line) bool { return strings.EqualFold(l.Name, name) })
	if i < 0 {
		return 0, city.Errorf(city.NotFound, "%s has no line %s; 'polity power flow FILE --format csv --table branches' lists them", net.Name, name)
	}
	return i, nil
}

func restoreReport(net *grid.Network, p *restore.Plan) map[string]any {
	section := []string{}
	for _, b := range p.Isolation.Section {
		section = append(section, net.Buses[b].Name)
	}
	var steps []map[string]any
	for _, s := range p.Order.Steps {
		steps = append(steps, map[string]any{"do": s.Text, "why": s.Why, "fed_kw": s.FedW / 1000, "lowest_pu": s.LowestPU, "highest_pu": s.HighestPU, "loading": s.Loading})
	}
	return map[string]any{
		"reason": p.Reason, "steps": steps, "dark_section": section, "before_kw": p.BeforeW / 1000, "after_trip_kw": p.TrippedW / 1000,
		"restored_kw": p.RestoredW / 1000, "proven": p.Proven, "configurations_judged": p.Trials,
	}
}
