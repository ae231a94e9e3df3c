package waste

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"polity/city"
)

const (
	placesCSV = "id;kind;lat;lon;open;unload_minutes\nyard;depot;60.1665;24.9330;;\ntransfer station;transfer station;60.1700;24.9500;06:30-18:00;12\n"
	trucksCSV = `id,depot,kilograms,litres,fractions,kind,shift,break,break_minutes,cost_per_km,cost_per_hour,cost_per_day,currency,co2
truck-1,yard,9000,90000,mixed,refuse truck,06:00-14:00,09:00-11:00,30,1.4,65,150,eur,900
truck-2,yard,4000,30000,Mixed|bio,narrow truck,07:00-15:00,10:00-12:00,30,1.0,60,120,,600
`
)

// TestTablesOfAFleetSayWhatItsFileSays: the same fleet as CSV and as YAML is the same.
func TestTablesOfAFleetSayWhatItsFileSays(t *testing.T) {
	text, err := os.ReadFile("testdata/fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := ReadFleet(text, "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	places, err := ReadPlaces(strings.NewReader(placesCSV))
	if err != nil {
		t.Fatal(err)
	}
	trucks, err := ReadTrucks(strings.NewReader(trucksCSV), places.Depots)
	if err != nil {
		t.Fatal(err)
	}
	if got := (Fleet{Trucks: trucks.Trucks, Sites: places.Sites, Currency: trucks.Currency}); !reflect.DeepEqual(got, *want) || got.Currency != "EUR" {
		t.Errorf("%v %v\n%+v\n%+v", places.Errors, trucks.Errors, got, *want)
	}
}

func TestWhatIsWrongWithAFleetIsSaidByLine(t *testing.T) {
	depots := map[string]city.Point{"yard": {Lat: 60.1, Lon: 24.9}}
	for _, c := range []struct{ old, new, want string }{
		{"truck-2,yard", "truck-2,north", `line 3, depot: there is no depot "north" in the table of places; it has yard`},
		{"truck-2,yard", "truck-1,yard", `line 3, id: "truck-1" stands on line 2 already`},
		{"4000", "0", `line 3, kilograms: "0" is not a number from 1`},
		{"narrow truck", "van", `line 3, kind: "van" is neither`},
		{"07:00-15:00", "15:00-07:00", "line 3, shift: "},
		{"07:00-15:00", "", "line 3, shift: it is empty"},
		{"120,,600", "120,SEK,600", `line 3, currency: "SEK", where a line before has "EUR"`},
		{"120,,600", "120,crowns,600", `line 3, currency: "CROWNS" is no code`},
	} {
		p, err := ReadTrucks(strings.NewReader(strings.Replace(trucksCSV, c.old, c.new, 1)), depots)
		if err != nil || len(p.Trucks) != 1 || !strings.Contains(fmt.Sprint(p.Errors), c.want) {
			t.Errorf("%s: %v, %v, %d trucks", c.want, err, p.Errors, len(p.Trucks))
		}
	}
	for _, c := range []struct{ old, new, want string }{
		{"depot;60", "yard;60", `line 2, kind: "yard" is none of depot, landfill, transfer station`},
		{"60.1665", "160", `line 2, lat: "160" is not a number`},
		{"06:30-18:00", "06:30", "line 3, open: "},
		{";12", ";soon", "line 3, unload_minutes"},
	} {
		p, err := ReadPlaces(strings.NewReader(strings.Replace(placesCSV, c.old, c.new, 1)))
		if err != nil || !strings.Contains(fmt.Sprint(p.Errors), c.want) {
			t.Errorf("%s: %v, %v", c.want, err, p.Errors)
		}
	}
	if _, err := ReadTrucks(strings.NewReader("id,depot\n"), depots); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "the columns needed are id, depot, kilograms, litres and shift") {
		t.Error(err)
	}
}

func FuzzReadFleetTables(f *testing.F) {
	f.Add(placesCSV, trucksCSV)
	f.Fuzz(func(t *testing.T, a, b string) {
		places, err := ReadPlaces(strings.NewReader(a))
		if err != nil {
			return
		}
		trucks, err := ReadTrucks(strings.NewReader(b), places.Depots)
		if err != nil {
			return
		}
		for _, x := range trucks.Trucks {
			if x.ID == "" || x.Depot.Check() != nil || x.Shift.To <= x.Shift.From {
				t.Fatalf("taken: %+v", x)
			}
		}
	})
}
