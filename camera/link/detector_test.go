package link_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"polity/camera/link"
	"polity/camera/link/linktest"
)

func testDetector(t *testing.T) *link.Detector {
	t.Helper()
	d, err := link.NewDetector(link.DetectorConfig{
		Program: []string{os.Args[0], linktest.DetectorArg}, Env: []string{"GORACE=atexit_sleep_ms=0"},
		Socket:    filepath.Join(t.TempDir(), "detector.sock"),
		FirstWait: 20 * time.Millisecond, LastWait: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { d.Run(ctx) })
	t.Cleanup(func() { stop(); done.Wait() })
	return d
}

func ask(d *link.Detector) error {
	c, err := net.DialTimeout("unix", d.Socket(), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("?")); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

func TestDetectorIsSharedAndComesBack(t *testing.T) {
	d := testDetector(t)
	for range 3 {
		if err := ask(d); err != nil { // waits in the socket's queue until the process is there
			t.Fatal(err)
		}
	}
	pid := d.Status().PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process answers", func() bool { return ask(d) == nil && d.Status().PID != pid })
	if st := d.Status(); st.Starts != 2 || !strings.Contains(st.LastExit, "killed") {
		t.Errorf("%+v", st)
	}
	info, err := os.Stat(d.Socket())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
}

func TestCameraReachesTheDetector(t *testing.T) {
	d := testDetector(t)
	s := &street{stored: map[int64]int{}}
	cfg := testConfig(s, t.TempDir(), "")
	cfg.Assignment = func() (link.Assignment, error) {
		a := assignment()
		a.Source.Address, a.Detector = "script://square?detector=true&state=20ms", d.Socket()
		return a, nil
	}
	begin(t, cfg)
	eventually(t, "the camera is live with a detector", func() bool { return s.see(func() bool { return s.state.Condition == 2 }) })
}

func TestSocketPathThatIsTooLong(t *testing.T) {
	_, err := link.NewDetector(link.DetectorConfig{Socket: "/" + strings.Repeat("x", 120) + "/d.sock"})
	if err == nil || !strings.Contains(err.Error(), "shorter name") {
		t.Fatal(err)
	}
}
