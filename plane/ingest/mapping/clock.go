package mapping

import (
	"fmt"
	"math"
	"time"
)

// when finds the time of a reading, and refuses or marks a clock that is far off.
func (m *Mapping) when(r *Reading, x Message, tree any) *Refusal {
	no := func(clock bool, why, detail string) *Refusal {
		return &Refusal{Mapping: m.Name, Device: r.Device, Clock: clock, Private: m.Household, Why: why, Detail: detail}
	}
	r.At = x.Received.UTC().Truncate(time.Millisecond)
	if m.Time.Path.empty() {
		if x.History {
			return no(false, "the mapping has no time, and a file of old values needs one", "")
		}
		return nil
	}
	v, ok := m.Time.Path.find(tree)
	if !ok {
		return no(false, fmt.Sprintf("there is no time at %s", m.Time.Path), "")
	}
	at, ok := m.parseTime(v)
	if !ok {
		return no(false, fmt.Sprintf("the time at %s is not %s", m.Time.Path, m.Time.Format), fmt.Sprintf("it is %q", shorten(fmt.Sprint(v))))
	}
	if x.History {
		r.At, r.Own = at, true
		return nil
	}
	off := at.Sub(r.At)
	if off <= m.Time.Ahead && off >= -m.Time.Behind {
		r.At, r.Own = at, true
		return nil
	}
	if m.Time.Off == "mark" {
		r.Off = off
		return nil
	}
	return no(true, "the device's clock is far off", fmt.Sprintf("it says %s, which is %s %s", at.Format(time.RFC3339), off.Abs().Round(time.Second), map[bool]string{true: "ahead", false: "behind"}[off > 0]))
}

// parseTime returns whole milliseconds between 1970 and 9999.
func (m *Mapping) parseTime(v any) (time.Time, bool) {
	var at time.Time
	switch m.Time.Format {
	case "unix", "unix-ms":
		n, ok := m.number(v)
		if m.Time.Format == "unix" {
			n *= 1000
		}
		if !ok || !(n >= 0 && n <= lastMillisecond) {
			return at, false
		}
		at = time.UnixMilli(int64(math.Round(n)))
	default:
		s, ok := v.(string)
		layout := m.layout
		if layout == "" {
			layout = time.RFC3339Nano
		}
		var err error
		if at, err = time.ParseInLocation(layout, s, m.zone); !ok || err != nil {
			return at, false
		}
	}
	at = at.UTC().Truncate(time.Millisecond)
	ms := at.UnixMilli()
	return at, ms >= 0 && ms <= lastMillisecond
}

const lastMillisecond = 253402300799999 // the end of the year 9999
