package canonical

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

type sample struct {
	At   Time   `json:"at"`
	Hash Hash   `json:"hash"`
	Key  Bytes  `json:"key,omitempty"`
	N    int    `json:"n"`
	Word string `json:"word"`
}

const written = `{"at":"2026-12-01T14:00:00Z","hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","n":3,"word":"a<b"}`

func TestThereIsOneWayToWrite(t *testing.T) {
	var s sample
	if err := Decode([]byte(written), &s); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"a space":         strings.Replace(written, `"n":3`, `"n": 3`, 1),
		"another order":   `{"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","at":"2026-12-01T14:00:00Z","n":3,"word":"a<b"}`,
		"unknown":         strings.Replace(written, `"n":3`, `"m":1,"n":3`, 1),
		"twice":           strings.Replace(written, `"n":3`, `"n":3,"n":3`, 1),
		"missing":         strings.Replace(written, `"n":3,`, ``, 1),
		"escape":          strings.Replace(written, `a<b`, `a\u003cb`, 1),
		"other case":      strings.Replace(written, `"n"`, `"N"`, 1),
		"exponent":        strings.Replace(written, `:3`, `:3e0`, 1),
		"fraction":        strings.Replace(written, `:3`, `:3.0`, 1),
		"null":            strings.Replace(written, `"n":3`, `"key":null,"n":3`, 1),
		"more":            written + `{}`,
		"newline":         written + "\n",
		"cut":             written[:40],
		"nothing":         "",
		"padding bits":    strings.Replace(written, `AAAA"`, `AAAB"`, 1),
		"short hash":      strings.Replace(written, `AAAA"`, `AAA"`, 1),
		"wrong character": strings.Replace(written, `AAAA"`, `AA+A"`, 1),
	} {
		if err := Decode([]byte(bad), &sample{}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestOrderedFindsWhatStandsWrong(t *testing.T) {
	if err := Ordered(reflect.TypeFor[sample]()); err != nil {
		t.Error(err)
	}
	if Ordered(reflect.TypeFor[struct {
		In []struct {
			B int `json:"b"`
			A int `json:"a"`
		} `json:"in"`
	}]()) == nil {
		t.Error("a member of a member that stands wrong is not found")
	}
}

func TestKinds(t *testing.T) {
	for _, bad := range []Time{"", "2026-12-01 14:00:00Z", "2026-12-01T14:00:00.5Z", "2026-13-01T14:00:00Z", "2026-12-01T14:00:00+01:00", "0001-01-01T00:00:00Z"} {
		if bad.Check() == nil {
			t.Errorf("time %q is taken", bad)
		}
	}
	for _, bad := range []Day{"", "2026-2-1", "2026-02-30", "tomorrow"} {
		if bad.Check() == nil {
			t.Errorf("day %q is taken", bad)
		}
	}
	for _, bad := range []Week{"", "2026-W00", "2026-W54", "2026-W1", "2026-W011"} {
		if bad.Check() == nil {
			t.Errorf("week %q is taken", bad)
		}
	}
	if w := WeekOf(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)); w != "2026-W53" || w.Check() != nil {
		t.Errorf("the first of January 2027 is in week %s", w)
	}
}

func TestFieldsCannotBeShifted(t *testing.T) {
	if Sum("x", []byte("ab"), []byte("c")) == Sum("x", []byte("a"), []byte("bc")) {
		t.Error("two lists of fields have one hash")
	}
	if Sum("x", []byte("a")) == Sum("y", []byte("a")) {
		t.Error("two domains have one hash")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(written))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s sample
		if Decode(data, &s) != nil {
			return
		}
		again, err := Encode(&s)
		if err != nil || string(again) != string(data) {
			t.Errorf("%q is taken and written %q", data, again)
		}
	})
}
