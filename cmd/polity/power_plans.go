package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"polity/services/power"
	"polity/services/power/grid"
	"polity/services/power/reconfigure"
)

func powerReconfigureCommand() *cobra.Command {
	var all, asJSON, currents bool
	var options reconfigure.Options
	cmd := &cobra.Command{
		Use:   "reconfigure FILE",
		Short: "Find the radial configuration that loses least",
		Long: `Looks for the radial configuration of the network with the least losses and says
how sure that is: proven best, or how much better another could be at most. It
proposes; it switches nothing.`,
		Example: `  polity power reconfigure feeder.dss              lines with a switch
  polity power reconfigure case33.m --all-lines    every line
  polity power reconfigure grid.json --vmin 0.95 --currents`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			net, err := power.Read(args[0])
			if err != nil {
				return err
			}
			if all {
				options.Switchable = reconfigure.All
			}
			options.Limits.Currents = currents
			fmt.Fprintln(cmd.ErrOrStderr(), "searching; large networks take some seconds")
			plan, err := reconfigure.Optimise(cmd.Context(), net, options)
			if err != nil {
				return err
			}
			if asJSON {
				return encode(cmd.OutOrStdout(), planReport(net, plan))
			}
			fmt.Fprintln(cmd.OutOrStdout(), plan.Reason)
			fmt.Fprintf(cmd.OutOrStdout(), "lowest voltage %.5f pu at bus %s; %d power flows, %d families of configurations searched\n", plan.LowestPU, plan.LowestAt, plan.Flows, plan.Families)
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&all, "all-lines", false, "let every line be switched, not only those with a switch")
	f.BoolVar(&currents, "currents", false, "keep lines within their emergency ratings")
	f.Float64Var(&options.Limits.VMin, "vmin", 0, "lowest voltage allowed, per unit")
	f.Float64Var(&options.Limits.VMax, "vmax", 0, "highest voltage allowed, per unit")
	f.IntVar(&options.Families, "families", 0, "most families of configurations to search (default 20000)")
	f.BoolVar(&asJSON, "json", false, "print the plan as JSON")
	return cmd
}

func planReport(net *grid.Network, p *reconfigure.Plan) map[string]any {
	open := []string{}
	for _, l := range p.Open {
		open = append(open, net.Lines[l].Name)
	}
	return map[string]any{
		"open": open, "loss_kw": p.LossW / 1000, "loss_now_kw": p.StartW / 1000, "bound_kw": p.BoundW / 1000, "proven": p.Proven,
		"method": p.Method, "configurations": p.Trees, "lowest_pu": p.LowestPU, "lowest_at": p.LowestAt, "reason": p.Reason,
	}
}
