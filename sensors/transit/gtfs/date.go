package gtfs

import (
	"fmt"
	"time"
)

// Date is a service day: days since 1 January 1970.
type Date int32

// ParseDate reads YYYYMMDD.
func ParseDate(s string) (Date, bool) {
	if len(s) != 8 {
		return 0, false
	}
	n, ok := digits(s)
	if !ok {
		return 0, false
	}
	y, m, d := int(n/10000), time.Month(n/100%100), int(n%100)
	t := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if t.Year() != y || t.Month() != m || t.Day() != d || y < 1970 || y > 2200 {
		return 0, false
	}
	return Date(t.Unix() / 86400), true
}

// DateOf is the calendar day of a time in its own zone.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// UTC is the day's beginning in UTC.
func (d Date) UTC() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.UTC().Weekday() }

// Start is when the times of a service day begin to count: noon minus twelve hours,
// which is midnight except on days when clocks change (GTFS reference, field type
// Time).
func (d Date) Start(zone *time.Location) time.Time {
	t := d.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, zone).Add(-12 * time.Hour)
}

// String is YYYYMMDD.
func (d Date) String() string {
	t := d.UTC()
	return fmt.Sprintf("%04d%02d%02d", t.Year(), t.Month(), t.Day())
}
