package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/service"
	"polity/services/power/lighting"
)

func powerLightsCommand() *cobra.Command {
	var day, zone string
	cmd := &cobra.Command{
		Use:   "lights FILE",
		Short: "Say when groups of street lamps burn on a day, and what dimming can save",
		Long: `Reads groups of lamps (their place, class of EN 13201, lamps and registered steps of
dimming) and prints when the sun lets them burn, the light of each step, and the
energy of a night: in full, and if nobody passed while dimming is allowed. Areas of
streets that are dimmed together by cameras' counts are checked and printed, too.`,
		Example: `  polity power lights groups.yaml
  polity power lights groups.yaml --day 2026-12-21 --zone Europe/Helsinki`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			town, err := lighting.ReadTown(args[0], text)
			if err != nil {
				return err
			}
			location, err := time.LoadLocation(zone)
			if err != nil {
				return usageError{fmt.Errorf("--zone %q: %w", zone, err)}
			}
			start := time.Now().In(location)
			if day != "" {
				if start, err = time.ParseInLocation(time.DateOnly, day, location); err != nil {
					return usageError{fmt.Errorf("--day %q is no day like 2026-12-21", day)}
				}
			}
			for i := range town.Groups {
				printGroup(cmd.OutOrStdout(), &town.Groups[i], start)
			}
			for i := range town.Areas {
				printArea(cmd.OutOrStdout(), &town.Areas[i])
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&day, "day", "", "day of the evening (default: today)")
	cmd.Flags().StringVar(&zone, "zone", "UTC", "time zone")
	return cmd
}

// printArea prints which streets change together, and when.
func printArea(w io.Writer, a *lighting.Area) {
	fmt.Fprintf(w, "area %s: %s change together\n", a.Name, service.List(a.Groups))
	for step := range a.Steps() + 1 {
		switch least, below := a.Crowd(step); {
		case below > 0:
			fmt.Fprintf(w, "  fewer than %d out, for %s: step %d\n", below, a.Hold, step+1)
		default:
			fmt.Fprintf(w, "  %d or more out in a quarter of an hour, or no counts: full light\n", least)
		}
	}
}

// printGroup prints the night that follows the evening of a day.
func printGroup(w io.Writer, g *lighting.Group, day time.Time) {
	at := city.Point{Lon: g.Lon, Lat: g.Lat}
	evening, morning := lighting.SunOn(day, at, g.OnHeight), lighting.SunOn(day.AddDate(0, 0, 1), at, g.OnHeight)
	fmt.Fprintf(w, "%s: %d lamps of %g W, class %s\n", g.Name, g.Lamps, g.LampW, g.Class)
	switch {
	case evening.Set.IsZero() && evening.Up:
		fmt.Fprintln(w, "  off: the sun does not set low enough")
		return
	case evening.Set.IsZero():
		fmt.Fprintln(w, "  on all day: the sun does not rise high enough")
		return
	case morning.Rise.IsZero():
		morning.Rise = evening.Set.Add(24 * time.Hour)
	}
	fmt.Fprintf(w, "  on %s, off %s\n", evening.Set.Format("Mon 15:04"), morning.Rise.Format("Mon 15:04"))
	for _, s := range g.Steps {
		level, err := g.Level(s.UpTo)
		if err == nil {
			fmt.Fprintf(w, "  up to a count of %d: class %s, %.0f%% of the light\n", s.UpTo, s.Class, 100*level)
		}
	}
	cabinet, used, full := lighting.NewCabinet(g), 0.0, 0.0
	for t := evening.Set; t.Before(morning.Rise); t = t.Add(time.Minute) {
		full += g.Watts(1, 0) / 60
		cabinet.See(lighting.Count{Time: t})
		used += g.Watts(cabinet.At(t).Level, 0) / 60
	}
	fmt.Fprintf(w, "  %.2f kWh in full, %.2f kWh if nobody passed\n", full/1000, used/1000)
}
