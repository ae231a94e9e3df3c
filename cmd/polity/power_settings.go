package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/services/power"
	"polity/services/power/grid"
	"polity/services/power/settings"
)

func powerSettingsCommand() *cobra.Command {
	var all bool
	var names []string
	var format, table string
	o := settings.Standard()
	cmd := &cobra.Command{
		Use:   "settings FILE",
		Short: "Find the taps and capacitor steps that lose least within voltage limits",
		Long: `Looks for the tap positions and capacitor steps with which the network loses least
while voltages and emergency ratings are kept, for the loads as the file has them,
and says what that saves against now. Where there are few settings, all are tried.
Where there are too many, a bound is printed that no setting comes below. Only settings
with a power flow count. It proposes; it sets nothing.`,
		Example: `  polity power settings feeder.dss                  regulators and capacitors
  polity power settings feeder.dss --vmin 0.95 --vmax 1.05
  polity power settings feeder.dss --device transformer.reg1,capacitor.c1
  polity power settings grid.json --all-taps --format csv
  polity power settings feeder.dss --format csv --table savings`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := settingsFormat(format, table); err != nil {
				return err
			}
			net, err := power.Read(args[0])
			if err != nil {
				return err
			}
			if all {
				o.Tap = func(int, int) bool { return true }
			}
			if len(names) > 0 {
				if err := onlyDevices(net, names, &o); err != nil {
					return err
				}
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "searching; large networks take some seconds")
			plan, err := settings.Optimise(cmd.Context(), net, o)
			if err != nil {
				return err
			}
			if plan.Hunting {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: regulators were still out of band when their steps were spent; 'now' is not where they rest")
			}
			return printSettings(cmd.OutOrStdout(), plan, format, table)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&all, "all-taps", false, "set every tap changer, not only those with a regulator")
	f.StringSliceVar(&names, "device", nil, "set only these transformers and capacitors")
	f.BoolVar(&o.HoldTaps, "hold-taps", false, "'now' is what the file says, not where regulators and controls come to rest")
	f.Float64Var(&o.VMin, "vmin", o.VMin, "lowest voltage allowed, per unit; 0: none")
	f.Float64Var(&o.VMax, "vmax", o.VMax, "highest voltage allowed, per unit; 0: none")
	f.BoolVar(&o.Currents, "currents", o.Currents, "keep lines and transformers within their emergency ratings")
	f.IntVar(&o.Flows, "flows", 20000, "most power flows to solve; with as many settings or fewer all are tried")
	f.StringVar(&format, "format", "text", "text, csv or json")
	f.StringVar(&table, "table", "devices", "with csv: devices or savings")
	return cmd
}

func settingsFormat(format, table string) error {
	if err := textCSVOrJSON(format); err != nil {
		return err
	}
	if table != "devices" && table != "savings" {
		return usageError{fmt.Errorf("--table %q is neither devices nor savings", table)}
	}
	return nil
}

// onlyDevices restricts what may be set to devices of these names.
func onlyDevices(net *grid.Network, names []string, o *settings.Options) error {
	taps, shunts := map[int]bool{}, map[int]bool{}
	for _, name := range names {
		found := false
		for i := range net.Transformers {
			if strings.EqualFold(net.Transformers[i].Name, name) {
				taps[i], found = true, true
			}
		}
		for i := range net.Shunts {
			if strings.EqualFold(net.Shunts[i].Name, name) && net.Shunts[i].Capacitor {
				shunts[i], found = true, true
			}
		}
		if !found {
			return city.Errorf(city.NotFound, "%s has no transformer or capacitor %s; 'polity power settings FILE --all-taps --format csv' lists them", net.Name, name)
		}
	}
	// of a transformer with a regulator the regulated winding, else any with steps
	regulated := map[int]int{}
	for i := range net.Regulators {
		regulated[net.Regulators[i].Transformer] = net.Regulators[i].TapWinding + 1
	}
	o.Tap = func(t, w int) bool { return taps[t] && (regulated[t] == 0 || regulated[t] == w+1) }
	o.Shunt = func(s int) bool { return shunts[s] }
	return nil
}

// settingsRow is what is to be done with one device.
type settingsRow struct {
	Device string  `json:"device"`
	Kind   string  `json:"kind"` // tap or capacitor
	Now    int     `json:"now"`  // position from the middle, or steps on
	Set    int     `json:"set"`
	NowTap float64 `json:"now_tap,omitempty"` // per unit
	SetTap float64 `json:"set_tap,omitempty"`
	Change bool    `json:"change"`
}

// settingsState is what comes of it.
type settingsState struct {
	LossKW    float64  `json:"loss_kw"`
	LowestPU  float64  `json:"lowest_pu"`
	LowestAt  string   `json:"lowest_at"`
	HighestPU float64  `json:"highest_pu"`
	HighestAt string   `json:"highest_at"`
	Broken    []string `json:"broken_limits"`
}

type settingsReport struct {
	Settings     []settingsRow `json:"settings"`
	Now          settingsState `json:"now"`
	Then         settingsState `json:"then"`
	SavedKW      float64       `json:"saved_kw"`
	Proven       bool          `json:"proven"`
	BoundKW      float64       `json:"bound_kw"` // no setting within limits loses less; 0: none is known
	Combinations float64       `json:"combinations"`
	Flows        int           `json:"flows"`
	Failed       int           `json:"flows_without_solution"`
	Reason       string        `json:"reason"`
}

func reportSettings(p *settings.Plan) settingsReport {
	side := func(s *settings.State) settingsState {
		out := settingsState{s.LossW / 1000, s.LowestPU, s.LowestAt, s.HighestPU, s.HighestAt, []string{}}
		for _, v := range s.Broken {
			out.Broken = append(out.Broken, v.Text)
		}
		return out
	}
	out := settingsReport{
		Now: side(&p.Before), Then: side(&p.After), SavedKW: (p.Before.LossW - p.After.LossW) / 1000,
		Proven: p.Proven, BoundKW: p.BoundW / 1000, Combinations: p.Combinations, Flows: p.Flows, Failed: p.Failed, Reason: p.Reason,
	}
	for _, s := range p.Settings {
		row := settingsRow{s.Device, "capacitor", s.Now, s.To, s.NowTap, s.ToTap, s.Changes()}
		if s.Element.Kind == grid.TransformerKind {
			row.Kind = "tap"
		}
		out.Settings = append(out.Settings, row)
	}
	return out
}

func printSettings(w io.Writer, p *settings.Plan, format, table string) error {
	out := reportSettings(p)
	switch {
	case format == "json":
		return encode(w, out)
	case format == "csv" && table == "devices":
		return printCSV(w, []string{"device", "kind", "now", "set", "now_tap", "set_tap", "change"}, len(out.Settings), func(i int) []string {
			s := out.Settings[i]
			return []string{s.Device, s.Kind, strconv.Itoa(s.Now), strconv.Itoa(s.Set), decimal(s.NowTap), decimal(s.SetTap), strconv.FormatBool(s.Change)}
		})
	case format == "csv":
		states := []settingsState{out.Now, out.Then}
		return printCSV(w, []string{"state", "loss_kw", "lowest_pu", "lowest_at", "highest_pu", "highest_at", "broken_limits", "proven"}, len(states), func(i int) []string {
			s, name, proven := states[i], [...]string{"now", "then"}[i], [...]string{"", strconv.FormatBool(out.Proven)}[i]
			return []string{name, decimal(s.LossKW), decimal(s.LowestPU), s.LowestAt, decimal(s.HighestPU), s.HighestAt, strconv.Itoa(len(s.Broken)), proven}
		})
	}
	fmt.Fprintln(w, out.Reason)
	for _, s := range out.Settings {
		switch {
		case !s.Change:
		case s.Kind == "tap":
			fmt.Fprintf(w, "  set  %-28s from tap %+d to %+d (%.5f)\n", s.Device, s.Now, s.Set, s.SetTap)
		default:
			fmt.Fprintf(w, "  set  %-28s from %d to %d steps on\n", s.Device, s.Now, s.Set)
		}
	}
	for i, s := range []settingsState{out.Now, out.Then} {
		name := [...]string{"now", "then"}[i]
		fmt.Fprintf(w, "%-5s losses %.3f kW, lowest %.5f pu at bus %s, highest %.5f pu at bus %s\n", name, s.LossKW, s.LowestPU, s.LowestAt, s.HighestPU, s.HighestAt)
		for k, text := range s.Broken {
			if k == 5 {
				fmt.Fprintf(w, "      and %d limits more are broken\n", len(s.Broken)-k)
				break
			}
			fmt.Fprintf(w, "      %s\n", text)
		}
	}
	return nil
}
