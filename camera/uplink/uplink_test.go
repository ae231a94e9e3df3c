package uplink_test

import (
	"encoding/binary"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"polity/camera/layout"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/roster/rostertest"
	"polity/register"
	"polity/spine"
)

// goingUp lists what leaves an edge besides camera/wire messages, which have such
// a test of their own.
var goingUp = map[spine.Channel]any{
	spine.EdgeState: uplink.EdgeState{}, spine.CameraState: uplink.CameraState{}, spine.KeyState: uplink.KeyState{}, spine.LayoutAnswer: uplink.LayoutAnswer{Result: uplink.Taken},
}

// wireTypes lists what goes up as a camera/wire message; that package walks them.
var wireTypes = map[spine.Channel]wire.Message{
	spine.LivePlace: &wire.Place{}, spine.Archive: &wire.Place{}, spine.LiveMarks: &wire.Marks{}, spine.LiveState: &wire.State{},
	spine.Observation: &wire.Observation{}, spine.Event: &wire.Event{},
}

// TestNothingThatGoesUpCanCarryAnIdentity walks the types: numbers of fixed size,
// and no run of bytes that could be a text.
func TestNothingThatGoesUpCanCarryAnIdentity(t *testing.T) {
	for c, v := range goingUp {
		walk(t, c, v)
		if err := uplink.Check(c, uplink.Encode(v)); err != nil {
			t.Errorf("%s: %v", c, err)
		}
	}
}

func walk(t *testing.T, c spine.Channel, v any) {
	t.Helper()
	typ := reflect.TypeOf(v)
	if binary.Size(v) <= 0 {
		t.Errorf("%s: %s is not of fixed size", c, typ)
	}
	for f := range typ.Fields() {
		switch f.Type.Kind() {
		case reflect.Int64, reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		case reflect.Array:
			if f.Type.Elem().Kind() == reflect.Uint8 || f.Type.Len() > 3 {
				t.Errorf("%s.%s could hold a text", typ, f.Name)
			}
		default:
			t.Errorf("%s.%s is a %s", typ, f.Name, f.Type)
		}
	}
}

// TestWalkFindsWhatItShould proves that the walk can fail.
func TestWalkFindsWhatItShould(t *testing.T) {
	for _, bad := range []any{
		struct{ Plate [8]uint8 }{},
		struct{ Vector [128]uint32 }{},
		struct{ Name string }{},
		struct{ Tags map[string]string }{},
		struct{ Face []byte }{},
		struct{ Nested struct{ ID uint64 } }{},
	} {
		probe := &testing.T{}
		walk(probe, spine.EdgeState, bad)
		if !probe.Failed() {
			t.Errorf("%T passed", bad)
		}
	}
}

// TestEveryChannelIsWalked finds a channel that was added and whose body nobody
// looked at: each goes down, or carries a type that is walked here, in camera/wire or, of
// the public log's entries, in ledger/entry.
func TestEveryChannelIsWalked(t *testing.T) {
	n := 0
	for c := spine.Channel(1); c.String() != ""; c++ {
		n++
		_, up := goingUp[c]
		_, camera := wireTypes[c]
		down := c >= spine.Watch && c <= spine.Roster || c == spine.Handout
		sealed := c == spine.HandoutAnswer // share records and ciphertext: TestOnlyWhatIsSealedIsHandedOut
		if count := btoi(up) + btoi(camera) + btoi(down) + btoi(sealed) + btoi(c == spine.Statement); count != 1 {
			t.Errorf("channel %s stands on %d lists, and must stand on one", c, count)
		}
		if !camera {
			continue
		}
		m, err := wire.Parse(bodies()[c])
		if err != nil || reflect.TypeOf(m) != reflect.TypeOf(wireTypes[c]) {
			t.Errorf("channel %s carries a %T (%v)", c, m, err)
		}
	}
	if n != len(bodies()) {
		t.Errorf("%d channels, and %d bodies are tried", n, len(bodies()))
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestOnlySpineSpeaksNATS holds every other package to the channels: none of them
// can publish past the check. The relay of changes, which only the hub may use, is apart.
func TestOnlySpineSpeaksNATS(t *testing.T) {
	root := filepath.Join("..", "..")
	relay := filepath.Join(root, "plane", "relay") // carries changes of the city's data, at the hub alone
	var found int
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || (len(d.Name()) > 2 && d.Name()[0] == '.')):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range file.Imports {
			if strings.Contains(imp.Path.Value, "polity/plane/relay") && !strings.HasPrefix(path, filepath.Join(root, "hub")+string(filepath.Separator)) && filepath.Dir(path) != relay {
				t.Errorf("%s imports %s: only the hub may", path, imp.Path.Value)
			}
			if !strings.Contains(imp.Path.Value, "nats-io/") {
				continue
			}
			if found++; filepath.Dir(path) != filepath.Join(root, "spine") && filepath.Dir(path) != relay {
				t.Errorf("%s imports %s: only spine does, and the hub's relay of changes", path, imp.Path.Value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("the walk found no import of NATS, not even spine's")
	}
}

var at = time.Date(2026, 11, 22, 14, 2, 0, 0, time.UTC)

func bodies() map[spine.Channel][]byte {
	place := wire.Append(nil, &wire.Place{At: at, Width: 16, Height: 16})
	return map[spine.Channel][]byte{
		spine.LivePlace: place, spine.Archive: place,
		spine.LiveMarks:     wire.Append(nil, &wire.Marks{At: at}),
		spine.LiveState:     wire.Append(nil, &wire.State{At: at, Condition: wire.Live}),
		spine.Observation:   wire.Append(nil, &wire.Observation{Metric: wire.Occupancy, Start: at, Length: time.Minute}),
		spine.Event:         wire.Append(nil, &wire.Event{Kind: wire.Crowding, Start: at}),
		spine.CameraState:   uplink.Encode(uplink.CameraState{At: 1, Reason: 3}),
		spine.EdgeState:     uplink.Encode(uplink.EdgeState{At: 1, Cameras: 2, Running: 1}),
		spine.Watch:         uplink.Encode(uplink.Watch{Seconds: 6, Whole: 1}),
		spine.KeyState:      uplink.Encode(uplink.KeyState{Day: 20791}),
		spine.Statement:     encoded(&entry.Alarm{At: "2026-12-01T14:00:00Z", Camera: "square", Edge: "edge-1", What: "recording-stopped"}),
		spine.Logged:        uplink.Encode(uplink.Logged{Reason: uplink.OtherRecorder}),
		spine.Proof:         []byte("c2sp.org/tlog-proof@v1\nextra YQ==\nindex 0\n\nx"),
		spine.Roster:        rostertest.New("town").Roster.File(),
		spine.Layout:        []byte(`{"revision":1,"zones":[],"lines":[]}`),
		spine.LayoutAnswer:  uplink.Encode(uplink.LayoutAnswer{Result: uplink.Stale, Revision: 7}),
		spine.Handout:       uplink.Encode(uplink.Handout{What: uplink.List, From: 1, To: 2}),
		spine.HandoutAnswer: uplink.Encode(uplink.HandoutHead{What: uplink.Piece, Result: uplink.Gone}),
	}
}

func encoded(e entry.Entry) []byte {
	b, err := entry.Encode(e)
	if err != nil {
		panic(err)
	}
	return b
}

// TestOnlySomeEntriesGoUp: what an edge may say to the public log is a list of its own.
func TestOnlySomeEntriesGoUp(t *testing.T) {
	for name, e := range map[string]entry.Entry{
		"retention":             &entry.Retention{At: "2026-12-01T14:00:00Z", Camera: "square", Class: "usual", Hours: 1},
		"decision":              &entry.Decision{At: "2026-12-01T14:00:00Z", By: "person", Outcome: "applied", Service: "water"},
		"alarm of nobody":       &entry.Alarm{At: "2026-12-01T14:00:00Z", What: "clock"},
		"software of the hub":   &entry.Software{At: "2026-12-01T14:00:00Z", Component: "hub", Version: "v1.2.3"},
		"an entry of a release": &entry.ReleaseRefused{At: "2026-12-01T14:00:00Z", Body: "court", Device: "court-1", Reason: "other", Signature: make([]byte, 64)},
	} {
		if err := uplink.Check(spine.Statement, encoded(e)); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := bodies()[spine.Statement]
	for _, text := range []string{`{"note":"Matti",`, `{"at":"x",`} {
		if uplink.Check(spine.Statement, append([]byte(text), good[1:]...)) == nil {
			t.Errorf("an entry with %s passes", text)
		}
	}
}

func TestEachChannelTakesItsOwnAndNothingElse(t *testing.T) {
	all := bodies()
	for c := range all {
		for from, body := range all {
			same := c == from || (c == spine.LivePlace && from == spine.Archive) || (c == spine.Archive && from == spine.LivePlace)
			if err := uplink.Check(c, body); (err == nil) != same {
				t.Errorf("%s given a body of %s: %v", c, from, err)
			}
		}
		for _, n := range []int{0, 1, len(all[c]) - 1} {
			if c == spine.Roster && n > 1 {
				continue // its last line is a signature, which whoever takes it counts
			}
			if uplink.Check(c, all[c][:n]) == nil {
				t.Errorf("%s takes a body cut to %d bytes", c, n)
			}
		}
		if c == spine.Roster || c == spine.Proof {
			continue // what follows is of a signature or a checkpoint, which whoever takes it checks
		}
		if uplink.Check(c, append(append([]byte(nil), all[c]...), 'x')) == nil {
			t.Errorf("%s takes a byte too many", c)
		}
	}
	if uplink.Check(0, nil) == nil || uplink.Check(99, nil) == nil {
		t.Error("a channel that does not exist passed")
	}
}

func TestOutOfRangeIsRefused(t *testing.T) {
	for what, err := range map[string]error{
		"edge":   uplink.Check(spine.EdgeState, uplink.Encode(uplink.EdgeState{Running: 2, Cameras: 1})),
		"space":  uplink.Check(spine.EdgeState, uplink.Encode(uplink.EdgeState{Space: 9})),
		"time":   uplink.Check(spine.EdgeState, uplink.Encode(uplink.EdgeState{At: -1})),
		"camera": uplink.Check(spine.CameraState, uplink.Encode(uplink.CameraState{Reason: 200})),
		"keys":   uplink.Check(spine.KeyState, uplink.Encode(uplink.KeyState{Day: -1})),
		"logged": uplink.Check(spine.Logged, uplink.Encode(uplink.Logged{Reason: 9})),
		"both":   uplink.Check(spine.Logged, uplink.Encode(uplink.Logged{Index: 1, Reason: uplink.NoLog})),
		"watch":  uplink.Check(spine.Watch, uplink.Encode(uplink.Watch{Seconds: 200})),
		"answer": uplink.Check(spine.LayoutAnswer, uplink.Encode(uplink.LayoutAnswer{})),
		"layout": uplink.Check(spine.Layout, []byte(`{"plate":"x"}`)),
		"size":   uplink.Check(spine.Layout, make([]byte, 1<<20)),
		"two":    uplink.Check(spine.Layout, []byte(`{}{}`)),
	} {
		if k := city.KindOf(err); k != city.Invalid && k != city.TooLarge {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestEntryDecidesWhatALayoutMayAsk(t *testing.T) {
	triangle := []layout.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}}
	entry := &register.Entry{Events: []string{"crowding", "stopped"}, CrowdAtLeast: 20}
	for name, c := range map[string]struct {
		l    layout.Layout
		want uplink.LayoutAnswer
	}{
		"empty":       {layout.Layout{Revision: 3}, uplink.LayoutAnswer{Result: uplink.Taken, Revision: 3}},
		"allowed":     {layout.Layout{Zones: []layout.Zone{{Name: "a", Corners: triangle, Crowd: 20, NoStop: true}}}, uplink.LayoutAnswer{Result: uplink.Taken}},
		"small crowd": {layout.Layout{Zones: []layout.Zone{{Name: "a", Corners: triangle}, {Name: "b", Corners: triangle, Crowd: 19}}}, uplink.LayoutAnswer{Result: uplink.CrowdTooSmall, Number: 2}},
		"intrusion":   {layout.Layout{Zones: []layout.Zone{{Name: "a", Corners: triangle, KeepEmpty: true}}}, uplink.LayoutAnswer{Result: uplink.NotAllowed, Number: 1}},
		"one way":     {layout.Layout{Lines: []layout.Line{{Name: "a", To: layout.Point{X: 1, Y: 1}, OneWay: "left"}}}, uplink.LayoutAnswer{Result: uplink.NotAllowed, Number: 1}},
		"wrong":       {layout.Layout{Zones: []layout.Zone{{Name: "a"}}}, uplink.LayoutAnswer{Result: uplink.Wrong}},
	} {
		if got := uplink.CheckLayout(&c.l, entry); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	allowed := uplink.Allowed(entry)
	if len(allowed) != 7 || allowed[0] != wire.Crowding || allowed[1] != wire.Stopped || allowed[2] != wire.CameraMoved {
		t.Errorf("allowed %v", allowed)
	}
	for _, name := range register.EventNames {
		if got := uplink.Allowed(&register.Entry{Events: []string{name}}); len(got) != 6 {
			t.Errorf("the register's event %q is not one of camera/wire: %v", name, got)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for c, b := range bodies() {
		f.Add(uint8(c), b)
	}
	f.Fuzz(func(_ *testing.T, c uint8, b []byte) { _ = uplink.Check(spine.Channel(c), b) })
}
