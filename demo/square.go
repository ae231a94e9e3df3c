package demo

import (
	"crypto/ed25519"
	"time"

	"polity/camera/layout"
	"polity/register"
)

// The demo's one camera and the edge that runs it.
const (
	cameraName = "square"
	edgeName   = "edge-1"
	// film is the part that set-up made of Debian's vtest.avi.
	film = "square.mp4"
)

// heading is where the demo says that the camera looks, degrees clockwise from
// north.
const heading = 150

// validity is how long the demo's entry lets its camera run; renewal is how long
// before its end a new start signs a new one.
const (
	validity = 365 * 24 * time.Hour
	renewal  = 30 * 24 * time.Hour
)

// decision is what was decided about the demo's camera: nothing, and it says so. The recorder
// is the key that signs what is recorded of it.
func decision(now time.Time, recorder ed25519.PublicKey) register.Entry {
	from := now.UTC().Truncate(time.Second)
	return register.Entry{
		Camera: cameraName, Edge: edgeName, Simulated: true,
		Title:   "Railway Square, west side",
		Purpose: "Show how a square can be watched over without watching anyone: how many people are there, which way they go, and whether it gets crowded.",
		View: register.View{
			Words: "In this demo a film of another square, replayed: a crossing of two ways between a lawn, a fenced-off car park and a brick building.",
			Lon:   24.94290, Lat: 60.17165, Heading: heading, Field: 62, Reach: 70,
		},
		Body: "Helsinki demo (no authority)", Contact: "the person who started this demo",
		Decision:  register.Decision{Reference: "Demo entry, signed by a key made on this machine", On: from.Format(time.DateOnly)},
		Retention: register.Retention{CountsDays: 30, PlaceDays: 7, FootageHours: keptHours},
		Class:     class, Recorder: []byte(recorder),
		Public: register.Public{DelayMinutes: 10, Threshold: 5},
		Events: []string{"crowding", "intrusion", "stopped"}, CrowdAtLeast: 8,
		From: from, Until: from.Add(validity),
	}
}

// square is what a planner would have drawn on the scene. Corners are in pixels of
// the film, 768 x 576.
func square() layout.Layout {
	at := func(x, y float64) layout.Point { return layout.Point{X: x / 768, Y: y / 576} }
	return layout.Layout{
		Zones: []layout.Zone{
			{Name: "crossing", Crowd: 8, Corners: []layout.Point{
				at(0, 200), at(330, 200), at(600, 172), at(690, 200), at(768, 330), at(768, 485), at(430, 320), at(0, 242),
			}},
			{Name: "lawn", Corners: []layout.Point{at(0, 262), at(200, 290), at(420, 340), at(700, 470), at(700, 576), at(0, 576)}},
		},
		Lines: []layout.Line{
			{Name: "west-way", From: at(256, 150), To: at(256, 560)},
			{Name: "east-way", From: at(512, 150), To: at(512, 560)},
		},
		Ground: ground(),
	}
}

// ground ties the film to metres. The horizon (row -83) and the camera's height
// (7.5 m) come from a line fitted to the annotated heights of its people by the row
// of their feet (0.228 pixels a row), taken to be 1.72 m on average; the focal length
// (1190 pixels) is that of the published calibration of the film's camera (PETS 2009,
// view 1). East and north are those of the demo's place.
func ground() *layout.Ground {
	return &layout.Ground{
		Picture: [4]layout.Point{{X: 120. / 768, Y: 215. / 576}, {X: 650. / 768, Y: 215. / 576}, {X: 740. / 768, Y: 520. / 576}, {X: 30. / 768, Y: 520. / 576}},
		Metres:  [4]layout.Metres{{X: 21.3, Y: -22.9}, {X: 9.2, Y: -29.9}, {X: 2.9, Y: -14.3}, {X: 10.9, Y: -9.7}},
	}
}
