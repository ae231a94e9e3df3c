package edge_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"polity/camera/link"
	"polity/camera/process"
	"polity/camera/standin"
	"polity/edge"
	logged "polity/ledger/entry"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/verify"
	"polity/register"
)

const realArg = "real-camera-process"

// realCamera runs a real camera's process if that is what this program was started for.
func realCamera() {
	if len(os.Args) < 2 || os.Args[1] != realArg {
		return
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	p, err := link.Standard()
	if err == nil {
		err = process.Run(context.Background(), p, log)
	}
	if err != nil {
		log.Error("the camera's process ended", slog.Any("error", err))
		os.Exit(1)
	}
	os.Exit(0)
}

// recorded is a street whose one real camera is recorded.
func recorded(t *testing.T, footageHours int, keys bool) (*street, *edge.Logged) {
	t.Helper()
	film := filepath.Join(t.TempDir(), "card.mp4")
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=2", "-c:v", "libx264", "-preset", "ultrafast",
		"-bf", "0", "-g", "10", "-pix_fmt", "yuv420p", film).CombinedOutput(); err != nil {
		t.Fatalf("make a film: %v: %s", err, out)
	}
	camera, err := standin.Serve(t.Context(), standin.Config{Film: film})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { camera.Close() })
	town := edge.NewLogged(t)
	s := newStreet(t, "")
	s.write("roster", string(town.Roster.File()))
	if err := os.Mkdir(s.path("keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if keys {
		var entries []logged.Entry
		for days := range 2 { // the test may run over midnight
			day := share.Day(time.Now().AddDate(0, 0, days))
			entries = append(entries, town.Key(t, share.Court, "short", day, "court-1"), town.Key(t, share.Ombudsman, "short", day, "ombudsman-1"))
		}
		town.Publish(t, s.path("keys"), entries...)
	}
	s.cfg.CameraProcess = []string{os.Args[0], realArg}
	s.cfg.AllowUnencryptedSwap = true
	s.cfg.Record = &edge.Recording{Roster: s.path("roster"), RosterWords: town.Roster.Words(), Keys: s.path("keys")}
	s.cfg.Cameras = []edge.Camera{{Name: "square", Source: camera.URL(), Record: &edge.Record{Class: "short"}}}
	s.register(footageHours, nil)
	return s, town
}

// register writes the entry of the camera that is recorded.
func (s *street) register(footageHours int, change func(*register.Entry)) {
	s.t.Helper()
	e := entry()
	if e.Retention.FootageHours = footageHours; footageHours > 0 {
		key, err := edge.RecorderKey(s.cfg)
		if err != nil {
			s.t.Fatal(err)
		}
		e.Class, e.Recorder = "short", []byte(key)
	}
	if change != nil {
		change(&e)
	}
	s.put(s.sign(e))
}

func (s *street) segments() []string {
	files, err := filepath.Glob(s.path("data/recordings/square/*/*.seg"))
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

// TestACameraIsRecordedSealed: from RTSP to segments that anyone can check and only both
// bodies together can open.
func TestACameraIsRecordedSealed(t *testing.T) {
	s, town := recorded(t, 72, true)
	s.start()
	s.eventually("two segments are recorded", func() bool { return len(s.segments()) >= 2 })
	state := s.page("/")
	s.stop()
	m := regexp.MustCompile(`recorder=([0-9a-f]{64})`).FindStringSubmatch(s.log.String())
	if m == nil {
		t.Fatal("the recorder's public key is not told")
	}
	if !strings.Contains(state, "Recordings: 0.0 GB, sealed; signed by recorder "+m[1]) {
		t.Errorf("the state page says nothing of recordings: %s", state)
	}
	key, err := hex.DecodeString(m[1])
	if err != nil {
		t.Fatal(err)
	}
	trust := segment.Recorders(key)
	cameras, err := verify.Files([]string{s.path("data/recordings")}, trust, nil)
	if err != nil || len(cameras) != 1 || cameras[0].Domain != "helsinki.example" {
		t.Fatalf("%+v, %v", cameras, err)
	}
	for _, file := range s.segments() {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		film, err := town.Bodies.Open(bytes.NewReader(b), int64(len(b)), trust)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(film[4:8], []byte("ftyp")) || bytes.Contains(b, film[:64]) {
			t.Errorf("%s holds no film, or holds it as it is", file)
		}
	}
	first := s.segments()[0]
	s.cfg.Record.Copy = &edge.SecondCopy{Folder: s.path("second")}
	s.start() // the chain goes on
	s.eventually("the first recording has a second copy", func() bool {
		_, err := os.Stat(strings.Replace(first, s.path("data/recordings"), s.path("second"), 1))
		return err == nil
	})
	s.eventually("more is recorded", func() bool { return len(s.segments()) >= 4 })
	s.stop()
	if cameras, err = verify.Files([]string{s.path("data/recordings")}, trust, nil); err != nil || len(cameras[0].Gaps) == 0 {
		t.Fatalf("%+v, %v", cameras, err)
	}
	if s.segments()[0] != first {
		t.Error("the first recording is gone")
	}
}

// TestWithoutKeysTheSceneGoesOn: no epoch key is no kill switch for the rest.
func TestWithoutKeysTheSceneGoesOn(t *testing.T) {
	s, _ := recorded(t, 72, false)
	s.start()
	s.eventually("recording has stopped, and that is told", func() bool { return strings.Contains(s.log.String(), "no-epoch-key") })
	s.eventually("frames are analysed", func() bool {
		return regexp.MustCompile(`Camera square: no detector`).MatchString(s.page("/"))
	})
	if n := len(s.segments()); n > 0 {
		t.Fatalf("%d segments were sealed to nobody's key", n)
	}
}

// TestNoFootageWithoutADecision: the register entry decides whether there is any.
func TestNoFootageWithoutADecision(t *testing.T) {
	for _, hours := range []int{0, 71} { // the class keeps it for 72
		s, _ := recorded(t, hours, true)
		s.start()
		s.eventually("it is told that nothing is recorded", func() bool { return strings.Contains(s.log.String(), "the camera is not recorded") })
		s.eventually("frames are analysed", func() bool { return strings.Contains(s.page("/"), "Camera square: no detector") })
		s.stop()
		if n := len(s.segments()); n > 0 {
			t.Fatalf("%d hours allowed: %d segments", hours, n)
		}
	}
}

// TestOnlyTheRegisteredRecorderRecords: what the entry names is what records, and the log says
// what to do where it does not.
func TestOnlyTheRegisteredRecorderRecords(t *testing.T) {
	for want, change := range map[string]func(*register.Entry){
		"no recorder and class; register it again with --class short ":  func(e *register.Entry) { e.Class, e.Recorder = "", nil },
		"names the class usual, and the configuration short":            func(e *register.Entry) { e.Class = "usual" },
		"names the recorder 070707070707070707070707070707070707070707": func(e *register.Entry) { e.Recorder = bytes.Repeat([]byte{7}, 32) },
	} {
		s, _ := recorded(t, 168, true)
		s.register(168, change)
		s.start()
		s.eventually("it is told what to do", func() bool {
			return strings.Contains(s.log.String(), want) && strings.Contains(s.page("/"), "It is not recorded: ")
		})
		s.stop()
		if n := len(s.segments()); n > 0 {
			t.Fatalf("%s: %d segments", want, n)
		}
	}
}

func TestWrongRosterWordsAreRefused(t *testing.T) {
	s, _ := recorded(t, 72, false)
	s.cfg.Record.RosterWords = "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
	err := edge.Run(t.Context(), s.cfg, edge.Deps{})
	if err == nil || !strings.Contains(err.Error(), "compare them") {
		t.Fatalf("got %v", err)
	}
}

func TestASecondCopyIsOneOrTheOther(t *testing.T) {
	s, _ := recorded(t, 72, false)
	for name, c := range map[string]*edge.SecondCopy{
		"nowhere":   {},
		"both":      {Folder: "/srv/second", Address: "https://store.example", Bucket: "b", User: "u", SecretFile: "/etc/secret"},
		"no bucket": {Address: "https://store.example"},
	} {
		s.cfg.Record.Copy = c
		if err := s.cfg.WithDefaults().Check(); err == nil || !strings.Contains(err.Error(), "copy: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
