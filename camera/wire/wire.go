// Package wire is everything that may leave a camera's process, and nothing
// else can: the picture of the place, marks, observations, events and states.
//
// The types are closed on purpose. No message holds a string, a map, an
// interface or a free sequence of bytes; things are named by their number in
// the camera's signed register entry and layout. So a face, a plate or an
// identity has no field to travel in. The one exception is [Picture], JPEG bytes
// of the place, which the receiver decodes and checks before it passes them on.
// A test in this package walks every type and fails on any other.
//
// The byte form is described in docs/formats/scene.md.
package wire

import "time"

// A Message is one of *Place, *Marks, *Observation, *Event, *State.
type Message interface{ kind() Kind }

// Kind tells messages apart on the wire. Numbers are never used again for
// something else.
type Kind uint8

// The kinds of message.
const (
	KindPlace       Kind = 1
	KindMarks       Kind = 2
	KindObservation Kind = 3
	KindEvent       Kind = 4
	KindState       Kind = 5
)

// Class is what kind of thing was counted. Vehicles of all kinds are one class.
type Class uint8

// The classes. AnyClass is used by metrics and events that do not tell them apart.
const (
	AnyClass Class = 0
	Person   Class = 1
	Bicycle  Class = 2
	Vehicle  Class = 3
)

// Picture is a JPEG of the place or of tiles of it (ISO/IEC 10918-1, baseline),
// never of a raw frame.
type Picture []byte

// Place carries those tiles of the picture of the place that changed, or all of
// them (Whole). The picture is divided into tiles of TileSize x TileSize pixels
// in rows from the top left, so tile i is at column i%Columns and row i/Columns;
// tiles at the right and bottom edge are cut off by the picture's size.
type Place struct {
	At       time.Time // when the last frame that it rests on was taken; millisecond precision
	Sequence uint32    // one more than the Place before it; a gap means an update was missed
	Width    uint16    // picture size, pixels
	Height   uint16
	Whole    bool     // every tile is listed: what was shown before no longer counts
	Tiles    []uint16 // rising tile numbers
	Known    []uint8  // per listed tile, a bit per 8x8 block in rows from its top left, lowest bit first: proven (1) or not shown (0); 4 blocks, a 2x2, for 16-pixel tiles
	Atlas    Picture  // the listed tiles left to right, AtlasColumns to a row; unproven blocks are grey
}

// TileSize is the side of a tile in pixels, BlockSize that of the blocks whose
// knowledge Place.Known tells, AtlasColumns how many tiles stand in a row of
// Place.Atlas.
const (
	TileSize     = 16
	BlockSize    = 8
	AtlasColumns = 16
)

// Marks says what is there now, coarsely: live only, for people with the right
// to look, never stored and never published. Marks carry no order that means
// anything and no identity: they are sorted by position.
type Marks struct {
	At    time.Time
	Grid  Grid
	Marks []Mark
}

// Grid says what a Mark's column and row count.
type Grid uint8

// The grids: 16 pixels of the picture, or half a metre on the ground where the
// entry gives the ground plane.
const (
	Pixels16   Grid = 0
	HalfMetres Grid = 1
)

// Mark is one thing of a class at a coarse position.
type Mark struct {
	Class  Class
	Column uint16
	Row    uint16
}

// Metric is what an Observation measures.
type Metric uint8

// The metrics, with the meaning and unit of Value and Histogram.
const (
	Occupancy    Metric = 1 // time-mean number of things in the zone; Value, things
	OccupancyMax Metric = 2 // greatest number seen at once; Value, things
	Crossings    Metric = 3 // things that crossed the line in the direction; Value, things
	Density      Metric = 4 // Occupancy by ground area; Value, things per square metre
	Dwell        Metric = 5 // how long things stayed in the zone; Histogram by DwellEdges, Value is their number
	Speed        Metric = 6 // speed of vehicles in the zone; Histogram by SpeedEdges, Value is their number
	Queue        Metric = 7 // time-mean number of standing vehicles in the zone; Value, vehicles
	QueueMax     Metric = 8 // greatest number of standing vehicles; Value, vehicles
)

// DwellEdges (seconds) and SpeedEdges (km/h) are the upper edges of a
// histogram's bins; a last bin holds what is above.
var (
	DwellEdges = [...]float64{5, 10, 20, 40, 60, 120, 300, 600, 1800}
	SpeedEdges = [...]float64{5, 10, 20, 30, 40, 50, 60, 80, 100}
)

// HistogramBins is the number of bins of every histogram.
const HistogramBins = 10

// Direction of a crossing, seen from a line's first point towards its second.
type Direction uint8

// The directions.
const (
	NoDirection Direction = 0
	ToRight     Direction = 1 // from the left of the line to its right
	ToLeft      Direction = 2
)

// Observation is one measured value over one interval. Its key is
// (camera, Metric, Class, Where, Direction, Start, Length): stored twice is
// stored once.
type Observation struct {
	Metric    Metric
	Class     Class
	Where     uint8 // 0 the whole view, n the n-th zone or line of the layout
	Direction Direction
	Layout    uint32    // revision of the layout that Where counts in
	Start     time.Time // millisecond precision
	Length    time.Duration
	Covered   time.Duration // how much of the interval was really seen; less than Length after a break
	Value     float64
	Histogram [HistogramBins]uint32 // Dwell and Speed only
}

// EventKind is a situation in the street, or of the camera itself.
type EventKind uint8

// The kinds of event.
const (
	Crowding      EventKind = 1  // more people in a zone than its threshold
	WrongWay      EventKind = 2  // a vehicle against a line's allowed direction
	Intrusion     EventKind = 3  // something in a zone that should be empty
	Stopped       EventKind = 4  // a vehicle or obstruction stands where none should
	ObjectLeft    EventKind = 5  // a thing that was not part of the place stays there
	CameraMoved   EventKind = 6  // the view changed: the place was forgotten
	CameraBlind   EventKind = 7  // covered, dark or out of focus
	CameraSilent  EventKind = 8  // no pictures arrive
	EntryEnded    EventKind = 9  // the register entry expired: the camera stopped
	ObservingLess EventKind = 10 // load forced fewer analysed frames than configured
)

// Event is a situation with a start and, once over, an end. Its key is
// (camera, Kind, Class, Where, Start).
type Event struct {
	Kind   EventKind
	Class  Class
	Where  uint8
	Layout uint32
	Start  time.Time
	End    time.Time // zero while it goes on
	Value  float64   // what was compared with the threshold, at its peak
	Place  Picture   // the place, small, at the time; never a frame
}

// Condition is how a camera's process is doing.
type Condition uint8

// The conditions.
const (
	Starting      Condition = 1
	Live          Condition = 2
	NoPicture     Condition = 3 // the camera cannot be reached or sends nothing
	WrongPassword Condition = 4
	BadStream     Condition = 5 // it sends, but nothing that can be decoded
	NoDetector    Condition = 6 // the scene is frozen
	Refused       Condition = 7 // no valid register entry
	Ended         Condition = 8
)

// Shield is what protects the process that holds raw frames; a bit each.
type Shield uint16

// The shields.
const (
	NoDump        Shield = 1 << iota // no core dump, no tracing by other users' processes
	SwapSafe                         // no swap, or encrypted
	Seccomp                          // decoder cannot make sockets: the floor
	Landlock                         // decoder sees no file
	NetworkApart                     // decoder is in an empty network namespace
	MemoryBounded                    // decoder's memory and time are limited
)

// State is sent about once a second and when the condition changes.
type State struct {
	At        time.Time
	Condition Condition
	Shields   Shield
	Decoded   uint64        // frames since start
	Analysed  uint64        // of them
	Detected  uint64        // runs of the detector
	Restarts  uint32        // of the decoder
	Delay     time.Duration // from the frame's arrival to its marks, of the last frame
	PerSecond float32       // analysed frames a second now
	Wanted    float32       // configured
	Unknown   float32       // share of the picture that is not shown, 0 to 1
	ClockSkew time.Duration // camera's clock minus ours, where it tells one
}

func (*Place) kind() Kind       { return KindPlace }
func (*Marks) kind() Kind       { return KindMarks }
func (*Observation) kind() Kind { return KindObservation }
func (*Event) kind() Kind       { return KindEvent }
func (*State) kind() Kind       { return KindState }
