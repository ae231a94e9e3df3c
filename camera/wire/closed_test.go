package wire_test

import (
	"reflect"
	"testing"
	"time"

	"polity/camera/wire"
)

// everyMessage lists all types that Parse can return; TestListIsWhole holds it
// to that.
var everyMessage = []wire.Message{&wire.Place{}, &wire.Marks{}, &wire.Observation{}, &wire.Event{}, &wire.State{}}

// TestNoFieldCanCarryAnIdentity walks every type that can leave a camera's
// process. Only numbers, times, closed enumerations and sequences of them are
// allowed; a string, map, interface, pointer, channel, function or free sequence
// of bytes is not, but for the two that this test names.
func TestNoFieldCanCarryAnIdentity(t *testing.T) {
	for _, m := range everyMessage {
		walk(t, reflect.TypeOf(m).Elem(), reflect.TypeOf(m).Elem().Name())
	}
}

func walk(t *testing.T, typ reflect.Type, path string) {
	t.Helper()
	switch typ {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration](), reflect.TypeFor[wire.Picture]():
		return
	}
	switch typ.Kind() {
	case reflect.Bool, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
	case reflect.Array:
		walk(t, typ.Elem(), path+"[]")
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 && path != "Place.Known" {
			t.Errorf("%s is a free sequence of bytes", path)
		}
		walk(t, typ.Elem(), path+"[]")
	case reflect.Struct:
		for field := range typ.Fields() {
			walk(t, field.Type, path+"."+field.Name)
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
	} {
		probe := &testing.T{}
		walk(probe, reflect.TypeOf(bad), "Probe")
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
