package look

import (
	"errors"
	"fmt"
	"time"
)

// Settings are a city's rules. The zero value is the defaults.
type Settings struct {
	// DayEnds is when a day of looks ends and is published, 00:01 to 24:00 in the city's
	// time; empty: 20:00.
	DayEnds  string `yaml:"day_ends"`
	KeepDays int    `yaml:"keep_days"` // of details; 0: 365
	Heavy    Heavy  `yaml:"heavy"`
}

// Heavy says when somebody looks so much that auditor and data protection officer are
// told.
type Heavy struct {
	Times   float64 `yaml:"times"`   // the median of others with the same role; 0: 3
	Days    int     `yaml:"days"`    // over which looks are added up; 0: 7
	Least   int     `yaml:"least"`   // looks in those days, fewer are never heavy; 0: 20
	Cameras int     `yaml:"cameras"` // more different ones within an hour are; 0: 100
}

func (s Settings) withDefaults() Settings {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if s.DayEnds == "" {
		s.DayEnds = "20:00"
	}
	if s.Heavy.Times == 0 {
		s.Heavy.Times = 3
	}
	or(&s.KeepDays, 365)
	or(&s.Heavy.Days, 7)
	or(&s.Heavy.Least, 20)
	or(&s.Heavy.Cameras, 100)
	return s
}

// Check says what is wrong with the settings.
func (s Settings) Check() error {
	s = s.withDefaults()
	var errs []error
	if _, err := ends(s.DayEnds); err != nil {
		errs = append(errs, err)
	}
	if s.KeepDays < 1 || s.KeepDays > 3660 {
		errs = append(errs, fmt.Errorf("keep_days: %d is not between 1 and 3660", s.KeepDays))
	}
	if h := s.Heavy; h.Times < 1 || h.Times > 1000 {
		errs = append(errs, fmt.Errorf("heavy.times: %v is not between 1 and 1000", h.Times))
	}
	for name, v := range map[string][2]int{"days": {s.Heavy.Days, 366}, "least": {s.Heavy.Least, 1_000_000}, "cameras": {s.Heavy.Cameras, 1_000_000}} {
		if v[0] < 1 || v[0] > v[1] {
			errs = append(errs, fmt.Errorf("heavy.%s: %d is not between 1 and %d", name, v[0], v[1]))
		}
	}
	return errors.Join(errs...)
}

// ends reads a time of day as minutes after midnight.
func ends(s string) (minutes int, err error) {
	if s == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 || s == "00:00" {
		return 0, fmt.Errorf("day_ends: %q is no time of day from 00:01 to 24:00, such as 20:00", s)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// calendar says which day a moment belongs to.
type calendar struct {
	zone *time.Location
	ends int // minutes after midnight
}

// until is when a day ends.
func (c calendar) until(day string) time.Time {
	d, err := time.ParseInLocation(time.DateOnly, day, time.UTC)
	if err != nil {
		panic(err) // days are read by decoders that check them
	}
	return time.Date(d.Year(), d.Month(), d.Day(), c.ends/60, c.ends%60, 0, 0, c.zone)
}

// of is the day that is going on.
func (c calendar) of(t time.Time) string {
	day := t.In(c.zone).Format(time.DateOnly)
	if !t.Before(c.until(day)) {
		return next(day, 1)
	}
	return day
}

// next is the day n days later.
func next(day string, n int) string {
	d, _ := time.Parse(time.DateOnly, day) // as in until
	return d.AddDate(0, 0, n).Format(time.DateOnly)
}

func isDay(s string) bool {
	d, err := time.Parse(time.DateOnly, s)
	return err == nil && d.Format(time.DateOnly) == s
}
