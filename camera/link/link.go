// Package link is what the edge process and a camera process say to each other:
// the assignment and commands one way, camera/wire messages the other, and a spool
// for what the edge had not yet stored when it went. The form is
// docs/formats/link.md.
//
// [Open] is the camera process's end, [Camera] the edge's.
package link

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
)

// Version is the one version of the link that this package speaks.
const Version = 1

const (
	maxLine = 1 << 20 // bytes of an assignment or command
	window  = 256     // observations and events sent ahead of their storage
	maxHeld = 65536   // observations and events held by a camera process
)

// SpoolFD is the descriptor of the spool in the camera process, RecordFD that of the
// connection for recording, which is there if the assignment asks for it.
const (
	SpoolFD  = 3
	RecordFD = 4
)

// Assignment tells a camera process what to do. It is the first line on its
// standard input.
type Assignment struct {
	Version   int              `json:"version"`
	Camera    city.Slug        `json:"camera"`
	Source    Source           `json:"source"`
	PerSecond float64          `json:"per_second"` // analysed frames a second
	Until     time.Time        `json:"until"`      // end of the register entry: the process ends then
	Events    []wire.EventKind `json:"-"`          // that the register entry allows
	Layout    layout.Layout    `json:"layout"`
	Detector  string           `json:"detector"` // path of the detector's socket; empty: none
	// Record asks for recording; nil: nothing of this camera is kept.
	Record *Record `json:"record,omitempty"`
	// AllowUnencryptedSwap lets raw frames be held although swap is not encrypted.
	AllowUnencryptedSwap bool `json:"allow_unencrypted_swap"`
}

// Source is where the pictures come from.
type Source struct {
	Address   string `json:"address"` // rtsp://, rtsps://, or the path of a film
	User      string `json:"user,omitempty"`
	Password  string `json:"password,omitempty"`
	Transport string `json:"transport,omitempty"` // "tcp" (or empty) or "udp"
}

// Record says what is recorded, sealed in the camera process (formats/segment.md).
type Record struct {
	Domain   string    `json:"domain"`   // the city's, as in the roster
	Class    city.Slug `json:"class"`    // of retention
	Recorder []byte    `json:"recorder"` // the edge's public key for segments, 32 bytes
	// Source is the camera's main stream; nil: the stream that is analysed.
	Source *Source `json:"source,omitempty"`
}

func (r *Record) check() error {
	switch {
	case r == nil:
		return nil
	case r.Domain == "":
		return city.Errorf(city.Invalid, "recording: the city's domain is missing")
	case len(r.Recorder) != 32:
		return city.Errorf(city.Invalid, "recording: the recorder's key has %d bytes, not 32", len(r.Recorder))
	case r.Source != nil && r.Source.Address == "":
		return city.Errorf(city.Invalid, "recording: the address of the stream is missing")
	}
	return r.Class.Check()
}

// Command is one line after the assignment. Fields that are not set say nothing.
type Command struct {
	Stored uint64         `json:"stored,omitempty"` // so many observations and events of this run are durable
	Watch  *bool          `json:"watch,omitempty"`
	Whole  bool           `json:"whole,omitempty"`
	Layout *layout.Layout `json:"layout,omitempty"`
	Stop   bool           `json:"stop,omitempty"`
}

// merge adds a later command to one that was not yet taken.
func (c *Command) merge(later Command) {
	c.Stored = max(c.Stored, later.Stored)
	if later.Watch != nil {
		c.Watch = later.Watch
	}
	if later.Layout != nil {
		c.Layout = later.Layout
	}
	c.Whole = c.Whole || later.Whole
	c.Stop = c.Stop || later.Stop
}

func (c Command) empty() bool {
	return c.Stored == 0 && c.Watch == nil && c.Layout == nil && !c.Whole && !c.Stop
}

// assignmentJSON has the events as numbers: a slice of bytes would become base64.
type assignmentJSON struct {
	*assignmentFields
	Events []int `json:"events"`
}

type assignmentFields Assignment

// MarshalJSON writes the form of docs/formats/link.md.
func (a Assignment) MarshalJSON() ([]byte, error) {
	fields := assignmentFields(a)
	out := assignmentJSON{&fields, make([]int, 0, len(a.Events))}
	for _, k := range a.Events {
		out.Events = append(out.Events, int(k))
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads that form, and refuses fields it does not know.
func (a *Assignment) UnmarshalJSON(b []byte) error {
	var fields assignmentFields
	in := assignmentJSON{assignmentFields: &fields}
	if err := strict(b, &in); err != nil {
		return err
	}
	for _, k := range in.Events {
		if k < 1 || k > 255 {
			return fmt.Errorf("event kind %d", k)
		}
		fields.Events = append(fields.Events, wire.EventKind(k))
	}
	*a = Assignment(fields)
	return nil
}

// Check reports what no camera process could work with. The error is of kind
// Invalid.
func (a *Assignment) Check() error {
	if a.Version != Version {
		return city.Errorf(city.Invalid, "assignment of version %d; this program speaks %d: edge and camera process must be of one release", a.Version, Version)
	}
	if err := a.Camera.Check(); err != nil {
		return err
	}
	switch {
	case a.Source.Address == "":
		return city.Errorf(city.Invalid, "camera %s: the source's address is missing", a.Camera)
	case !(a.PerSecond > 0 && a.PerSecond <= 60):
		return city.Errorf(city.Invalid, "camera %s: %g analysed frames a second; above 0 and up to 60 are possible", a.Camera, a.PerSecond)
	case a.Until.IsZero():
		return city.Errorf(city.Invalid, "camera %s: the end of its register entry is missing", a.Camera)
	}
	if err := a.Record.check(); err != nil {
		return city.Errorf(city.Invalid, "camera %s: %w", a.Camera, err)
	}
	return a.Layout.Check()
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value on a line")
	}
	return nil
}

// readLine returns the next line without its end; io.EOF only between lines.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		chunk, err := r.ReadSlice('\n')
		if line = append(line, chunk...); len(line) > maxLine {
			return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// record tells the messages that must not be lost from those that only the latest
// of counts.
func record(m wire.Message) bool {
	switch m.(type) {
	case *wire.Observation, *wire.Event:
		return true
	}
	return false
}
