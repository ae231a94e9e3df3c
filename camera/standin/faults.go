package standin

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"polity/camera/stream"
)

// Faults is how a stand-in camera misbehaves. The zero value is a good camera.
type Faults struct {
	Refuse   bool          // close every new connection
	Password string        // another password is right than the one in Config
	Stall    bool          // send nothing, but keep the connection
	Lose     float64       // share of packets that are not sent
	Break    float64       // share of units in which bits are flipped
	Garbage  bool          // send noise in place of pictures
	NoKeys   bool          // send no picture that decoding could start at
	Jump     time.Duration // how far the timestamps have jumped
	Frozen   bool          // always send the same timestamp
	PerSlice bool          // mark each slice as if it ended a picture
}

// Misbehave makes the camera behave so from now on.
func (c *Camera) Misbehave(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = f
}

func (c *Camera) behaviour() Faults {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults
}

// Drop closes all connections, as a camera does that restarts.
func (c *Camera) Drop() {
	c.mu.Lock()
	watched := slices.Collect(maps.Keys(c.watched))
	c.mu.Unlock()
	for _, s := range watched {
		s.Close()
	}
}

// spoil returns the NAL units that are sent in place of the unit's.
func (f Faults) spoil(u *stream.Unit) [][]byte {
	flip := f.Break > 0 && rand.Float64() < f.Break
	if !f.Garbage && !flip {
		return u.NALs
	}
	var out [][]byte
	for _, nal := range u.NALs {
		nal = append([]byte(nil), nal...)
		for i := 1; i < len(nal); i++ {
			switch {
			case f.Garbage:
				nal[i] = byte(rand.Uint32())
			case rand.IntN(2000) == 0:
				nal[i] ^= 1 << rand.IntN(8)
			}
		}
		out = append(out, nal)
	}
	return out
}
