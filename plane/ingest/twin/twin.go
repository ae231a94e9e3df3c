// Package twin is what is known of a device as a device: when it was heard, whether it
// is late or silent, whether its clock lies, what of it was refused. A twin is an
// entity of the city's data, so that it survives restarts and whoever reads the data
// finds it; silence is an alarm, an entity too.
package twin

import (
	"encoding/json"
	"fmt"
	"time"

	"polity/city"
	"polity/plane"
)

// Ids and types of what is kept.
const (
	Prefix      = "urn:polity:device:"
	AlarmPrefix = "urn:polity:alarm:"
	Type        = "Device"
	AlarmType   = "DeviceAlarm"
)

// State is how a device is.
type State string

// The states. What comes first here hides what comes after.
const (
	Silent    State = "silent"     // not heard for so long that somebody should go and look
	Late      State = "late"       // not heard for one and a half of its intervals
	ClockLies State = "clock-lies" // its last message had a time far off
	Refused   State = "refused"    // its last message was refused
	OK        State = "ok"
)

// Twin is one device.
type Twin struct {
	Mapping     city.Slug     `json:"mapping"`
	Device      string        `json:"device"`
	State       State         `json:"state"`
	Heard       time.Time     `json:"lastSeen"`          // a message, whatever it was
	Observed    *time.Time    `json:"lastObserved"`      // the newest time of what was taken
	Every       time.Duration `json:"-"`                 // expected interval, 0: none
	SilentAfter time.Duration `json:"-"`                 //
	Interval    float64       `json:"expectedInterval"`  // Every in seconds, for readers
	Taken       uint64        `json:"messagesTaken"`     //
	Repeated    uint64        `json:"messagesRepeated"`  //
	Rejected    uint64        `json:"messagesRefused"`   //
	Reason      string        `json:"lastRefusal"`       // of the last refused message; empty if there was none
	ReasonAt    *time.Time    `json:"lastRefusalAt"`     //
	Last        State         `json:"lastMessage"`       // OK, Refused or ClockLies
	Alarm       string        `json:"alarm"`             // id of the alarm that goes on
	AlarmBegan  *time.Time    `json:"alarmBegan"`        //
	Digest      string        `json:"lastMessageDigest"` // of the last message without a time of its own
}

// Key is where a twin is kept.
func Key(mapping city.Slug, device string) plane.Key {
	return plane.Key{ID: Prefix + string(mapping) + ":" + device}
}

// Quiet says for how long the device was not heard. What passed before since, when
// nobody listened, does not count.
func (t *Twin) Quiet(now, since time.Time) time.Duration {
	if t.Heard.After(since) {
		since = t.Heard
	}
	return now.Sub(since)
}

// Step brings the state up to date and returns what changes in the city's data besides
// the twin: the beginning or end of an alarm.
func (t *Twin) Step(now, since time.Time) []plane.Change {
	now = now.UTC().Truncate(time.Millisecond)
	if t.Alarm != "" {
		if t.Heard.Before(*t.AlarmBegan) {
			t.State = Silent
			return nil
		}
		end := t.endAlarm()
		t.State = t.state(now, since)
		return []plane.Change{end}
	}
	if t.State = t.state(now, since); t.State != Silent {
		return nil
	}
	return []plane.Change{t.beginAlarm(now)}
}

func (t *Twin) state(now, since time.Time) State {
	switch quiet := t.Quiet(now, since); {
	case t.Every > 0 && quiet > t.SilentAfter:
		return Silent
	case t.Every > 0 && quiet > t.Every+t.Every/2:
		return Late
	case t.Last == "":
		return OK
	}
	return t.Last
}

func (t *Twin) beginAlarm(now time.Time) plane.Change {
	t.Alarm, t.AlarmBegan = fmt.Sprintf("%s%s:%s:%013d", AlarmPrefix, t.Mapping, t.Device, now.UnixMilli()), &now
	e := &plane.Entity{Key: plane.Key{ID: t.Alarm}, Types: []string{AlarmType}}
	set(e, "kind", string(Silent))
	set(e, "start", now)
	set(e, "lastSeen", t.Heard)
	set(e, "device", Key(t.Mapping, t.Device).ID)
	e.Attribute("device").Kind = plane.Relationship
	return plane.Change{Key: e.Key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old != nil {
			return old, nil
		}
		return e.Clone(), nil
	}}
}

func (t *Twin) endAlarm() plane.Change {
	key, heard := plane.Key{ID: t.Alarm}, t.Heard
	t.Alarm, t.AlarmBegan = "", nil
	return plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil || old.Attribute("end") != nil { // somebody removed it, or it has ended
			return old, nil
		}
		set(old, "end", heard)
		return old, nil
	}}
}

func set(e *plane.Entity, name string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts, times and numbers of ours are always JSON
	}
	e.Set(plane.Attribute{Name: name, Kind: plane.Property, Value: text})
}

// Change stores the twin. What others added to the entity stays.
func (t *Twin) Change() (plane.Change, error) {
	t.Interval = t.Every.Seconds()
	text, err := json.Marshal(t)
	if err != nil {
		return plane.Change{}, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return plane.Change{}, err
	}
	key := Key(t.Mapping, t.Device)
	return plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			old = &plane.Entity{Key: key, Types: []string{Type}}
		}
		for name, value := range fields {
			if string(value) == "null" || string(value) == `""` {
				old.Drop(name, "")
				continue
			}
			old.Set(plane.Attribute{Name: name, Kind: plane.Property, Value: value})
		}
		return old, nil
	}}, nil
}

// Read reads a twin as it was stored.
func Read(e *plane.Entity) (Twin, error) {
	fields := map[string]json.RawMessage{}
	for _, a := range e.Attributes {
		if a.Dataset == "" {
			fields[a.Name] = a.Value
		}
	}
	var t Twin
	text, err := json.Marshal(fields)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err == nil && (Key(t.Mapping, t.Device) != e.Key || (t.Alarm != "") != (t.AlarmBegan != nil)) {
		err = city.Errorf(city.Invalid, "its attributes are not those of a device")
	}
	if err != nil {
		return t, fmt.Errorf("device %s as stored: %w", e.ID, err)
	}
	return t, nil
}
