package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"polity/services/power"
	"polity/services/power/curtail"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

func powerCurtailCommand() *cobra.Command {
	var format string
	limits := switching.Standard()
	cmd := &cobra.Command{
		Use:   "curtail FILE RULES",
		Short: "Say whom registered rules limit, and how far, to keep limits in an emergency",
		Long: `Finds the smallest cuts of charging or generation that bring a network back within
voltages and emergency ratings. Only what a rule names that the public register holds
is limited; rules act in their order, and all of a rule alike. It limits nothing by
itself. Fails when the rules do not reach far enough. RULES is a YAML file:

  rules:
    - name: chargers
      register: charging-2026    # entry of the public register
      loads: [load.c1, load.c2]  # or generators: [...]
      least: 0.3                 # the part that stays whatever happens`,
		Example: `  polity power curtail feeder.dss rules.yaml
  polity power curtail feeder.dss rules.yaml --vmin 0.95 --format json`,
		Args: networkAnd("a file of rules"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textCSVOrJSON(format); err != nil {
				return err
			}
			net, err := power.Read(args[0])
			if err != nil {
				return err
			}
			text, err := os.ReadFile(args[1])
			if err != nil {
				return err
			}
			rules, err := curtail.ReadRules(args[1], text, net)
			if err != nil {
				return err
			}
			limits.Loops = true // nothing is switched
			plan, err := curtail.Relieve(net, limits, rules)
			if err != nil {
				return err
			}
			if err := printCuts(cmd.OutOrStdout(), net, plan, format); err != nil {
				return err
			}
			if n := len(plan.Left); n > 0 {
				return fmt.Errorf("the rules do not reach far enough: %d limits stay broken, the first: %s", n, plan.Left[0].Text)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.Float64Var(&limits.VMin, "vmin", limits.VMin, "lowest voltage allowed, per unit")
	f.Float64Var(&limits.VMax, "vmax", limits.VMax, "highest voltage allowed, per unit")
	f.StringVar(&format, "format", "text", "text, csv or json")
	return cmd
}

type cutRow struct {
	Rule    string   `json:"rule"`
	Percent float64  `json:"percent"` // of their power that stays
	KW      float64  `json:"kw"`      // taken away
	Limited []string `json:"limited"`
	Reason  string   `json:"reason"`
}

func printCuts(w io.Writer, net *grid.Network, p *curtail.Plan, format string) error {
	rows := []cutRow{}
	for _, c := range p.Cuts {
		row := cutRow{c.Rule, 100 * c.Part, c.Watts / 1000, []string{}, c.Reason}
		for _, l := range c.Loads {
			row.Limited = append(row.Limited, net.Loads[l].Name)
		}
		for _, g := range c.Generators {
			row.Limited = append(row.Limited, net.Generators[g].Name)
		}
		rows = append(rows, row)
	}
	switch format {
	case "json":
		return encode(w, map[string]any{"cuts": rows, "broken_before": len(p.Before), "broken_after": len(p.Left)})
	case "csv":
		return printCSV(w, []string{"rule", "percent", "kw", "limited", "reason"}, len(rows), func(i int) []string {
			r := rows[i]
			return []string{r.Rule, strconv.FormatFloat(r.Percent, 'f', 1, 64), decimal(r.KW), strings.Join(r.Limited, " "), r.Reason}
		})
	}
	if len(p.Before) == 0 {
		fmt.Fprintln(w, "All limits are kept: nobody is limited.")
	} else if len(rows) == 0 {
		fmt.Fprintln(w, "No rule helps: nobody is limited.")
	}
	for _, r := range rows {
		fmt.Fprintf(w, "%s: to %.1f%%, %.1f kW less, of %s\n  %s\n", r.Rule, r.Percent, r.KW, strings.Join(r.Limited, ", "), r.Reason)
	}
	return nil
}
