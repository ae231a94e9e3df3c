package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"polity/services/traffic/compare"
)

func trafficCompareCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "compare BEFORE AFTER",
		Short: "Compare two simulated studies: approaches, junctions, people on foot",
		Long: `Compares two studies of the same streets that 'polity traffic simulate --record' wrote:
delay, time lost, stops and queues at each approach and junction, waits on foot at each
crossing. Writes approaches.csv, crossings.csv, report.html and report.pdf, and, if the
studies were made with --corridor, time-space diagrams as SVG. All of it is simulated, and
says so.`,
		Example: `  polity traffic simulate town.sumocfg --control fixed --corridor A0,B0,C0 --out before
  polity traffic simulate town.sumocfg --control polity --corridor A0,B0,C0 --out after
  polity traffic compare before after --out comparison`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{errors.New("name two folders of studies, before and after; see 'polity traffic compare --help'")}
			}
			before, err := compare.Open(args[0])
			if err != nil {
				return err
			}
			after, err := compare.Open(args[1])
			if err != nil {
				return err
			}
			c, err := compare.Of(before, after)
			if err != nil {
				return err
			}
			paths, err := c.Write(out)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			a, b := before.Report.Trips, after.Report.Trips
			fmt.Fprintf(w, "simulated: %s before, %s after\n", before.Report.Control, after.Report.Control)
			fmt.Fprintf(w, "delay per vehicle       %.1f s -> %.1f s\n", a.Delay, b.Delay)
			if before.Report.People > 0 {
				fmt.Fprintf(w, "wait on foot            %.1f s -> %.1f s\n", before.Report.WalkWait, after.Report.WalkWait)
			}
			for _, j := range c.Junctions {
				fmt.Fprintf(w, "  %-40s delay %.1f s -> %.1f s, stops %.2f -> %.2f, queue at most %d -> %d\n", j.Junction, j.Before.Delay, j.After.Delay, j.Before.Stops, j.After.Stops, j.Before.QueueMax, j.After.QueueMax)
			}
			for _, p := range paths {
				fmt.Fprintf(w, "written: %s\n", p)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "traffic-comparison", "folder for the tables and the page")
	return cmd
}
