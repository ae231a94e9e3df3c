package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"polity/internal/durable"
	"polity/services/water/battledim"
	"polity/services/water/epanet"
	"polity/services/water/faults"
	"polity/services/water/leaks"
	"polity/services/water/scada"
)

type waterLeaksFlags struct{ history, fixed, out string }

func waterLeaksCommand() *cobra.Command {
	var f waterLeaksFlags
	cmd := &cobra.Command{
		Use:   "leaks NETWORK.inp SCADA-DIR",
		Short: "Find leaks in a network from its measurements",
		Long: `Finds leaks from a network's model and its measurements in the form of BattLeDIM:
a folder with four tables (CSV) whose names end with Pressures (m), Flows (m³/h),
Levels (m) and Demands (L/h), their columns named after nodes and links, a row every
few minutes. --history is such a folder of an earlier time, which makes the
detection surer; --fixed lists the leaks repaired in it, "pipe, 2018-04-02 11:40".

It writes the pipe and the time of each alarm, as BattLeDIM wants it, and prints
size, radius and likely pipes.`,
		Example: `  polity water leaks L-TOWN.inp scada-2019 --history scada-2018 --fixed fixed.txt --out results.txt`,
		Args:    cobra.ExactArgs(2),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1]) },
	}
	cmd.Flags().StringVar(&f.history, "history", "", "folder of measurements of an earlier time")
	cmd.Flags().StringVar(&f.fixed, "fixed", "", "list of leaks repaired in the earlier time")
	cmd.Flags().StringVar(&f.out, "out", "results.txt", "file to write")
	return cmd
}

func (f *waterLeaksFlags) run(cmd *cobra.Command, name, folder string) error {
	if f.fixed != "" && f.history == "" {
		return usageError{errors.New("--fixed is about the time of --history, which is missing; see 'polity water leaks --help'")}
	}
	n, _, err := readNetwork(name)
	if err != nil {
		return err
	}
	in := leaks.Input{Network: n}
	if in.Data, err = scada.ReadFolder(folder); err != nil {
		return err
	}
	if f.history != "" {
		if in.History, err = scada.ReadFolder(f.history); err != nil {
			return err
		}
	}
	if f.fixed != "" {
		text, err := readNamed(f.fixed, "a list of repaired leaks")
		if err != nil {
			return err
		}
		if in.Fixed, err = battledim.ReadDetections(f.fixed, bytes.NewReader(text)); err != nil {
			return err
		}
	}
	for _, d := range []*scada.Data{in.History, in.Data} {
		if d != nil {
			sayFaults(cmd.ErrOrStderr(), faults.Clean(d))
		}
	}
	for _, t := range []*scada.Table{in.Data.Pressures, in.Data.Flows, in.Data.Levels, in.Data.Demands} {
		if t.Gaps+t.Empty > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d rows and %d single values are missing; they are left out\n", t.Name, t.Gaps, t.Empty)
		}
	}
	config := leaks.Default()
	observed, err := leaks.Observe(cmd.Context(), epanet.Native, in, config, func(what string, done float64) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %.0f%%\n", what, 100*done)
	})
	if err != nil {
		return err
	}
	r, err := leaks.Detect(in, observed, config)
	if err != nil {
		return err
	}
	saySuspects(cmd.OutOrStdout(), r.Suspects)
	return f.write(cmd, r.Leaks)
}

// saySuspects names sensors that read otherwise than before.
func saySuspects(out io.Writer, all []leaks.Suspect) {
	const form = "2006-01-02"
	for _, s := range all {
		fmt.Fprintf(out, "sensor %s reads %+.2f m otherwise since %s", s.Column, s.Off, s.Since.Format(form))
		if !s.Until.IsZero() {
			fmt.Fprintf(out, " until %s", s.Until.Format(form))
		}
		fmt.Fprintln(out, ", by what no leak explains; its drift was left out")
	}
}

func (f *waterLeaksFlags) write(cmd *cobra.Command, found []leaks.Found) error {
	const form = "2006-01-02 15:04"
	out := cmd.OutOrStdout()
	var detections []battledim.Detection
	for _, l := range found {
		detections = append(detections, battledim.Detection{Pipe: l.Pipe, At: l.At})
		fmt.Fprintf(out, "%s  %s, about %.1f m3/h since %s, within %.0f m;", l.At.Format(form), l.Pipe, l.Flow, l.Since.Format(form), l.Within)
		for i, c := range l.Candidates[:min(3, len(l.Candidates))] {
			if i > 0 {
				fmt.Fprint(out, ",")
			}
			fmt.Fprintf(out, " %s %.0f%%", c.Pipe, 100*c.Probability)
		}
		if !l.Until.IsZero() {
			fmt.Fprintf(out, "; gone since %s", l.Until.Format(form))
		}
		fmt.Fprintln(out)
	}
	var text bytes.Buffer
	if err := battledim.WriteDetections(&text, detections); err != nil {
		return err
	}
	if err := durable.WriteFile(f.out, text.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d alarms, written to %s\n", len(found), f.out)
	return nil
}
