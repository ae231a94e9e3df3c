package register

import (
	"fmt"
	"slices"
	"strings"
)

// Words says the entry in plain English, a fact to a line.
func (e *Entry) Words() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s (camera %s, edge %s)", e.Title, e.Camera, e.Edge)
	if e.Simulated {
		line("  Simulated: a film or a model stands in for the street.")
	}
	line("  Why:         %s", e.Purpose)
	line("  Sees:        %s", e.View.Words)
	line("  Where:       %.5f, %.5f (latitude, longitude), looking %s, %.0f degrees wide, %.0f m far",
		e.View.Lat, e.View.Lon, compass(e.View.Heading), e.View.Field, e.View.Reach)
	line("  Responsible: %s%s", e.Body, contact(e.Contact))
	line("  Decided:     %s, on %s", e.Decision.Reference, e.Decision.On)
	line("  Valid:       from %s until %s", e.From.UTC().Format("2 January 2006 15:04"), e.Until.UTC().Format("2 January 2006 15:04 UTC"))
	line("  Reports:     %s", e.reports())
	line("  Kept:        counts and events %s, pictures of the place %s, sealed footage %s",
		days(e.Retention.CountsDays), placeDays(e.Retention.PlaceDays), hours(e.Retention.FootageHours))
	if e.Recorder != nil {
		line("  Sealed:      class %s, signed by recorder %x", e.Class, []byte(e.Recorder))
	}
	line("  The public:  %s, no number below %d", late(e.Public.DelayMinutes), e.Public.Threshold)
	return b.String()
}

func (e *Entry) reports() string {
	if len(e.Events) == 0 {
		return "counts; no situations"
	}
	names := slices.Clone(e.Events)
	if i := slices.Index(names, "crowding"); i >= 0 {
		names[i] += fmt.Sprintf(" (%d people or more)", e.CrowdAtLeast)
	}
	return "counts, and these situations: " + strings.Join(names, ", ")
}

func contact(c string) string {
	if c == "" {
		return ""
	}
	return " (" + c + ")"
}

func days(n int) string {
	if n == 1 {
		return "for a day"
	}
	return fmt.Sprintf("for %d days", n)
}

func placeDays(n int) string {
	if n == 0 {
		return "until the day ends"
	}
	return days(n)
}

func hours(n int) string {
	if n == 0 {
		return "not at all"
	}
	return fmt.Sprintf("for %d hours", n)
}

func late(minutes int) string {
	switch minutes {
	case 0:
		return "sees counts and place at once"
	case 1:
		return "sees counts and place a minute late"
	}
	return fmt.Sprintf("sees counts and place %d minutes late", minutes)
}

func compass(heading float64) string {
	names := [...]string{"north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"}
	return names[int((heading+22.5)/45)%len(names)]
}
