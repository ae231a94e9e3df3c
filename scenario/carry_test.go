package scenario

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polity/camera/standin"
	"polity/city"
	"polity/edge"
	"polity/ledger/canonical"
	logged "polity/ledger/entry"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
	"polity/recording/recordtest"
	"polity/recording/share"
	"polity/release/token"
)

// carrying is a hub with a public log as a process, and an edge in this program, whose clock
// the test moves.
type carrying struct {
	*town

	log  *logtest.Town
	cfg  edge.Config
	jump atomic.Int64 // of the edge's clock
	said *bytes.Buffer
	mu   sync.Mutex
}

func (w *carrying) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(b)
}

func (w *carrying) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}

func newCarrying(t *testing.T) *carrying {
	t.Helper()
	w := &carrying{town: newTown(t), log: logtest.New(t, ""), said: &bytes.Buffer{}}
	w.mkdir("keys")
	w.write("city.roster", string(w.log.Roster.File()))
	w.write("log.key", w.log.Log.Private+"\n")
	var witnesses strings.Builder
	for _, x := range w.log.Config.Witnesses {
		fmt.Fprintf(&witnesses, "{name: %s, url: %q}, ", x.Name, x.URL)
	}
	w.more = fmt.Sprintf("  ledger: {key_file: log.key, rosters: [city.roster], witnesses: [%s]}\n", strings.TrimSuffix(witnesses.String(), ", "))
	c := serve(t, standin.Config{Film: square(), User: "polity", Password: password})
	w.write("square.password", password)
	w.cfg = edge.Config{
		Name: "edge-1", Data: w.path("edge"), Listen: w.edgeAt, Hub: edge.Hub{Address: "nats-leaf://" + w.lineAt, KeyFile: w.path("edge.key")},
		CityKeys: []string{w.public}, Register: w.path("register"), Detector: edge.Detector{Off: true}, CameraProcess: []string{program, "camera-process"},
		AllowUnencryptedSwap: true, Disk: edge.Disk{Limit: 64 << 20, KeepFree: 1 << 20},
		Record:  &edge.Recording{Roster: w.path("city.roster"), RosterWords: w.log.Roster.Words(), Keys: w.path("keys")},
		Cameras: []edge.Camera{{Name: "square", Source: c.URL(), User: "polity", PasswordFile: w.path("square.password"), Record: &edge.Record{Class: shortClass}}},
	}
	e := entry("square")
	key, err := edge.RecorderKey(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.Retention.FootageHours, e.Class, e.Recorder = 72, shortClass, []byte(key)
	w.write("register/square.entry", w.sign(e))
	return w
}

// runEdge runs the edge until stop is called, or the test ends.
func (w *carrying) runEdge() (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- edge.Run(ctx, w.cfg, edge.Deps{
			Log: slog.New(slog.NewTextHandler(w, nil)), Version: "1.2.3", Ready: func(a string) { ready <- a },
			Now: func() time.Time { return time.Now().Add(time.Duration(w.jump.Load())) },
		})
	}()
	select {
	case <-ready:
	case err := <-done:
		w.t.Fatalf("the edge did not start: %v", err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the edge ended: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// logHas counts entries of a type under the log's newest checkpoint, after checking all of it.
func (w *carrying) logHas(kind logged.Type) int64 {
	w.t.Helper()
	source, err := proof.Web("http://"+w.hubAt+"/log", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := proof.Verify(w.t.Context(), source, w.log.Roster, proof.Options{})
	if err != nil || len(r.Problems) > 0 {
		return 0 // it is not public yet
	}
	return r.Types[kind]
}

func (w *carrying) patiently(what string, limit time.Duration, condition func() bool) {
	w.t.Helper()
	eventually(w.t, what, limit, condition, func() string { return w.text() + "\n" + w.tell() })
}

// hour is that of the edge's clock.
func (w *carrying) hour() int64 {
	return time.Now().Add(time.Duration(w.jump.Load())).Unix() / 3600
}

func (w *carrying) statements() int {
	w.t.Helper()
	files, err := filepath.Glob(w.path("edge", "statements", "*.entry"))
	if err != nil {
		w.t.Fatal(err)
	}
	return len(files)
}

// TestBodiesKeysReachTheRecorderAndItsHoursTheLog goes all the way: both bodies publish keys
// from a stick, without an account; the edge gets their proofs from the hub and begins to
// record; the hours that follow, without a hub, stand in the public log once each when there
// is one again.
func TestBodiesKeysReachTheRecorderAndItsHoursTheLog(t *testing.T) {
	w := newCarrying(t)
	w.startHub()
	stop := w.runEdge()
	segments := func() int {
		files, err := filepath.Glob(w.path("edge/recordings/square/*/*.seg"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	w.patiently("nothing is recorded for want of a key, and that is told", soon, func() bool { return strings.Contains(w.text(), "no-epoch-key") })

	var file bytes.Buffer
	f := token.Create(&file, token.Statements)
	bodies := &recordtest.Bodies{Seed: "carried"}
	for days := range 3 {
		day := share.Day(time.Now().AddDate(0, 0, days))
		for _, body := range share.Bodies {
			e := &logged.EpochKey{
				Body: city.Slug(body), Class: shortClass, Day: canonical.Day(day), Device: city.Slug(body) + "-1", Kem: "MLKEM768-X25519",
				Key: bodies.Private(body, shortClass, day).PublicKey().Bytes(),
			}
			if err := logged.Sign(e, w.log.Devices[e.Device].Key); err != nil {
				t.Fatal(err)
			}
			text, err := logged.Encode(e)
			if err != nil || f.Add(token.Entry, text) != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w.write("keys.statements", file.String())
	out, err := exec.CommandContext(t.Context(), program, "record", "submit", w.path("keys.statements"), "--hub", "http://"+w.hubAt).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "6 entries are in the log") {
		t.Fatalf("%v: %s", err, out)
	}
	w.patiently("the keys come to the edge, and it records", later, func() bool { return segments() > 0 })
	if segments() == 0 || w.logHas("epoch-key") != 6 {
		t.Errorf("%d segments, %d keys in the log", segments(), w.logHas("epoch-key"))
	}
	w.patiently("the log names the edge's program", soon, func() bool { return w.logHas("software") == 2 })

	w.hub.kill()
	stop()
	w.jump.Store(int64(3 * time.Hour)) // hours go by without a hub
	stop = w.runEdge()
	w.patiently("the hours wait at the edge", soon, func() bool { return w.statements() >= 3 })
	stop()
	waiting, hour := w.statements(), w.hour() // no more than were written before the edge had ended
	stop = w.runEdge()
	w.startHub()
	w.patiently("they are in the log, and gone from the edge", later, func() bool { return w.logHas("segments") >= 3 && w.statements() == 0 })
	if n := w.logHas("segments"); n > int64(waiting)+w.hour()-hour {
		t.Errorf("%d hours are in the log, %d statements waited", n, waiting)
	}
	stop()
}
