package canonical

import (
	"encoding/base64"
	"fmt"
	"time"

	"polity/city"
)

// Hash is 32 bytes, in JSON base64url without padding.
type Hash [32]byte

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, h[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(b []byte) error { return decode(h[:], b) }

// String is the hash as in JSON.
func (h Hash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// Bytes is a key, a signature or a file, in JSON base64url without padding. Its length
// is checked by what holds it.
type Bytes []byte

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	*b = make([]byte, base64.RawURLEncoding.DecodedLen(len(text)))
	return decode(*b, text)
}

func decode(to, text []byte) error {
	if base64.RawURLEncoding.DecodedLen(len(text)) != len(to) {
		return &formError{fmt.Sprintf("%d characters of base64url where %d bytes must be", len(text), len(to))}
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(to, text); err != nil {
		return &formError{"a value is no base64url without padding (RFC 4648, section 5)"}
	}
	return nil
}

// formError is an error that repeats no value.
type formError struct{ text string }

func (e *formError) Error() string { return e.text }

// TimeForm is how times are written: UTC, whole seconds.
const TimeForm = "2006-01-02T15:04:05Z"

// Time is a moment in UTC, to the second.
type Time string

// At is t as text, its fraction of a second cut off.
func At(t time.Time) Time { return Time(t.UTC().Format(TimeForm)) }

// Time is the moment. It is the zero time if t is not in its form.
func (t Time) Time() time.Time {
	at, err := time.Parse(TimeForm, string(t))
	if err != nil {
		return time.Time{}
	}
	return at
}

// Check reports text that is no time. The error is of kind Invalid.
func (t Time) Check() error {
	if at, err := time.Parse(TimeForm, string(t)); err != nil || at.Format(TimeForm) != string(t) || at.Year() < 2020 || at.Year() > 2199 {
		return city.Errorf(city.Invalid, "a time is written 2026-12-01T14:00:00Z")
	}
	return nil
}

// Day is a calendar day.
type Day string

// Time is the day's beginning, UTC. It is the zero time if d is not in its form.
func (d Day) Time() time.Time {
	at, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return at
}

// Check reports text that is no day. The error is of kind Invalid.
func (d Day) Check() error {
	if at, err := time.Parse(time.DateOnly, string(d)); err != nil || at.Format(time.DateOnly) != string(d) || at.Year() < 2020 || at.Year() > 2199 {
		return city.Errorf(city.Invalid, "a day is written 2026-12-01")
	}
	return nil
}

// Week is a week of ISO 8601.
type Week string

// WeekOf is the week of a moment, UTC.
func WeekOf(t time.Time) Week {
	year, week := t.UTC().ISOWeek()
	return Week(fmt.Sprintf("%04d-W%02d", year, week))
}

// Check reports text that is no week. The error is of kind Invalid.
func (w Week) Check() error {
	var year, week int
	if n, err := fmt.Sscanf(string(w), "%04d-W%02d", &year, &week); n != 2 || err != nil ||
		fmt.Sprintf("%04d-W%02d", year, week) != string(w) || year < 2020 || year > 2199 || week < 1 || week > 53 {
		return city.Errorf(city.Invalid, "a week is written 2026-W49")
	}
	return nil
}
