package main

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"polity/internal/durable"
	"polity/services/water/calibrate"
	"polity/services/water/epanet"
	"polity/services/water/faults"
	"polity/services/water/scada"
)

type waterCalibrateFlags struct{ areas, out, at string }

func waterCalibrateCommand() *cobra.Command {
	var f waterCalibrateFlags
	cmd := &cobra.Command{
		Use:   "calibrate NETWORK.inp SCADA-DIR",
		Short: "Fit a network's demands and roughness to its measurements, with uncertainty",
		Long: `Fits a network's model to the mean day of its measurements: a multiplier of demand
for each area and one of roughness for each group of pipes (of one diameter and
roughness), and each pressure sensor's constant error. Every value has its 95%
interval; "learnt" says how much of what was believed beforehand the measurements
settled: at 0% nothing is known but the model.

Measurements are a folder as 'polity water leaks --help' describes it. Faulty sensors
(stuck, noisy, dropped) are named and left out. Leaks in the time given look like
demand: choose weeks without great ones. --areas is a table (CSV) with the columns
node and area; without it the areas are the zones between flow meters.

With --at it also estimates the state of the network over one hour, and prints by how
much each area then used more, and where pressures were lowest.`,
		Example: `  polity water calibrate L-TOWN.inp scada-2018 --out calibrated.inp
  polity water calibrate town.inp scada --areas areas.csv --at "2018-03-04 18:00"`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1]) },
	}
	cmd.Flags().StringVar(&f.areas, "areas", "", "table of areas (CSV)")
	cmd.Flags().StringVar(&f.out, "out", "", "network file to write, with demands and roughness as calibrated")
	cmd.Flags().StringVar(&f.at, "at", "", "hour whose state is wanted, such as \"2018-03-04 18:00\"")
	return cmd
}

func (f *waterCalibrateFlags) run(cmd *cobra.Command, name, folder string) error {
	n, _, err := readNetwork(name)
	if err != nil {
		return err
	}
	o := calibrate.Default()
	if f.areas != "" {
		text, err := readNamed(f.areas, "a table of areas (CSV)")
		if err != nil {
			return err
		}
		if o.Areas, err = calibrate.ReadAreas(f.areas, text, n); err != nil {
			return err
		}
	}
	var at time.Time
	if f.at != "" {
		if at, err = time.Parse("2006-01-02 15:04", f.at); err != nil {
			return usageError{fmt.Errorf("--at is %q; it must be a time such as 2018-03-04 18:00", f.at)}
		}
	}
	d, err := scada.ReadFolder(folder)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	sayFaults(out, faults.Clean(d))
	r, err := calibrate.Calibrate(cmd.Context(), epanet.Native, n, d, o)
	if err != nil {
		return err
	}
	sayCalibration(out, r)
	if !at.IsZero() {
		e, err := r.Estimate(cmd.Context(), epanet.Native, at)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\nstate over the hour from %s, demand against the mean day:\n", f.at)
		sayParameters(out, e.Areas)
		low := -1
		for i, node := range n.Nodes {
			if node.BaseDemand() > 0 && (low < 0 || e.Pressure[i] < e.Pressure[low]) {
				low = i
			}
		}
		if low >= 0 {
			fmt.Fprintf(out, "lowest pressure where water is used: %.1f ± %.1f m at %s\n", e.Pressure[low], 1.96*e.Spread[low], n.Nodes[low].ID)
		}
	}
	if f.out == "" {
		return nil
	}
	if err := durable.WriteFile(f.out, r.File.Text(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nwritten to %s\n", f.out)
	return nil
}

func sayCalibration(out io.Writer, r *calibrate.Result) {
	fmt.Fprintln(out, "demand, times the file's:")
	sayParameters(out, r.Demands)
	fmt.Fprintln(out, "roughness, times the file's:")
	sayParameters(out, r.Roughness)
	fmt.Fprintln(out, "pressure sensors that seem to read wrong by 0.2 m or more:")
	none := true
	for _, p := range r.Offsets {
		if math.Abs(p.Value) >= 0.2 && p.Learnt > 0.3 {
			fmt.Fprintf(out, "  %-34s %+.2f m  (%+.2f to %+.2f)\n", p.Name, p.Value, p.Low, p.High)
			none = false
		}
	}
	if none {
		fmt.Fprintln(out, "  none")
	}
	fmt.Fprintf(out, "pressures differ from the model by %.3f m, %.3f before (constant errors apart)\n", r.After, r.Before)
	if r.Misfit > 4 {
		fmt.Fprintf(out, "the rest is %.0f times what instruments explain: leaks, closed valves or wrong patterns may be in it; the intervals are widened for it\n", r.Misfit)
	}
}

func sayParameters(out io.Writer, all []calibrate.Parameter) {
	for _, p := range all {
		fmt.Fprintf(out, "  %-34s %.2f  (%.2f to %.2f)  learnt %.0f%%\n", p.Name, p.Value, p.Low, p.High, 100*p.Learnt)
	}
}

func sayFaults(out io.Writer, all []faults.Fault) {
	for _, f := range all {
		fmt.Fprintf(out, "left out: %s\n", f)
	}
}
