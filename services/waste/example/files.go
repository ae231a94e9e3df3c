package example

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"

	"polity/services/waste"
)

// Names of the example's files.
const (
	Containers = "containers.csv"
	Trucks     = "trucks.csv"
	Places     = "places.csv"
	Map        = "streets.osm"
)

// Files are the example as somebody would bring it: three tables and a map, by name. n is how
// many containers it has at most. How full they are is made up by a rule.
func Files(ctx context.Context, n int) (map[string][]byte, error) {
	t, err := Read(ctx, n)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	if files[Map], err = osm(); err != nil {
		return nil, err
	}
	rows := [][]string{{"id", "lat", "lon", "litres", "density", "fill", "side", "service_s"}}
	for i := range t.Containers {
		c := &t.Containers[i]
		rows = append(rows, []string{c.ID, degrees(c.Place.Lat), degrees(c.Place.Lon), number(c.Litres), number(c.Density), fmt.Sprintf("%d%%", 40+(i*37)%60), "either", number(c.Service.Seconds())})
	}
	if files[Containers], err = table(rows); err != nil {
		return nil, err
	}
	rows = [][]string{{"id", "kind", "lat", "lon", "open", "unload_minutes"}}
	rows = append(rows, []string{"yard", "depot", degrees(t.Fleet.Trucks[0].Depot.Lat), degrees(t.Fleet.Trucks[0].Depot.Lon), "", ""})
	for _, s := range t.Fleet.Sites {
		rows = append(rows, []string{s.ID, "transfer station", degrees(s.Place.Lat), degrees(s.Place.Lon), span(s.Open), number(s.Service.Minutes())})
	}
	if files[Places], err = table(rows); err != nil {
		return nil, err
	}
	rows = [][]string{{"id", "depot", "kilograms", "litres", "fractions", "kind", "shift", "cost_per_km", "cost_per_hour", "cost_per_day", "currency", "co2_g_per_km"}}
	for _, x := range t.Fleet.Trucks {
		rows = append(rows, []string{x.ID, "yard", number(x.Kilograms), number(x.Litres), string(x.Fractions[0]), x.Vehicle.Name, span(x.Shift), number(x.PerKm), number(x.PerHour), number(x.PerDay), t.Fleet.Currency, number(x.GramsCO2Km)})
	}
	files[Trucks], err = table(rows)
	return files, err
}

func table(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	err := csv.NewWriter(&b).WriteAll(rows)
	return b.Bytes(), err
}

func degrees(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }
func number(v float64) string  { return strconv.FormatFloat(v, 'f', -1, 64) }

func span(h waste.Hours) string {
	clock := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60) }
	return clock(h.From) + "-" + clock(h.To)
}
