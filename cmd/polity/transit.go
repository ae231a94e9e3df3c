package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/sensors/transit"
	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

func transitCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "transit",
		Short: "Look at timetables and at what vehicles say",
		Long: `Public transport comes as a timetable (GTFS) and as what vehicles say now
(GTFS-Realtime); docs/formats/transit.md says what of them is used. These commands read
files without a hub.`,
		Example: `  polity transit check gtfs.zip
  polity transit departures gtfs.zip --stop 1020453
  polity transit realtime vehicle-positions.pb`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(transitCheckCommand(), transitDeparturesCommand(), transitRealtimeCommand())
	return cmd
}

func transitCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check TIMETABLE",
		Short:   "Say what a timetable holds, or what is wrong with it by file and line",
		Long:    "Reads a GTFS zip file or folder as the hub does. A timetable with a mistake is refused\nwhole: the hub then goes on with the one before.",
		Example: "  polity transit check gtfs.zip",
		Args:    exactlyOne("timetable"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := openTimetable(args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			from, until := f.Span()
			calls := 0
			for t := range f.Trips() {
				calls += f.Calls(int32(t))
			}
			fmt.Fprintf(out, "%s is in order: %s, %s, %s with %s; times are of %s.\n", args[0], plural(len(f.Stops), "stop"), plural(len(f.Routes), "line"), plural(f.Trips(), "trip"), plural(calls, "call"), f.Zone)
			fmt.Fprintf(out, "It runs from %s to %s", from.UTC().Format(time.DateOnly), until.UTC().Format(time.DateOnly))
			if x := f.Expires(); x != until {
				fmt.Fprintf(out, ", and its publisher stands by it until %s", x.UTC().Format(time.DateOnly))
			}
			fmt.Fprintln(out, ".")
			for _, n := range f.Notes {
				fmt.Fprintf(out, "Note: %s.\n", n)
			}
			return nil
		},
	}
}

// openTimetable calls what is not there a mistake of who named it.
func openTimetable(name string) (*gtfs.Feed, error) {
	f, err := gtfs.Open(name, gtfs.DefaultLimits())
	if city.KindOf(err) == city.NotFound {
		return nil, city.Errorf(city.Invalid, "%w; give the path of a GTFS zip file or folder", err)
	}
	return f, err
}

func transitDeparturesCommand() *cobra.Command {
	var stop, at, realtimeFile string
	cmd := &cobra.Command{
		Use:   "departures TIMETABLE --stop ID",
		Short: "List what leaves a stop next",
		Long: `Lists the departures of a stop, or of all stops of a station, by the timetable, and
with --realtime as they are expected. Without --at it is now.`,
		Example: `  polity transit departures gtfs.zip --stop 1020453
  polity transit departures gtfs.zip --stop 1020453 --at 2026-11-30T08:00:00+02:00 --realtime trip-updates.pb`,
		Args: exactlyOne("timetable"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := openTimetable(args[0])
			if err != nil {
				return err
			}
			now := time.Now()
			if at != "" {
				if now, err = time.Parse(time.RFC3339, at); err != nil {
					return city.Errorf(city.Invalid, "--at is a time such as 2026-11-30T08:00:00+02:00")
				}
			}
			b := transit.NewBoard(transit.Config{Name: "file"})
			b.SetTimetable(f, now)
			if realtimeFile != "" {
				m, err := readRealtime(realtimeFile)
				if err != nil {
					return err
				}
				b.Hear(m, now)
			}
			s, err := b.Stop(stop, now)
			if city.KindOf(err) == city.NotFound {
				return city.Errorf(city.Invalid, "there is no stop %q in the timetable; --stop is a stop_id of stops.txt", stop)
			}
			if err != nil {
				return err
			}
			sayDepartures(cmd.OutOrStdout(), &s, f.Zone)
			return nil
		},
	}
	cmd.Flags().StringVar(&stop, "stop", "", "id of the stop")
	cmd.Flags().StringVar(&at, "at", "", "time, RFC 3339; empty: now")
	cmd.Flags().StringVar(&realtimeFile, "realtime", "", "file with trip updates")
	return cmd
}

func sayDepartures(out io.Writer, s *transit.StopView, zone *time.Location) {
	if len(s.Departures) == 0 {
		fmt.Fprintf(out, "Nothing leaves %s within two hours.\n", s.Name)
		return
	}
	clock := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.In(zone).Format("15:04:05")
	}
	fmt.Fprintf(out, "%-9s %-9s %-6s %s\n", "planned", "expected", "line", "to")
	for _, d := range s.Departures {
		expected := clock(d.Expected)
		if d.Cancelled {
			expected = "cancelled"
		}
		fmt.Fprintf(out, "%-9s %-9s %-6s %s\n", clock(d.Planned), expected, d.Route, d.Headsign)
	}
}

func readRealtime(name string) (*realtime.Message, error) {
	b, err := readNamed(name, "a file with a GTFS-Realtime message")
	if err != nil {
		return nil, err
	}
	return realtime.Decode(b)
}

func transitRealtimeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "realtime FILE",
		Short:   "Say what a GTFS-Realtime message tells",
		Long:    "Decodes a file with one GTFS-Realtime message and says what of it would count. What a\nmessage says of vehicles themselves (id, label, license plate, passengers) is passed over.",
		Example: "  polity transit realtime trip-updates.pb",
		Args:    exactlyOne("file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := readRealtime(args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			made := "at a time that it does not say"
			if !m.At.IsZero() {
				made = m.At.Format(time.RFC3339)
			}
			fmt.Fprintf(out, "GTFS-Realtime %s, made %s: %s, %s, %s.\n", m.Version, made, plural(len(m.Trips), "trip update"), plural(len(m.Vehicles), "position"), plural(len(m.Alerts), "alert"))
			for i := range m.Trips {
				u := &m.Trips[i]
				fmt.Fprintf(out, "trip      %s %s, %s\n", u.Trip.ID, u.Trip.Date, plural(len(u.Calls), "call"))
			}
			for i := range m.Vehicles {
				p := &m.Vehicles[i]
				fmt.Fprintf(out, "position  %s %s %s %s\n", p.Trip.ID, p.Trip.Date, strconv.FormatFloat(p.Lat, 'f', 5, 64), strconv.FormatFloat(p.Lon, 'f', 5, 64))
			}
			for i := range m.Alerts {
				fmt.Fprintf(out, "alert     %s\n", m.Alerts[i].ID)
			}
			return nil
		},
	}
}
