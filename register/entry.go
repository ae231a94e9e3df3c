// Package register holds what was decided about each camera: signed entries, and
// the check without which no camera runs. The form is docs/formats/register.md.
package register

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polity/city"
	"polity/ledger/canonical"
)

// Format is the first field of every entry.
const Format = "polity-camera-entry/1"

// MaxSize bounds a signed entry, bytes.
const MaxSize = 16 << 10

const (
	maxText     = 300 // characters of one line of text
	maxValidity = 5 * 366 * 24 * time.Hour
)

// EventNames lists the situations that an entry can allow.
var EventNames = []string{"crowding", "intrusion", "object-left", "stopped", "wrong-way"}

// Entry is what was decided about one camera. Fields and bounds are those of
// docs/formats/register.md.
type Entry struct {
	Format    string    `json:"format"`
	Camera    city.Slug `json:"camera"`
	Edge      city.Slug `json:"edge"`
	Title     string    `json:"title"`
	Purpose   string    `json:"purpose"`
	View      View      `json:"view"`
	Body      string    `json:"body"`
	Contact   string    `json:"contact"`
	Decision  Decision  `json:"decision"`
	Retention Retention `json:"retention"`
	// Class and Recorder are of sealed footage: the class of retention of the city's roster,
	// and the Ed25519 public key that signs the camera's segments. Empty: there is none.
	Class        city.Slug       `json:"class,omitempty"`
	Recorder     canonical.Bytes `json:"recorder,omitempty"`
	Public       Public          `json:"public"`
	Events       []string        `json:"events"`
	CrowdAtLeast int             `json:"crowd_at_least"`
	From         time.Time       `json:"from"`
	Until        time.Time       `json:"until"`
	Simulated    bool            `json:"simulated"`
}

// View is what the camera can see.
type View struct {
	Words   string  `json:"words"`
	Lon     float64 `json:"lon"`
	Lat     float64 `json:"lat"`
	Heading float64 `json:"heading"` // degrees clockwise from north
	Field   float64 `json:"field"`   // horizontal angle, degrees
	Reach   float64 `json:"reach"`   // metres
}

// Decision is on whose authority the camera runs.
type Decision struct {
	Reference string `json:"reference"`
	On        string `json:"on"` // YYYY-MM-DD
}

// Retention is how long things are kept.
type Retention struct {
	CountsDays   int `json:"counts_days"`
	PlaceDays    int `json:"place_days"`
	FootageHours int `json:"footage_hours"`
}

// Public is how the public sees the camera.
type Public struct {
	DelayMinutes int `json:"delay_minutes"`
	Threshold    int `json:"threshold"` // smallest number shown
}

// Check reports the first thing that is wrong, in words for who wrote it. The
// error is of kind Invalid.
func (e *Entry) Check() error {
	if e.Format != Format {
		return city.Errorf(city.Invalid, "format is %q; this program reads %q", e.Format, Format)
	}
	if err := e.Camera.Check(); err != nil {
		return city.Errorf(city.Invalid, "camera: %w", err)
	}
	if err := e.Edge.Check(); err != nil {
		return city.Errorf(city.Invalid, "edge: %w", err)
	}
	for _, f := range []struct{ name, text string }{
		{"title", e.Title},
		{"purpose", e.Purpose},
		{"view.words", e.View.Words},
		{"body", e.Body},
		{"contact", e.Contact},
		{"decision.reference", e.Decision.Reference},
	} {
		if err := checkText(f.text, f.name == "contact"); err != nil {
			return city.Errorf(city.Invalid, "%s: %w", f.name, err)
		}
	}
	if err := (city.Point{Lon: e.View.Lon, Lat: e.View.Lat}).Check(); err != nil {
		return city.Errorf(city.Invalid, "view: %w", err)
	}
	for _, n := range []struct {
		name           string
		value, lo, hi  float64
		loOpen, hiOpen bool
	}{
		{"view.heading (degrees clockwise from north)", e.View.Heading, 0, 360, false, true},
		{"view.field (degrees)", e.View.Field, 0, 360, true, false},
		{"view.reach (metres)", e.View.Reach, 0, 1000, true, false},
		{"retention.counts_days", float64(e.Retention.CountsDays), 1, 3660, false, false},
		{"retention.place_days", float64(e.Retention.PlaceDays), 0, 366, false, false},
		{"retention.footage_hours", float64(e.Retention.FootageHours), 0, 720, false, false},
		{"public.delay_minutes", float64(e.Public.DelayMinutes), 0, 1440, false, false},
		{"public.threshold", float64(e.Public.Threshold), 2, 1000, false, false},
		{"crowd_at_least", float64(e.CrowdAtLeast), 2, 100_000, false, false},
	} {
		if math.IsNaN(n.value) || n.value < n.lo || n.value > n.hi || (n.loOpen && n.value == n.lo) || (n.hiOpen && n.value == n.hi) {
			return city.Errorf(city.Invalid, "%s is %g; it lies between %g and %g", n.name, n.value, n.lo, n.hi)
		}
	}
	return errors.Join(e.checkSealed(), e.checkEvents(), e.checkTimes())
}

func (e *Entry) checkSealed() error {
	if e.Class == "" && e.Recorder == nil {
		return nil
	}
	switch {
	case e.Class == "" || e.Recorder == nil:
		return city.Errorf(city.Invalid, "class and recorder belong together: who signs the sealed footage, and how long it is kept")
	case e.Class.Check() != nil:
		return city.Errorf(city.Invalid, "class: %w", e.Class.Check())
	case len(e.Recorder) != ed25519.PublicKeySize:
		return city.Errorf(city.Invalid, "recorder has %d bytes; an Ed25519 public key has %d, as 'polity edge recorder' prints it", len(e.Recorder), ed25519.PublicKeySize)
	case e.Retention.FootageHours == 0:
		return city.Errorf(city.Invalid, "class and recorder are of sealed footage, and retention.footage_hours is 0: there is none")
	}
	return nil
}

func checkText(text string, mayBeEmpty bool) error {
	switch {
	case strings.TrimSpace(text) == "" && !mayBeEmpty:
		return city.Errorf(city.Invalid, "it is missing")
	case utf8.RuneCountInString(text) > maxText:
		return city.Errorf(city.Invalid, "it is longer than %d characters", maxText)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return city.Errorf(city.Invalid, "it is one line of readable text")
	}
	return nil
}

func (e *Entry) checkEvents() error {
	for i, name := range e.Events {
		if !slices.Contains(EventNames, name) {
			return city.Errorf(city.Invalid, "events: there is no event %q; there are %s", name, strings.Join(EventNames, ", "))
		}
		if i > 0 && name <= e.Events[i-1] {
			return city.Errorf(city.Invalid, "events stand in the order of the alphabet, each once")
		}
	}
	return nil
}

func (e *Entry) checkTimes() error {
	on, err := e.DecidedOn()
	if err != nil {
		return err
	}
	for _, t := range []time.Time{e.From, e.Until} {
		if !t.Equal(t.Truncate(time.Second)) || t.Location() != time.UTC || t.Year() < 2000 || t.Year() > 9999 {
			return city.Errorf(city.Invalid, "from and until are whole seconds in UTC, such as 2026-11-22T00:00:00Z")
		}
	}
	switch {
	case !e.Until.After(e.From):
		return city.Errorf(city.Invalid, "it ends (%s) before it begins (%s)", stamp(e.Until), stamp(e.From))
	case e.Until.Sub(e.From) > maxValidity:
		return city.Errorf(city.Invalid, "it is valid for more than five years; decide again before that")
	case on.After(e.From):
		return city.Errorf(city.Invalid, "it begins (%s) before it was decided (%s)", stamp(e.From), e.Decision.On)
	}
	return nil
}

// DecidedOn is the day of the decision.
func (e *Entry) DecidedOn() (time.Time, error) {
	on, err := time.Parse(time.DateOnly, e.Decision.On)
	if err != nil {
		return time.Time{}, city.Errorf(city.Invalid, "decision.on is %q; it is a day such as 2026-11-02", e.Decision.On)
	}
	return on, nil
}

// Position is where the camera stands.
func (e *Entry) Position() city.Point { return city.Point{Lon: e.View.Lon, Lat: e.View.Lat} }

// Allows says whether the camera may report situations of that name.
func (e *Entry) Allows(event string) bool { return slices.Contains(e.Events, event) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// encode writes the one form of an entry.
func (e *Entry) encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf) // ends with a newline
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode the entry: %w", err)
	}
	return buf.Bytes(), nil
}

// decode reads that form and no other.
func decode(text []byte) (*Entry, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var e Entry
	if err := d.Decode(&e); err != nil {
		return nil, city.Errorf(city.Invalid, "%w", plain(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, city.Errorf(city.Invalid, "something follows the entry")
	}
	if err := e.Check(); err != nil {
		return nil, err
	}
	again, err := e.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, text) {
		return nil, city.Errorf(city.Invalid, "line %d is not written in the one agreed form (order, spaces, or a field twice); let 'polity camera register' write it", firstDifference(again, text))
	}
	return &e, nil
}

// plain takes the Go words out of a decoder's error.
func plain(err error) error {
	if u, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("field %s cannot be a %s", u.Field, u.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func firstDifference(a, b []byte) int {
	line := 1
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '\n' {
			line++
		}
	}
	return line
}
