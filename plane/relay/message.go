package relay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/record"
)

// message is an event as JSON; before and after are entities as plane/record writes
// them.
type message struct {
	Origin   string          `json:"origin"`
	Sequence uint64          `json:"sequence"`
	Tenant   string          `json:"tenant,omitempty"`
	ID       string          `json:"id"`
	At       time.Time       `json:"at"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
	// Cut says that the states were too large for a message: whether there was one
	// before and is one after is told all the same, what they are only the store.
	Cut bool `json:"cut,omitempty"`
	Was bool `json:"was,omitempty"`
	Is  bool `json:"is,omitempty"`
}

// Encode writes an event of a store as a message of at most so many bytes. States that
// do not fit are left out, and Cut says so.
func Encode(origin string, e *plane.Event, most int) ([]byte, error) {
	m := message{Origin: origin, Sequence: e.Sequence, Tenant: e.Tenant, ID: e.ID, At: e.At, Was: e.Before != nil, Is: e.After != nil}
	var err error
	if m.Before, err = state(e.Before); err != nil {
		return nil, err
	}
	if m.After, err = state(e.After); err != nil {
		return nil, err
	}
	text, err := write(&m)
	if err == nil && len(text) > most {
		m.Before, m.After, m.Cut = nil, nil, true
		text, err = write(&m)
	}
	if err != nil {
		return nil, fmt.Errorf("event %d of %s: %w", e.Sequence, e.ID, err)
	}
	return text, nil
}

// write leaves values byte for byte.
func write(m *message) ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	err := to.Encode(m)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

func state(e *plane.Entity) (json.RawMessage, error) {
	if e == nil {
		return nil, nil
	}
	return record.Append(nil, e)
}

// Change is a message that was read.
type Change struct {
	Origin string
	plane.Event
	// Cut says that Before and After were too large: both are nil, Was and Is say
	// whether there was an entity before and after.
	Cut     bool
	Was, Is bool
}

// Decode reads what Encode wrote. The error is of kind Invalid.
func Decode(text []byte) (*Change, error) {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, city.Errorf(city.Invalid, "a message of the stream of changes: %w", err)
	}
	c := &Change{Origin: m.Origin, Cut: m.Cut, Was: m.Was, Is: m.Is}
	c.Event = plane.Event{Sequence: m.Sequence, Key: plane.Key{Tenant: m.Tenant, ID: m.ID}, At: m.At}
	var err error
	if c.Before, err = entity(m.Before); err != nil {
		return nil, err
	}
	c.After, err = entity(m.After)
	return c, err
}

func entity(text json.RawMessage) (*plane.Entity, error) {
	if len(text) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	return record.Decode(text)
}
