package browsertest

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image/color"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"polity/camera/layout"
	"polity/camera/measure"
	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/console/consoletest"
)

const parts = "../../node_modules"

// chromium finds Debian's browser, or says how to get one.
func chromium(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(parts, "playwright-core")); err != nil {
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

// stage is the city behind the pages, built anew for every test of the browser.
type stage struct {
	t     *testing.T
	built string
	delay time.Duration // before every answer

	mu       sync.Mutex
	world    *consoletest.City
	sensors  *consoletest.Sensors
	room     *consoletest.Room
	turn     *turn
	own      *console.Console
	everyone *console.Console
	deaf     bool

	line line
}

func (s *stage) reset() {
	s.line.reset()
	begins := &turn{TB: s.t}
	world := newCity(begins)
	sensors := newSensors(world)
	room := newRoom(begins)
	own := newConsole(begins, world, sensors, room, s.built, s.line.everything())
	everyone := newConsole(begins, world, sensors, room, s.built, consoletest.Nobody())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != nil {
		s.turn.end()
	}
	s.turn, s.room = begins, room
	s.world, s.sensors, s.own, s.everyone, s.deaf = world, sensors, own, everyone, false
}

// pages serves the newest console; a deaf one answers no live feed.
func (s *stage) pages(which func() *console.Console) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(s.delay)
		s.mu.Lock()
		c, deaf := which(), s.deaf
		s.mu.Unlock()
		if deaf && (r.URL.Path == "/live" || strings.HasPrefix(r.URL.Path, "/room/")) {
			http.Error(w, "deaf", http.StatusServiceUnavailable)
			return
		}
		c.ServeHTTP(w, r)
	})
}

// control is how the browser's tests change the city.
func (s *stage) control(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	world := s.world
	s.mu.Unlock()
	switch strings.TrimPrefix(r.URL.Path, "/") {
	case "axe":
		http.ServeFile(w, r, filepath.Join(parts, "axe-core/axe.min.js"))
	case "reset":
		s.reset()
	case "unplug":
		s.line.cut.Store(q.Get("cut") != "")
	case "signedout":
		s.line.signedOut.Store(q.Get("out") != "")
	case "empty":
		world.Empty()
	case "streets":
		world.AddStreets(number(q.Get("n")))
	case "cutone":
		world.Cut(city.Slug(q.Get("camera")), q.Get("cut") != "")
	case "unseen":
		world.AddUnseen("garden", "Botanic garden, gate")
	case "state":
		world.SetState("square", func(st *wire.State) { st.Condition = wire.Condition(number(q.Get("condition"))) })
	case "waiting":
		world.SetWaiting(int64(number(q.Get("n"))))
	case "cut":
		world.Cut("square", q.Get("cut") != "")
	case "deaf":
		s.mu.Lock()
		s.deaf = q.Get("deaf") != ""
		if s.deaf {
			s.own.Close() // what is open ends
			s.own = newConsole(s.turn, world, s.sensors, s.room, s.built, s.line.everything())
		}
		s.mu.Unlock()
	case "sensors":
		s.changeSensors(q)
	case "room":
		s.changeRoom(w, q)
	case "marks":
		world.Fix("square", marks(q.Get("marks")))
	case "metres":
		s.setMetres(world, r)
	case "tile":
		world.Send("square", consoletest.Tile(uint16(number(q.Get("tile"))), color.RGBA{200, 30, 30, 255}))
	case "ground":
		s.setGround(world, r)
	case "refuse":
		world.Refuse(nil)
		if why := q.Get("why"); why != "" {
			world.Refuse(city.Errorf(city.Unavailable, "%s", why))
		}
	default:
		http.Error(w, "unknown "+r.URL.Path, http.StatusNotFound)
	}
}

// changeSensors empties them, takes their data away, or sets the underpass's water level.
func (s *stage) changeSensors(q url.Values) {
	s.mu.Lock()
	sensors := s.sensors
	s.mu.Unlock()
	if level, err := strconv.ParseFloat(q.Get("level"), 64); err == nil {
		sensors.SetLevel(level)
	}
	if q.Get("empty") != "" {
		sensors.Empty()
	}
	if q.Get("away") != "" {
		sensors.Break(city.Errorf(city.Unavailable, "the city's data is away"))
	}
}

// setGround saves a ground of 20 x 20 m, seen straight from above.
func (s *stage) setGround(world *consoletest.City, r *http.Request) {
	l, err := world.Layout(r.Context(), "square")
	if err != nil {
		s.t.Error(err)
		return
	}
	l.Ground = &layout.Ground{
		Picture: [4]layout.Point{{X: .25, Y: .25}, {X: .75, Y: .25}, {X: .75, Y: .75}, {X: .25, Y: .75}},
		Metres:  [4]layout.Metres{{X: 0, Y: 20}, {X: 20, Y: 20}, {X: 20, Y: 0}, {X: 0, Y: 0}},
	}
	if _, err := world.SetLayout(r.Context(), "square", l); err != nil {
		s.t.Error(err)
	}
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // the browser's tests send numbers
	return n
}

// setMetres puts one person at a place on the ground, by the grid of half metres that
// camera/measure lays out.
func (s *stage) setMetres(world *consoletest.City, r *http.Request) {
	l, err := world.Layout(r.Context(), "square")
	if err != nil {
		s.t.Error(err)
		return
	}
	plane, err := measure.NewPlane(l.Ground)
	if err != nil {
		s.t.Error(err)
		return
	}
	cell := func(metres string, origin float64) uint16 { return uint16((float64(number(metres)) - origin) / .5) }
	q, o := r.URL.Query(), plane.Origin()
	world.Fix("square", &wire.Marks{Grid: wire.HalfMetres, Marks: []wire.Mark{{Class: wire.Person, Column: cell(q.Get("x"), o.X), Row: cell(q.Get("y"), o.Y)}}})
}

func marks(list string) *wire.Marks {
	m := &wire.Marks{Grid: wire.Pixels16}
	if list == "" {
		return m
	}
	n := strings.Split(list, ",")
	for i := 0; i+2 < len(n); i += 3 {
		m.Marks = append(m.Marks, wire.Mark{Class: wire.Class(number(n[i])), Column: uint16(number(n[i+1])), Row: uint16(number(n[i+2]))})
	}
	m.Sort()
	return m
}

// TestPages runs the scripts in specs/ and reports each of their tests. With
// POLITY_SHOTS=FOLDER they leave pictures to look at; POLITY_ONLY=PATTERN runs some, and so does
// go test -run 'TestPages/PATTERN'.
// POLITY_SLOW=6 makes the processor of every page six times slower, POLITY_DELAY=150 has
// the server wait that many milliseconds before every answer: a test that holds so too
// does not fail on a busy machine.
//
// Several processes share the tests, each with a city and a browser of its own: most of a
// test is waiting.
func TestPages(t *testing.T) {
	browser := chromium(t)
	if only := asked(flag.Lookup("test.run").Value.String()); only != "" {
		t.Setenv("POLITY_ONLY", only)
	}
	built, script := build(t), bundleSpecs(t)
	const turns = 2
	var ran [turns]int
	var all sync.WaitGroup
	for turn := range turns {
		all.Go(func() { ran[turn] = runSpecs(t, browser, built, script, fmt.Sprintf("%d/%d", turn, turns)) })
	}
	all.Wait()
	if ran == [turns]int{} {
		t.Error("no test of the browser ran")
	}
}

// asked is the part of go test's -run that says which tests of the browser are to run, as the
// scripts take it: go puts _ in the place of what no name of a test may have.
func asked(run string) string {
	_, only, _ := strings.Cut(run, "/")
	return strings.ReplaceAll(strings.ReplaceAll(only, "$/^", "/"), "_", ".")
}

func TestSomeTestsOfTheBrowserAreAskedFor(t *testing.T) {
	for run, want := range map[string]string{
		"": "", "TestPages": "", "^TestPages$/^notices:_push_on$": "^notices:.push.on$", "TestPages/^a$/^b$": "^a/b$",
	} {
		if got := asked(run); got != want {
			t.Errorf("%s: %q, want %q", run, got, want)
		}
	}
}

// runSpecs runs the tests whose turn it is, and returns how many there were.
func runSpecs(t *testing.T, browser, built, script, turn string) int {
	s := &stage{t: t, built: built, delay: time.Duration(number(os.Getenv("POLITY_DELAY"))) * time.Millisecond}
	s.reset()
	own := httptest.NewServer(s.line.pages(s.pages(func() *console.Console { return s.own })))
	defer own.Close()
	everyone := httptest.NewServer(s.pages(func() *console.Console { return s.everyone }))
	defer everyone.Close()
	control := httptest.NewServer(http.HandlerFunc(s.control))
	defer control.Close()
	defer func() { s.turn.end() }()

	node := exec.CommandContext(t.Context(), "node", script)
	modules, err := filepath.Abs(parts)
	if err != nil {
		t.Error(err)
		return 0
	}
	node.Env = append(os.Environ(), "NODE_PATH="+modules, "POLITY_OWN="+own.URL, "POLITY_EVERYONE="+everyone.URL,
		"POLITY_CONTROL="+control.URL, "POLITY_CHROMIUM="+browser, "POLITY_TURN="+turn, fmt.Sprint("POLITY_BEGAN=", afternoon.UnixMilli()))
	node.Stderr = os.Stderr
	out, err := node.StdoutPipe()
	if err == nil {
		err = node.Start()
	}
	if err != nil {
		t.Error(err)
		return 0
	}
	ran := report(t, bufio.NewScanner(out))
	if err := node.Wait(); err != nil {
		t.Errorf("the browser's tests ended with %v", err)
	}
	return ran
}

func report(t *testing.T, lines *bufio.Scanner) (ran int) {
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r struct {
			Name, Error string
			MS          int `json:"ms"`
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Errorf("the browser's tests said %q", lines.Text())
			continue
		}
		ran++
		t.Run(r.Name, func(t *testing.T) {
			t.Logf("%d ms", r.MS)
			if r.Error != "" {
				t.Error(errors.New(r.Error))
			}
		})
	}
	return ran
}

func bundleSpecs(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "specs.cjs")
	r := api.Build(api.BuildOptions{
		EntryPoints: []string{"specs/all.ts"}, Bundle: true, Platform: api.PlatformNode, Format: api.FormatCommonJS, Target: api.ES2022,
		External: []string{"playwright-core"}, Outfile: out, Write: true, LogLevel: api.LogLevelSilent,
	})
	for _, e := range r.Errors {
		t.Fatalf("specs: %s", e.Text)
	}
	return out
}
