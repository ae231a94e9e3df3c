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
	containers, fleet, trucks, places, osm, out string
	seconds, balance                            float64
	seed                                        uint64
	preview                                     bool
}

func wastePlanCommand() *cobra.Command {
	var f wastePlanFlags
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Plan a day's tours from tables of containers, trucks and places, and a map",
		Long: `Plans a day's tours and writes plan.csv, with every call in driving order, and a
GPX file for each truck. Containers that cannot be collected are named with the
reason and what would help; the rest is planned all the same.

Tables are CSV with a header line ('polity waste example' writes some to begin with):
  containers  id, lat, lon and litres; fraction, density, fill, must, side,
              open_from, open_to, service_s and home may be there
  places      id, kind (depot, landfill or transfer station), lat and lon;
              fractions, open, closed and unload_minutes may be there
  trucks      id, depot (one of the places), kilograms, litres and shift; fractions,
              kind, break, break_minutes, cost_per_km, cost_per_hour, cost_per_day,
              currency, co2_g_per_km and out_of_service may be there
--fleet takes trucks and sites together as YAML instead. --preview reads the tables
and says what is wrong with which line, and plans nothing.`,
		Example: `  polity waste example --out town
  polity waste plan --containers town/containers.csv --trucks town/trucks.csv --places town/places.csv --preview
  polity waste plan --containers town/containers.csv --trucks town/trucks.csv --places town/places.csv --map town/streets.osm --out plan`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	cmd.Flags().StringVar(&f.containers, "containers", "", "table of containers (CSV)")
	cmd.Flags().StringVar(&f.trucks, "trucks", "", "table of trucks (CSV)")
	cmd.Flags().StringVar(&f.places, "places", "", "table of depots, landfills and transfer stations (CSV)")
	cmd.Flags().StringVar(&f.fleet, "fleet", "", "trucks and sites (YAML) instead of --trucks and --places")
	cmd.Flags().StringVar(&f.osm, "map", "", "OpenStreetMap extract (.osm.pbf or .osm)")
	cmd.Flags().StringVar(&f.out, "out", "plan", "folder for plan.csv and the GPX files")
	cmd.Flags().Float64Var(&f.seconds, "seconds", 10, "CPU seconds for the search")
	cmd.Flags().Float64Var(&f.balance, "balance", 0, "how much longer than the mean a truck's day may be, e.g. 0.15; 0: any")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the random numbers")
	cmd.Flags().BoolVar(&f.preview, "preview", false, "only read the tables and say what is wrong with them")
	return cmd
}

func (f *wastePlanFlags) run(cmd *cobra.Command) error {
	if f.containers == "" {
		return usageError{errors.New("--containers is missing; see 'polity waste plan --help'")}
	}
	if (f.trucks == "") != (f.places == "") || (f.trucks != "" && f.fleet != "") {
		return usageError{errors.New("--trucks and --places go together, and not with --fleet; see 'polity waste plan --help'")}
	}
	containers, wrong, err := f.readContainers(cmd)
	if err != nil {
		return err
	}
	fleet, alsoWrong, err := f.readFleet(cmd)
	if err != nil {
		return err
	}
	if wrong += alsoWrong; wrong > 0 && !f.preview {
		return city.Errorf(city.Invalid, "%s wrong, and nothing was planned; correct the tables and try again", lines(wrong))
	}
	if f.preview {
		return nil
	}
	if fleet == nil || f.osm == "" || !(f.seconds > 0) || f.balance < 0 {
		return usageError{errors.New("--trucks with --places, or --fleet, and --map are needed, --seconds must be above 0 and --balance not below 0; see 'polity waste plan --help'")}
	}
	if len(containers) == 0 {
		return city.Errorf(city.Invalid, "%s has no container; give it a line for each", f.containers)
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
	plan, err := planner.Plan(cmd.Context(), containers, nil, 0)
	if err != nil {
		return err
	}
	return f.write(cmd, plan, fleet.Currency)
}

func lines(n int) string {
	if n == 1 {
		return "1 line is"
	}
	return fmt.Sprintf("%d lines are", n)
}

func readNamed(name, what string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, city.Errorf(city.Invalid, "%s is not there; give the path of %s", name, what)
	}
	return text, err
}

// reportTable prints what is wrong with a table, by line, and what was understood.
func reportTable(cmd *cobra.Command, name string, n int, things string, wrong []waste.LineError, ignored []string) {
	out := cmd.OutOrStdout()
	for _, e := range wrong {
		fmt.Fprintf(out, "%s: %v\n", name, e)
	}
	if len(ignored) > 0 {
		fmt.Fprintf(out, "%s: columns not used: %s\n", name, strings.Join(ignored, ", "))
	}
	fmt.Fprintf(out, "%s: %d %s understood, %d errors\n", name, n, things, len(wrong))
}

func (f *wastePlanFlags) readContainers(cmd *cobra.Command) (list []waste.Container, wrong int, err error) {
	text, err := readNamed(f.containers, "a table of containers (CSV)")
	if err != nil {
		return nil, 0, err
	}
	preview, err := waste.ReadContainers(bytes.NewReader(text))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", f.containers, err)
	}
	reportTable(cmd, f.containers, len(preview.Containers), "containers", preview.Errors, preview.Ignored)
	return preview.Containers, len(preview.Errors), nil
}

// readFleet reads the fleet from its tables or its file; nil where neither is given.
func (f *wastePlanFlags) readFleet(cmd *cobra.Command) (fleet *waste.Fleet, wrong int, err error) {
	if f.fleet != "" {
		text, err := readNamed(f.fleet, "a fleet (YAML)")
		if err != nil {
			return nil, 0, err
		}
		fleet, err := waste.ReadFleet(text, f.fleet)
		return fleet, 0, err
	}
	if f.trucks == "" {
		return nil, 0, nil
	}
	text, err := readNamed(f.places, "a table of depots and sites (CSV)")
	if err != nil {
		return nil, 0, err
	}
	places, err := waste.ReadPlaces(bytes.NewReader(text))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", f.places, err)
	}
	reportTable(cmd, f.places, len(places.Depots)+len(places.Sites), "places", places.Errors, places.Ignored)
	if text, err = readNamed(f.trucks, "a table of trucks (CSV)"); err != nil {
		return nil, 0, err
	}
	trucks, err := waste.ReadTrucks(bytes.NewReader(text), places.Depots)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", f.trucks, err)
	}
	reportTable(cmd, f.trucks, len(trucks.Trucks), "trucks", trucks.Errors, trucks.Ignored)
	fleet = &waste.Fleet{Trucks: trucks.Trucks, Sites: places.Sites, Currency: trucks.Currency}
	return fleet, len(places.Errors) + len(trucks.Errors), nil
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

func (f *wastePlanFlags) write(cmd *cobra.Command, plan *waste.Plan, currency string) error {
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
	money := func(v float64) string { return strings.TrimSpace(fmt.Sprintf("%.2f %s", v, currency)) }
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
		fmt.Fprintf(out, "%s: %d calls, %s to %s, %.1f km, %.0f kg, cost %s, %.1f kg CO2; %s\n", t.Truck, len(t.Calls), clock(t.Start), clock(t.End), t.Metres/1000, t.Kilograms, money(t.Cost), t.KgCO2, name)
	}
	for _, p := range waste.Gather(plan.Problems) {
		fmt.Fprintln(out, p)
	}
	if len(plan.LeftOut) > 0 {
		fmt.Fprintf(out, "left for another day: %s\n", strings.Join(plan.LeftOut, ", "))
	}
	fmt.Fprintf(out, "%d tours, %.1f km, cost %s, written to %s\n", len(plan.Tours), plan.Metres/1000, money(plan.Cost), f.out)
	if len(plan.Tours) == 0 && len(plan.Problems) > 0 {
		return city.Errorf(city.Invalid, "no tour can be driven; what keeps each and what would help stands above")
	}
	return nil
}
