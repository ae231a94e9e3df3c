package scene_test

import (
	"bytes"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"polity/camera/detect"
	"polity/camera/scene"
	"polity/camera/wire"
)

const forever = time.Hour

func TestTheEmptyPlaceIsLearnt(t *testing.T) {
	s := newStreet(t)
	if s.model.Unknown() != 1 {
		t.Error("something is known before the first frame")
	}
	s.run(3 * time.Second)
	if u := s.model.Unknown(); u != 1 {
		t.Errorf("%.0f%% are unknown after three seconds: too soon to know anything", 100*u)
	}
	s.run(60 * time.Second)
	if u := s.model.Unknown(); u > 0.02 {
		t.Errorf("%.1f%% of an empty place are unknown after a minute", 100*u)
	}
	off := 0.0
	for i, v := range s.model.Shown().Y {
		off += math.Abs(float64(v) - s.ground[(i/s.width+32)*(s.width+64)+i%s.width+32])
	}
	if off /= float64(s.width * s.height); off > 6 { // noise and grain are averaged
		t.Errorf("the place is shown %.1f levels off on average", off)
	}
}

// The detector sees none of them.
func TestWhoStandsIsNeverShown(t *testing.T) {
	s := newStreet(t)
	s.people = []figure{
		{x: 70, y: 200, high: 100, luma: 60, sway: 0.5, to: forever},                           // there from the first frame
		{x: 160, y: 180, high: 70, luma: 190, sway: 0.35, from: 90 * time.Second, to: forever}, // comes when the place is known
		{x: 250, y: 210, high: 90, luma: 75, sway: 0.3, from: 20 * time.Second, to: 4 * time.Minute},
	}
	for range 60 {
		s.run(5 * time.Second)
		for i, p := range s.people {
			if share := s.shown(p); share > 0.1 { // what counts as shown in bench-scene
				t.Fatalf("after %v %.0f%% of person %d is shown", s.now, 100*share, i+1)
			}
		}
	}
	s.run(time.Minute)
	if k := s.known(235, 130, 265, 205); k < 0.9 {
		t.Errorf("a minute after he left %.0f%% of the place behind are known", 100*k)
	}
}

func TestADetectedPersonIsNotLearnt(t *testing.T) {
	s := newStreet(t)
	statue := figure{x: 70, y: 200, high: 100, luma: 60, to: forever} // stands as no one can
	s.people = []figure{statue}
	s.boxes = []detect.Box{{Class: detect.Person, Score: 0.7, X0: 50, Y0: 100, X1: 90, Y1: 202}}
	s.run(40 * time.Second)
	if share := s.shown(statue); share > 0.05 {
		t.Errorf("%.0f%% of who is detected is shown", 100*share)
	}
	if k := s.known(160, 20, 300, 220); k < 0.95 {
		t.Errorf("elsewhere only %.0f%% are known", 100*k)
	}
}

func TestACloseLookKeepsOut(t *testing.T) {
	s := newStreet(t)
	statue := figure{x: 70, y: 120, high: 36, luma: 40, to: forever}
	s.people = []figure{statue}
	s.eyes.boxes = []detect.Box{{Class: detect.Person, Score: 0.12, X0: 60, Y0: 82, X1: 80, Y1: 122}}
	s.run(45 * time.Second)
	if s.eyes.looks == 0 {
		t.Fatal("nothing was looked at closely")
	}
	if share := s.shown(statue); share > 0.05 {
		t.Errorf("%.0f%% of who is seen closely is shown", 100*share)
	}
}

func TestWithoutADetectorNothingMoreIsShown(t *testing.T) {
	s := newStreet(t)
	s.failed = errGone
	s.run(time.Minute)
	if u := s.model.Unknown(); u != 1 {
		t.Fatalf("%.0f%% are shown though the detector never worked", 100*(1-u))
	}
	s.failed = nil
	s.people = []figure{{x: 70, y: 200, high: 100, luma: 60, sway: 0.4, to: 65 * time.Second}}
	s.run(40 * time.Second)
	before := s.model.Unknown()
	s.failed = errGone
	s.people = nil
	s.run(time.Minute)
	if u := s.model.Unknown(); u < before {
		t.Errorf("%.1f%% were unknown when the detector failed, %.1f%% a minute later", 100*before, 100*u)
	}
}

func TestDuskForgetsNothing(t *testing.T) {
	s := newStreet(t)
	s.run(60 * time.Second)
	for range 120 {
		s.gain *= 0.992
		s.run(time.Second)
	}
	if u := s.model.Unknown(); u > 0.05 {
		t.Errorf("%.1f%% are unknown after dusk", 100*u)
	}
	if s.model.Tamper() != scene.Untouched {
		t.Error("dusk counts as tampering")
	}
}

func TestLightsGoOnAtOnce(t *testing.T) {
	s := newStreet(t)
	s.run(60 * time.Second)
	s.gain = 0.55
	s.run(30 * time.Second)
	if u := s.model.Unknown(); u > 0.1 {
		t.Errorf("%.1f%% are unknown half a minute after the light changed", 100*u)
	}
}

func TestAMovedCameraForgets(t *testing.T) {
	s := newStreet(t)
	s.run(60 * time.Second)
	s.shift = [2]int{29, 23}
	s.run(15 * time.Second)
	if s.model.Tamper() != scene.Moved {
		t.Error("that the camera was moved was not seen")
	}
	if k := 1 - s.model.Unknown(); k > 0.5 {
		t.Errorf("%.0f%% are shown though the camera was moved", 100*k)
	}
	s.run(90 * time.Second)
	if s.model.Tamper() != scene.Untouched || s.model.Unknown() > 0.1 {
		t.Errorf("the new view was not learnt: %.0f%% unknown", 100*s.model.Unknown())
	}
}

func TestACoveredCameraForgets(t *testing.T) {
	s := newStreet(t)
	s.run(60 * time.Second)
	s.cover = true
	s.run(10 * time.Second)
	if s.model.Tamper() != scene.Covered {
		t.Error("that the lens was covered was not seen")
	}
	if u := s.model.Unknown(); u != 1 {
		t.Errorf("%.0f%% are shown though the lens is covered", 100*(1-u))
	}
}

func TestATremblingCameraLearns(t *testing.T) {
	const streets = 6
	unknown := 0.0
	for k := range streets {
		s := newStreet(t)
		s.rng = rand.New(rand.NewPCG(1, uint64(k)))
		for range 120 {
			s.shift[0] = s.rng.IntN(3) - 1
			s.run(step)
		}
		s.shift[0] = 0
		s.run(60 * time.Second)
		unknown += s.model.Unknown() / streets
	}
	if unknown > 0.4 { // what swayed is believed late, so that it may take minutes
		t.Errorf("%.1f%% are unknown on average", 100*unknown)
	}
}

func TestABareRoadBehindVehiclesIsNoCoveredLens(t *testing.T) {
	s := newStreet(t)
	for i := range s.ground {
		s.ground[i] = 120 + (s.ground[i]-120)/20
	}
	for range 12 {
		for x := 40.0; x < 280; x += 24 { // a van drives past, then nothing for a while
			s.people = nil
			for k := range 4 {
				s.people = append(s.people, figure{x: x + 30*float64(k), y: 220, high: 160, luma: 40 + 50*float64(k), to: forever})
			}
			s.run(step)
		}
		s.people = nil
		s.run(6 * time.Second)
		if tamper := s.model.Tamper(); tamper != scene.Untouched {
			t.Fatalf("after %v the lens of a camera that sees a bare road is said to be covered, or moved (%d)", s.now, tamper)
		}
	}
	if unknown := s.model.Unknown(); unknown > 0.5 {
		t.Errorf("%.0f%% of the road are unknown", 100*unknown)
	}
	s.cover = true
	s.run(10 * time.Second)
	if tamper := s.model.Tamper(); tamper == scene.Untouched {
		t.Error("a lens that is covered then is not noticed")
	}
}

func TestAStandingVehicleIsCoarse(t *testing.T) {
	s := newStreet(t)
	s.boxes = []detect.Box{vanBox}
	s.run(2 * time.Minute)
	if known := s.known(150, 120, 170, 190); known < 0.9 {
		t.Fatalf("only %.0f%% of a standing vehicle is shown", 100*known)
	}
	if fine := s.fine(); fine > 6 {
		t.Errorf("a standing vehicle is shown with detail of %.0f levels from pixel to pixel", fine)
	}
}

func TestAVehicleThatIsHardlyEverFoundIsNone(t *testing.T) {
	for _, c := range []struct {
		of     int // looks, of which one finds it
		coarse bool
	}{{2, true}, {8, false}} {
		s := newStreet(t)
		for k := range 600 {
			s.boxes = nil
			if k%c.of == 0 {
				s.boxes = []detect.Box{vanBox}
			}
			s.run(step)
		}
		if fine := s.fine(); (fine < 6) != c.coarse {
			t.Errorf("what one look in %d finds to be a vehicle is shown with detail of %.0f levels; coarse: %v", c.of, fine, c.coarse)
		}
	}
}

// vanBox is where the detector finds a vehicle, whose detail is that of the paving.
var vanBox = detect.Box{Class: detect.Vehicle, Score: 0.8, X0: 140, Y0: 108, X1: 182, Y1: 202}

// fine is the most by which a pixel in the middle of vanBox leaves the line between those
// beside it, as it is shown.
func (s *street) fine() float64 {
	shown, most := s.model.Shown(), 0.0
	for y := 120; y < 190; y++ {
		for x := 152; x < 168; x++ {
			row := shown.Y[y*s.width+x-1:]
			most = math.Max(most, math.Abs(float64(row[0])-2*float64(row[1])+float64(row[2])))
		}
	}
	return most
}

func TestUpdatesTellWhatIsShown(t *testing.T) {
	s := newStreet(t)
	var last uint32
	seen := map[uint16]uint8{}
	for range 60 {
		s.run(time.Second)
		p, err := s.model.Update(false)
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			continue
		}
		if p.Sequence != last+1 {
			t.Fatalf("update %d follows %d", p.Sequence, last)
		}
		if last == 0 && !p.Whole {
			t.Error("the first update is not whole")
		}
		last = p.Sequence
		picture, err := jpeg.Decode(bytes.NewReader(p.Atlas))
		if err != nil {
			t.Fatal(err)
		}
		rows := (len(p.Tiles) + wire.AtlasColumns - 1) / wire.AtlasColumns
		if size := picture.Bounds().Size(); size.Y != rows*wire.TileSize {
			t.Fatalf("%d tiles in an atlas of %v", len(p.Tiles), size)
		}
		for i, tile := range p.Tiles {
			seen[tile] = p.Known[i]
		}
	}
	columns, _ := wire.TilesIn(s.width, s.height)
	for tile, bits := range seen {
		x, y := int(tile)%columns*wire.TileSize, int(tile)/columns*wire.TileSize
		for b := range 4 {
			if known := bits>>b&1 == 1; known != s.model.Known(x+b%2*8, y+b/2*8) {
				t.Fatalf("tile %d block %d: the updates say known=%v", tile, b, known)
			}
		}
	}
	if picture, err := s.model.Thumbnail(); err != nil || len(picture) == 0 {
		t.Errorf("no thumbnail: %v", err)
	}
}

func TestABreakForgetsWhatIsNotProven(t *testing.T) {
	s := newStreet(t)
	s.run(60 * time.Second)
	s.stream++
	s.run(step)
	if u := s.model.Unknown(); u > 0.05 {
		t.Errorf("%.0f%% are unknown after a break", 100*u)
	}
	s.stream++
	s.now += time.Minute
	s.ground = texture(s.rng, s.width+64, s.height+64) // another place
	s.run(20 * time.Second)
	if k := 1 - s.model.Unknown(); k > 0.5 {
		t.Errorf("%.0f%% of the place before the break are shown at another", 100*k)
	}
}

func TestTheShippedConfigIsSound(t *testing.T) {
	c := scene.DefaultConfig
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*scene.Config){
		"quiet":   func(c *scene.Config) { c.Quiet = 0 },
		"order":   func(c *scene.Config) { c.OddQuiet = time.Hour },
		"sway":    func(c *scene.Config) { c.Sway = -1 },
		"share":   func(c *scene.Config) { c.OddShare = 2 },
		"score":   func(c *scene.Config) { c.Doubt = math.NaN() },
		"margin":  func(c *scene.Config) { c.Margin = -1 },
		"looks":   func(c *scene.Config) { c.CloseEvery = 0 },
		"returns": func(c *scene.Config) { c.Returns = 0 },
	} {
		c := scene.DefaultConfig
		if spoil(&c); c.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
		if name != "score" && c.Hash() == scene.DefaultConfig.Hash() {
			t.Errorf("%s: the same hash", name)
		}
	}
}
