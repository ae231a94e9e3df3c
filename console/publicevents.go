package console

import (
	"strings"
	"time"

	"polity/console/counts"
)

// publicEvents returns what everyone may know: that a public event began or ended less
// than the delay ago is not told.
func publicEvents(e Entry, all []Event, now time.Time) []Event {
	rule, latest := counts.Rule{Threshold: e.Threshold}, now.Add(-e.PublicDelay)
	var out []Event
	for _, e := range all {
		if !rule.PublicEvent(e.Kind, e.Value) || e.Start.After(latest) {
			continue
		}
		if e.End.After(latest) {
			e.End = time.Time{}
		}
		out = append(out, e)
	}
	return out
}

func cutJPEG(file string) (id string, ok bool) {
	id, ok = strings.CutSuffix(file, ".jpg")
	return id, ok && id != ""
}
