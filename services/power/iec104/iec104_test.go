package iec104

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"polity/city"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goldenFrames are frames put together by hand from the tables of 5-104, 5.1 to 5.3.
func goldenFrames() map[string]Frame {
	return map[string]Frame{
		"68 04 07 00 00 00": {Kind: Unnumbered, Function: startAct},
		"68 04 0b 00 00 00": {Kind: Unnumbered, Function: startCon},
		"68 04 13 00 00 00": {Kind: Unnumbered, Function: stopAct},
		"68 04 23 00 00 00": {Kind: Unnumbered, Function: stopCon},
		"68 04 43 00 00 00": {Kind: Unnumbered, Function: testAct},
		"68 04 83 00 00 00": {Kind: Unnumbered, Function: testCon},
		"68 04 01 00 0a 00": {Kind: Supervisory, Received: 5},
		"68 04 01 00 fe ff": {Kind: Supervisory, Received: 32767},
		"68 0e 02 01 06 00 64 01 06 00 01 00 00 00 00 14": {
			Kind: Information, Sent: 129, Received: 3, Data: []byte{0x64, 1, 6, 0, 1, 0, 0, 0, 0, 20},
		},
	}
}

// goldenMessages are messages put together by hand from the tables of 5-101, 7.2
// and 7.3.
func goldenMessages() map[string]ASDU {
	moment := time.Date(2026, 11, 30, 13, 45, 12, 345e6, time.UTC) // a Monday
	return map[string]ASDU{
		// interrogation of station 1, whole station
		"64 01 06 00 01 00 00 00 00 14": {Type: Interrogation, Cause: Activation, Station: 1, Objects: []Object{{Qualifier: 20}}},
		// three single points from 100 in a sequence: on; off; on and not topical
		"01 83 14 00 01 00 64 00 00 01 00 41": {Type: SinglePoint, Sequence: true, Cause: Interrogated, Station: 1, Objects: []Object{
			{Address: 100, Value: 1}, {Address: 101}, {Address: 102, Value: 1, Quality: NotTopical},
		}},
		// double point 0x010203 of station 0x0405 goes off, with time
		"1f 01 03 00 05 04 03 02 01 01 39 30 2d 0d 3e 0b 1a": {Type: DoublePointTime, Cause: Spontaneous, Station: 0x0405, Objects: []Object{
			{Address: 0x010203, Value: Off, Time: moment},
		}},
		// normalised -0.5, overflown
		"09 01 01 00 01 00 07 00 00 00 c0 01": {Type: Normalised, Cause: Periodic, Station: 1, Objects: []Object{{Address: 7, Value: -0.5, Quality: Overflow}}},
		// scaled -2, substituted
		"0b 01 02 00 01 00 07 00 00 fe ff 20": {Type: Scaled, Cause: Background, Station: 1, Objects: []Object{{Address: 7, Value: -2, Quality: Substituted}}},
		// float 1.5, blocked and invalid
		"0d 01 05 00 01 00 07 00 00 00 00 c0 3f 90": {Type: Float, Cause: Requested, Station: 1, Objects: []Object{{Address: 7, Value: 1.5, Quality: Blocked | Invalid}}},
		// float with a time that is marked invalid
		"24 01 03 00 01 00 07 00 00 00 00 c0 3f 00 00 00 80 00 01 01 00": {Type: FloatTime, Cause: Spontaneous, Station: 1, Objects: []Object{{Address: 7, Value: 1.5}}},
		// single command: select on; the outstation refuses it
		"2d 01 47 03 01 00 e9 03 00 81": {Type: SingleCommand, Cause: ActivationCon, Negative: true, Originator: 3, Station: 1, Objects: []Object{{Address: 1001, Value: 1, Select: true}}},
		// double command: execute on, short pulse (1)
		"2e 01 06 00 01 00 ea 03 00 06": {Type: DoubleCommand, Cause: Activation, Station: 1, Objects: []Object{{Address: 1002, Value: On, Qualifier: 1}}},
		// set point 20, select; a test
		"32 01 86 00 01 00 eb 03 00 00 00 a0 41 80": {Type: SetPointFloat, Cause: Activation, Test: true, Station: 1, Objects: []Object{{Address: 1003, Value: 20, Select: true}}},
		// end of initialisation after a local reset of power (0)
		"46 01 04 00 01 00 00 00 00 00": {Type: EndOfInit, Cause: Initialised, Station: 1, Objects: []Object{{}}},
		// clock
		"67 01 06 00 01 00 00 00 00 39 30 2d 0d 3e 0b 1a": {Type: ClockSync, Cause: Activation, Station: 1, Objects: []Object{{Time: moment}}},
	}
}

func TestGoldenFrames(t *testing.T) {
	for text, want := range goldenFrames() {
		raw := unhex(t, text)
		got, err := ReadFrame(bytes.NewReader(raw))
		if err != nil || got.Kind != want.Kind || got.Function != want.Function || got.Sent != want.Sent || got.Received != want.Received || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if b := want.Append(nil); !bytes.Equal(b, raw) {
			t.Errorf("%s: encoded as % x", text, b)
		}
	}
	for _, bad := range []string{"69 04 07 00 00 00", "68 03 07 00 00", "68 fe 00", "68 04 07 00 00", "68 04 47 00 00 00", "68 04 07 00 01 00", "68 05 01 00 00 00 00", "68 04 05 00 00 00", "68 04 00 00 00 00", "68 05 00 00 01 00 64"} {
		if f, err := ReadFrame(bytes.NewReader(unhex(t, bad))); err == nil {
			t.Errorf("%s was read as %+v", bad, f)
		}
	}
}

func equal(a, b ASDU) bool {
	if len(a.Objects) != len(b.Objects) {
		return false
	}
	for i := range a.Objects {
		x, y := a.Objects[i], b.Objects[i]
		if !x.Time.Equal(y.Time) {
			return false
		}
		x.Time, y.Time = time.Time{}, time.Time{}
		if x != y {
			return false
		}
	}
	a.Objects, b.Objects = nil, nil
	return a.Type == b.Type && a.Sequence == b.Sequence && a.Cause == b.Cause && a.Negative == b.Negative && a.Test == b.Test && a.Originator == b.Originator && a.Station == b.Station
}

func TestGoldenMessages(t *testing.T) {
	for text, want := range goldenMessages() {
		raw := unhex(t, text)
		got, err := DecodeASDU(raw)
		if err != nil || !equal(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if b := want.Append(nil); !bytes.Equal(b, raw) {
			t.Errorf("%s: encoded as % x", text, b)
		}
	}
}

// TestWrongMessages: lengths that do not fit are errors, unknown types leave the head
// readable, and what is no number is invalid.
func TestWrongMessages(t *testing.T) {
	for _, bad := range []string{"", "64 01 06 00 01", "64 01 06 00 01 00 00 00 00", "64 01 06 00 01 00 00 00 00 14 00", "01 00 14 00 01 00", "01 82 14 00 01 00 64 00 00 01"} {
		if a, err := DecodeASDU(unhex(t, bad)); err == nil || outOfSubset(err) {
			t.Errorf("%q was read as %+v (%v)", bad, a, err)
		}
	}
	a, err := DecodeASDU(unhex(t, "7a 01 0d 00 02 00 00 00 00"))
	if !outOfSubset(err) || city.KindOf(err) != city.Invalid || a.Station != 2 {
		t.Errorf("an unknown type: %+v, %v", a, err)
	}
	a, err = DecodeASDU(unhex(t, "0d 01 03 00 01 00 07 00 00 00 00 c0 7f 00"))
	if err != nil || a.Objects[0].Value != 0 || a.Objects[0].Quality != Invalid {
		t.Errorf("no number: %+v, %v", a, err)
	}
	for _, when := range []string{"60 ea 00 00 01 01 1a", "00 00 3c 00 01 01 1a", "00 00 00 18 01 01 1a", "00 00 00 00 1f 02 1a", "00 00 00 00 00 01 1a", "00 00 00 00 01 0d 1a", "00 00 00 00 01 01 64"} {
		if got := decodeTime(unhex(t, when)); !got.IsZero() {
			t.Errorf("%s is no time, and was read as %s", when, got)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	for text := range goldenFrames() {
		f.Add(unhex(f, text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ReadFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		if again := got.Append(nil); !bytes.Equal(again, b[:len(again)]) {
			t.Fatalf("% x was read as %+v, which is % x", b, got, again)
		}
	})
}

func FuzzDecodeASDU(f *testing.F) {
	for text := range goldenMessages() {
		f.Add(unhex(f, text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := DecodeASDU(b)
		if err != nil {
			return
		}
		for _, o := range got.Objects {
			if math.IsNaN(o.Value) || math.IsInf(o.Value, 0) || o.Address > 0xffffff {
				t.Fatalf("%+v", o)
			}
		}
		again, err := DecodeASDU(got.Append(nil))
		if err != nil || !equal(got, again) {
			t.Fatalf("%+v became %+v, %v", got, again, err)
		}
	})
}
