package uplink_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/camera/canvas"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/spine"
)

// examples returns the blocks of a page of docs/formats by the words after their
// fence; in blocks of bytes what follows a semicolon is a remark.
func examples(t *testing.T, page string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/formats/" + page)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	parts := strings.Split(string(text), "```")
	for i := 1; i < len(parts); i += 2 {
		name, body, _ := strings.Cut(parts[i], "\n")
		found[name] = body
	}
	return found
}

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, ";")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var moment = time.Date(2026, 11, 22, 14, 2, 5, 250e6, time.UTC)

// TestSceneExamples holds docs/formats/scene.md to the codec.
func TestSceneExamples(t *testing.T) {
	want := map[string]wire.Message{
		"bytes place": &wire.Place{At: moment, Sequence: 7, Width: 40, Height: 20, Tiles: []uint16{4}, Known: []uint8{0x03}},
		"bytes marks": &wire.Marks{At: moment, Grid: wire.HalfMetres, Marks: []wire.Mark{{Class: wire.Person, Column: 4, Row: 1}, {Class: wire.Vehicle, Column: 2, Row: 9}}},
		"bytes observation": &wire.Observation{
			Metric: wire.Crossings, Class: wire.Person, Where: 1, Direction: wire.ToRight, Layout: 3,
			Start: moment.Truncate(time.Minute), Length: time.Minute, Covered: 50 * time.Second, Value: 4,
		},
		"bytes event": &wire.Event{Kind: wire.Crowding, Class: wire.Person, Where: 2, Layout: 3, Start: moment, Value: 31},
		"bytes state": &wire.State{
			At: moment, Condition: wire.Live, Shields: wire.NoDump | wire.SwapSafe | wire.Seccomp | wire.MemoryBounded, Decoded: 1000, Analysed: 500,
			Detected: 300, Restarts: 1, Delay: 31 * time.Millisecond, PerSecond: 5, Wanted: 5, Unknown: 0.0625, ClockSkew: -3 * time.Second,
		},
	}
	page := examples(t, "scene.md")
	for name, m := range want {
		b := fromHex(t, page[name])
		got, err := wire.Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(wire.Append(nil, got), b) {
			t.Errorf("%s encodes to other bytes", name)
		}
		if p, ok := got.(*wire.Place); ok {
			checkAtlas(t, *p)
			p.Atlas = nil
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(page) != len(want) {
		t.Errorf("the page has %d examples, %d are tried", len(page), len(want))
	}
}

// checkAtlas draws the example's tile on an empty place.
func checkAtlas(t *testing.T, p wire.Place) {
	t.Helper()
	p.Width, p.Height, p.Whole, p.Tiles = 16, 16, true, []uint16{0}
	var c canvas.Canvas
	if err := c.Apply(&p); err != nil {
		t.Errorf("the example's picture: %v", err)
	}
	if k := c.Known(); !bytes.Equal(k, []byte{0x03}) {
		t.Errorf("the example's blocks are known as %08b", k)
	}
}

// TestUplinkExamples holds docs/formats/uplink.md to the codec.
func TestUplinkExamples(t *testing.T) {
	at, hour := moment.UnixMilli(), time.Hour.Milliseconds()
	want := map[string]struct {
		channel spine.Channel
		body    any
	}{
		"bytes edge": {spine.EdgeState, uplink.EdgeState{
			At: at, Started: at - hour, Waiting: 2, Stored: 1 << 20, Free: 1 << 30, Places: 60, Cameras: 2, Running: 1, Detector: 1, Version: [3]uint16{0, 1, 0},
		}},
		"bytes camera":        {spine.CameraState, uplink.CameraState{At: at, Since: at - hour, Starts: 1, Layout: 3, Running: 1}},
		"bytes keys":          {spine.KeyState, uplink.KeyState{Day: 20791, Roster: 1, Court: [2]uint64{3}, Ombudsman: [2]uint64{1}}},
		"bytes logged":        {spine.Logged, uplink.Logged{Entry: [32]byte(bytes.Repeat([]byte{0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78, 0x87, 0x96, 0xa5, 0xb4, 0xc3, 0xd2, 0xe1, 0xf0}, 2)), Index: 12}},
		"bytes watch":         {spine.Watch, uplink.Watch{Seconds: 6, Whole: 1}},
		"bytes layout-answer": {spine.LayoutAnswer, uplink.LayoutAnswer{Result: uplink.CrowdTooSmall, Number: 2, Revision: 3}},
	}
	page := examples(t, "uplink.md")
	for name, w := range want {
		b := fromHex(t, page[name])
		if err := uplink.Check(w.channel, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(uplink.Encode(w.body), b) {
			t.Errorf("%s: %+v is %x", name, w.body, uplink.Encode(w.body))
		}
	}
	l, err := uplink.DecodeLayout([]byte(page["layout"]))
	if err == nil {
		err = l.Check()
	}
	if err != nil || l.Revision != 3 || l.Zones[0].Crowd != 30 || l.Lines[0].OneWay != "right" || l.Ground.Metres[1].X != 20 {
		t.Errorf("layout: %+v, %v", l, err)
	}
	if len(page) != len(want)+1 {
		t.Errorf("the page has %d examples, %d are tried", len(page), len(want)+1)
	}
}
