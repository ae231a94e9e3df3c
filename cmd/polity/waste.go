package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/internal/durable"
	"polity/services/waste/routing"
)

func wasteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "waste",
		Short: "Tours of refuse vehicles: plan them, and check the planner",
		Example: `  polity waste example --out town
  polity waste plan --containers town/containers.csv --trucks town/trucks.csv --places town/places.csv --map town/streets.osm
  polity waste solve X-n101-k25.vrp --seconds 30 --out solutions`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(wastePlanCommand(), wasteExampleCommand(), wasteSolveCommand())
	return cmd
}

func wasteSolveCommand() *cobra.Command {
	var seconds float64
	var seed uint64
	var out string
	cmd := &cobra.Command{
		Use:   "solve INSTANCE...",
		Short: "Solve vehicle routing instances in VRPLIB format",
		Long: `Solves vehicle routing instances in VRPLIB format and writes each one's tours as
a .sol file, so that anyone can check them with tools of their own.

It takes capacitated problems (distances rounded to integers, as the X set has
them) and problems with time windows, release times and reloading at the depot
(the MTVRPTWR set; every number times ten, cut to an integer, as the DIMACS
challenge did). --seconds are seconds of CPU time on one core per instance.`,
		Example: `  polity waste solve X-n101-k25.vrp --seconds 30 --seed 1 --out solutions
  polity waste solve instances/*.vrp --seconds 10`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("name at least one instance file; see 'polity waste solve --help'")}
			}
			if !(seconds > 0) || seconds > 1e6 {
				return usageError{fmt.Errorf("--seconds %g: it must be above 0 and at most a million", seconds)}
			}
			if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // solutions are for everyone
				return err
			}
			// One core, and no collector beside the search: it allocates next to nothing.
			runtime.GOMAXPROCS(1)
			debug.SetGCPercent(400)
			for _, name := range args {
				if err := wasteSolve(cmd, name, out, seconds, seed); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().Float64Var(&seconds, "seconds", 30, "CPU seconds for each instance")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "seed of the random numbers")
	cmd.Flags().StringVar(&out, "out", ".", "folder for the .sol files; it is made if it is not there")
	return cmd
}

func wasteSolve(cmd *cobra.Command, name, out string, seconds float64, seed uint64) error {
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return city.Errorf(city.Invalid, "%s is not there; give the path of a VRPLIB instance file", name)
	} else if err != nil {
		return err
	}
	defer file.Close()
	start := routing.ProcessClock()
	in, err := routing.ReadVRPLIB(file, name)
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	budget := time.Duration(seconds*1e9) - (routing.ProcessClock() - start)
	tours, cost, err := routing.SolveInstance(cmd.Context(), in, routing.Options{
		Budget: max(budget, time.Millisecond), Seed: seed, Clock: routing.ProcessClock, Every: 5 * time.Second,
		Progress: func(p routing.Progress) {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %.0f of %g CPU seconds, cost %d\n", base, p.Elapsed.Seconds(), seconds, p.Best)
		},
	})
	if err != nil {
		return err
	}
	var solution bytes.Buffer
	if err := routing.WriteSolution(&solution, tours, cost); err != nil {
		return err
	}
	target := filepath.Join(out, base+".sol")
	if err := durable.WriteFile(target, solution.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: cost %d in %d tours, written to %s\n", base, cost, len(tours), target)
	return cmd.Context().Err()
}
