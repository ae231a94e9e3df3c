package console

import (
	"strings"
	"time"

	"polity/city"
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

// publicEvent is an error of kind NotFound unless the event is public: one that is
// not is no different from one that does not exist.
func (c *Console) publicEvent(r *request, k Camera, id string) error {
	latest := r.clock.now.Add(-k.Entry.PublicDelay)
	all, err := c.cfg.City.Events(r.Context(), EventQuery{Camera: k.Name, From: r.clock.now.Add(-k.Entry.Retention), To: latest, Limit: 10_000})
	if err != nil {
		return err
	}
	for _, e := range publicEvents(all, latest) {
		if e.ID == id {
			return nil
		}
	}
	return city.Errorf(city.NotFound, "%s", c.say.Say("error.event"))
}

func cutJPEG(file string) (id string, ok bool) {
	id, ok = strings.CutSuffix(file, ".jpg")
	return id, ok && id != ""
}
