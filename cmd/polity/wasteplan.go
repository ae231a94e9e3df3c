package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/internal/durable"
	"polity/services/waste"
	"polity/services/waste/roads"
)

type wastePlanFlags struct {
	containers, fleet, osm, out string
	seconds, balance            float64
	seed                        uint64
	preview                     bool
}

func wastePlanCommand() *cobra.Command {
	var f wastePlanFlags
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Plan a day's tours from a table of containers, a fleet and a map",
		Long: `Plans a day's tours and writes plan.csv, with every call in driving order, and a
GPX file for each truck. Containers that cannot be collected are named with the
reason and what would help; the rest is planned all the same.

The table (CSV) needs the columns id, lat, lon and litres; fraction, density, fill,
must, side, open_from, open_to, service_s and home may be there. --preview reads it
and says what is wrong with which line, and plans nothing.`,
		Example: `  polity waste plan --containers containers.csv --preview
  polity waste plan --containers containers.csv --fleet fleet.yaml --map city.osm.pbf --out plan`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	cmd.Flags().StringVar(&f.containers, "containers", "", "table of containers (CSV)")
	cmd.Flags().StringVar(&f.fleet, "fleet", "", "trucks and sites (YAML)")
	cmd.Flags().StringVar(&f.osm, "map", "", "OpenStreetMap extract (.osm.pbf or .osm)")
	cmd.Flags().StringVar(&f.out, "out", "plan", "folder for plan.csv and the GPX files")
	cmd.Flags().Float64Var(&f.seconds, "seconds", 10, "CPU seconds for the search")
	cmd.Flags().Float64Var(&f.balance, "balance", 0, "how much longer than the mean a truck's day may be, e.g. 0.15; 0: any")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the random numbers")
	cmd.Flags().BoolVar(&f.preview, "preview", false, "only read the table and say what is wrong with it")
	return cmd
}

func (f *wastePlanFlags) run(cmd *cobra.Command) error {
	if f.containers == "" {
		return usageError{errors.New("--containers is missing; see 'polity waste plan --help'")}
	}
	preview, err := readTable(cmd, f.containers)
	if err != nil || f.preview {
		return err
	}
	if f.fleet == "" || f.osm == "" || !(f.seconds > 0) || f.balance < 0 {
		return usageError{errors.New("--fleet and --map are needed, --seconds must be above 0 and --balance not below 0; see 'polity waste plan --help'")}
	}
	if len(preview.Errors) > 0 {
		return city.Errorf(city.Invalid, "%s: %d lines are wrong; correct them and try again", f.containers, len(preview.Errors))
	}
	text, err := readNamed(f.fleet, "a fleet (YAML)")
	if err != nil {
		return err
	}
	fleet, err := waste.ReadFleet(text, f.fleet)
	if err != nil {
		return err
	}
	streets, err := f.streets(cmd, fleet)
	if err != nil {
		return err
	}
	planner := &waste.Planner{
		Streets: streets, Fleet: *fleet, Seconds: f.seconds, Seed: f.seed, Balance: f.balance, OverflowCost: 50,
		Progress: func(p waste.Progress) {
			if p.Step == waste.Measuring {
				fmt.Fprintf(cmd.ErrOrStderr(), "ways between all places: %.0f %%\n", 100*p.Share)
				return
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "search for tours: %.0f of %g CPU seconds, cost %.0f so far\n", p.Share*f.seconds, f.seconds, p.Cost)
		},
	}
	plan, err := planner.Plan(cmd.Context(), preview.Containers, nil, 0)
	if err != nil {
		return err
	}
	return f.write(cmd, plan)
}

func readNamed(name, what string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, city.Errorf(city.Invalid, "%s is not there; give the path of %s", name, what)
	}
	return text, err
}

// readTable reads containers and prints what is wrong, by line.
func readTable(cmd *cobra.Command, name string) (*waste.Preview, error) {
	text, err := readNamed(name, "a table of containers (CSV)")
	if err != nil {
		return nil, err
	}
	preview, err := waste.ReadContainers(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := cmd.OutOrStdout()
	for _, e := range preview.Errors {
		fmt.Fprintf(out, "%s: %v\n", name, e)
	}
	if len(preview.Ignored) > 0 {
		fmt.Fprintf(out, "%s: columns not used: %s\n", name, strings.Join(preview.Ignored, ", "))
	}
	fmt.Fprintf(out, "%s: %d containers understood, %d errors\n", name, len(preview.Containers), len(preview.Errors))
	return preview, nil
}

func (f *wastePlanFlags) streets(cmd *cobra.Command, fleet *waste.Fleet) (waste.Streets, error) {
	m, err := roads.ReadFile(cmd.Context(), f.osm)
	if err != nil {
		return nil, err
	}
	streets := waste.Streets{}
	for _, t := range fleet.Trucks {
		if streets[t.Vehicle.Name] == nil {
			if streets[t.Vehicle.Name], err = m.Build(t.Vehicle); err != nil {
				return nil, fmt.Errorf("%s: %w", f.osm, err)
			}
		}
	}
	return streets, nil
}

func (f *wastePlanFlags) write(cmd *cobra.Command, plan *waste.Plan) error {
	out := cmd.OutOrStdout()
	if err := os.MkdirAll(f.out, 0o755); err != nil { //nolint:gosec // a plan is for everyone who works with it
		return err
	}
	var table bytes.Buffer
	if err := plan.WriteCSV(&table); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(f.out, "plan.csv"), table.Bytes(), 0o644); err != nil {
		return err
	}
	clock := func(d time.Duration) string {
		return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
	}
	for i := range plan.Tours {
		t := &plan.Tours[i]
		var gpx bytes.Buffer
		if err := plan.WriteGPX(&gpx, t); err != nil {
			return err
		}
		name := fmt.Sprintf("tour-%d.gpx", i+1)
		if err := durable.WriteFile(filepath.Join(f.out, name), gpx.Bytes(), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d calls, %s to %s, %.1f km, %.0f kg, cost %.2f, %.1f kg CO2; %s\n", t.Truck, len(t.Calls), clock(t.Start), clock(t.End), t.Metres/1000, t.Kilograms, t.Cost, t.KgCO2, name)
	}
	for _, p := range plan.Problems {
		fmt.Fprintln(out, p)
	}
	if len(plan.LeftOut) > 0 {
		fmt.Fprintf(out, "left for another day: %s\n", strings.Join(plan.LeftOut, ", "))
	}
	fmt.Fprintf(out, "%d tours, %.1f km, cost %.2f, written to %s\n", len(plan.Tours), plan.Metres/1000, plan.Cost, f.out)
	return nil
}
