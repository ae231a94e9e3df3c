package scenario

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/camera/standin"
	"polity/city"
	"polity/edge"
	"polity/internal/attack"
	"polity/ledger/canonical"
	logged "polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
)

// sealed is a town whose edge records the square, sealed to keys of two bodies that the
// test has.
type sealed struct {
	*town
	bodies *recordtest.Bodies
	log    *logtest.Town
}

const shortClass = city.Slug("short")

func newSealed(t *testing.T) *sealed {
	t.Helper()
	w := &sealed{town: newTown(t), bodies: &recordtest.Bodies{Seed: "attacked"}, log: logtest.New(t, t.TempDir())}
	w.mkdir("keys")
	w.write("city.roster", string(w.log.Roster.File()))
	var list []logged.Entry
	for days := range 2 { // it may run over midnight
		day := share.Day(time.Now().AddDate(0, 0, days))
		for _, body := range share.Bodies {
			e := &logged.EpochKey{
				Body: city.Slug(body), Class: shortClass, Day: canonical.Day(day), Device: city.Slug(body) + "-1", Kem: "MLKEM768-X25519",
				Key: w.bodies.Private(body, shortClass, day).PublicKey().Bytes(),
			}
			if err := logged.Sign(e, w.log.Devices[e.Device].Key); err != nil {
				t.Fatal(err)
			}
			list = append(list, e)
		}
	}
	w.prove(list)
	c := serve(t, standin.Config{Film: square(), User: "polity", Password: password})
	w.watch = []watched{{"square", c.URL(), password}}
	e := entry("square")
	key, err := edge.RecorderKey(edge.Config{Data: w.path("edge")})
	if err != nil {
		t.Fatal(err)
	}
	e.Retention.FootageHours, e.Class, e.Recorder = 72, shortClass, []byte(key)
	w.write("register/square.entry", w.sign(e))
	w.edit = func(text string) string {
		text = strings.Replace(text, "per_second: 5", fmt.Sprintf("per_second: 5, record: {class: %s}", shortClass), 1)
		return strings.Replace(text, "  archive_every:", fmt.Sprintf("  record: {roster: %q, roster_words: %s, keys: %q}\n  archive_every:", w.path("city.roster"), w.log.Roster.Words(), w.path("keys")), 1)
	}
	return w
}

// prove logs entries and puts the proof of each into the edge's folder of keys.
func (w *sealed) prove(list []logged.Entry) {
	w.t.Helper()
	l, err := log.Open(w.log.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	defer l.Close()
	indexes, err := l.AppendAll(w.t.Context(), list)
	if err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the keys are public", soon, func() bool { s, err := l.State(w.t.Context()); return err == nil && s.Public == s.Size })
	source, err := proof.Folder(w.log.Config.Dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, index := range indexes {
		p, err := proof.Prove(w.t.Context(), source, index, &w.log.Roster.Roster)
		if err != nil {
			w.t.Fatal(err)
		}
		w.write(fmt.Sprintf("keys/entry-%d.proof", index), string(p.Marshal()))
	}
}

// segments lists what is recorded, in order.
func (w *sealed) segments() []string {
	w.t.Helper()
	files, err := filepath.Glob(w.path("edge", "recordings", "square", "*", "*.seg"))
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

func anybody([32]byte) bool { return true }

// secrets are what opens a segment, and pieces of its pictures, as a case has them.
func (w *sealed) secrets(file string) map[string][]byte {
	w.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := segment.Scan(bytes.NewReader(b), int64(len(b)), anybody)
	if err != nil {
		w.t.Fatal(err)
	}
	name := fmt.Sprintf("segment %d: ", s.Header.Sequence)
	all := map[string][]byte{}
	for i, body := range share.Bodies {
		half, err := share.Open(w.bodies.Private(body, shortClass, s.Header.Day()), s.Header.Context(i), s.Shares[i], s.Header.Commitments[i])
		if err != nil {
			w.t.Fatal(err)
		}
		all[name+"half of "+string(body)] = half[:]
		if _, err := segment.Open(bytes.NewReader(b), int64(len(b)), &half, anybody); err == nil {
			w.t.Errorf("%sthe half of %s opens it", name, body)
		}
	}
	k, err := w.bodies.KeyOf(s)
	if err != nil {
		w.t.Fatal(err)
	}
	all[name+"key"] = k[:]
	plain, err := w.bodies.Open(bytes.NewReader(b), int64(len(b)), anybody)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, p := range recordtest.Samples(plain) {
		if n := len(p.Payload); n > 400 {
			all[fmt.Sprintf("%spicture %d", name, i)] = p.Payload[n/2 : n/2+64]
		}
	}
	return all
}

// found counts the secrets that are in something.
func found(in []byte, secrets map[string][]byte) (names []string) {
	for name, s := range secrets {
		if bytes.Contains(in, s) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestAttackARunningEdge attacks an edge that records a camera, beside its hub: its memory,
// its disk after it was killed, and what it recorded.
func TestAttackARunningEdge(t *testing.T) {
	attack.Tell(t, "recorder-stolen-running",
		"All writable memory of a running hub, edge and camera process is read while the camera is recorded, and searched for keys, halves and pictures of the segments before.",
		"Keys, halves, packets and pictures are overwritten once they were used, with no help of the garbage collector, which is off in this test; hub and edge process never have any of them.")
	attack.Tell(t, "disk-copied",
		"A recording edge is killed in the middle of a segment, and all files of edge and hub are copied and searched for the camera's video, its frames, keys and halves; one body's halves are tried on each segment.",
		"What was written of the open segment is encrypted already, and neither key nor half is in any file.")
	attack.Tell(t, "crash-seal",
		"The edge is killed by force in the middle of a segment and started again, and what it recorded is checked with polity verify segment.",
		"The torn segment is cut after its last whole piece or named as a gap, the chain goes on, and every segment verifies.")
	attack.Tell(t, "segment-dropped",
		"A segment is taken out of the folder of recordings, and the rest is handed in.",
		"polity verify segment names the place: the next header names the hash and number of the one that is missing.")
	attack.Tell(t, "segment-reordered",
		"The first two pieces of a recorded segment change places, with their checks as they were; and two segments change their names in the folder.",
		"polity verify segment counts the pieces and names the file; names of files decide nothing, the order is that of the signed numbers.")
	attack.Tell(t, "segment-spliced",
		"The encrypted pictures of one segment are put behind the header of another that has as many bytes and more.",
		"The signed trailer has the hash of the ciphertext, and polity verify segment names the file.")
	attack.Tell(t, "segment-relabelled",
		"The camera's name in the header of a recorded segment is changed to another's of the same length.",
		"The header is signed, and polity verify segment names the file.")
	attack.Tell(t, "segment-forged",
		"A segment of the same camera, time and place in the chain, with other pictures, is sealed to the same bodies by a recorder of the attacker's and put in place of one.",
		"polity verify segment asks for the signature of the recorder that the public log names.")
	t.Parallel()
	w := newSealed(t)
	w.before, w.env = readable, []string{"GOGC=off"} // without garbage collection nothing is overwritten by accident
	w.startHub()
	w.startEdge()
	w.eventually("five segments are recorded", later, func() bool { return len(w.segments()) >= 5 })
	w.searchMemory()
	w.searchDisk()
	w.before, w.env = nil, nil
	before := len(w.segments())
	w.startEdge()
	w.eventually("recording goes on after the kill", later, func() bool { return len(w.segments()) >= before+3 })
	if status := w.edge.interrupt(soon); status != 0 {
		t.Errorf("the edge ended with %d", status)
	}
	w.changeSegments()
}

func (w *sealed) searchMemory() {
	w.t.Helper()
	earlier := w.segments()
	newest := len(earlier)
	memory := map[string][]byte{"the hub": memoryOf(w.t, w.hub.pid()), "the edge": memoryOf(w.t, w.edge.pid())}
	camera := child(w.t, w.edge.pid(), "camera-process")
	memory["the camera's process"] = memoryOf(w.t, camera)
	if !bytes.Contains(mustRead(w.t, fmt.Sprintf("/proc/%d/environ", camera)), []byte("GOGC=off")) {
		w.t.Error("the camera's process collects garbage: what is found depends on chance")
	}
	w.eventually("the segment of the search is closed", later, func() bool { return len(w.segments()) > newest })
	now := w.secrets(w.segments()[newest]) // recorded while the memory was read
	if len(found(memory["the camera's process"], now)) == 0 {
		w.t.Error("the search does not even find a picture of the segment that was open: it would find nothing")
	}
	secrets := map[string][]byte{}
	for _, file := range earlier[:newest-1] { // the last one was just closed: 12 s are stated
		maps.Copy(secrets, w.secrets(file))
	}
	for where, m := range memory {
		if names := found(m, secrets); len(names) > 0 {
			w.t.Errorf("the memory of %s (%d MiB) holds %d of %d secrets: %v ... %v", where, len(m)>>20, len(names), len(secrets), names[:min(len(names), 10)], names[max(0, len(names)-10):])
		}
	}
	w.t.Logf("%d keys, halves and pictures of %d segments were searched for", len(secrets), newest-1)
}

func (w *sealed) searchDisk() {
	w.t.Helper()
	w.eventually("a segment is being written", soon, func() bool {
		parts, err := filepath.Glob(w.path("edge", "recordings", "square", "*", "*.part"))
		return err == nil && len(parts) > 0
	})
	w.edge.kill()
	parts, err := filepath.Glob(w.path("edge", "recordings", "square", "*", "*.part"))
	if err != nil || len(parts) == 0 {
		w.t.Errorf("the edge was not killed in the middle of a segment: %v, %v", parts, err)
	}
	secrets := map[string][]byte{}
	for _, file := range w.segments() {
		maps.Copy(secrets, w.secrets(file))
	}
	s := newSearch(w.t)
	files := w.disk(w.t)
	for name, b := range files {
		s.pieces(name, b)
		if names := found(b, secrets); len(names) > 0 {
			w.t.Errorf("%s holds %v", name, names[:min(len(names), 20)])
		}
	}
	s.report(w.t)
	w.t.Logf("%d files were searched, %d of them unfinished segments", len(files), len(parts))
}

// verify runs polity verify segment and returns its exit status and words.
func (w *sealed) verify(args ...string) (int, string) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), program, append([]string{"verify", "segment"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func (w *sealed) changeSegments() {
	w.t.Helper()
	key, err := edge.RecorderKey(edge.Config{Data: w.path("edge")})
	w.must(err)
	recorder := hex.EncodeToString(key)
	if status, said := w.verify("--recorder", recorder, w.path("edge", "recordings")); status != 0 || !strings.Contains(said, "none missing") {
		w.t.Fatalf("what was recorded does not verify: %d %s", status, said)
	}
	_, before := w.verify("--recorder", recorder, w.path("edge", "recordings"))
	dir, files := w.copied("renamed")
	w.must(os.Rename(files[1], files[1]+"x"))
	w.must(os.Rename(files[2], files[1]))
	w.must(os.Rename(files[1]+"x", files[2]))
	if status, said := w.verify("--recorder", recorder, dir); status != 0 || said[strings.Index(said, "camera "):] != before[strings.Index(before, "camera "):] {
		w.t.Errorf("renamed: status %d, %s; before %s", status, said, before)
	}
	for name, c := range map[string]struct {
		words  string
		change func(files []string)
	}{
		"dropped": {"missing", func(f []string) { w.must(os.Remove(f[2])) }},
		"reordered": {"", func(f []string) {
			b := mustRead(w.t, f[2])
			at := headOf(w.t, b)
			const piece = 4 + 65536 + 16 + 4
			w.must(os.WriteFile(f[2], slices.Concat(b[:at], b[at+piece:at+2*piece], b[at:at+piece], b[at+2*piece:]), 0o600))
		}},
		"spliced": {"", func(f []string) {
			one, two := mustRead(w.t, f[1]), mustRead(w.t, f[2])
			at := headOf(w.t, one)
			w.must(os.WriteFile(f[1], slices.Concat(one[:at], two[headOf(w.t, two):len(two)-segment.TrailerSize], one[len(one)-segment.TrailerSize:]), 0o600))
		}},
		"relabelled": {"signature", func(f []string) {
			b := mustRead(w.t, f[2])
			w.must(os.WriteFile(f[2], bytes.Replace(b, []byte("\x06square"), []byte("\x06bridge"), 1), 0o600))
		}},
		"forged": {"recorder", func(f []string) { w.forge(f[2]) }},
	} {
		dir, files := w.copied(name)
		c.change(files)
		if status, said := w.verify("--recorder", recorder, dir); status == 0 || !strings.Contains(said, c.words) || !strings.Contains(said, ".seg") {
			w.t.Errorf("%s: status %d, %s", name, status, said)
		} else {
			w.t.Logf("%s: %s", name, strings.TrimSpace(said))
		}
	}
}

// copied is what was recorded, in a folder of its own.
func (w *sealed) copied(name string) (dir string, files []string) {
	w.t.Helper()
	dir = filepath.Join(w.t.TempDir(), name)
	w.must(os.CopyFS(dir, os.DirFS(w.path("edge", "recordings"))))
	files, err := filepath.Glob(filepath.Join(dir, "square", "*", "*.seg"))
	w.must(err)
	return dir, files
}

// forge seals other pictures in a segment's place.
func (w *sealed) forge(file string) {
	w.t.Helper()
	b := mustRead(w.t, file)
	s, err := segment.Scan(bytes.NewReader(b), int64(len(b)), anybody)
	w.must(err)
	var keys [2]share.EpochKey
	for i, body := range share.Bodies {
		keys[i], err = w.bodies.Key(context.Background(), body, shortClass, s.Header.Day())
		w.must(err)
	}
	var out bytes.Buffer
	forged, err := segment.Seal(&out, *s.Header, keys, recordtest.Recorder(9))
	w.must(err)
	_, err = forged.Write(recordtest.File("h264.mp4"))
	w.must(err)
	_, err = forged.Close(s.Trailer.End, 100)
	w.must(err)
	w.must(os.WriteFile(file, out.Bytes(), 0o600))
}

func headOf(t *testing.T, b []byte) int {
	t.Helper()
	h, err := segment.ReadHeader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return len(h.Bytes()) + 2*share.SealedSize
}

func (w *sealed) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
