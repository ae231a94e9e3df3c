package console

import (
	"strings"
	"time"

	"polity/console/counts"
)

// publicEvents returns what everyone may know at a time that is latest for the
// public: that a public event began or ended later than that is not told.
func publicEvents(all []Event, latest time.Time) []Event {
	var out []Event
	for _, e := range all {
		if !counts.PublicEvent(e.Kind) || e.Start.After(latest) {
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
