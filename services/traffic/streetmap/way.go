package streetmap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/paulmach/osm"
)

// class is what is taken for granted of a street of its kind where the map does not
// say it.
type class struct {
	speed float64 // km/h
	flow  float64 // vehicles an hour and lane, for the plan that is proposed
}

// classes lists the kinds of streets that are read. Speeds are those of built-up
// areas; the flows are Polity's own, only their ratio matters for a proposed plan.
var classes = map[string]class{
	"motorway": {100, 900}, "motorway_link": {60, 500}, "trunk": {80, 800}, "trunk_link": {60, 500},
	"primary": {50, 600}, "primary_link": {50, 400}, "secondary": {50, 500}, "secondary_link": {50, 300},
	"tertiary": {50, 350}, "tertiary_link": {50, 250}, "unclassified": {50, 200}, "residential": {50, 200},
	"living_street": {20, 100},
}

// turns is what the arrows of a lane allow.
type turns byte

const (
	toLeft turns = 1 << iota
	toStraight
	toRight
	around
)

// road is one direction of a way.
type road struct {
	open          bool
	lanes         int
	arrows        []turns // per lane from the right; nil: the map has none
	speed         float64 // m/s
	lanesAssumed  bool
	speedAssumed  bool
	lanesRelation string // what was odd about lanes; empty: nothing
}

// way is a street of the map, as far as it matters.
type way struct {
	id        osm.WayID
	nodes     []osm.NodeID
	name      string
	class     class
	along     road
	against   road
	busLanes  bool
	roundness bool // part of a roundabout
}

// newWay returns what matters of a way, nil if cars may not use it.
func newWay(o *osm.Way) *way {
	c, ok := classes[o.Tags.Find("highway")]
	if !ok || o.Tags.Find("area") == "yes" {
		return nil
	}
	for _, key := range []string{"access", "vehicle", "motor_vehicle", "motorcar"} {
		switch o.Tags.Find(key) {
		case "no", "private", "delivery", "agricultural", "forestry":
			if allowed(o.Tags, key) {
				continue
			}
			return nil
		}
	}
	w := &way{id: o.ID, nodes: slices.Clone(o.Nodes.NodeIDs()), name: o.Tags.Find("name"), class: c}
	w.busLanes = o.Tags.Find("lanes:psv") != "" || o.Tags.Find("lanes:bus") != "" || o.Tags.Find("bus:lanes") != "" || o.Tags.Find("psv:lanes") != ""
	w.roundness = o.Tags.Find("junction") == "roundabout" || o.Tags.Find("junction") == "circular"
	w.along.open, w.against.open = true, true
	switch o.Tags.Find("oneway") {
	case "yes", "1", "true":
		w.against.open = false
	case "-1", "reverse":
		w.along.open = false
	case "":
		if w.roundness || strings.HasPrefix(o.Tags.Find("highway"), "motorway") {
			w.against.open = false
		}
	}
	w.countLanes(o.Tags)
	w.setSpeed(o.Tags)
	return w
}

// allowed tells whether a key that is more special than this one lets cars in.
func allowed(tags osm.Tags, key string) bool {
	order := []string{"access", "vehicle", "motor_vehicle", "motorcar"}
	for _, k := range order[slices.Index(order, key)+1:] {
		switch tags.Find(k) {
		case "yes", "designated", "permissive", "destination":
			return true
		}
	}
	return false
}

func count(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 || n > 12 {
		return 0
	}
	return n
}

// countLanes finds the lanes of each direction: by direction, by the arrows, by the
// total, or one.
func (w *way) countLanes(tags osm.Tags) {
	total := count(tags.Find("lanes"))
	both := w.along.open && w.against.open
	for _, side := range []struct {
		r      *road
		suffix string
	}{{&w.along, ":forward"}, {&w.against, ":backward"}} {
		r := side.r
		if !r.open {
			continue
		}
		r.lanes = count(tags.Find("lanes" + side.suffix))
		arrows := tags.Find("turn:lanes" + side.suffix)
		if !both && arrows == "" {
			arrows = tags.Find("turn:lanes")
		}
		if r.lanes == 0 && !both {
			r.lanes = total
		}
		r.arrows = readArrows(arrows)
		if r.arrows != nil && r.lanes != len(r.arrows) {
			if r.lanes > 0 {
				r.lanesRelation = fmt.Sprintf("the map says %d lanes, but has arrows for %d; the arrows count", r.lanes, len(r.arrows))
			}
			r.lanes = len(r.arrows)
		}
	}
	if both {
		w.share(total)
	}
	for _, r := range []*road{&w.along, &w.against} {
		if r.open && r.lanes == 0 {
			r.lanes, r.lanesAssumed = 1, true
		}
	}
}

// share splits the total of lanes where a direction's own number is not known.
func (w *way) share(total int) {
	a, b := &w.along, &w.against
	switch {
	case total < 2:
	case a.lanes > 0 && b.lanes == 0:
		b.lanes = max(1, total-a.lanes)
	case b.lanes > 0 && a.lanes == 0:
		a.lanes = max(1, total-b.lanes)
	case a.lanes == 0 && b.lanes == 0:
		a.lanes, b.lanes = max(1, total/2), max(1, total/2)
		if total%2 == 1 {
			text := fmt.Sprintf("%d lanes for both directions; %d each way, the odd one left out", total, total/2)
			a.lanesRelation, b.lanesRelation = text, text
		}
	}
}

// readArrows reads a turn:lanes value, from the left as the map has it, into lanes
// from the right; nil for an empty or senseless one.
func readArrows(text string) []turns {
	if text == "" {
		return nil
	}
	var out []turns
	for lane := range strings.SplitSeq(text, "|") {
		var t turns
		for word := range strings.SplitSeq(lane, ";") {
			switch strings.TrimSpace(word) {
			case "left", "slight_left", "sharp_left":
				t |= toLeft
			case "right", "slight_right", "sharp_right":
				t |= toRight
			case "through", "merge_to_left", "merge_to_right", "none", "":
				t |= toStraight
			case "reverse":
				t |= around
			}
		}
		out = append(out, t)
	}
	if len(out) > 12 {
		return nil
	}
	slices.Reverse(out)
	return out
}

func (w *way) setSpeed(tags osm.Tags) {
	for _, side := range []struct {
		r      *road
		suffix string
	}{{&w.along, ":forward"}, {&w.against, ":backward"}} {
		kmh := readSpeed(tags.Find("maxspeed" + side.suffix))
		if kmh == 0 {
			kmh = readSpeed(tags.Find("maxspeed"))
		}
		if kmh == 0 {
			kmh, side.r.speedAssumed = w.class.speed, true
		}
		side.r.speed = kmh / 3.6
	}
}

// readSpeed returns a speed in km/h, 0 if it is none.
func readSpeed(text string) float64 {
	number, unit, _ := strings.Cut(strings.TrimSpace(text), " ")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v >= 5 && v <= 150) {
		return 0
	}
	if strings.TrimSpace(unit) == "mph" {
		v *= 1.609344
	}
	return v
}
