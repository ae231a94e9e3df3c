package segment

import "fmt"

// Gap says why nothing was recorded for a time.
type Gap uint8

// The reasons. None says that nothing is missing.
const (
	None       Gap = iota
	Started        // the recorder was not running
	NoPicture      // the camera sent none
	NoEpochKey     // a body has published no key for that day
	DiskFull       // and nothing could be removed
	DiskFailed     // it did not take what was written
	PowerLost      // what was under way then is torn
	ClockBack      // the clock showed a time that was recorded already
	Refused        // the camera's register entry does not allow it
	BadStream      // what came cannot be kept as video
	TooSlow        // pictures came faster than they could be sealed and stored
	gaps
)

var gapNames = [gaps]string{"none", "started", "no-picture", "no-epoch-key", "disk-full", "disk-failed", "power-lost", "clock-back", "refused", "bad-stream", "too-slow"}

// String returns the reason as one word.
func (g Gap) String() string {
	if g < gaps {
		return gapNames[g]
	}
	return fmt.Sprintf("gap-%d", uint8(g))
}

// MarshalText writes the word.
func (g Gap) MarshalText() ([]byte, error) {
	if g >= gaps {
		return nil, fmt.Errorf("gap reason %d is not known", uint8(g))
	}
	return []byte(g.String()), nil
}

// UnmarshalText reads the word.
func (g *Gap) UnmarshalText(b []byte) error {
	for i, name := range gapNames {
		if string(b) == name {
			*g = Gap(i)
			return nil
		}
	}
	return fmt.Errorf("gap reason %.32q is not known", b)
}
