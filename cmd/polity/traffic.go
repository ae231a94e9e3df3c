package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/services/traffic"
	"polity/services/traffic/plan"
)

func trafficCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "traffic",
		Short: "Traffic signals: junctions of a map, checks of plans, studies on a simulated twin",
		Long: `What a city's signals need, step by step: network makes junctions with groups, conflicts
and intergreens out of a map or a SUMO network; plan prints their plans and checks changes;
simulate tries plans and controls with SUMO, compare sets two of its studies side by side.
hub.services.traffic of the configuration then runs them, with the page /services/traffic;
to look at it first, 'polity demo'.`,
		Example: `  polity traffic network city.osm.pbf --around 24.941,60.170,400 --out net.json
  polity traffic plan show net.json --junction osm-25417694 > evening.yaml
  polity traffic plan check net.json evening.yaml
  polity traffic simulate town.sumocfg --control polity --seed 1 --out results`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(trafficNetworkCommand(), trafficPlanCommand(), trafficSimulateCommand(), trafficCompareCommand())
	return cmd
}

func trafficSimulateCommand() *cobra.Command {
	var s traffic.Study
	var detectors, plans string
	cmd := &cobra.Command{
		Use:   "simulate NETWORK.sumocfg",
		Short: "Simulate a SUMO scenario under one control",
		Long: `Simulates a SUMO configuration with SUMO itself under one control of its signals, and
writes SUMO's own tripinfo.xml, with the unfinished and the never inserted trips, and
report.json.

Controls: fixed (the network's own plans), actuated (SUMO's, of those plans), greedy
(the stage with most vehicles), max-pressure, and polity (adaptive). Of the last three
every wish goes through the safety layer. Blocked vehicles are never lifted away, so that
a gridlock shows. With --plan, signal plans as 'polity traffic plan show' prints them run
in place of the network's own, once they are checked. SUMO is looked for in $SUMO_HOME, on the PATH and where set-up puts
it; 'pip install eclipse-sumo' gets it.`,
		Example: `  polity traffic simulate town.sumocfg --control fixed --out today
  polity traffic simulate town.sumocfg --control fixed --plan evening.yaml --out evening
  polity traffic simulate town.sumocfg --control polity --detectors imperfect --out proposed`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("name one SUMO configuration (.sumocfg); see 'polity traffic simulate --help'")}
			}
			switch detectors {
			case "perfect", "imperfect":
			default:
				return usageError{fmt.Errorf("--detectors %q is neither perfect nor imperfect", detectors)}
			}
			s.Scenario, s.Imperfect = args[0], detectors == "imperfect"
			if plans != "" {
				text, err := os.ReadFile(plans)
				if err != nil {
					return fmt.Errorf("read the plans: %w", err)
				}
				if s.Plans, err = plan.Read(plans, text); err != nil {
					return err
				}
			}
			s.Progress = progressLine(cmd.ErrOrStderr())
			report, err := s.Run(cmd.Context())
			if err != nil {
				return err
			}
			printStudy(cmd.OutOrStdout(), report, s.Dir)
			return nil
		},
	}
	cmd.Flags().StringVar(&s.Control, "control", "polity", strings.Join(traffic.Controls(), ", "))
	cmd.Flags().IntVar(&s.Seed, "seed", 1, "seed of SUMO's random numbers")
	cmd.Flags().StringVar(&s.Dir, "out", "traffic-study", "folder for tripinfo.xml and report.json")
	cmd.Flags().StringVar(&detectors, "detectors", "perfect", "perfect, or imperfect: a tenth of the vehicles is never seen, and all is known 5 s late")
	cmd.Flags().DurationVar(&s.Every, "every", 10*time.Second, "time between decisions of greedy and max-pressure")
	cmd.Flags().BoolVar(&s.Record, "record", false, "write record.json, too: each approach and crossing, for 'polity traffic compare'")
	cmd.Flags().StringVar(&plans, "plan", "", "signal plans (YAML) to run in place of the network's own, with --control fixed")
	cmd.Flags().StringSliceVar(&s.Corridor, "corridor", nil, "record a time-space diagram along these junctions, with commas between them")
	cmd.Flags().StringVar(&s.SUMO, "sumo", "", "SUMO's program, if it is in none of the usual places")
	return cmd
}

// progressLine says every five simulated minutes how far the simulation is.
func progressLine(w io.Writer) func(simulated, total time.Duration, toCome int) {
	return func(simulated, total time.Duration, toCome int) {
		if simulated%(5*time.Minute) != 0 {
			return
		}
		if total > 0 {
			fmt.Fprintf(w, "%.0f of %.0f minutes simulated, %d vehicles on the road or to come\n", simulated.Minutes(), total.Minutes(), toCome)
			return
		}
		fmt.Fprintf(w, "%.0f minutes simulated, %d vehicles on the road or to come\n", simulated.Minutes(), toCome)
	}
}

func printStudy(w io.Writer, r traffic.Report, dir string) {
	t := r.Trips
	fmt.Fprintf(w, "%s under %s, seed %d, %s\n", r.Scenario, r.Control, r.Seed, r.SUMO)
	fmt.Fprintf(w, "vehicles due to depart  %d: %d arrived, %d on the way, %d never got onto the road\n", t.Due, t.Finished, t.OnTheWay, t.NotInserted)
	fmt.Fprintf(w, "delay per vehicle       %.1f s: %.1f s lost on the way, %.1f s before departure\n", t.Delay, t.TimeLoss, t.DepartDelay)
	if r.MaxRed > 0 {
		fmt.Fprintf(w, "longest demanded red    %.0f s (%s)\n", r.MaxRed, r.MaxRedAt)
	}
	if r.People > 0 {
		fmt.Fprintf(w, "people on foot          %d, each waits %.1f s at crossings\n", r.People, r.WalkWait)
	}
	if r.DecisionMax > 0 {
		fmt.Fprintf(w, "a decision for all %d   %.1f ms (99th percentile), %.1f ms at most\n", r.Junctions, r.DecisionP99, r.DecisionMax)
	}
	if r.Collisions > 0 || r.Teleports > 0 {
		fmt.Fprintf(w, "SUMO counts             %d collisions, %d vehicles lifted away\n", r.Collisions, r.Teleports)
	}
	fmt.Fprintf(w, "written to %s\n", dir)
}
