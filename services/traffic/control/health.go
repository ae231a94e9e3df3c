package control

import (
	"fmt"
	"slices"
	"time"

	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// When detectors are no longer believed.
const (
	oldReading = 15 * time.Second // and later: the detectors are silent
	stuckFor   = 5 * time.Minute  // the same picture, and green for all the while below
	stuckGreen = time.Minute
	unseen     = 5  // vehicles that left a lane without any change in what it showed
	shortLane  = 30 // metres: shorter ones are crossed between two readings
	blocked    = 30 // metres at the start of an exit on which somebody stands
)

// Health watches whether what detectors say can be true. A lane that lied is
// believed again once it has shown something plausible.
type Health struct {
	net   *network.Network
	lanes []laneHealth
}

type laneHealth struct {
	picture []Vehicle
	since   time.Duration // of the picture
	green   time.Duration // of one of its signals, during the picture
	left    int           // vehicles that left the lane during the picture
	passed  int
	fault   string
}

// NewHealth makes a watch over the detectors of a network.
func NewHealth(n *network.Network) *Health {
	return &Health{net: n, lanes: make([]laneHealth, len(n.Lanes))}
}

// Look takes a second's reading into account. It returns per junction the lanes that
// are not to be believed, with the reason; silent, if not empty, says why nothing is.
func (h *Health) Look(now time.Duration, seen *Reading, shown []safety.Aspects) (faults []map[int]string, silent string) {
	if age := now - seen.At; age > oldReading {
		return nil, fmt.Sprintf("the newest detector reading is %v old", age)
	}
	if len(seen.Lanes) != len(h.net.Lanes) || len(seen.Passed) != len(h.net.Links) {
		return nil, "the detector readings do not fit this network"
	}
	faults = make([]map[int]string, len(h.net.Junctions))
	for i, j := range h.net.Junctions {
		for g := range j.Groups {
			green := shown[i].Of(g) == safety.Green
			for _, lane := range j.Groups[g].Lanes {
				if fault := h.lane(lane, now, seen, green); fault != "" {
					if faults[i] == nil {
						faults[i] = map[int]string{}
					}
					faults[i][lane] = fault
				}
			}
		}
	}
	return faults, ""
}

func (h *Health) lane(lane int, now time.Duration, seen *Reading, green bool) string {
	l := &h.lanes[lane]
	passed := 0
	for _, o := range h.net.Lanes[lane].Out {
		passed += seen.Passed[o]
	}
	picture := seen.Lanes[lane]
	if !slices.Equal(picture, l.picture) {
		*l = laneHealth{picture: slices.Clone(picture), since: now, passed: passed}
		return ""
	}
	l.left += max(0, passed-l.passed)
	l.passed = passed
	if l.left >= unseen && h.net.Lanes[lane].Length >= shortLane {
		l.fault = fmt.Sprintf("the detector of %s showed %d vehicles all the while that %d left", h.net.Lanes[lane].ID, len(picture), l.left)
	}
	if green && len(picture) > 0 && !h.blocked(lane, seen) {
		l.green += time.Second
	}
	if now-l.since >= stuckFor && l.green >= stuckGreen {
		l.fault = fmt.Sprintf("the detector of %s has shown the same %d vehicles for %v, green or not", h.net.Lanes[lane].ID, len(picture), now-l.since)
	}
	return l.fault
}

// blocked tells whether somebody stands where vehicles from lane want to go: then it
// is no wonder that nothing moves.
func (h *Health) blocked(lane int, seen *Reading) bool {
	for _, o := range h.net.Lanes[lane].Out {
		if o < len(seen.Standing) && seen.Standing[o] > 0 {
			return true
		}
		to := h.net.Links[o].To
		if vs := seen.Lanes[to]; len(vs) > 0 {
			last := vs[len(vs)-1]
			if last.Speed < 1 && h.net.Lanes[to].Length-last.Distance < blocked {
				return true
			}
		}
	}
	return false
}
