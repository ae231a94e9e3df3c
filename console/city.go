package console

import (
	"context"
	"io/fs"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
	"polity/register"
)

// City is what the pages need of the world behind them. Methods are safe for
// concurrent use and return copies, or values that nobody changes afterwards. An
// unknown camera is an error of kind city.NotFound; a store that cannot be
// reached is city.Unavailable, and the page then says so.
type City interface {
	// About tells what does not change while the program runs.
	About() About
	// Cameras returns every camera with a register entry, running or not, sorted
	// by name, with its latest state.
	Cameras(ctx context.Context) ([]Camera, error)
	// Edges returns the edges known to the hub, sorted by name.
	Edges(ctx context.Context) ([]Edge, error)

	// Place returns the picture of the place as it was known at a time: the last
	// one kept at or before it, the current one for the zero time. NotFound when
	// none was kept by then.
	Place(ctx context.Context, camera city.Slug, at time.Time) (Place, error)
	// Counts returns what was measured in [q.From, q.To), in steps. Whoever stores
	// single observations can answer with counts.Aggregate.
	Counts(ctx context.Context, camera city.Slug, q counts.Query) ([]counts.Series, error)
	// Events returns events that overlap [q.From, q.To), newest start first.
	Events(ctx context.Context, q EventQuery) ([]Event, error)
	// EventPlace returns an event with the small picture of the place that came with
	// it. NotFound when there is no such event or it has no picture.
	EventPlace(ctx context.Context, camera city.Slug, id string) (Event, wire.Picture, error)

	// Layout returns the zones, lines and ground that the camera uses now.
	Layout(ctx context.Context, camera city.Slug) (layout.Layout, error)
	// SetLayout sends a new layout to the camera's edge and returns it as the edge
	// took it, with its new revision. l.Revision is the one the editor started
	// from: when the camera has another by now, the error is of kind Conflict.
	// A layout that does not pass layout.Check is Invalid. When the edge cannot be
	// reached, Unavailable: nothing changed.
	SetLayout(ctx context.Context, camera city.Slug, l layout.Layout) (layout.Layout, error)

	// Watch calls each with every message of the camera from now on, in order, one
	// at a time, until ctx ends or the line to the camera is lost; the latest
	// State comes first. It is what makes the edge send marks and tiles: the
	// console calls it once per camera while at least one person looks, however
	// many they are. each returns at once and keeps the message; nobody changes
	// it. Only *wire.Place, *wire.Marks, *wire.State and *wire.Event are passed.
	Watch(ctx context.Context, camera city.Slug, each func(wire.Message)) error
}

// About is what does not change while the program runs.
type About struct {
	Name string         // of the city, for the head of every page
	Zone *time.Location // in which days begin and times are written; nil is UTC
	Demo bool           // replayed and simulated data: every page says so
	Map  Map
}

// Map is what the map draws besides the cameras. All of it is public.
type Map struct {
	Bounds [2]city.Point // south-west and north-east corner of what is mapped
	// Centre and Zoom (Web Mercator) are the first view; with a Zoom of 0 what is
	// mapped fills it.
	Centre city.Point
	Zoom   float64
	// Layers holds GeoJSON files (RFC 7946) named LAYER.geojson.gz, compressed by
	// gzip; the layers known are water, parks, squares, buildings, streets and rails. Nil
	// for a map without a ground.
	Layers    fs.FS
	Credit    string // whose data it is, shown on the map
	CreditURL string // about its licence; where a reader is sent who follows the credit
	// Mapped are cameras that others run and someone put on a public map.
	Mapped []MappedCamera
}

// MappedCamera is a camera that Polity does not run, as a public map knows it.
type MappedCamera struct {
	ID       int64 // of the node in OpenStreetMap
	Position city.Point
	Operator string  // as mapped; often empty
	Kind     string  // as mapped: "fixed", "dome", "panning"; often empty
	Watches  string  // as mapped: "public", "outdoor", "indoor", "traffic"; often empty
	Heading  float64 // degrees clockwise from north; -1 unknown
}

// Camera is one that Polity runs, with its register entry.
type Camera struct {
	Name  city.Slug
	Edge  city.Slug
	Entry Entry
	// State is the last that arrived, at Heard by the hub's clock; both are zero
	// when none ever did. A page calls it stale when Heard is old.
	State wire.State
	Heard time.Time
	// Refused is why the edge does not run it; 0 when it does, or nobody knows.
	Refused register.Reason
	// PlaceAt is when the current picture of the place last changed, with its size
	// in pixels; zero when there is none.
	PlaceAt       time.Time
	Width, Height int
}

// Entry is a camera's register entry as people read it. All of it is public.
type Entry struct {
	Title     string // "Market square, east side"
	Purpose   string // one sentence
	View      string // what the camera can see, in words
	Body      string // who is responsible
	Contact   string // how to reach them; may be empty
	Decision  string // reference of the decision
	DecidedOn time.Time
	From      time.Time
	Until     time.Time     // the camera stops then
	Retention time.Duration // how long counts and events are kept
	// PlaceRetention is how long pictures of the place are kept.
	PlaceRetention time.Duration
	Events         []wire.EventKind // situations that it may report
	CrowdAtLeast   int              // people that make a crowd

	Position city.Point
	Heading  float64 // degrees clockwise from north; middle of the view
	Field    float64 // horizontal angle of view, degrees
	Reach    float64 // how far the view goes, metres

	PublicDelay time.Duration // how late the public sees place, counts and events
	Threshold   int           // smallest number that the public sees
	SignedBy    string        // fingerprint of the city's key
	Simulated   bool          // a replayed film or a model stands in for the street
}

// Edge is a machine in the street that runs cameras.
type Edge struct {
	Name      city.Slug
	Connected bool
	Since     time.Time // connected or lost since
	// Waiting is how many observations and events the edge holds that the hub
	// does not have yet, -1 when nobody knows. Connected with Waiting above a
	// handful is "catching up".
	Waiting int64
	Version string // of the program; may be empty

	Heard    time.Time // when it last told how it is; what follows is from then
	Lost     uint64    // observations that it had to give up for want of room
	Free     int64     // bytes free on its disk
	Disk     Disk
	Detector bool // the process that finds people and vehicles runs
}

// Disk is the state of an edge's disk.
type Disk uint8

// The states of a disk.
const (
	DiskFine   Disk = iota // or nobody knows
	DiskShort              // little is free: old pictures of the place are given up
	DiskFull               // nothing can be written: what is measured waits in memory
	DiskBroken             // writing fails for another reason
)

// Place is the picture of a place with what of it is not shown.
type Place struct {
	At            time.Time // of the last frame it rests on
	Sequence      uint32    // of the last wire.Place in it
	Width, Height int       // pixels
	// Known has a bit per wire.BlockSize x wire.BlockSize block, in rows of
	// ceil(Width/8) blocks from the top left, lowest bit of a byte first: proven
	// (1) or not shown (0).
	Known []byte
	JPEG  wire.Picture
}

// EventQuery asks for events.
type EventQuery struct {
	Camera   city.Slug // empty for all
	From, To time.Time
	Limit    int // at most so many; 0 for 100
}

// Event is a situation in the street or of a camera.
type Event struct {
	ID     string // unique per camera, safe in a URL
	Camera city.Slug
	Kind   wire.EventKind
	Class  wire.Class
	Where  city.Slug // the zone or line, empty for the whole view
	Start  time.Time
	End    time.Time // zero while it goes on
	Value  float64
	Place  bool // EventPlace has a picture
}
