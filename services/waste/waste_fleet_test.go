package waste

import (
	"os"
	"strings"
	"testing"
	"time"

	"polity/city"
)

func TestReadFleet(t *testing.T) {
	text, err := os.ReadFile("testdata/fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ReadFleet(text, "fleet.yaml")
	if err != nil || len(f.Trucks) != 2 || f.Trucks[1].Vehicle.Name != "narrow truck" || f.Trucks[0].Shift.To != 14*time.Hour || f.Sites[0].Service != 12*time.Minute || f.Currency != "EUR" {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"kilograms: 9000", "kilogram: 9000", "kilogram"},
		{"kilograms: 9000", "kilograms: 0", "kilograms and litres above 0"},
		{`shift: "06:00-14:00"`, `shift: "14:00-06:00"`, "not a time of day"},
		{"kind: narrow truck", "kind: van", `kind "van" is neither`},
		{"lat: 60.1700", "lat: 160", "not on the Earth"},
		{"id: truck-2", "id: truck-1", "truck 2 (truck-1): another truck has this id"},
		{"currency: EUR", "currency: euros", "no code of three letters"},
	} {
		_, err := ReadFleet([]byte(strings.Replace(string(text), c.old, c.new, 1)), "fleet.yaml")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q (kind %v)", c.new, err, c.want, city.KindOf(err))
		}
	}
}

func TestHours(t *testing.T) {
	for text, ok := range map[string]bool{"06:00-14:00": true, "0:00-24:00": true, "": true, "6-14": false, "06:00-05:00": false, "06:61-07:00": false, "06:00-25:00": false, "06:00-14:00x": false} {
		if _, err := hours(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
