package scenario

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var demoAddress = regexp.MustCompile(`(?m)^  http://(127\.0\.0\.1:\d+)/$`)

// startDemo starts the demo and returns where its pages are.
func startDemo(t *testing.T, data string, args ...string) (p *process, at string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "demo.log")
	p = launch(t, "demo", log, nil, append([]string{"demo", "--data", data}, args...)...)
	eventually(t, "the demo says where it is", soon, func() bool { return demoAddress.MatchString(p.said()) || !p.running() }, p.said)
	if m := demoAddress.FindStringSubmatch(p.said()); m != nil {
		return p, m[1]
	}
	return p, ""
}

// watches says whether a camera's page calls it live, on a busy machine too.
func watches(page string) bool {
	return strings.Contains(page, "Pictures arrive and are analysed") || strings.Contains(page, "It analyses")
}

// TestDemo: the page answers with a live square, and whichever way the demo ends
// nothing is left running.
func TestDemo(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p, at := startDemo(t, data, "--port", "0")
	w := &town{t: t}
	if page := w.get(at, "/"); !strings.HasPrefix(page, "200") || !strings.Contains(page, "221 cameras of others") || !strings.Contains(page, "Demo:") {
		t.Errorf("the front page: %.200s", page)
	}
	eventually(t, "the square is live", later, func() bool {
		return strings.Contains(p.said(), "The square is live") && watches(w.get(at, "/cameras/square"))
	}, p.said)
	if page := w.get(at, "/cameras/square"); !strings.Contains(page, "crossing") || !strings.Contains(page, "A film stands in for the street") {
		t.Error("the camera's page knows neither its zones nor that it shows a film")
	}

	eventually(t, "sensors and trams are there, and called simulated", later, func() bool {
		sensors, trams := w.get(at, "/sensors"), w.get(at, "/transit")
		return strings.Contains(sensors, "Underpass at Vilhonkatu") && strings.Contains(sensors, "simulated") && strings.Contains(trams, "3 lines.") && strings.Contains(trams, "transit-vehicle")
	}, p.said)

	second := launch(t, "a second demo", filepath.Join(t.TempDir(), "log"), nil, "demo", "--data", data, "--port", "0")
	if status := second.wait(soon); status == 0 || !strings.Contains(second.said(), "another demo runs with the data in") {
		t.Errorf("a second demo in the same folder ends with %d: %s", status, second.said())
	}
	port := at[strings.LastIndex(at, ":")+1:]
	taken := launch(t, "a demo on a taken port", filepath.Join(t.TempDir(), "log"), nil, "demo", "--data", filepath.Join(t.TempDir(), "other"), "--port", port)
	if status := taken.wait(soon); status == 0 || !strings.Contains(taken.said(), "another program uses port "+port) || !strings.Contains(taken.said(), "make demo PORT=") {
		t.Errorf("a demo on a taken port ends with %d: %s", status, taken.said())
	}

	family := descendants(t, p.pid())
	if len(family) < 4 { // edge, camera's process, ffmpeg, detector
		t.Errorf("the demo runs only %v", family)
	}
	if status := p.interrupt(soon); status != 0 || !strings.Contains(p.said(), "nothing is left running") {
		t.Errorf("the demo ends with %d: %s", status, p.said())
	}
	noneLeft(t, family, 10*time.Second)

	p, at = startDemo(t, data, "--port", "0")
	if strings.Contains(p.said(), "First start") {
		t.Error("the second start makes everything anew")
	}
	eventually(t, "the square is live again", later, func() bool { return watches(w.get(at, "/cameras/square")) }, p.said)
	family = descendants(t, p.pid())
	edge := child(t, p.pid(), " edge ")
	if err := syscall.Kill(edge, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another edge is started", soon, func() bool { now := child(t, p.pid(), " edge "); return now != 0 && now != edge }, p.said)
	family = append(family, descendants(t, p.pid())...)
	p.kill()
	noneLeft(t, family, soon)
}

func noneLeft(t *testing.T, family []kin, limit time.Duration) {
	t.Helper()
	left := func() (list []string) {
		for _, k := range family {
			if k.alive() {
				list = append(list, k.words)
			}
		}
		return list
	}
	eventually(t, "nothing is left running", limit, func() bool { return len(left()) == 0 }, func() string { return strings.Join(left(), "\n") })
}

// TestDemoSaysWhatIsMissing: without a part it does not start and says what to do.
func TestDemoSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for part, words := range map[string]string{"square.mp4": "the demo's film", "libonnxruntime.so.1": "the demo's detector"} {
		dir := t.TempDir()
		for _, other := range []string{"square.mp4", "libonnxruntime.so.1"} {
			if other != part {
				if err := os.Symlink(filepath.Join(partsDir, other), filepath.Join(dir, other)); err != nil {
					t.Fatal(err)
				}
			}
		}
		p := launch(t, "demo", filepath.Join(dir, "log"), []string{"POLITY_PARTS=" + dir}, "demo", "--data", filepath.Join(empty, part), "--port", "0")
		if status := p.wait(soon); status != 2 || !strings.Contains(p.said(), words) || !strings.Contains(p.said(), "make build") {
			t.Errorf("without %s: status %d, %s", part, status, p.said())
		}
	}
	file := filepath.Join(empty, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "demo", filepath.Join(empty, "log"), nil, "demo", "--data", file)
	if status := p.wait(soon); status != 2 || !strings.Contains(p.said(), "name another folder with --data") {
		t.Errorf("with a file for a folder: status %d, %s", status, p.said())
	}
}
