package play_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"polity/city"
	"polity/recording/recordtest"
	"polity/recording/segment"
	casefile "polity/release/case"
	"polity/release/case/casetest"
	"polity/release/case/play"
)

const modules = "../../../node_modules"

// chromium finds Debian's browser, or says how to get one.
func chromium(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(modules, "playwright-core")); err != nil {
		t.Skip("the web parts are not set up: run 'setup/setup test' first")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skip("no Chromium here: run 'setup/setup test' first")
	return ""
}

// TestInABrowser plays testdata/play.mjs: clips, keys, marks, notes, axe.
func TestInABrowser(t *testing.T) {
	browser := chromium(t)
	dir := t.TempDir()
	w := casetest.New(t, dir)
	units := recordtest.Film("h264.mp4", casetest.Filmed)
	for _, camera := range []city.Slug{"bridge", "square"} {
		w.Shoot(camera, casetest.Filmed, casetest.Filmed.Add(20*time.Second), units)
	}
	w.Seal("square", casetest.Filmed.Add(30*time.Second), segment.PowerLost, units)
	w.Seal("tower", casetest.Filmed, segment.None, recordtest.Film("h265.mp4", casetest.Filmed))
	c, shelf := w.Opened("bridge", "square", "tower")
	views, err := c.Views()
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close()
	pages := play.New(c, shelf, views, nil)
	server := httptest.NewServer(pages.Handler())
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), "node", "testdata/play.mjs")
	cmd.Env = append(os.Environ(), "POLITY_PLAY="+server.URL+pages.Path(), "POLITY_CHROMIUM="+browser)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	notes, _, err := c.Notes()
	if err != nil || len(notes.Marks) != 1 || len(notes.Notes) != 1 || len(notes.Marks[0].Keys) < 2 || notes.Marks[0].Camera != "square" {
		t.Errorf("%+v, %v", notes, err)
	}
	log, err := os.Open(filepath.Join(c.Dir(), "views.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	seen := map[city.Slug]int{}
	if _, _, err := casefile.ReadViews(log, c.Token.ID, func(v casefile.View) error { seen[v.Camera]++; return nil }); err != nil {
		t.Error(err)
	}
	if seen["square"] < 3 || seen["bridge"] < 3 || seen["tower"] < 1 {
		t.Errorf("the log has %v", seen)
	}
}
