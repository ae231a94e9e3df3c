package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/internal/durable"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/pumping"
)

type waterScheduleFlags struct {
	tariff, try, out string
	b                pumping.Bounds
}

func waterScheduleCommand() *cobra.Command {
	f := waterScheduleFlags{b: pumping.Usual()}
	cmd := &cobra.Command{
		Use:   "schedule NETWORK.inp --tariff TARIFF.csv",
		Short: "Advise when pumps should run at lowest cost, or say what a plan would do",
		Long: `Finds the hours in which pumps should run: the cheapest under a tariff that keep
tanks within their bounds, every used junction above a pressure, and tanks at the end
as full as at the start. EPANET runs the plan before it is given, and the file's own
controls beside it. It is advice; nothing is switched.

The tariff is a table (CSV) with the columns hour (0 to 23) and price (of a kWh). The
plan is written as a table with the column hour and one for each pump (1 runs). With
--try it says what such a table would do, and looks for no other.

Up to 6 pumps and 3 tanks, in metric files. Tanks start at the file's levels; pumps
run at the file's speed. "No plan costs less" holds for plans that switch on the hour,
by the computed steady states.`,
		Example: `  polity water schedule town.inp --tariff tariff.csv --out plan.csv
  polity water schedule town.inp --tariff tariff.csv --try plan.csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	cmd.Flags().StringVar(&f.tariff, "tariff", "", "table of prices (CSV)")
	cmd.Flags().StringVar(&f.try, "try", "", "plan to try (CSV)")
	cmd.Flags().StringVar(&f.out, "out", "", "plan to write (CSV)")
	cmd.Flags().IntVar(&f.b.Hours, "hours", f.b.Hours, "hours to plan")
	cmd.Flags().Float64Var(&f.b.Pressure, "pressure", f.b.Pressure, "least pressure where water is used, m")
	cmd.Flags().Float64Var(&f.b.Low, "low", f.b.Low, "part of each tank's range that stays full")
	cmd.Flags().Float64Var(&f.b.High, "high", f.b.High, "part of each tank's range that stays empty")
	return cmd
}

func (f *waterScheduleFlags) run(cmd *cobra.Command, name string) error {
	if f.tariff == "" {
		return usageError{errors.New("--tariff is needed; see 'polity water schedule --help'")}
	}
	n, _, err := readNetwork(name)
	if err != nil {
		return err
	}
	text, err := readNamed(f.tariff, "a table of prices (CSV)")
	if err != nil {
		return err
	}
	tariff, err := pumping.ReadTariff(f.tariff, strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if f.try != "" {
		plan, err := readPlan(f.try, n, f.b.Hours)
		if err != nil {
			return err
		}
		o, err := pumping.Try(cmd.Context(), epanet.Native, n, tariff, f.b, plan)
		if err != nil {
			return err
		}
		sayOutcome(out, "this plan", o)
		return nil
	}
	a, err := pumping.Advise(cmd.Context(), epanet.Native, n, tariff, f.b)
	if err != nil {
		return err
	}
	f.say(out, a)
	if now, err := pumping.Try(cmd.Context(), epanet.Native, n, tariff, f.b, nil); err == nil {
		sayOutcome(out, "the file's own controls", now)
	} else {
		fmt.Fprintf(out, "the file's own controls cannot be compared: %v\n", err)
	}
	if f.out == "" {
		return nil
	}
	if err := durable.WriteFile(f.out, planTable(a), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(out, "written to %s\n", f.out)
	return nil
}

func (f *waterScheduleFlags) say(out io.Writer, a *pumping.Advice) {
	for p, id := range a.Pumps {
		var runs strings.Builder
		for _, hour := range a.Plan {
			if hour[p] {
				runs.WriteByte('#')
			} else {
				runs.WriteByte('.')
			}
		}
		fmt.Fprintf(out, "%-12s %s\n", id, runs.String())
	}
	for k, id := range a.Tanks {
		least, most := a.Outcome.Levels[0][k], a.Outcome.Levels[0][k]
		for _, l := range a.Outcome.Levels {
			least, most = min(least, l[k]), max(most, l[k])
		}
		fmt.Fprintf(out, "tank %s: %.2f to %.2f m, %.2f at the end\n", id, least, most, a.Outcome.Levels[len(a.Outcome.Levels)-1][k])
	}
	sayOutcome(out, "this plan", a.Outcome)
	fmt.Fprintf(out, "no plan of whole hours costs less than %.2f\n", a.Bound)
}

func sayOutcome(out io.Writer, what string, o *pumping.Outcome) {
	fmt.Fprintf(out, "%s: costs %.2f for %.1f kWh, lowest pressure %.1f m at %s\n", what, o.Cost, o.Energy, o.Lowest, o.LowestAt)
	for _, b := range o.Broken {
		fmt.Fprintf(out, "  breaks a bound: %s\n", b)
	}
}

func planTable(a *pumping.Advice) []byte {
	var b strings.Builder
	b.WriteString("hour," + strings.Join(a.Pumps, ",") + "\n")
	for h, hour := range a.Plan {
		fmt.Fprintf(&b, "%d", h)
		for _, run := range hour {
			if run {
				b.WriteString(",1")
			} else {
				b.WriteString(",0")
			}
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// readPlan reads what planTable writes: every pump of the network, in any order.
func readPlan(name string, n *network.Network, hours int) (pumping.Plan, error) {
	text, err := readNamed(name, "a plan (CSV)")
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
	}
	if len(rows) == 0 || rows[0][0] != "hour" {
		return nil, city.Errorf(city.Invalid, "%s:1: the first line must be hour and the pumps' names", name)
	}
	columns := map[string]int{}
	for c, id := range rows[0][1:] {
		columns[id] = c + 1
	}
	if len(rows)-1 < hours {
		return nil, city.Errorf(city.Invalid, "%s has %d hours; %d are planned (--hours)", name, len(rows)-1, hours)
	}
	plan := make(pumping.Plan, hours)
	for _, l := range n.Links {
		if l.Kind != network.Pump {
			continue
		}
		c, ok := columns[l.ID]
		if !ok {
			return nil, city.Errorf(city.Invalid, "%s has no column for pump %s", name, l.ID)
		}
		for h := range plan {
			switch v := rows[h+1][c]; {
			case rows[h+1][0] != fmt.Sprint(h):
				return nil, city.Errorf(city.Invalid, "%s:%d: hour %q where %d should be", name, h+2, rows[h+1][0], h)
			case v != "0" && v != "1":
				return nil, city.Errorf(city.Invalid, "%s:%d: %q for pump %s; it must be 1 (runs) or 0", name, h+2, v, l.ID)
			default:
				plan[h] = append(plan[h], v == "1")
			}
		}
	}
	return plan, nil
}
