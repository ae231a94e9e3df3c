package scenario

import (
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"polity/camera/standin"
)

// says waits until the edge calls a camera's state by a word and the camera's page
// says what to do about it.
func (w *town) says(camera, word, onPage string) {
	w.t.Helper()
	w.eventually("the edge says: "+word, later, func() bool { return strings.HasPrefix(w.line(camera), "Camera "+camera+": "+word) })
	w.eventually("the page says: "+onPage, soon, func() bool { return strings.Contains(w.get(w.hubAt, "/cameras/"+camera), onPage) })
}

// TestWhatCamerasDo puts one camera through what cameras do, and sees it come back
// from each.
func TestWhatCamerasDo(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.employ()
	c := serve(t, standin.Config{Film: pattern(t, "320x240"), User: "polity", Password: password})
	w.watch = []watched{{"square", c.URL(), password}}
	w.allow("square")
	w.startHub()
	c.Misbehave(standin.Faults{Password: "another"})
	w.startEdge()
	w.says("square", "wrong password", "Wrong password")
	c.Misbehave(standin.Faults{})
	w.eventually("the right password is taken", later, func() bool { return w.live("square") })
	process := child(t, w.edge.pid(), "camera-process")

	c.Misbehave(standin.Faults{Stall: true})
	w.says("square", "no picture arrives", "No picture")
	c.Misbehave(standin.Faults{})
	w.eventually("pictures come again", later, func() bool { return w.live("square") })

	c.Misbehave(standin.Faults{Garbage: true})
	w.eventually("noise is no picture", later, func() bool { return w.line("square") != "" && !w.live("square") })
	c.Misbehave(standin.Faults{})
	w.eventually("after noise it is live again", later, func() bool { return w.live("square") })

	if err := c.Show(t.Context(), pattern(t, "480x270")); err != nil {
		t.Fatal(err)
	}
	w.eventually("another size is watched", later, func() bool { return w.live("square") && w.hasPlace("480", "270") })

	at, err := url.Parse(c.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	w.says("square", "no picture arrives", "No picture")
	serve(t, standin.Config{
		Film: pattern(t, "320x240", "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"), User: "polity", Password: password, Address: at.Host,
	})
	w.eventually("another codec is watched", later, func() bool { return w.live("square") && w.hasPlace("320", "240") })
	if now := child(t, w.edge.pid(), "camera-process"); now != process {
		t.Errorf("the camera's process is %d, it was %d: a camera's fault ended it", now, process)
	}
}

// hasPlace says whether the camera's page shows a place of that size.
func (w *town) hasPlace(width, height string) bool {
	return strings.Contains(w.get(w.hubAt, "/cameras/square"), `width="`+width+`" height="`+height+`"`)
}

// TestFullDiskAndNoHub: an edge alone, whose disk fills up, keeps what it measures
// and gives it to the hub when there is room and a hub.
func TestFullDiskAndNoHub(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.employ()
	if err := syscall.Mount("tmpfs", w.path("edge"), "tmpfs", 0, "size=96m"); err != nil {
		t.Skipf("a small file system cannot be mounted here (%v): run as root to test a full disk", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(w.path("edge"), syscall.MNT_DETACH) })
	c := serve(t, standin.Config{Film: pattern(t, "320x240")})
	w.watch = []watched{{name: "square", source: c.URL()}}
	w.allow("square")
	w.startEdge()
	w.eventually("the camera is live", soon, func() bool { return w.live("square") })
	w.eventually("the edge says that it has no hub", soon, func() bool {
		return strings.Contains(w.state(), "Hub: cannot be reached; everything is stored here until it can")
	})
	w.fill("edge/ballast")
	w.eventually("the disk counts as full", soon, func() bool { return strings.HasPrefix(w.get(w.edgeAt, "/healthz"), "503") })
	w.eventually("the camera is live with a full disk", soon, func() bool { return w.live("square") })
	before := w.waiting()
	w.eventually("an observation waits for room", later, func() bool {
		return strings.Contains(w.get(w.edgeAt, "/metrics"), "polity_camera_held") && !strings.Contains(w.get(w.edgeAt, "/metrics"), `polity_camera_held{camera="square"} 0`)
	})
	if err := os.Remove(w.path("edge/ballast")); err != nil {
		t.Fatal(err)
	}
	w.eventually("it is stored", soon, func() bool { return w.waiting() > before })
	w.startHub()
	w.eventually("the hub has everything", soon, func() bool { return strings.Contains(w.state(), "Hub: connected") && w.waiting() == 0 })
	w.eventually("it is on the page", soon, func() bool {
		return strings.Contains(w.get(w.hubAt, "/cameras/square/counts.csv"), "occupancy,,person")
	})
	if strings.Contains(w.state(), "Lost:") {
		t.Errorf("something was lost: %s", w.state())
	}
}

// fill writes until the disk takes no more.
func (w *town) fill(name string) {
	w.t.Helper()
	f, err := os.Create(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 16 {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
}

// TestPortsTaken: who finds a port taken says which, and what to do.
func TestPortsTaken(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.employ()
	c := serve(t, standin.Config{Film: pattern(t, "320x240")})
	w.watch = []watched{{name: "square", source: c.URL()}}
	w.allow("square")
	w.startHub()
	w.startEdge()
	for _, p := range []struct{ program, data, words string }{
		{"hub", "data: hub", "hub.listen: "},
		{"edge", "data: edge", "edge.listen: "},
	} {
		config, err := os.ReadFile(w.path("polity.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		w.write("other.yaml", strings.Replace(string(config), p.data+"\n", p.data+"-other\n", 1))
		other := launch(t, p.program, w.path("other-"+p.program), nil, p.program, "--config", w.path("other.yaml"))
		began := time.Now()
		if status := other.wait(soon); status == 0 || !strings.Contains(other.said(), p.words) || !strings.Contains(other.said(), "does another program use the port?") {
			t.Errorf("%s on a taken port ended with %d after %v: %s", p.program, status, time.Since(began), other.said())
		}
	}
}
