package spine

import (
	"strings"

	"polity/city"
)

// Channel is one of the closed list of what passes between an edge and the hub.
type Channel uint8

// The channels.
const (
	// From edge to hub, live.
	LivePlace   Channel = 1 + iota // tiles of the place, while somebody looks
	LiveMarks                      // while somebody looks
	LiveState                      // what a camera's process says of itself
	CameraState                    // what the edge says of a camera: refused, running, its layout
	EdgeState                      // what the edge says of itself
	KeyState                       // which epoch keys and which roster an edge that records has

	// From edge to hub, through the edge's store.
	Observation
	Event
	Archive   // the place as it changed, slowly
	Statement // an entry for the public log

	// From hub to edge.
	Watch  // somebody looks at a camera; holds for some seconds
	Layout // a new layout; answered on LayoutAnswer
	Logged // what became of a statement
	Proof  // that an epoch key stands in the public log
	Roster // the city's, the version that follows the edge's

	// The edge's answer.
	LayoutAnswer

	// From hub to edge, for a release (docs/formats/handout.md).
	Handout // asks for share records or ciphertext; answered on HandoutAnswer
	HandoutAnswer
)

// channelWords are the last tokens of the subjects.
var channelWords = map[Channel]string{
	LivePlace: "place", LiveMarks: "marks", LiveState: "state", CameraState: "camera", EdgeState: "edge", KeyState: "keys",
	Observation: "observation", Event: "event", Archive: "archive", Statement: "statement", Watch: "watch", Layout: "layout", LayoutAnswer: "layout-answer",
	Logged: "logged", Proof: "proof", Roster: "roster",
	Handout: "handout", HandoutAnswer: "handout-answer",
}

// answers are the channels that what is asked on one is answered on.
var answers = map[Channel]Channel{Layout: LayoutAnswer, Handout: HandoutAnswer}

func (c Channel) String() string { return channelWords[c] }

func (c Channel) live() bool { return c >= LivePlace && c <= KeyState }
func (c Channel) kept() bool { return c >= Observation && c <= Statement }
func (c Channel) down() bool { return c >= Watch && c <= Roster || c == Handout }

// The streams of an edge's store.
const (
	taken   = "taken"   // observations, events, statements: synced before they are acknowledged
	archive = "archive" // the place: written behind
)

// consumer is the name of the hub's place in each stream.
const consumer = "hub"

// domain names an edge's JetStream. No slug has an underscore, so none is the
// hub's.
func domain(edge city.Slug) string { return "edge_" + string(edge) }

func streamName(edge city.Slug, stream string) string { return string(edge) + "_" + stream }

func inbox(edge city.Slug) string { return "_INBOX." + string(edge) }

// subject is polity.EDGE.DIRECTION.CAMERA.CHANNEL. The camera of an edge's own
// channel is "-", which no camera is called.
func subject(edge, camera city.Slug, c Channel) string {
	direction := "down"
	switch {
	case c.live():
		direction = "up"
	case c == Archive:
		direction = archive
	case c.kept():
		direction = taken
	}
	if camera == "" {
		camera = "-"
	}
	return "polity." + string(edge) + "." + direction + "." + string(camera) + "." + c.String()
}

// parseSubject is the inverse of subject for messages of the edge. It reports
// false for anything that subject does not write.
func parseSubject(edge city.Slug, s string) (camera city.Slug, c Channel, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 5 {
		return "", 0, false
	}
	for channel, word := range channelWords {
		if word == parts[4] {
			c = channel
		}
	}
	camera = city.Slug(parts[3])
	if camera == "-" {
		camera = ""
	} else if camera.Check() != nil {
		return "", 0, false
	}
	return camera, c, c != 0 && subject(edge, camera, c) == s
}

// Check says whether a body is one that the channel may carry.
type Check func(c Channel, body []byte) error

// maxBody is the largest body, bytes: a camera message with room for its frame.
const maxBody = 8<<20 + 4096
