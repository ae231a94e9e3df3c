package recorder_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/internal/attack"
	"polity/recording/disk"
	"polity/recording/fmp4"
	"polity/recording/recorder"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

const childFolder = "POLITY_TEST_RECORD_INTO"

// TestRecorderProcess is not a test of its own: it is the process that
// TestAttackRecorderStolenRunning searches. It records ten segments of pictures that only it
// has, and then waits.
func TestRecorderProcess(t *testing.T) {
	dir := os.Getenv(childFolder)
	if dir == "" {
		t.Skip("started by TestAttackRecorderStolenRunning only")
	}
	// The private halves stay with the parent: only what a recorder has is here.
	keys := published{}
	for _, body := range share.Bodies {
		b, err := os.ReadFile(filepath.Join(dir, string(body)))
		if err != nil {
			t.Fatal(err)
		}
		if keys[body], err = share.NewEpochKey(body, "street", "2026-12-01", b); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := disk.OpenFolder(filepath.Join(dir, "segments"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Config{Disk: folder, Domain: "city.example", Signer: key, Trust: trust})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Camera("square")
	if err != nil {
		t.Fatal(err)
	}
	r, err := recorder.New(recorder.Config{Domain: "city.example", Camera: "square", Class: "street", Keys: keys, Signer: key, Place: recorder.Local(c)})
	if err != nil {
		t.Fatal(err)
	}
	film := recordtest.Film("h264.mp4", start)
	sets, _ := fmp4.SetsOf(film[0])
	var recent [][]byte // wiped as a source would: a second and more after they came
	for i := range 10*6*10 + 12 {
		nal := picture(i)
		u := &fmp4.Unit{Codec: fmp4.H264, NALs: [][]byte{nal}, Stream: 1, PTS: time.Duration(i) * 100 * time.Millisecond}
		if u.Taken = start.Add(u.PTS); i%20 == 0 {
			u.Key = true
			u.NALs = [][]byte{sets.SPS, sets.PPS, nal}
		}
		r.Add(t.Context(), u)
		if recent = append(recent, nal); len(recent) > 20 {
			clear(recent[0])
			recent = recent[1:]
		}
	}
	fmt.Println("recorded")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has looked
}

// picture is the i-th picture of the process: 20 kB that nobody could guess.
func picture(i int) []byte {
	b := make([]byte, 0, 20_000)
	b = append(b, 0x41)
	if i%20 == 0 {
		b[0] = 0x65
	}
	for n := 0; len(b)+32 <= cap(b); n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "picture %d %d", i, n))
		b = append(b, sum[:]...)
	}
	return b
}

type published map[share.Body]share.EpochKey

func (p published) Key(_ context.Context, body share.Body, _ city.Slug, day string) (share.EpochKey, error) {
	if k := p[body]; k.Day == day {
		return k, nil
	}
	return share.EpochKey{}, errors.New("not published")
}

// TestAttackRecorderStolenRunning searches the memory of a process that records for keys and
// shares of segments it has completed, and for pictures of theirs. It cannot prove that
// none could ever be found (Go's runtime may copy); it finds a wipe that was forgotten.
func TestAttackRecorderStolenRunning(t *testing.T) {
	attack.Tell(t, "recorder-stolen-running",
		"All writable memory of a process that has recorded ten segments is read and searched for their keys, both halves of each, and their pictures.",
		"Keys, halves and buffers are overwritten with each segment; the search finds the picture of now, so it works, and nothing of before.")
	dir := t.TempDir()
	bodies := &recordtest.Bodies{Seed: "memory"}
	for _, body := range share.Bodies {
		if err := os.WriteFile(filepath.Join(dir, string(body)), bodies.Private(body, "street", "2026-12-01").PublicKey().Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRecorderProcess$", "-test.v")
	// Without garbage collection nothing is overwritten by accident.
	cmd.Env = append(os.Environ(), childFolder+"="+dir, "GOGC=off")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "recorded") {
		if strings.Contains(lines.Text(), "FAIL") {
			t.Fatal(lines.Text())
		}
	}
	secrets := secretsOf(t, bodies, filepath.Join(dir, "segments"))
	memory, err := memoryOf(cmd.Process.Pid)
	if errors.Is(err, fs.ErrPermission) {
		t.Skipf("the memory of another process may not be read here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	held := picture(611) // the last picture is still held: the search itself works
	if !bytes.Contains(memory, held[:64]) {
		t.Fatal("the search does not even find the picture that is being recorded")
	}
	for name, secret := range secrets {
		if bytes.Contains(memory, secret) {
			t.Errorf("%s is still in memory", name)
		}
	}
	t.Logf("%d secrets were searched for in %d MiB", len(secrets), len(memory)>>20)
}

// secretsOf opens all segments as a case does.
func secretsOf(t *testing.T, bodies *recordtest.Bodies, dir string) map[string][]byte {
	t.Helper()
	secrets := map[string][]byte{}
	files, err := filepath.Glob(filepath.Join(dir, "square", "*", "*.seg"))
	if err != nil || len(files) != 10 {
		t.Fatalf("%d segments, %v", len(files), err)
	}
	for i, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		s, err := segment.Scan(f, info.Size(), trust)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("segment %d: ", i+1)
		for j, body := range share.Bodies {
			one, err := share.Open(bodies.Private(body, "street", "2026-12-01"), s.Header.Context(j), s.Shares[j], s.Header.Commitments[j])
			if err != nil {
				t.Fatal(err)
			}
			secrets[name+"share of "+string(body)] = one[:]
		}
		k, err := bodies.KeyOf(s)
		if err != nil {
			t.Fatal(err)
		}
		secrets[name+"key "+hex.EncodeToString(k[:2])] = k[:]
		plain, err := bodies.Open(f, info.Size(), trust)
		if err != nil {
			t.Fatal(err)
		}
		samples := recordtest.Samples(plain)
		for _, at := range []int{1, len(samples) / 2} {
			secrets[fmt.Sprintf("%spicture %d", name, at)] = samples[at].Payload[10_000:10_064]
		}
		f.Close()
	}
	return secrets
}

// memoryOf reads all writable memory of a process.
func memoryOf(pid int) ([]byte, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	var all []byte
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") || to-from > 1<<30 {
			continue
		}
		b := make([]byte, to-from)
		n, err := mem.ReadAt(b, from)
		if err != nil && n == 0 {
			if errors.Is(err, fs.ErrPermission) {
				return nil, err
			}
			continue // a region that cannot be read, as [vvar]
		}
		all = append(all, b[:n]...)
	}
	return all, nil
}
