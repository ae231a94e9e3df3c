package lighting

import (
	"fmt"
	"math"
)

// Metered is what a cabinet's meter says while the group burns at a level.
type Metered struct {
	Level float64
	Watts float64
}

// Finding is what the meter reveals about a group.
type Finding struct {
	Broken int // lamps that do not burn, most probably
	// Burning are lamps that burn though the group is off.
	Burning int
	// Sure says that the number explains what was measured within the meter's
	// precision; otherwise something else is the matter too.
	Sure   bool
	Reason string
}

// Faults finds broken lamps in readings of one evening: the number of lamps whose
// absence explains them best (least squares). precision is that of meter and lamps
// together, as a part (0.02 for 2%). Readings must differ by at least half a lamp from
// all burning before one is called broken.
func Faults(g *Group, readings []Metered, precision float64) Finding {
	numerator, denominator, off, nOff := 0.0, 0.0, 0.0, 0
	for _, r := range readings {
		if r.Level <= 0 {
			off += r.Watts
			nOff++
			continue
		}
		lamp := g.Watts(r.Level, g.Lamps-1)
		numerator += lamp * (g.Watts(r.Level, 0) - r.Watts)
		denominator += lamp * lamp
	}
	var f Finding
	if nOff > 0 {
		f.Burning = int(math.Round(max(0, off/float64(nOff)) / g.LampW))
	}
	if denominator > 0 {
		missing := numerator / denominator
		f.Broken = int(min(float64(g.Lamps), max(0, math.Round(missing))))
		f.Sure = math.Abs(missing-float64(f.Broken)) <= max(0.25, precision*float64(g.Lamps)) && precision*float64(g.Lamps) < 0.5
	}
	switch {
	case f.Broken == 0 && f.Burning == 0:
		f.Reason = "All lamps burn as they should."
	case f.Burning > 0:
		f.Reason = fmt.Sprintf("%d lamps burn by day.", f.Burning)
	case f.Sure:
		f.Reason = fmt.Sprintf("The group takes what %d of %d lamps do.", g.Lamps-f.Broken, g.Lamps)
	default:
		f.Reason = fmt.Sprintf("The group takes about what %d of %d lamps do; the meter cannot tell it to one lamp.", g.Lamps-f.Broken, g.Lamps)
	}
	return f
}
