package scenario

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/camera/layout"
	"polity/camera/standin"
	"polity/camera/uplink"
	"polity/city"
	"polity/internal/testport"
	"polity/register"
	"polity/spine"
)

const (
	soon  = 120 * time.Second // a busy machine is slow, not wrong
	later = 240 * time.Second // what has to wait for a whole minute of the clock, or for several processes
)

// town is a hub and an edge as processes, with everything that they keep in one
// folder. Cameras are stand-ins in the test.
type town struct {
	t      *testing.T
	dir    string
	signer note.Signer
	public string // the city's key
	edgeID string // the edge's public key
	hubAt  string // host:port of the pages
	lineAt string // where edges reach the hub
	edgeAt string // the edge's state page
	via    string // where the edge is told to look for the hub; lineAt unless set
	watch  []watched
	more   string                       // further lines of the section hub
	edit   func(settings string) string // the last word on the configuration; nil: none
	env    []string                     // of the programs, besides
	before func() error                 // called in the thread that starts a program; nil: nothing is
	hub    *process
	edge   *process

	signedIn []*http.Cookie // of the operator whose requests the hub gets; none: the public's
}

// watched is a camera in the edge's configuration.
type watched struct{ name, source, password string }

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{t: t, dir: t.TempDir(), hubAt: testport.Address(t), lineAt: testport.Address(t), edgeAt: testport.Address(t)}
	for _, sub := range []string{"register", "tmp", "edge"} {
		w.mkdir(sub)
	}
	private, public, err := register.NewKey("city.example/cameras")
	if err != nil {
		t.Fatal(err)
	}
	if w.signer, err = register.ReadKey([]byte(private), nil); err != nil {
		t.Fatal(err)
	}
	w.public = public
	seed, id, err := spine.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	w.edgeID = id
	w.write("edge.key", seed)
	return w
}

func (w *town) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

func (w *town) mkdir(name string) {
	w.t.Helper()
	if err := os.MkdirAll(w.path(name), 0o700); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// entry is a sound one for a camera of the edge.
func entry(camera string) register.Entry {
	now := time.Now().UTC().Truncate(time.Second)
	return register.Entry{
		Camera: city.Slug(camera), Edge: "edge-1", Title: "Square", Purpose: "Counting.", View: register.View{Words: "The square.", Lon: 24.9, Lat: 60.1, Field: 60, Reach: 50},
		Body: "City", Decision: register.Decision{Reference: "D 1", On: "2020-01-01"}, Retention: register.Retention{CountsDays: 30, PlaceDays: 7},
		Public: register.Public{DelayMinutes: 0, Threshold: 2}, Events: []string{"crowding"}, CrowdAtLeast: 2,
		From: now.Add(-time.Hour), Until: now.Add(1000 * time.Hour), Simulated: true,
	}
}

func (w *town) sign(e register.Entry) string {
	w.t.Helper()
	b, err := register.Sign(e, w.signer)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// allow lets a camera run.
func (w *town) allow(camera string) {
	w.t.Helper()
	w.write("register/"+camera+".entry", w.sign(entry(camera)))
}

// draw puts a layout where the edge keeps it.
func (w *town) draw(camera string, l layout.Layout) {
	w.t.Helper()
	b, err := uplink.EncodeLayout(l)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mkdir("edge/layouts")
	w.write("edge/layouts/"+camera+".json", string(b))
}

const settings = `edge:
  name: edge-1
  data: edge
  listen: %s
  hub: {address: "nats-leaf://%s", key_file: edge.key}
  city_keys: ["%s"]
  register: register
  disk: {limit: 64MiB, keep_free: 4MiB}
  archive_every: 2s
  allow_unencrypted_swap: true
  cameras:
%shub:
  city: Town
  zone: Europe/Helsinki
  data: hub
  listen: %s
  city_keys: ["%s"]
  register: register
  edges:
    listen: %s
    known: [{name: edge-1, key: %s}]
`

func (w *town) configure() {
	w.t.Helper()
	var cameras strings.Builder
	for _, c := range w.watch {
		fmt.Fprintf(&cameras, "    - {name: %s, source: %q, per_second: 5", c.name, c.source)
		if c.password != "" {
			w.write(c.name+".password", c.password)
			fmt.Fprintf(&cameras, ", user: polity, password_file: %s.password", c.name)
		}
		cameras.WriteString("}\n")
	}
	via := w.via
	if via == "" {
		via = w.lineAt
	}
	text := fmt.Sprintf(settings, w.edgeAt, via, w.public, cameras.String(), w.hubAt, w.public, w.lineAt, w.edgeID) + w.more
	if w.edit != nil {
		text = w.edit(text)
	}
	w.write("polity.yaml", text)
}

func (w *town) startHub() {
	w.t.Helper()
	w.configure()
	w.hub = launchAfter(w.t, w.before, "hub", w.path("hub.log"), append(w.env, "TMPDIR="+w.path("tmp")), "hub", "--config", w.path("polity.yaml"))
	w.begins(w.hub, func() bool { return strings.HasPrefix(w.get(w.hubAt, "/healthz"), "200") })
}

func (w *town) startEdge() {
	w.t.Helper()
	w.configure()
	w.edge = launchAfter(w.t, w.before, "edge", w.path("edge.log"), append(w.env, "TMPDIR="+w.path("tmp")), "edge", "--config", w.path("polity.yaml"))
	w.begins(w.edge, func() bool { return strings.HasPrefix(w.state(), "200") })
}

// begins waits until a program answers, unless it has ended.
func (w *town) begins(p *process, answers func() bool) {
	w.t.Helper()
	w.eventually("the "+p.name+" answers", soon, func() bool { return answers() || !p.running() })
	if !p.running() {
		w.t.Fatalf("the %s ended:\n%s", p.name, p.said())
	}
}

func (w *town) eventually(what string, limit time.Duration, condition func() bool) {
	w.t.Helper()
	eventually(w.t, what, limit, condition, w.tell)
}

// tell is what a failure is told with.
func (w *town) tell() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the edge says:\n%s\n", w.state())
	for _, p := range []*process{w.edge, w.hub} {
		if p != nil {
			said := p.said()
			fmt.Fprintf(&b, "%s (running: %v):\n%s\n", p.name, p.running(), said[max(0, len(said)-6000):])
		}
	}
	return b.String()
}

var client = &http.Client{Timeout: 10 * time.Second}

// get is a page's status and text.
func (w *town) get(at, path string) string {
	q, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+at+path, nil)
	if err != nil {
		return err.Error()
	}
	if at == w.hubAt {
		w.show(q)
	}
	r, err := client.Do(q)
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d\n%s", r.StatusCode, b)
}

// state is what the edge says of itself in words.
func (w *town) state() string { return w.get(w.edgeAt, "/") }

// line is what the edge says of a camera.
func (w *town) line(camera string) string {
	for text := range strings.Lines(w.state()) {
		if strings.HasPrefix(text, "Camera "+camera+": ") {
			return text
		}
	}
	return ""
}

func (w *town) live(camera string) bool {
	return strings.HasPrefix(w.line(camera), "Camera "+camera+": live")
}

// waiting is how many observations and events the edge still has for the hub, -1
// when it does not say.
func (w *town) waiting() int {
	n := -1
	if _, rest, ok := strings.Cut(w.state(), "Store: "); ok {
		if _, err := fmt.Sscanf(rest, "%d observations", &n); err != nil {
			return -1
		}
	}
	return n
}

const password = "a password of its own"

// serve starts a stand-in camera.
func serve(t *testing.T, cfg standin.Config) *standin.Camera {
	t.Helper()
	c, err := standin.Serve(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// square is the demo's film.
func square() string { return filepath.Join(partsDir, "square.mp4") }

// pattern makes two seconds of a moving test card.
func pattern(t *testing.T, size string, args ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "card.mp4")
	if len(args) == 0 {
		args = []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"}
	}
	all := append([]string{"-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=" + size + ":r=10:d=2", "-g", "10", "-pix_fmt", "yuv420p"}, append(args, name)...)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", all...).CombinedOutput(); err != nil {
		t.Fatalf("make a film: %v: %s", err, out)
	}
	return name
}
