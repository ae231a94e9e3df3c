package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/services/power"
	"polity/services/power/grid"
	"polity/services/power/hosting"
)

func powerHostingCommand() *cobra.Command {
	var cars, hold bool
	var names []string
	var format string
	var mostKW float64
	o := hosting.Standard(hosting.Sun)
	cmd := &cobra.Command{
		Use:   "hosting FILE",
		Short: "Say how much sun or how many cars each bus can take",
		Long: `Finds for each bus, alone, the largest power that can be connected there before a
voltage or a continuous rating is broken anywhere, and what a little more would break.`,
		Example: `  polity power hosting feeder.dss                     sun, regulators following
  polity power hosting feeder.dss --hold-taps         sun that comes faster than they do
  polity power hosting feeder.dss --cars --bus 814,890
  polity power hosting feeder.dss --format csv`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textCSVOrJSON(format); err != nil {
				return err
			}
			net, err := power.Read(args[0])
			if err != nil {
				return err
			}
			if cars {
				o.Kind = hosting.Cars
			}
			if hold {
				o.Taps = hosting.Hold
			}
			o.MostW = mostKW * 1000
			var buses []int
			for _, name := range names {
				b := net.Bus(name)
				if b < 0 {
					return city.Errorf(city.NotFound, "%s has no bus %s", net.Name, name)
				}
				buses = append(buses, b)
			}
			all, err := hosting.All(cmd.Context(), net, buses, o)
			if err != nil {
				return err
			}
			return printCapacities(cmd.OutOrStdout(), net, all, format)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&cars, "cars", false, "charging in place of sun")
	f.BoolVar(&hold, "hold-taps", false, "regulators and capacitors stay as they are without the addition")
	f.StringSliceVar(&names, "bus", nil, "only these buses")
	f.Float64Var(&o.VMin, "vmin", o.VMin, "lowest voltage allowed, per unit")
	f.Float64Var(&o.VMax, "vmax", o.VMax, "highest voltage allowed, per unit")
	f.Float64Var(&mostKW, "most-kw", 10000, "where to stop looking")
	f.StringVar(&format, "format", "text", "text, csv or json")
	return cmd
}

func printCapacities(w io.Writer, net *grid.Network, all []hosting.Capacity, format string) error {
	switch format {
	case "json":
		rows := []map[string]any{}
		for _, c := range all {
			rows = append(rows, map[string]any{"bus": net.Buses[c.Bus].Name, "phases": c.Phases, "kw": c.Watts / 1000, "reason": c.Reason})
		}
		return encode(w, rows)
	case "csv":
		return printCSV(w, []string{"bus", "phases", "kw", "reason"}, len(all), func(i int) []string {
			return []string{net.Buses[all[i].Bus].Name, strconv.Itoa(all[i].Phases), decimal(all[i].Watts / 1000), all[i].Reason}
		})
	}
	for _, c := range all {
		fmt.Fprintf(w, "%-16s %8.1f kW  %s\n", net.Buses[c.Bus].Name, c.Watts/1000, c.Reason)
	}
	return nil
}
