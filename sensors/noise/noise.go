// Package noise adds levels of sound up: by energy, never by arithmetic.
package noise

import (
	"fmt"
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/sensors/series"
)

// MinCovered is the share of a period that levels must cover before its mean is shown as
// the period's own. The directive sets none; three quarters is what it is for air.
const MinCovered = 0.75

// Most is the longest time for which one level counts, if its device says no length.
const Most = time.Hour

// Leq is the equivalent level of spans over [from, to) in dB: the level of a constant
// sound with the same energy (ISO 1996-1:2016, 3.6.1),
//
//	10 lg(1/T ∫ 10^(L/10) dt).
//
// It is NaN if nothing was measured, and speaks for the time that covered says alone.
func Leq(spans []series.Span, from, to time.Time) (level, covered float64) {
	var sum Sum
	covered = series.Within(spans, from, to, func(v float64, of time.Duration) { sum.Add(v, of.Seconds()) })
	return sum.Level(), covered
}

// Sum adds sounds up, each with a weight. The zero Sum is ready. It keeps the highest
// level apart, so that no level is too high for it.
type Sum struct {
	top    float64
	energy float64 // relative to top
	weight float64
}

// Add takes a level in dB in, for a weight above 0: seconds, or hours. What is no number
// is left out.
func (s *Sum) Add(level, weight float64) {
	switch {
	case !(weight > 0) || math.IsNaN(level) || math.IsInf(level, 0):
		return
	case s.weight == 0:
		s.top = level
	case level > s.top:
		s.energy *= math.Pow(10, (s.top-level)/10)
		s.top = level
	}
	s.energy += weight * math.Pow(10, (level-s.top)/10)
	s.weight += weight
}

// Level is the mean by energy in dB; NaN of nothing.
func (s *Sum) Level() float64 {
	if s.weight == 0 {
		return math.NaN()
	}
	return s.top + 10*math.Log10(s.energy/s.weight)
}

// Exceeded is the level that is exceeded in a share of the time, such as 0.1 for LA10 and
// 0.9 for LA90, in dB, of short levels (of a second or so) that count alike. NaN of none.
func Exceeded(levels []float64, share float64) float64 {
	if len(levels) == 0 {
		return math.NaN()
	}
	sorted := slices.Clone(levels)
	slices.SortFunc(sorted, func(a, b float64) int { return -cmpFloat(a, b) })
	return sorted[min(len(sorted)-1, max(0, int(math.Ceil(share*float64(len(sorted))))-1))]
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Hours is when day, evening and night begin, local time, in whole hours (Directive
// 2002/49/EC, annex I, 1).
type Hours struct {
	Day     int `yaml:"day"`
	Evening int `yaml:"evening"`
	Night   int `yaml:"night"`
}

// Default is the directive's default.
var Default = Hours{Day: 7, Evening: 19, Night: 23}

// Check says what the directive does not allow: an evening has four hours, or two or
// three if the day or the night is longer in return.
func (h Hours) Check() error {
	day, evening, night := h.lengths()
	if h.Day < 0 || h.Day > 23 || h.Evening < 0 || h.Evening > 23 || h.Night < 0 || h.Night > 23 || evening < 2 || evening > 4 || day < 12 || night < 8 || day+evening+night != 24 {
		return city.Errorf(city.Invalid, "day from %d, evening from %d, night from %d o'clock: the evening has two to four hours, the day at least twelve, the night at least eight (Directive 2002/49/EC, annex I)", h.Day, h.Evening, h.Night)
	}
	return nil
}

func (h Hours) lengths() (day, evening, night int) {
	return mod24(h.Evening - h.Day), mod24(h.Night - h.Evening), mod24(h.Day - h.Night)
}

func mod24(n int) int { return ((n % 24) + 24) % 24 }

// Lden is the day-evening-night level in dB of the three levels (annex I, 1):
//
//	10 lg 1/24 (12·10^(Lday/10) + 4·10^((Levening+5)/10) + 8·10^((Lnight+10)/10)),
//
// with the lengths of h in place of 12, 4 and 8. NaN if one of the three is.
func (h Hours) Lden(day, evening, night float64) float64 {
	if math.IsNaN(day) || math.IsNaN(evening) || math.IsNaN(night) {
		return math.NaN()
	}
	d, e, n := h.lengths()
	var s Sum
	s.Add(day, float64(d))
	s.Add(evening+5, float64(e))
	s.Add(night+10, float64(n))
	return s.Level()
}

// Period is one part of a day.
type Period struct {
	From, To time.Time
	Level    float64 // dB; NaN if nothing was measured
	Covered  float64 // share of the period
}

// Valid says whether the level is the period's own.
func (p Period) Valid() bool { return p.Covered >= MinCovered-1e-9 && !math.IsNaN(p.Level) }

// Day is the levels of one day, from its beginning by Hours to the next day's. The
// directive's indicators are of a year; those of a day tell the same of that day.
type Day struct {
	Day, Evening, Night Period
	Lden                float64 // NaN unless all three are valid
}

// DayOf is the levels of the day whose daytime begins on the date of at in zone. Hours are
// local: when the clock changes, a night is an hour shorter or longer, and its level is of
// that time.
func (h Hours) DayOf(points []series.Point, at time.Time, zone *time.Location) Day {
	y, m, d := at.In(zone).Date()
	first := time.Date(y, m, d, h.Day, 0, 0, 0, zone)
	next := func(after time.Time, hour int) time.Time {
		t := time.Date(y, m, d, hour, 0, 0, 0, zone)
		if !t.After(after) {
			t = time.Date(y, m, d+1, hour, 0, 0, 0, zone)
		}
		return t
	}
	evening := next(first, h.Evening)
	night := next(evening, h.Night)
	end := time.Date(y, m, d+1, h.Day, 0, 0, 0, zone)
	spans := series.Spans(points, Most)
	period := func(from, to time.Time) Period {
		p := Period{From: from, To: to}
		p.Level, p.Covered = Leq(spans, from, to)
		return p
	}
	x := Day{Day: period(first, evening), Evening: period(evening, night), Night: period(night, end), Lden: math.NaN()}
	if x.Day.Valid() && x.Evening.Valid() && x.Night.Valid() {
		x.Lden = h.Lden(x.Day.Level, x.Evening.Level, x.Night.Level)
	}
	return x
}

// String is "day from 7, evening from 19, night from 23".
func (h Hours) String() string {
	return fmt.Sprintf("day from %d, evening from %d, night from %d", h.Day, h.Evening, h.Night)
}
