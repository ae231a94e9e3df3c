package service

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polity/city"
)

// Level says how far a decision goes by itself.
type Level string

// The levels.
const (
	Advice  Level = "advice"  // a person may follow it
	Confirm Level = "confirm" // nothing happens before a person agrees
	Bounded Level = "bounded" // acted on at once, inside registered limits; a person can override it
)

// Input is something that a decision was made from.
type Input struct {
	Entity    string    `json:"entity"`              // its id
	Attribute string    `json:"attribute,omitempty"` // empty: the entity as a whole
	Value     string    `json:"value,omitempty"`     // as it was, with its unit
	At        time.Time `json:"at"`                  // of the value
}

// Decision is what a service wants done, and why.
type Decision struct {
	ID        string    `json:"id"` // unique and lasting
	Service   city.Slug `json:"service"`
	Level     Level     `json:"level"`
	Inputs    []Input   `json:"inputs"`
	Reason    string    `json:"reason"`    // one sentence
	Algorithm city.Slug `json:"algorithm"` // its entry in the register of algorithms
	At        time.Time `json:"at"`
}

const (
	idMax     = 128
	reasonMax = 300
	inputsMax = 256
)

// Check reports what a decision lacks (city.Invalid).
func (d *Decision) Check() error {
	if d.ID == "" || len(d.ID) > idMax || strings.ContainsFunc(d.ID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return city.Errorf(city.Invalid, "decision: the id must have 1 to %d printable ASCII characters without spaces", idMax)
	}
	if err := d.Service.Check(); err != nil {
		return city.Errorf(city.Invalid, "decision %s: service: %w", d.ID, err)
	}
	if err := d.Algorithm.Check(); err != nil {
		return city.Errorf(city.Invalid, "decision %s: name the algorithm's entry in the register: %w", d.ID, err)
	}
	switch {
	case !slices.Contains([]Level{Advice, Confirm, Bounded}, d.Level):
		return city.Errorf(city.Invalid, "decision %s: level %q is none of advice, confirm, bounded", d.ID, string(d.Level))
	case strings.TrimSpace(d.Reason) == "" || utf8.RuneCountInString(d.Reason) > reasonMax || !utf8.ValidString(d.Reason) || strings.ContainsFunc(d.Reason, unicode.IsControl):
		return city.Errorf(city.Invalid, "decision %s: state the reason in one sentence of at most %d characters, on one line", d.ID, reasonMax)
	case len(d.Inputs) == 0 || len(d.Inputs) > inputsMax:
		return city.Errorf(city.Invalid, "decision %s: state 1 to %d inputs", d.ID, inputsMax)
	case slices.ContainsFunc(d.Inputs, func(i Input) bool { return i.Entity == "" || i.At.IsZero() }):
		return city.Errorf(city.Invalid, "decision %s: each input names its entity and its time", d.ID)
	case d.At.IsZero():
		return city.Errorf(city.Invalid, "decision %s: the time is missing", d.ID)
	}
	return nil
}

const (
	sentenceMax = 300
	untilMax    = 366 * 24 * time.Hour
)

// Check reports what a proposal lacks (city.Invalid).
func (p *Proposal) Check() error {
	if err := p.Decision.Check(); err != nil {
		return err
	}
	sentence := func(what, s string, needed bool) error {
		if (needed && strings.TrimSpace(s) == "") || utf8.RuneCountInString(s) > sentenceMax || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			return city.Errorf(city.Invalid, "decision %s: state %s in one sentence of at most %d characters, on one line", p.ID, what, sentenceMax)
		}
		return nil
	}
	if err := sentence("what is to be done", p.Do, true); err != nil {
		return err
	}
	if err := sentence("its effect", p.Effect, false); err != nil {
		return err
	}
	switch {
	case !p.Until.After(p.At) || p.Until.Sub(p.At) > untilMax:
		return city.Errorf(city.Invalid, "decision %s: until must be after its time, within a year", p.ID)
	case len(p.Detail) > MaxDetail:
		return city.Errorf(city.TooLarge, "decision %s: a detail of %d bytes; %d is the most", p.ID, len(p.Detail), MaxDetail)
	case len(p.Detail) > 0 && !json.Valid(p.Detail):
		return city.Errorf(city.Invalid, "decision %s: the detail is no JSON", p.ID)
	}
	return nil
}
