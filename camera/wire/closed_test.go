package wire_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"polity/camera/wire"
)

// everyMessage lists all types that Parse can return; TestListIsWhole holds it
// to that.
var everyMessage = []wire.Message{&wire.Place{}, &wire.Marks{}, &wire.Observation{}, &wire.Event{}, &wire.State{}}

// sequences names every field that holds more than one value, with what they are.
// A run of numbers under any other name could be a feature vector of a face or of a
// gait, a text, or a track.
var sequences = map[string]string{
	"Place.Tiles":           "[]uint16, rising: checked by Parse",
	"Place.Known":           "[]uint8 of four bits each: checked by Parse",
	"Marks.Marks":           "[]wire.Mark, sorted by position: checked by Parse",
	"Observation.Histogram": "[10]uint32, counts of many",
}

// TestNoFieldCanCarryAnIdentity walks every type that can leave a camera's
// process. Only numbers, times, closed enumerations and the named sequences of them
// are allowed; a string, map, interface, pointer, channel, function or free sequence
// is not.
func TestNoFieldCanCarryAnIdentity(t *testing.T) {
	found := map[string]bool{}
	for _, m := range everyMessage {
		walk(t, reflect.TypeOf(m).Elem(), reflect.TypeOf(m).Elem().Name(), found)
	}
	for name := range sequences {
		if !found[name] {
			t.Errorf("%s is on the list of sequences and not in the types", name)
		}
	}
}

func walk(t *testing.T, typ reflect.Type, path string, found map[string]bool) {
	t.Helper()
	switch typ {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration](), reflect.TypeFor[wire.Picture]():
		return
	}
	switch typ.Kind() {
	case reflect.Bool, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
	case reflect.Array, reflect.Slice:
		found[path] = true
		if is, ok := sequences[path]; !ok || !strings.HasPrefix(is, typ.String()+",") && !strings.HasPrefix(is, typ.String()+" ") {
			t.Errorf("%s is a %s: a free sequence could carry an identity", path, typ)
		}
		walk(t, typ.Elem(), path+"[]", found)
	case reflect.Struct:
		for field := range typ.Fields() {
			walk(t, field.Type, path+"."+field.Name, found)
		}
	default:
		t.Errorf("%s is a %s: it could carry an identity", path, typ)
	}
}

// TestWalkFindsWhatItShould proves that the walk above can fail.
func TestWalkFindsWhatItShould(t *testing.T) {
	for _, bad := range []any{
		struct{ Plate string }{},
		struct{ Tags map[string]string }{},
		struct{ Any any }{},
		struct{ Face []byte }{},
		struct{ Embedding []struct{ Name string } }{},
		struct{ Next *wire.Mark }{},
		struct{ Gait []float32 }{},
		struct{ Vector [128]float32 }{},
		struct{ Track []wire.Mark }{},
	} {
		probe := &testing.T{}
		walk(probe, reflect.TypeOf(bad), "Probe", map[string]bool{})
		if !probe.Failed() {
			t.Errorf("%T passed", bad)
		}
	}
}

func TestListIsWhole(t *testing.T) {
	listed := map[byte]bool{}
	for _, m := range everyMessage {
		listed[wire.Append(nil, m)[0]] = true
	}
	for kind := range 256 {
		_, err := wire.Parse([]byte{byte(kind)})
		unknown := err != nil && err.Error() == (&kindError{kind}).Error()
		if unknown == listed[byte(kind)] {
			t.Errorf("kind %d: known to Parse %v, listed here %v", kind, !unknown, listed[byte(kind)])
		}
	}
}
