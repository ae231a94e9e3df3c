package demo

import (
	"os"
	"strings"
	"testing"
	"time"

	"polity/camera/measure"
	"polity/camera/uplink"
	"polity/edge"
	"polity/hub"
	"polity/internal/strictyaml"
	"polity/ledger/roster/rostertest"
	"polity/register"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, now time.Time) (*town, *register.Signed) {
	t.Helper()
	w, err := openTown(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	defer w.unlock()
	keys, err := register.ParseKeys([]string{w.cityKey})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := register.Folder{Dir: w.path("register"), Keys: keys}.Load(cameraName)
	if err != nil {
		t.Fatal(err)
	}
	if err := signed.For(cameraName, edgeName, now); err != nil {
		t.Error(err)
	}
	return w, signed
}

// TestFolderIsMadeOnceAndRenewed: keys and entry stay from start to start, and the
// entry is signed anew before it ends.
func TestFolderIsMadeOnceAndRenewed(t *testing.T) {
	dir := t.TempDir()
	first, entry := open(t, dir, noon)
	again, same := open(t, dir, noon.Add(24*time.Hour))
	if !first.fresh || again.fresh || again.cityKey != first.cityKey || again.edgeKey != first.edgeKey || again.password != first.password {
		t.Error("a second start makes keys anew")
	}
	if string(same.Text) != string(entry.Text) || !entry.Simulated {
		t.Error("a second start signs another entry, or it does not say that a film stands in")
	}
	if _, later := open(t, dir, noon.Add(validity-renewal/2)); !later.Until.After(entry.Until) {
		t.Error("an entry that ends soon is not renewed")
	}
	for _, name := range []string{"city.key", "edge.key", "square.password"} {
		if info, err := os.Stat(first.path("keys", name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestOneDemoAFolder(t *testing.T) {
	dir := t.TempDir()
	w, err := openTown(dir, noon)
	if err != nil {
		t.Fatal(err)
	}
	defer w.unlock()
	if _, err := openTown(dir, noon); err == nil || !strings.Contains(err.Error(), "another demo runs") {
		t.Errorf("a second demo in the same folder: %v", err)
	}
}

// TestTheEdgeTakesWhatTheDemoWrites: configuration, layout and entry fit together.
func TestTheEdgeTakesWhatTheDemoWrites(t *testing.T) {
	w, signed := open(t, t.TempDir(), noon)
	people := rostertest.New("demo")
	if err := w.writeConfig("rtsp://127.0.0.1:8554/main", people.Roster, hub.Started{Edges: "127.0.0.1:7422"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(w.path("polity.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Edge edge.Config `yaml:"edge"`
	}
	if err := strictyaml.Decode("polity.yaml", b, &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Edge.Check(); err != nil {
		t.Error(err)
	}
	l := square()
	if answer := uplink.CheckLayout(&l, &signed.Entry); answer.Result != uplink.Taken {
		t.Errorf("the entry does not allow the layout: %+v", answer)
	}
	plane, err := measure.NewPlane(l.Ground)
	if err != nil {
		t.Fatal(err)
	}
	// The two lines are 256 pixels apart: some 7 m there, where people are 75 pixels high.
	if area, ok := plane.Area(l.Zones[0]); !ok || area < 100 || area > 2000 {
		t.Errorf("the crossing has %.0f square metres", area)
	}
}
