package segment

import (
	"time"

	"polity/city"
)

// Slack is how much later than its predecessor's end a segment may start without
// naming a gap: pictures do not come at even times.
const Slack = time.Second

// Chain checks that segments of one camera follow one another with none missing. Its
// zero value waits for the first, which may have any predecessor: older ones are gone
// by retention.
type Chain struct {
	last *Header
	end  *Trailer
	hash [32]byte
	Gaps int // segments so far that name a gap before them
}

// Add takes the next segment. Errors of kind Invalid say how it does not follow.
func (c *Chain) Add(h *Header, t *Trailer) error {
	if err := c.follows(h); err != nil {
		return err
	}
	if h.Gap != None {
		c.Gaps++
	}
	c.last, c.end, c.hash = h, t, t.Hash()
	return nil
}

func (c *Chain) follows(h *Header) error {
	if c.last == nil {
		return nil
	}
	cut := c.end.State == Cut
	switch {
	case h.Camera != c.last.Camera || h.Domain != c.last.Domain:
		return city.Errorf(city.Invalid, "segment %d is of camera %s of %s, not of %s of %s", h.Sequence, h.Camera, h.Domain, c.last.Camera, c.last.Domain)
	case h.Sequence <= c.last.Sequence:
		return city.Errorf(city.Invalid, "segment %d comes after %d: they are out of order, or one is there twice", h.Sequence, c.last.Sequence)
	case h.Sequence == c.last.Sequence+2:
		return city.Errorf(city.Invalid, "segment %d is missing", c.last.Sequence+1)
	case h.Sequence != c.last.Sequence+1:
		return city.Errorf(city.Invalid, "segments %d to %d are missing", c.last.Sequence+1, h.Sequence-1)
	case h.Previous != c.hash:
		return city.Errorf(city.Invalid, "segment %d does not continue segment %d: one of them was exchanged", h.Sequence, c.last.Sequence)
	case h.Start.Before(c.end.End):
		return city.Errorf(city.Invalid, "segment %d starts before segment %d ends: the recorder's clock went back", h.Sequence, c.last.Sequence)
	case h.Gap == None && (cut || h.Start.Sub(c.end.End) > Slack):
		return city.Errorf(city.Invalid, "nothing was recorded between segments %d and %d, and no gap is named", c.last.Sequence, h.Sequence)
	}
	return nil
}
