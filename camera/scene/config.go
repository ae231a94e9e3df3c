package scene

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"polity/city"
)

// Config is how patiently the place is learnt. One configuration is shipped for all
// cameras; nothing in it is tuned to one.
type Config struct {
	// Quiet is how many seconds of measured stillness an appearance must show, and
	// Span over how long a time, to be proven part of the place.
	Quiet time.Duration `yaml:"quiet"`
	Span  time.Duration `yaml:"span"`
	// OddQuiet and OddSpan are asked instead of what looks like little else around it.
	OddQuiet time.Duration `yaml:"odd_quiet"`
	OddSpan  time.Duration `yaml:"odd_span"`
	// Returns is how often an appearance must have come back, after something passed
	// in front of it, for what is odd to be asked no more than what is not.
	Returns int `yaml:"returns"`
	// Longest is the most stillness that is asked of what was seen to move: each time
	// it is, twice as much as before.
	Longest time.Duration `yaml:"longest"`
	// Replace is the stillness that is asked of everything in a region that differs
	// from the proven place, before it is taken for the place.
	Replace time.Duration `yaml:"replace"`

	// Sway is the displacement, in pixels of the look (root of the mean square), and
	// SwayEnergy the change of luma that it explains (sum of squares over 12 x 12
	// pixels of the look), from which something is seen to move.
	Sway       float64 `yaml:"sway"`
	SwayEnergy float64 `yaml:"sway_energy"`
	// OddShare is the share of the surroundings below which a colour is rare.
	OddShare float64 `yaml:"odd_share"`

	// Doubt is the score from which a detected person or animal hides what is
	// under it; Margin widens its box by a share of its sides. CloseDoubt is the
	// score that counts on a close crop.
	Doubt      float64 `yaml:"doubt"`
	Margin     float64 `yaml:"margin"`
	CloseDoubt float64 `yaml:"close_doubt"`
	// CloseEvery is the least time between two close crops that are asked for.
	CloseEvery time.Duration `yaml:"close_every"`
	// VehicleDoubt is the score from which a standing vehicle is shown as a mosaic.
	VehicleDoubt float64 `yaml:"vehicle_doubt"`
}

// DefaultConfig is what Polity ships.
var DefaultConfig = Config{
	Quiet: 5 * time.Second, Span: 10 * time.Second,
	OddQuiet: 25 * time.Second, OddSpan: 40 * time.Second, Returns: 3,
	Longest: 5 * time.Minute, Replace: 10 * time.Minute,
	Sway: 0.03, SwayEnergy: 30, OddShare: 0.06,
	Doubt: 0.15, Margin: 0.2, CloseDoubt: 0.1, CloseEvery: 5 * time.Second, VehicleDoubt: 0.15,
}

// Check reports the first thing that is wrong.
func (c *Config) Check() error {
	switch {
	case !(0 < c.Quiet && c.Quiet <= c.Span && c.Quiet <= c.OddQuiet && c.OddQuiet <= c.OddSpan && c.OddQuiet <= c.Longest && c.Longest <= c.Replace):
		return city.Errorf(city.Invalid, "scene: times must be above 0 and rise: quiet %v <= span %v, odd_quiet %v <= odd_span %v, longest %v, replace %v",
			c.Quiet, c.Span, c.OddQuiet, c.OddSpan, c.Longest, c.Replace)
	case c.Returns < 1:
		return city.Errorf(city.Invalid, "scene: returns is %d; it must be 1 or more", c.Returns)
	case !(c.Sway > 0 && c.SwayEnergy > 0):
		return city.Errorf(city.Invalid, "scene: sway is %g and sway_energy %g; both must be above 0", c.Sway, c.SwayEnergy)
	case !(c.OddShare > 0 && c.OddShare < 1):
		return city.Errorf(city.Invalid, "scene: odd_share is %g; it must lie between 0 and 1", c.OddShare)
	case !(c.Doubt > 0 && c.Doubt < 1 && c.CloseDoubt > 0 && c.CloseDoubt < 1 && c.VehicleDoubt > 0 && c.VehicleDoubt < 1):
		return city.Errorf(city.Invalid, "scene: doubt %g, close_doubt %g and vehicle_doubt %g are scores between 0 and 1", c.Doubt, c.CloseDoubt, c.VehicleDoubt)
	case !(c.Margin >= 0 && c.Margin <= 2):
		return city.Errorf(city.Invalid, "scene: margin is %g; it must lie between 0 and 2", c.Margin)
	case c.CloseEvery <= 0:
		return city.Errorf(city.Invalid, "scene: close_every is %v; it must be above 0", c.CloseEvery)
	}
	return nil
}

// Rules are the numbers beside Config that decide when something is shown. They are
// the same for all cameras and enter every hash of a configuration, so that no figure
// can be had with others.
func Rules() map[string]float64 {
	return map[string]float64{
		"after": after, "under_doubt": underDoubt, "under_beyond": underBeyond, "beyond_doubt": beyondDoubt,
		"moved_again": movedAgain, "sway_share": swayShare, "outlier": outlier, "most_moves": mostMoves,
		"still_for": stillFor, "still_height": stillHeight, "moment": moment, "parked": parked, "vehicle_share": vehicleShare, "many_looks": manyLooks, "few_looks": fewLooks, "vehicle_beside": vehicleBeside,
		"restless_share": restlessShare, "restless_most": restlessMost, "foreign_most": foreignMost,
		"stands_after": standsAfter, "wary_reach": waryReach, "sways_again": swaysAgain,
		"away_for": awayFor, "returns_apart": returnsApart, "return_worth": returnWorth, "often_by": oftenBy,
		"fresh_for": freshFor, "passes_share": passesShare, "close_parts": closeParts,
		"faint": faint, "smoothing": smoothing, "settling": settling, "least_frames": leastFrames,
		"long_mean": longMean, "average_every": averageEvery, "many_samples": manySamples, "odd_pixels": oddPixels,
		"plain": plain, "shade": shade, "tint": tint, "brightly": brightly, "seams": seams, "seam_after": seamAfter,
	}
}

// Hash names the configuration with the Rules: the first 12 hexadecimal digits of the
// SHA-256 of their JSON form.
func (c *Config) Hash() string {
	text, err := json.Marshal(struct {
		*Config
		Rules map[string]float64
	}{c, Rules()})
	if err != nil {
		panic(err) // plain numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
