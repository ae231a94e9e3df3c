package realtime

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"polity/city"
)

func official(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/official.pb")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func at(s int64) time.Time { return time.Unix(s, 0).UTC() }

// TestDecodesWhatTheOfficialBindingsWrite holds every field that counts.
func TestDecodesWhatTheOfficialBindingsWrite(t *testing.T) {
	got, err := Decode(official(t))
	if err != nil {
		t.Fatal(err)
	}
	nowhere := Trip{Direction: -1}
	want := &Message{
		Version: "2.0", At: at(1796032800),
		Trips: []TripUpdate{{
			Trip: Trip{ID: "t1", Route: "R1", Date: "20261130", Direction: 1}, At: at(1796032790), Delay: -30 * time.Second, Has: true,
			Calls: []CallUpdate{
				{Sequence: 3, BySequence: true, Stop: "s2", Arrival: Event{Delay: 5 * time.Minute, HasDelay: true}, Departure: Event{Time: at(1796033100)}},
				{Stop: "s3", Relation: Skipped},
				{Sequence: 9, BySequence: true, Relation: NoData},
			},
		}},
		Vehicles: []Position{{
			Trip: Trip{ID: "t1", Start: "08:00:00", Direction: -1, Schedule: Added}, Lat: float64(float32(60.17)), Lon: float64(float32(24.94)), Bearing: 90, Speed: 7.5,
			Sequence: 3, BySequence: true, Stop: "s2", Status: AtStop, At: at(1796032795),
		}},
		Alerts: []Alert{{
			ID: "a1", Periods: []Period{{at(1796032000), at(1796036000)}}, Cause: 10, Effect: 4, Severity: 3,
			About: []Selector{{Route: "R1", Kind: -1, Direction: 0, Trip: nowhere}, {Stop: "s3", Kind: 0, Direction: -1, Trip: Trip{ID: "t2", Direction: -1}, OfTrip: true}},
			Title: []Text{{"Works on the bridge", "en"}, {"Siltatyö", "fi"}}, Words: []Text{{Text: "Line 1 goes by the park."}}, Address: []Text{{Text: "https://works.example/1"}},
		}, {
			ID: "a2", Periods: []Period{{at(1796032000), at(1796036000)}}, Impact: []Period{{From: at(1796033000)}}, Cause: 13,
			About: []Selector{{Agency: "A", Kind: -1, Direction: -1, Trip: nowhere}}, Title: []Text{{Text: "Marathon"}}, Words: []Text{{Text: "Marathon"}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNoVehicleIsDescribed: plate, id, label and how full it is are in the message and
// in nothing that is made of it.
func TestNoVehicleIsDescribed(t *testing.T) {
	b := official(t)
	for _, word := range []string{"PLATE-123", "vehicle-secret", "label-secret", "carriage-secret"} {
		if !bytes.Contains(b, []byte(word)) {
			t.Fatalf("the message does not hold %q: this test proves nothing", word)
		}
	}
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%+v", m) + string(m.Encode())
	for _, word := range []string{"PLATE", "secret"} {
		if strings.Contains(all, word) {
			t.Errorf("%q passed the decoder", word)
		}
	}
	walk(t, reflect.TypeFor[Message](), map[reflect.Type]bool{})
}

// walk finds fields that could hold a description, whoever adds one.
func walk(t *testing.T, typ reflect.Type, seen map[reflect.Type]bool) {
	for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || seen[typ] || typ == reflect.TypeFor[time.Time]() {
		return
	}
	seen[typ] = true
	for f := range typ.Fields() {
		for _, word := range []string{"plate", "label", "occupan", "driver", "passenger", "carriage", "odometer"} {
			if strings.Contains(strings.ToLower(f.Name), word) {
				t.Errorf("%v has a field %s", typ, f.Name)
			}
		}
		if f.Name == "Vehicle" || f.Name == "VehicleID" {
			t.Errorf("%v names a vehicle in %s", typ, f.Name)
		}
		walk(t, f.Type, seen)
	}
}

func TestWhatIsEncodedDecodes(t *testing.T) {
	m, err := Decode(official(t))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(m.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, again); diff != "" {
		t.Error(diff)
	}
}

// TestRefuses: a message that is wrong is refused whole.
func TestRefuses(t *testing.T) {
	b := official(t)
	between := map[int]bool{} // between two fields of the top nobody can see a cut
	for n := 0; n < len(b); {
		between[n] = n > 0
		_, _, size := protowire.ConsumeField(b[n:])
		n += size
	}
	for n := range b {
		if m, err := Decode(b[:n]); err == nil && !between[n] {
			t.Errorf("the first %d bytes pass: %+v", n, m)
		}
	}
	head := (&Message{At: at(1796032800)}).Encode()
	entity := func(n protowire.Number, write func([]byte) []byte) []byte {
		return append(bytes.Clone(head), field(nil, 2, func(b []byte) []byte { return field(text(b, 1, "x"), n, write) })...)
	}
	for what, b := range map[string][]byte{
		"nothing":            nil,
		"no header":          head[len(head):],
		"a web page":         []byte("<!doctype html><html>"),
		"changes alone":      field(nil, 1, func(b []byte) []byte { return whole(text(b, 1, "2.0"), 2, 1) }),
		"a delay of a year":  entity(3, func(b []byte) []byte { return whole(b, 5, 31_536_000) }),
		"a text of no UTF-8": entity(3, func(b []byte) []byte { return field(b, 1, func(b []byte) []byte { return text(b, 1, "\xff\xfe") }) }),
		"a name without end": entity(3, func(b []byte) []byte {
			return field(b, 1, func(b []byte) []byte { return text(b, 1, strings.Repeat("x", 5000)) })
		}),
		"a number for a trip": entity(3, func(b []byte) []byte { return whole(b, 1, 7) }),
	} {
		if _, err := Decode(b); err == nil || (city.KindOf(err) != city.Invalid && city.KindOf(err) != city.TooLarge) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestImpossiblePlacesAreLeftOut: the Gulf of Guinea is where clocks and receivers that
// know nothing say they are.
func TestImpossiblePlacesAreLeftOut(t *testing.T) {
	m := &Message{At: at(1796032800), Vehicles: []Position{{Lon: 24.9, Lat: 60.1, Bearing: -1, Speed: 900, Trip: Trip{ID: "t"}}, {Trip: Trip{ID: "t"}}, {Lon: 200, Lat: 60, Trip: Trip{ID: "t"}}}}
	got, err := Decode(m.Encode())
	if err != nil || len(got.Vehicles) != 1 || got.Skipped != 2 || got.Vehicles[0].Speed != -1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(official(f))
	f.Add((&Message{}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(m.Encode())
		if err != nil {
			t.Fatalf("what passed once does not pass again: %v", err)
		}
		if len(again.Trips) != len(m.Trips) || len(again.Vehicles) != len(m.Vehicles) || len(again.Alerts) != len(m.Alerts) {
			t.Errorf("%d, %d, %d become %d, %d, %d", len(m.Trips), len(m.Vehicles), len(m.Alerts), len(again.Trips), len(again.Vehicles), len(again.Alerts))
		}
	})
}
