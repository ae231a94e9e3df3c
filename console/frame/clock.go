package frame

import (
	"fmt"
	"html/template"
	"strconv"
	"time"

	"polity/console/texts"
)

// Clock writes times as people say them, in the city's time, with the exact one
// for who points at it.
type Clock struct {
	Zone *time.Location
	Now  time.Time
	say  *texts.Language
}

// Time is "14:02", "yesterday 14:02", "3 November 14:02" or "3 November 2025".
func (c Clock) Time(t time.Time) template.HTML {
	if t.IsZero() {
		return template.HTML(template.HTMLEscapeString(c.say.Say("time.never"))) //nolint:gosec // escaped here
	}
	t = t.In(c.Zone)
	exact := fmt.Sprintf("%s %s", c.date(t, true), t.Format("15:04:05 MST"))
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, //nolint:gosec // each part is escaped or a number
		t.Format(time.RFC3339), template.HTMLEscapeString(exact), template.HTMLEscapeString(c.Words(t))))
}

// Words is what Time says, as plain text.
func (c Clock) Words(t time.Time) string {
	t = t.In(c.Zone)
	hour := t.Format("15:04")
	switch days := c.daysAgo(t); {
	case days == 0:
		return hour
	case days == 1:
		return c.say.Say("time.yesterday", "time", hour)
	case t.Year() == c.Now.In(c.Zone).Year():
		return c.say.Say("time.dated", "date", c.date(t, false), "time", hour)
	}
	return c.Date(t)
}

// Date is "3 November 2026".
func (c Clock) Date(t time.Time) string {
	t = t.In(c.Zone)
	return c.say.Say("time.date", "day", strconv.Itoa(t.Day()), "month", c.Month(t), "year", strconv.Itoa(t.Year()))
}

// Day is "Today, Sunday 22 November".
func (c Clock) Day(t time.Time) string {
	t = t.In(c.Zone)
	day := c.say.Say("time.weekday."+strconv.Itoa(int(t.Weekday()))) + " " + c.date(t, t.Year() != c.Now.In(c.Zone).Year())
	switch c.daysAgo(t) {
	case 0:
		return c.say.Say("time.today", "day", day)
	case 1:
		return c.say.Say("time.yesterdayday", "day", day)
	}
	return day
}

// Long is a length of time in its greatest fitting unit: "30 days", "10 minutes".
func (c Clock) Long(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return c.say.Say("time.days", "n", int(d.Hours()/24+.5))
	case d >= 2*time.Hour:
		return c.say.Say("time.hours", "n", int(d.Hours()+.5))
	case d >= 2*time.Minute:
		return c.say.Say("time.minutes", "n", int(d.Minutes()+.5))
	}
	return c.say.Say("time.seconds", "n", int(d.Seconds()+.5))
}

func (c Clock) date(t time.Time, year bool) string {
	if year {
		return c.Date(t)
	}
	return c.DayOfMonth(t)
}

// DayOfMonth is "3 November", of t as it is written, in whatever zone.
func (c Clock) DayOfMonth(t time.Time) string {
	return c.say.Say("time.dayofmonth", "day", strconv.Itoa(t.Day()), "month", c.Month(t))
}

// Month is "November".
func (c Clock) Month(t time.Time) string { return c.say.Say("time.month." + t.Month().String()) }

// daysAgo counts midnights of the city between t and now.
func (c Clock) daysAgo(t time.Time) int {
	return int(c.Midnight(c.Now).Sub(c.Midnight(t)).Hours()/24 + .5)
}

// Midnight is when the day of t began in the city.
func (c Clock) Midnight(t time.Time) time.Time {
	y, m, d := t.In(c.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.Zone)
}
