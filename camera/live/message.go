package live

import (
	"encoding/json"
	"fmt"
	"strconv"

	"polity/camera/wire"
)

// Hello is the first event of a feed.
type Hello struct {
	Cameras []string `json:"cameras"` // the others name a camera by its index here
	Every   int      `json:"every"`   // ms, the shortest time between two updates
}

// Line says whether messages of a camera arrive.
type Line struct {
	Camera int  `json:"c"`
	Up     bool `json:"up"`
}

// Place carries tiles of the place, as wire.Place.
type Place struct {
	Camera int      `json:"c"`
	At     int64    `json:"at"` // ms since 1970
	Width  uint16   `json:"w"`  // pixels
	Height uint16   `json:"h"`
	Whole  bool     `json:"whole"`
	Tiles  []uint16 `json:"tiles,omitempty"` // rising tile numbers; left out when whole
	Known  string   `json:"known"`           // a hex digit per tile
	Atlas  []byte   `json:"atlas"`           // JPEG, base64; the tiles left to right, 16 to a row
}

// Marks says what is there now, as wire.Marks.
type Marks struct {
	Camera int      `json:"c"`
	At     int64    `json:"at"`
	Grid   uint8    `json:"grid"`
	Marks  []uint16 `json:"marks"` // class, column, row, class, column, row, ...
}

// State is how the camera is doing, as wire.State.
type State struct {
	Camera    int     `json:"c"`
	At        int64   `json:"at"`
	Condition uint8   `json:"condition"`
	Shields   uint16  `json:"shields"`
	Decoded   uint64  `json:"decoded"`
	Analysed  uint64  `json:"analysed"`
	Detected  uint64  `json:"detected"`
	Restarts  uint32  `json:"restarts"`
	Delay     int64   `json:"delay"` // ms
	PerSecond float64 `json:"per_second"`
	Wanted    float64 `json:"wanted"`
	Unknown   float64 `json:"unknown"`    // share of the picture, 0 to 1
	ClockSkew int64   `json:"clock_skew"` // ms
}

// Event is a situation that began or ended, as wire.Event.
type Event struct {
	Camera int     `json:"c"`
	Kind   uint8   `json:"kind"`
	Class  uint8   `json:"class"`
	Where  uint8   `json:"where"` // 0 the whole view, n the n-th zone or line of the layout
	Layout uint32  `json:"layout"`
	Start  int64   `json:"start"`
	End    int64   `json:"end"` // 0 while it goes on
	Value  float64 `json:"value"`
}

// part is an event of the feed without the camera's index, which differs from
// viewer to viewer: everything after it, encoded once for all of them.
type part struct {
	name string
	tail []byte // of the JSON object, from the comma after "c"
}

// appendTo writes the event for a viewer that knows the camera as index.
func (p part) appendTo(b []byte, index int) []byte {
	b = append(b, "event: "...)
	b = append(b, p.name...)
	b = append(b, "\ndata: {\"c\":"...)
	b = strconv.AppendInt(b, int64(index), 10)
	b = append(b, p.tail...)
	return append(b, "\n\n"...)
}

// newPart encodes one of the types above, whose Camera must be 0.
func newPart(name string, v any) (part, error) {
	const head = `{"c":0`
	b, err := json.Marshal(v)
	if err != nil {
		return part{}, fmt.Errorf("encode a live %s: %w", name, err)
	}
	return part{name, b[len(head):]}, nil
}

func encode(m wire.Message) (part, error) {
	switch m := m.(type) {
	case *wire.Place:
		v := Place{At: m.At.UnixMilli(), Width: m.Width, Height: m.Height, Whole: m.Whole, Known: hex(m.Known), Atlas: m.Atlas}
		if !m.Whole {
			v.Tiles = m.Tiles
		}
		return newPart("place", v)
	case *wire.Marks:
		v := Marks{At: m.At.UnixMilli(), Grid: uint8(m.Grid), Marks: make([]uint16, 0, 3*len(m.Marks))}
		for _, k := range m.Marks {
			v.Marks = append(v.Marks, uint16(k.Class), k.Column, k.Row)
		}
		return newPart("marks", v)
	case *wire.State:
		return newPart("state", State{
			At: m.At.UnixMilli(), Condition: uint8(m.Condition), Shields: uint16(m.Shields), Decoded: m.Decoded, Analysed: m.Analysed,
			Detected: m.Detected, Restarts: m.Restarts, Delay: m.Delay.Milliseconds(), PerSecond: float64(m.PerSecond), Wanted: float64(m.Wanted),
			Unknown: float64(m.Unknown), ClockSkew: m.ClockSkew.Milliseconds(),
		})
	case *wire.Event:
		v := Event{Kind: uint8(m.Kind), Class: uint8(m.Class), Where: m.Where, Layout: m.Layout, Start: m.Start.UnixMilli(), Value: m.Value}
		if !m.End.IsZero() {
			v.End = m.End.UnixMilli()
		}
		return newPart("event", v)
	}
	return part{}, fmt.Errorf("a %T is not for a live feed", m)
}

// hex writes a digit per tile.
func hex(known []uint8) string {
	const digits = "0123456789abcdef"
	b := make([]byte, len(known))
	for i, k := range known {
		b[i] = digits[k&0x0f]
	}
	return string(b)
}
