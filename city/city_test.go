package city_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"polity/city"
)

func TestSlugAcceptsOnlySafeNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"square": true, "square-1": true, "a": true,
		"": false, "1square": false, "Square": false, "a--b": false, "a-": false, "a_b": false,
		"a.b": false, "a/../b": false, "ä": false, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": false,
	} {
		var s city.Slug
		err := s.UnmarshalText([]byte(name))
		if (err == nil) != ok {
			t.Errorf("%q: got error %v, want valid %v", name, err, ok)
		}
		if err != nil && city.KindOf(err) != city.Invalid {
			t.Errorf("%q: kind %v, want invalid", name, city.KindOf(err))
		}
	}
}

func TestKindSurvivesWrapping(t *testing.T) {
	cause := errors.New("disk")
	err := fmt.Errorf("open: %w", city.Errorf(city.Unavailable, "store: %w", cause))
	if city.KindOf(err) != city.Unavailable || !errors.Is(err, cause) {
		t.Fatalf("kind %v, cause kept %v", city.KindOf(err), errors.Is(err, cause))
	}
	if city.KindOf(cause) != city.Internal {
		t.Fatal("an unclassified error must be internal")
	}
}

func TestMetres(t *testing.T) {
	helsinki, tallinn := city.Point{Lon: 24.9384, Lat: 60.1699}, city.Point{Lon: 24.7536, Lat: 59.4370}
	if d := helsinki.Metres(tallinn); math.Abs(d-82_150) > 300 {
		t.Fatalf("Helsinki to Tallinn: %.0f m, want about 82.2 km", d)
	}
	if city.Errorf(city.Invalid, "x") == nil || (city.Point{Lon: 181}).Check() == nil || (city.Point{Lat: math.NaN()}).Check() == nil {
		t.Fatal("a position off the Earth passed")
	}
}
