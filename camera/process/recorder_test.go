package process_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/camera/link"
	"polity/recording/disk"
	"polity/recording/recorder"
	"polity/recording/recordtest"
	"polity/recording/remote"
	"polity/recording/segment"
	"polity/recording/store"
)

// TestRecordingIsSealedInTheProcess: what a camera sends over RTSP is recorded while its
// scene goes on, the edge gets ciphertext only, and both bodies' shares make it a film.
func TestRecordingIsSealedInTheProcess(t *testing.T) {
	t.Parallel()
	key := recordtest.Recorder(1)
	trust := segment.Recorders(key.Public())
	dir := t.TempDir()
	folder, err := disk.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Config{Disk: folder, Domain: "city.example", Signer: key, Trust: trust})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.Camera("square")
	if err != nil {
		t.Fatal(err)
	}
	bodies := &recordtest.Bodies{}
	crossed := make(chan []byte, 1)
	record := func(ctx context.Context, conn io.ReadWriteCloser) {
		defer conn.Close()
		heard := &tap{ReadWriter: conn}
		server := &remote.Server{
			Place: recorder.Local(stored), Signer: &segment.Guard{Domain: "city.example", Camera: "square", By: key}, Keys: bodies,
			Gone: segment.Started, Now: time.Now,
		}
		if err := server.Serve(ctx, heard); err != nil {
			t.Errorf("serve: %v", err)
		}
		crossed <- heard.Bytes()
	}
	e := startWith(t, link.Assignment{
		Source: source(camera(t), "secret"), Record: &link.Record{Domain: "city.example", Class: "street", Recorder: key.Public()},
	}, record)
	entries := func() []store.Entry { return stored.Entries(time.Unix(0, 0), time.Now().Add(time.Hour)) }
	e.eventually("two segments are recorded while frames are analysed", func() bool { return len(entries()) >= 2 && e.last().Analysed > 0 })
	e.stop()
	var chain segment.Chain
	sent := <-crossed
	for _, entry := range entries() {
		f, err := stored.Open(entry)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := segment.Scan(f, f.Size(), trust)
		if err != nil {
			t.Fatal(err)
		}
		if err := chain.Add(sealed.Header, sealed.Trailer); err != nil {
			t.Fatal(err)
		}
		film, err := bodies.Open(f, f.Size(), trust)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range recordtest.Samples(film) {
			if n := len(sample.Payload); n > 100 && bytes.Contains(sent, sample.Payload[n/2:n/2+40]) {
				t.Fatal("a picture crossed to the edge as it was")
			}
		}
		plays(t, film)
	}
	if _, gap := stored.Next(); gap == nil {
		t.Error("no gap after recording ended")
	}
}

type tap struct {
	io.ReadWriter
	bytes.Buffer
}

func (p *tap) Read(b []byte) (int, error) {
	n, err := p.ReadWriter.Read(b)
	p.Buffer.Write(b[:n])
	return n, err
}

func (p *tap) Write(b []byte) (int, error) { return p.ReadWriter.Write(b) }

// plays has ffmpeg decode a film without complaint.
func plays(t *testing.T, film []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "film.mp4")
	if err := os.WriteFile(file, film, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", file, "-f", "null", "-").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "" {
		t.Errorf("the film does not play: %v: %s", err, out)
	}
}
