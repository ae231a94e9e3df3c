package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/camera/decode"
	"polity/camera/detect"
	"polity/camera/detect/model"
	"polity/camera/frame"
	"polity/cmd/polity-native/onnx"
	"polity/internal/parts"
	"polity/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	if os.Getenv("POLITY_NATIVE_TEST") != "" {
		main()
		return
	}
	if os.Getenv("POLITY_PARTS") == "" {
		if dir, err := filepath.Abs("../../bin/parts"); err == nil {
			_ = os.Setenv("POLITY_PARTS", dir)
		}
	}
	os.Exit(m.Run())
}

func part(t *testing.T, name string) string {
	t.Helper()
	path, err := parts.Find(name)
	if err != nil {
		t.Skipf("set-up has not been run: %v", err)
	}
	return path
}

var library = sync.OnceValues(func() (*onnx.Library, error) {
	path, err := parts.Find("libonnxruntime.so.1")
	if err != nil {
		return nil, err
	}
	return onnx.Open(path)
})

func network(t *testing.T) nanodet {
	t.Helper()
	part(t, "libonnxruntime.so.1")
	l, err := library()
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Session(onnx.Network{Model: model.ONNX, Input: model.Input, Outputs: model.Outputs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return nanodet{s}
}

func square(t *testing.T) *frame.Frame {
	t.Helper()
	film, err := decode.OpenFilm(t.Context(), part(t, "square.mp4"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	f, err := film.Next()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// In the first picture of the demo's film three people walk in the open: their
// boxes, as people annotated them (pixels).
var walking = []detect.Box{
	{X0: 258, Y0: 219, X1: 291, Y1: 307}, {X0: 633, Y0: 242, X1: 676, Y1: 323}, {X0: 499, Y0: 158, X1: 530, Y1: 233},
}

func TestPeopleAreFound(t *testing.T) {
	ours, theirs := net.Pipe()
	server := detect.NewServer(network(t), sha256.Sum256(model.ONNX), 1)
	go func() { _ = server.Serve(theirs, theirs) }()
	client := detect.NewClient(func(context.Context) (detect.Conn, error) { return ours, nil }, detect.DefaultTuning)
	defer client.Close()
	f := square(t)
	for _, region := range []image.Rectangle{image.Rect(0, 0, f.Width, f.Height), image.Rect(180, 140, 700, 400)} {
		boxes, err := client.Detect(t.Context(), f, region, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range walking {
			if !found(boxes, want) {
				t.Errorf("looking at %v: nobody at %v among %v", region, want, boxes)
			}
		}
		if len(boxes) > 8 {
			t.Errorf("looking at %v: %d boxes for three people and some cars", region, len(boxes))
		}
	}
	grey := frame.New(f.Width, f.Height)
	for _, plane := range [][]byte{grey.Y, grey.U, grey.V} {
		for i := range plane {
			plane[i] = 128
		}
	}
	if boxes, err := client.Detect(t.Context(), grey, image.Rect(0, 0, f.Width, f.Height), 0.3); err != nil || len(boxes) > 0 {
		t.Errorf("in a grey picture: %v, %v", boxes, err)
	}
}

func found(boxes []detect.Box, want detect.Box) bool {
	for _, b := range boxes {
		if b.Class == detect.Person && detect.Overlap(b, want) > 0.5 {
			return true
		}
	}
	return false
}

// TestWorkerProgram builds the program as it is shipped and asks it over its
// socket.
func TestWorkerProgram(t *testing.T) {
	part(t, "libonnxruntime.so.1")
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("POLITY_PROGRAMS", dir)
	w, err := detect.StartWorker(t.Context(), "", nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f := square(t)
	var cameras sync.WaitGroup
	for range 3 {
		cameras.Go(func() {
			c := detect.NewClient(w.Dial, detect.Tuning{Pixels: 384 * 288, Zoom: 2, Timeout: detect.DefaultTuning.Timeout * 60})
			defer c.Close()
			for range 3 {
				if boxes, err := c.Detect(t.Context(), f, image.Rect(0, 0, f.Width, f.Height), 0.5); err != nil || !found(boxes, walking[0]) {
					t.Errorf("%v, %v", boxes, err)
				}
			}
			if hash, _ := c.Network(); hash != sha256.Sum256(model.ONNX) {
				t.Error("it runs another network")
			}
		})
	}
	cameras.Wait()
	if err := w.Stop(); err != nil {
		t.Error(err)
	}
}

// TestWorkerOnPipes asks the worker as one camera alone would, and sees it end with
// its stdin.
func TestWorkerOnPipes(t *testing.T) {
	library := part(t, "libonnxruntime.so.1")
	toWorker, fromUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	toUs, fromWorker, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "detect", "--library", library)
	cmd.Env = append(os.Environ(), "POLITY_NATIVE_TEST=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = toWorker, fromWorker, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	toWorker.Close()
	fromWorker.Close()
	tuning := detect.DefaultTuning
	tuning.Timeout *= 60
	client := detect.NewClient(func(context.Context) (detect.Conn, error) { return pipes{toUs, fromUs}, nil }, tuning)
	f := square(t)
	if boxes, err := client.Detect(t.Context(), f, image.Rect(0, 0, f.Width, f.Height), 0.5); err != nil || !found(boxes, walking[0]) {
		t.Errorf("%v, %v", boxes, err)
	}
	if err := errors.Join(client.Close(), cmd.Wait()); err != nil {
		t.Error(err)
	}
}

// pipes are a worker's stdout and stdin as one connection.
type pipes struct{ in, out *os.File }

func (p pipes) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p pipes) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p pipes) Close() error                { return errors.Join(p.in.Close(), p.out.Close()) }

func (p pipes) SetDeadline(at time.Time) error {
	return errors.Join(p.in.SetDeadline(at), p.out.SetDeadline(at))
}

func TestModelIsTheOneThatIsDescribed(t *testing.T) {
	page, err := os.ReadFile("../../camera/detect/model/README.md")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(model.ONNX)
	if !strings.Contains(string(page), "`"+hex.EncodeToString(sum[:])+"`") {
		t.Errorf("README.md does not name the model's SHA-256 %x", sum)
	}
}

func TestErrorsOfTheLibrary(t *testing.T) {
	if _, err := onnx.Open(filepath.Join(t.TempDir(), "libonnxruntime.so.1")); err == nil {
		t.Error("opened a library that is not there")
	}
	n := network(t)
	l, err := library()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, []byte("not a network"), model.ONNX[:len(model.ONNX)/2]} {
		if _, err := l.Session(onnx.Network{Model: bad, Input: model.Input, Outputs: model.Outputs}); err == nil {
			t.Errorf("prepared a network of %d wrong bytes", len(bad))
		}
	}
	use := func([]onnx.Tensor) error { return nil }
	for name, shape := range map[string][]int64{"another size": {1, 6, 32, 31}, "no side": {1, 6, 0, 32}, "rank": {6, 32, 32}} {
		if err := n.session.Run(make([]byte, 6*32*32), shape, use); err == nil {
			t.Errorf("%s: ran", name)
		}
	}
	if err := n.session.Run(make([]byte, 6*32*32), []int64{1, 6, 32, 32}, use); err != nil {
		t.Errorf("after errors: %v", err)
	}
}
