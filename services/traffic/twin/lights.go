package twin

import (
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Letters writes what a junction shows in SUMO's letters, one per signal.
func Letters(j *network.Junction, a safety.Aspects) string {
	b := make([]byte, len(j.Signals))
	for i := range j.Signals {
		sig := &j.Signals[i]
		switch {
		case sig.Group < 0:
			b[i] = 'r'
		case a.Of(sig.Group) == safety.Green:
			b[i] = 'G'
			for _, to := range sig.YieldsTo {
				if a.Of(j.Signals[to].Group) == safety.Green {
					b[i] = 'g'
				}
			}
		case a.Of(sig.Group) == safety.Amber:
			b[i] = 'y'
		case a.Of(sig.Group) == safety.Flashing:
			b[i] = 'o'
		case sig.TurnOnRed:
			b[i] = 's'
		default:
			b[i] = 'r'
		}
	}
	return string(b)
}
