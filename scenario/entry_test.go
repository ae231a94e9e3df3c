package scenario

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"polity/camera/standin"
	"polity/register"
)

// TestNoEntryNoCamera: a camera whose register entry does not hold is never even
// connected to, and its edge and the hub say why. One whose entry ends stops.
func TestNoEntryNoCamera(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.employ()
	card := pattern(t, "320x240")
	shut := serve(t, standin.Config{Film: card})
	open := serve(t, standin.Config{Film: card})

	otherPrivate, _, err := register.NewKey("city.example/cameras")
	if err != nil {
		t.Fatal(err)
	}
	other, err := register.ReadKey([]byte(otherPrivate), nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]struct{ file, reason string }{
		"missing":  {"", "missing"},
		"garbage":  {"not an entry", "unreadable"},
		"unsigned": {strings.SplitAfterN(w.sign(entry("unsigned")), "\n\n", 2)[0], "unsigned"},
		"altered":  {strings.Replace(w.sign(entry("altered")), `"reach": 50`, `"reach": 90`, 1), "altered"},
	}
	stranger, err := register.Sign(entry("stranger"), other)
	if err != nil {
		t.Fatal(err)
	}
	bad["stranger"] = struct{ file, reason string }{string(stranger), "unknown key"}
	for name, change := range map[string]func(*register.Entry){
		"expired":      func(e *register.Entry) { e.Until = e.From.Add(time.Minute) },
		"not-yet":      func(e *register.Entry) { e.From = e.Until.Add(-time.Hour) },
		"other-edge":   func(e *register.Entry) { e.Edge = "edge-2" },
		"other-camera": func(e *register.Entry) { e.Camera = "square" },
	} {
		e := entry(name)
		change(&e)
		reason := map[string]string{"not-yet": "not yet valid", "other-edge": "other edge", "other-camera": "other camera"}[name]
		if reason == "" {
			reason = name
		}
		bad[name] = struct{ file, reason string }{w.sign(e), reason}
	}
	for name, b := range bad {
		w.watch = append(w.watch, watched{name: name, source: shut.URL()})
		if b.file != "" {
			w.write("register/"+name+".entry", b.file)
		}
	}
	w.watch = append(w.watch, watched{name: "short", source: open.URL()})
	w.allow("short")
	w.startHub()
	w.startEdge()

	for name, b := range bad {
		w.eventually(name+" is refused", soon, func() bool { return strings.Contains(w.line(name), "does not run: "+b.reason+" (") })
	}
	w.eventually("the one with an entry runs", soon, func() bool { return w.live("short") })
	e := entry("short")
	e.Until = time.Now().UTC().Truncate(time.Second).Add(5 * time.Second)
	w.write("register/short.entry", w.sign(e))
	w.eventually("it stops when its entry ends", soon, func() bool { return strings.Contains(w.line("short"), "does not run: expired") })
	if open.Connections() == 0 {
		t.Error("the camera with an entry was never watched")
	}
	w.eventually("its process is gone", soon, func() bool { return child(t, w.edge.pid(), "camera-process") == 0 })
	if n := shut.Connections(); n != 0 {
		t.Errorf("cameras without a valid entry were connected to %d times", n)
	}
	w.eventually("the hub knows why", soon, func() bool {
		return strings.Contains(w.get(w.hubAt, "/cameras/short"), "expired") || strings.Contains(w.get(w.hubAt, "/cameras/short"), "ended")
	})
	if starts := bytes.Count([]byte(w.get(w.edgeAt, "/metrics")), []byte("polity_camera_starts_total{")); starts != len(w.watch) {
		t.Errorf("%d cameras in the metrics, want %d", starts, len(w.watch))
	}
	for text := range strings.Lines(w.get(w.edgeAt, "/metrics")) {
		if strings.HasPrefix(text, "polity_camera_starts_total{") && !strings.Contains(text, `"short"`) && !strings.HasSuffix(text, " 0\n") {
			t.Errorf("a camera without a valid entry was started: %s", text)
		}
	}
}
