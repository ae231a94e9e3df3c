// Package uplink is the closed list of what passes between an edge and the hub:
// camera/wire messages, and the few fixed-size types here. Check is the wall that
// the message spine asks about every body, on both sides.
//
// On the way up nothing holds a string, a map or free bytes: a test walks the
// types. What is sealed already is the exception: share records and ciphertext. On the
// way down a layout carries the names that people gave its zones.
package uplink

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/register"
	"polity/spine"
)

// EdgeState is what an edge says of itself every two seconds.
type EdgeState struct {
	At       int64  // ms since 1970, by the edge's clock
	Started  int64  // ms since 1970: another value is another run of the edge
	Waiting  uint64 // observations and events that the hub does not have yet
	Lost     uint64 // given up for want of room, of those
	Stored   uint64 // bytes of the store
	Free     uint64 // bytes free on its disk
	Places   uint64 // places in the archive
	Cameras  uint16 // configured
	Running  uint16 // whose process runs
	Detector uint8  // 1: its process runs
	Space    uint8  // spine.Space
	Version  [3]uint16
}

// CameraState is what an edge says of one of its cameras, every two seconds.
type CameraState struct {
	At      int64
	Since   int64  // of the process's run or end; 0: never ran
	Starts  uint32 // of the process, since the edge started
	Layout  uint32 // revision in use
	Reason  uint8  // register.Reason why it is refused; 0: it is not
	Running uint8  // 1: its process runs
}

// Watch says that somebody looks at a camera: for Seconds from now, after which
// it counts no more. Whole asks for the whole place.
type Watch struct {
	Seconds uint8
	Whole   uint8
}

// LayoutAnswer is what came of a new layout.
type LayoutAnswer struct {
	Result   Result
	Number   uint8  // the zone or line that is wrong, from 1; 0: none in particular
	Revision uint32 // in use now
}

// Result is what came of a new layout.
type Result uint8

// The results.
const (
	Taken         Result = 1 + iota
	Stale                // its revision is not above the one in use
	Wrong                // it does not pass layout.Check
	CrowdTooSmall        // a zone calls fewer people a crowd than the register entry allows
	NotAllowed           // a zone or line wants an event that the entry does not allow
	NotStored            // the edge could not write it down; the one before stays
	NoCamera             // the edge has no such camera
)

// KeyState is which epoch keys an edge has of the class of retention of one of its cameras,
// and which roster. Bit n of the 128 of a body, from the lowest of the first number on, is
// of n days after Day.
type KeyState struct {
	Day       int64  // days since 1970-01-01, UTC: today by the edge's clock
	Roster    uint32 // version
	Court     [2]uint64
	Ombudsman [2]uint64
}

// KeyDays is how many days a KeyState is of.
const KeyDays = 128

// Set notes that a body has a key n days after Day.
func (k *KeyState) Set(ombudsman bool, n int) { k.of(ombudsman)[n/64] |= 1 << (n % 64) }

// Has says whether it has one.
func (k *KeyState) Has(ombudsman bool, n int) bool { return k.of(ombudsman)[n/64]&(1<<(n%64)) != 0 }

func (k *KeyState) of(ombudsman bool) *[2]uint64 {
	if ombudsman {
		return &k.Ombudsman
	}
	return &k.Court
}

// Logged is what became of a statement: at which index of the public log it stands, or why
// not.
type Logged struct {
	Entry  [32]uint8 // the entry's id
	Index  int64
	Reason Unlogged // not 0: it is not in the log
}

// Unlogged is why a statement is not in the log. The edge keeps it and sends it again.
type Unlogged uint8

// The reasons.
const (
	NoLog         Unlogged = 1 + iota // the hub keeps no log
	NotRegistered                     // the camera has no register entry for this edge
	OtherRecorder                     // the camera's register entry names another recorder, or none
	NotTaken                          // an entry that an edge may not send, or one that is not in order
)

// Encode writes one of the types of this package.
func Encode(v any) []byte {
	b, err := binary.Append(nil, binary.BigEndian, v)
	if err != nil {
		panic(err) // a type that is not of fixed size: a programmer's error
	}
	return b
}

func decode[T any](b []byte) (T, error) {
	var v T
	n, err := binary.Decode(b, binary.BigEndian, &v)
	if err != nil || n != len(b) {
		return v, city.Errorf(city.Invalid, "%d bytes are no %T", len(b), v)
	}
	return v, nil
}

// DecodeEdgeState reads what an edge says of itself.
func DecodeEdgeState(b []byte) (EdgeState, error) {
	v, err := decode[EdgeState](b)
	if err == nil && (v.Detector > 1 || v.Space > uint8(spine.StoreBroken) || !sane(v.At) || !sane(v.Started) || v.Running > v.Cameras) {
		err = city.Errorf(city.Invalid, "an edge's state is out of range")
	}
	return v, err
}

// DecodeCameraState reads what an edge says of a camera.
func DecodeCameraState(b []byte) (CameraState, error) {
	v, err := decode[CameraState](b)
	if err == nil && (v.Reason > uint8(register.Expired) || v.Running > 1 || !sane(v.At) || !sane(v.Since)) {
		err = city.Errorf(city.Invalid, "a camera's state is out of range")
	}
	return v, err
}

// DecodeKeyState reads which epoch keys an edge has.
func DecodeKeyState(b []byte) (KeyState, error) {
	v, err := decode[KeyState](b)
	if err == nil && (v.Day < 0 || v.Day > maxDay) {
		err = city.Errorf(city.Invalid, "a state of keys is out of range")
	}
	return v, err
}

// DecodeLogged reads what became of a statement.
func DecodeLogged(b []byte) (Logged, error) {
	v, err := decode[Logged](b)
	if err == nil && (v.Reason > NotTaken || v.Index < 0 || v.Reason != 0 && v.Index != 0) {
		err = city.Errorf(city.Invalid, "what became of a statement is out of range")
	}
	return v, err
}

// DecodeStatement reads an entry for the public log that an edge may send: an hour of
// segments that its recorder signed, an alarm, or which software it runs.
func DecodeStatement(b []byte) (entry.Entry, error) {
	e, err := entry.Decode(b)
	if err != nil {
		return nil, err
	}
	switch e := e.(type) {
	case *entry.Segments:
		return e, nil
	case *entry.Alarm:
		if e.Edge == "" {
			return nil, city.Errorf(city.Invalid, "an edge's alarm names the edge")
		}
		return e, nil
	case *entry.Software:
		if e.Edge == "" {
			return nil, city.Errorf(city.Invalid, "an edge's software names the edge")
		}
		return e, nil
	}
	return nil, city.Errorf(city.Invalid, "an edge sends no entry of type %s", entry.TypeOf(e))
}

// DecodeWatch reads a watch.
func DecodeWatch(b []byte) (Watch, error) {
	v, err := decode[Watch](b)
	if err == nil && (v.Seconds > 60 || v.Whole > 1) {
		err = city.Errorf(city.Invalid, "a watch is out of range")
	}
	return v, err
}

// DecodeLayoutAnswer reads what came of a layout.
func DecodeLayoutAnswer(b []byte) (LayoutAnswer, error) {
	v, err := decode[LayoutAnswer](b)
	if err == nil && (v.Result < Taken || v.Result > NoCamera) {
		err = city.Errorf(city.Invalid, "an answer about a layout is out of range")
	}
	return v, err
}

// sane accepts times from 1970 to the year 9999.
func sane(ms int64) bool { return ms >= 0 && ms <= 253402300799999 }

// Time turns milliseconds into a time; 0 is the zero time.
func Time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Milliseconds is its inverse.
func Milliseconds(t time.Time) int64 {
	if t.IsZero() || t.UnixMilli() < 0 {
		return 0
	}
	return t.UnixMilli()
}

const (
	maxLayout = 256 << 10
	maxDay    = 2932896 // 9999-12-31
)

// EncodeLayout writes a layout for the way down.
func EncodeLayout(l layout.Layout) ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encode the layout: %w", err)
	}
	return b, nil
}

// DecodeLayout reads a layout, whose zones and lines it does not check.
func DecodeLayout(b []byte) (layout.Layout, error) {
	var l layout.Layout
	if len(b) > maxLayout {
		return l, city.Errorf(city.TooLarge, "a layout of %d bytes", len(b))
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, city.Errorf(city.Invalid, "layout: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return l, city.Errorf(city.Invalid, "something follows the layout")
	}
	return l, nil
}

// Check says whether a channel may carry a body: exactly one message of its type,
// every field within its bounds.
func Check(c spine.Channel, body []byte) error {
	var err error
	switch c {
	case spine.LivePlace, spine.Archive:
		err = is[*wire.Place](body)
	case spine.LiveMarks:
		err = is[*wire.Marks](body)
	case spine.LiveState:
		err = is[*wire.State](body)
	case spine.Observation:
		err = is[*wire.Observation](body)
	case spine.Event:
		err = is[*wire.Event](body)
	case spine.CameraState:
		_, err = DecodeCameraState(body)
	case spine.EdgeState:
		_, err = DecodeEdgeState(body)
	case spine.KeyState:
		_, err = DecodeKeyState(body)
	case spine.Statement:
		_, err = DecodeStatement(body)
	case spine.Logged:
		_, err = DecodeLogged(body)
	case spine.Proof:
		_, err = proof.ParseInclusion(body)
	case spine.Roster:
		_, err = roster.Unsigned(body)
	case spine.Watch:
		_, err = DecodeWatch(body)
	case spine.Layout:
		_, err = DecodeLayout(body)
	case spine.LayoutAnswer:
		_, err = DecodeLayoutAnswer(body)
	case spine.Handout:
		_, err = DecodeHandout(body)
	case spine.HandoutAnswer:
		_, err = DecodeHandoutAnswer(body)
	default:
		err = city.Errorf(city.Invalid, "there is no channel %d", c)
	}
	return err
}

func is[T wire.Message](body []byte) error {
	m, err := wire.Parse(body)
	if err != nil {
		return err
	}
	if _, ok := m.(T); !ok {
		return city.Errorf(city.Invalid, "a %T is on the wrong channel", m)
	}
	return nil
}

// Clamp keeps a count within what a field can hold.
func Clamp(n int) uint16 { return uint16(max(0, min(n, math.MaxUint16))) }
