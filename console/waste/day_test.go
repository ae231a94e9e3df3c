package waste_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/consoletest"
	"polity/service"
	"polity/services/waste"
	"polity/services/waste/live"
)

// wasteDesk is a waste service in the middle of a day.
type wasteDesk struct{ view live.View }

func (wasteDesk) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (wasteDesk) State() service.State          { return service.State{Health: service.Well, Message: "title"} }
func (d wasteDesk) View() live.View             { return d.view }
func (wasteDesk) WriteGPX(w io.Writer, truck string) error {
	if truck != "t<2>" {
		return city.Errorf(city.NotFound, "%q has no tour today", truck)
	}
	_, err := io.WriteString(w, "<gpx/>")
	return err
}

func wastePages(t *testing.T, may ...access.Action) http.Handler {
	t.Helper()
	at := city.Point{Lon: 24.94, Lat: 60.17}
	v := live.View{
		At: consoletest.Afternoon, Simulated: true, Pace: 60, Day: consoletest.Afternoon.Add(-14 * time.Hour), Phase: live.Driving, Waiting: []string{"plan-1"}, Metres: 7000, Cost: 90, KgCO2: 6,
		Tours: []live.Tour{{Tour: waste.Tour{Truck: "t<2>", Start: 6 * time.Hour, End: 8 * time.Hour, Metres: 7000, Calls: []waste.Call{
			{Container: "c1", Place: at, Arrive: 6*time.Hour + 10*time.Minute, Kilograms: 40}, {Container: "=c2", Place: at, Arrive: 6*time.Hour + 20*time.Minute}, {Site: "landfill", Place: at},
		}}, Line: []city.Point{at, at}, Done: 2}},
		Containers: []live.ContainerView{
			{ID: "c1", Street: "Katu <A>", Place: at, Class: live.NearlyFull, Fill: 0.9, At: consoletest.Afternoon, Overflow: 0.4, Truck: "t<2>", Collected: consoletest.Afternoon},
			{ID: "=c2", Street: "Katu <A>", Place: at, Class: live.Overflowing, Fill: 1, At: consoletest.Afternoon, Overflow: 0.999, Suspect: true, Truck: "t<2>", Missed: "blocked"},
		},
		Streets:  []live.StreetView{{Name: "Katu <A>", Containers: 2, Planned: 2, Collected: 1, Missed: 1, Last: consoletest.Afternoon, Classes: map[string]int{live.NearlyFull: 1, live.Overflowing: 1}}},
		Problems: []waste.Problem{{Container: "c9", What: "no truck in service takes glass", Help: "Put a truck for it into service"}},
		Fewer:    []live.Fewer{{Without: "t<2>", Tours: 1, Left: 3, Cost: -10, Metres: -1000, KgCO2: -1}},
	}
	return consoletest.ServicePages(t, "waste", wasteDesk{v}, nil, may...)
}

// TestEveryoneSeesStreetsAndTheDeskSeesTours: trucks, costs and probabilities are the desk's.
func TestEveryoneSeesStreetsAndTheDeskSeesTours(t *testing.T) {
	public := consoletest.Get(t, wastePages(t), "/services/waste").Body.String()
	for _, want := range []string{"1 of 2 containers is collected today", "1 could not be reached", "simulated", "Katu &lt;A&gt;", "Partly", "1 nearly full, 1 full"} {
		if !strings.Contains(public, want) {
			t.Errorf("the public page does not say %q", want)
		}
	}
	for _, not := range []string{"t&lt;2&gt;", "99 %", "See the decision", "glass", "<A>", "tours.csv"} {
		if strings.Contains(public, not) {
			t.Errorf("the public page says %q", not)
		}
	}
	for _, path := range []string{"view.json", "tours.csv", "tours/t%3C2%3E.gpx"} {
		if w := consoletest.Get(t, wastePages(t), "/services/waste/"+path); w.Code != http.StatusForbidden {
			t.Errorf("%s for everyone: %d", path, w.Code)
		}
		if w := consoletest.Get(t, wastePages(t, access.SeeAlerts), "/services/waste/"+path); w.Code != http.StatusOK {
			t.Errorf("%s for the desk: %d", path, w.Code)
		}
	}
	page := consoletest.Get(t, wastePages(t, access.SeeAlerts), "/services/waste").Body.String()
	for _, want := range []string{
		"Container c9: no truck in service takes glass. Put a truck for it into service.", "t&lt;2&gt;", "1 of 2 stops done, 7.0 km, 06:00 to 08:00, cost 0", "missed: The way to it is blocked", "over 99 %",
		"1 sensor seems to lie: =c2", "−1.0 km", "t%3C2%3E.gpx",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the desk's page does not say %q", want)
		}
	}
	if strings.Contains(page, "<2>") || strings.Contains(page, "<A>") {
		t.Error("a name is not escaped")
	}
	if csv := consoletest.Get(t, wastePages(t, access.SeeAlerts), "/services/waste/tours.csv").Body.String(); !strings.Contains(csv, "'=c2") {
		t.Errorf("a spreadsheet would take an id for a formula: %s", csv)
	}
}
