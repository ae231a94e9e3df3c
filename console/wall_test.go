package console_test

import (
	"encoding/json"
	"html"
	"net/http"
	"strings"
	"testing"

	"polity/access"
	"polity/console"
	"polity/console/consoletest"
)

// wallData is what the wall's page gives to its script.
func wallData(t *testing.T, h http.Handler, query string) (d console.WallData, page string) {
	t.Helper()
	w := get(t, h, "/room/wall"+query)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d", query, w.Code)
	}
	page = w.Body.String()
	_, rest, _ := strings.Cut(page, `id="wall-data">`)
	text, _, _ := strings.Cut(rest, "</script>")
	if err := json.Unmarshal([]byte(html.UnescapeString(text)), &d); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return d, page
}

func hanging(d console.WallData) string {
	var out []string
	for _, k := range d.Cameras {
		out = append(out, string(k.Name))
	}
	return strings.Join(out, " ")
}

func TestWallHangsWhatTheAddressNames(t *testing.T) {
	pages, world := newPages(t, everything)
	world.AddStreets(3)
	for query, want := range map[string]struct {
		hang          string
		tiles, screen int
	}{
		"":                                {"square street-01 street-02 street-03", 16, 0},
		"?cameras=street-03,square":       {"street-03 square", 16, 0},
		"?cameras=street-03,,street-03":   {"street-03", 16, 0},
		"?tiles=2&screen=2":               {"square street-01 street-02 street-03", 2, 1},
		"?tiles=2&screen=99":              {"square street-01 street-02 street-03", 2, 1},
		"?tiles=0":                        {"square street-01 street-02 street-03", 1, 0},
		"?tiles=4096":                     {"square street-01 street-02 street-03", 64, 0},
		"?tiles=many&screen=-1":           {"square street-01 street-02 street-03", 16, 0},
		"?cameras=street-02,nowhere,../x": {"street-02", 16, 0},
	} {
		d, page := wallData(t, pages, query)
		if hanging(d) != want.hang || d.Tiles != want.tiles || d.Screen != want.screen {
			t.Errorf("%s: %s, %d tiles, screen %d", query, hanging(d), d.Tiles, d.Screen)
		}
		if strings.Contains(query, "nowhere") && !strings.Contains(page, "There are no cameras nowhere, ../x.") {
			t.Errorf("%s: the unknown cameras are not named", query)
		}
	}
}

func TestWallFormBecomesAnAddress(t *testing.T) {
	pages, world := newPages(t, everything)
	world.AddStreets(2)
	w := get(t, pages, "/room/wall?camera=street-02&camera=square&tiles=4&screen=3")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/room/wall?cameras=street-02,square&tiles=4" {
		t.Errorf("status %d, to %s", w.Code, to)
	}
}

// grants lets looks reach only some cameras, and only with a purpose.
type grants struct {
	*consoletest.Access
	to      string
	purpose bool
}

func (g grants) Decide(who access.Who, do access.Action, on access.Thing, at access.Circumstances) access.Decision {
	if do == access.LookLive && who.Kind != access.Public {
		return access.Decision{Allowed: on.ID == g.to && g.purpose, Purpose: on.ID == g.to && !g.purpose, Why: "a purpose is missing"}
	}
	return g.Access.Decide(who, do, on, at)
}

func TestWallShowsNoCameraBeyondOnesRight(t *testing.T) {
	open := func(g grants) *console.Console {
		world, err := consoletest.New(consoletest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		world.AddStreets(3)
		pages, err := console.New(console.Config{City: world, Access: g, Looks: &consoletest.Looks{}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pages.Close)
		return pages
	}
	d, page := wallData(t, open(grants{everything, "street-02", true}), "")
	if hanging(d) != "street-02" || !strings.Contains(page, "3 cameras are left out") {
		t.Errorf("the wall holds %s", hanging(d))
	}
	if w := get(t, open(grants{everything, "street-02", false}), "/room/wall"); w.Code != http.StatusForbidden {
		t.Errorf("without a purpose: status %d", w.Code)
	}
	if w := get(t, open(grants{nobody, "", true}), "/room/wall"); w.Code != http.StatusForbidden {
		t.Errorf("for the public: status %d", w.Code)
	}
}
