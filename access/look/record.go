package look

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"polity/access"
	"polity/city"
)

// Stamp is a time in whole milliseconds, UTC.
type Stamp struct{ time.Time }

const stampForm = "2006-01-02T15:04:05.000Z"

func at(t time.Time) Stamp {
	if t.IsZero() {
		return Stamp{}
	}
	return Stamp{t.UTC().Truncate(time.Millisecond)}
}

// MarshalJSON implements json.Marshaler.
func (s Stamp) MarshalJSON() ([]byte, error) {
	return []byte(`"` + s.UTC().Format(stampForm) + `"`), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Stamp) UnmarshalJSON(b []byte) error {
	t, err := time.Parse(`"`+stampForm+`"`, string(b))
	*s = Stamp{t.UTC()}
	return err
}

// Hash is a SHA-256. Its zero value stands before the first line of a chain.
type Hash [sha256.Size]byte

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || len(raw) != len(h) {
		return errors.New("a hash is 64 hexadecimal digits")
	}
	copy(h[:], raw)
	return nil
}

// String is the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// record is one line of details. Exactly one of the pointers is set.
type record struct {
	Prev    Hash     `json:"prev"`
	N       int64    `json:"n"`
	At      Stamp    `json:"at"`
	Look    *begun   `json:"look,omitempty"`
	Again   *again   `json:"again,omitempty"`
	Seen    *seen    `json:"seen,omitempty"`
	End     *end     `json:"end,omitempty"`
	Read    *read    `json:"read,omitempty"`
	Flag    *Flag    `json:"flag,omitempty"`
	Removed *removed `json:"removed,omitempty"`
}

type begun struct {
	Salt      string           `json:"salt"`
	Continues int64            `json:"continues,omitempty"`
	Who       string           `json:"who"`
	Kind      string           `json:"kind"`
	Session   string           `json:"session"`
	Body      city.Slug        `json:"body"`
	Roles     []access.Role    `json:"roles,omitempty"`
	Purpose   city.Slug        `json:"purpose"`
	Do        access.Action    `json:"do"`
	On        access.ThingKind `json:"on"`
	Name      city.Slug        `json:"name"`
	From      Stamp            `json:"from,omitzero"`
	To        Stamp            `json:"to,omitzero"`
}

type again struct {
	Look int64 `json:"look"`
	From Stamp `json:"from,omitzero"`
	To   Stamp `json:"to,omitzero"`
}

// seen says that all looks of the day that have not ended go on, but for some that were
// closed a moment ago and may be continued.
type seen struct {
	But []int64 `json:"but,omitempty"`
}

type end struct {
	Look int64  `json:"look"`
	At   Stamp  `json:"at"`
	Why  string `json:"why"`
}

// Why a look ended.
const (
	left    = "left"
	overDay = "day"
	restart = "restart"
)

type read struct {
	Who     string    `json:"who"`
	Body    city.Slug `json:"body"`
	Session string    `json:"session"`
	About   string    `json:"about"`
}

type removed struct {
	Day      string `json:"day"`
	Head     Hash   `json:"head"`
	KeepDays int    `json:"keep_days"`
}

func (r *record) parts() (n int) {
	for _, there := range []bool{r.Look != nil, r.Again != nil, r.Seen != nil, r.End != nil, r.Read != nil, r.Flag != nil, r.Removed != nil} {
		if there {
			n++
		}
	}
	return n
}

// entry is one line of the chain of counts. Exactly one of the pointers is set.
type entry struct {
	Prev  Hash   `json:"prev"`
	Book  *title `json:"book,omitempty"`
	Count *Count `json:"count,omitempty"`
	Day   *Day   `json:"day,omitempty"`
}

type title struct {
	Format string `json:"format"`
}

const format = "polity-looks/1"

// Count is how often a camera or service was looked at on a day, by a body for a purpose.
type Count struct {
	Day     string           `json:"day"` // 2026-11-30
	On      access.ThingKind `json:"on"`
	Name    city.Slug        `json:"name"`
	Do      access.Action    `json:"do"`
	Body    city.Slug        `json:"body"`
	Purpose city.Slug        `json:"purpose"`
	Looks   int              `json:"looks"`
	Minutes int              `json:"minutes"`
}

// Day is a day that is over and published.
type Day struct {
	Day    string `json:"day"` // 2026-11-30
	From   Stamp  `json:"from"`
	Until  Stamp  `json:"until"`
	Counts int    `json:"counts"`
	Looks  int    `json:"looks"`
	Root   Hash   `json:"root"`
	Head   Hash   `json:"head"`
}

// encode writes a line in the only way there is.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // our own types, whose text was checked
	}
	return b.Bytes()
}

// decode reads a line with its newline, and refuses it if it could have been written in
// another way.
func decode(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if !bytes.Equal(encode(v), line) {
		return errors.New("it is not written in the one way that the format has")
	}
	return nil
}

// hashOf is the hash of a line with its newline.
func hashOf(line []byte) Hash { return sha256.Sum256(bytes.TrimSuffix(line, []byte("\n"))) }

// eachLine calls f with each line and its newline; the last may have none.
func eachLine(data []byte, f func(n int, line []byte) error) error {
	for n := 1; len(data) > 0; n++ {
		_, rest, _ := bytes.Cut(data, []byte("\n"))
		line := data[:len(data)-len(rest)]
		if err := f(n, line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		data = rest
	}
	return nil
}
