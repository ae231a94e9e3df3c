package hub

import (
	"encoding/json"
	"fmt"
	"strings"

	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
	"polity/plane"
)

// Ids of what the hub keeps of cameras.
const (
	cameraPrefix = "urn:polity:camera:"
	eventPrefix  = "urn:polity:event:"
	layoutPrefix = "urn:polity:layout:"
)

func cameraKey(camera city.Slug) plane.Key { return plane.Key{ID: cameraPrefix + string(camera)} }

// metricNames are the attributes under which observations stand in history.
var metricNames = map[wire.Metric]string{
	wire.Occupancy: "occupancy", wire.OccupancyMax: "occupancy-max", wire.Crossings: "crossings", wire.Density: "density",
	wire.Dwell: "dwell", wire.Speed: "speed", wire.Queue: "queue", wire.QueueMax: "queue-max",
}

var (
	classNames     = []string{"any", "person", "bicycle", "vehicle"}
	directionNames = []string{"", "right", "left"}
)

// series names what an observation is of: the metric is the attribute, and the
// dataset is CLASS/WHERE/DIRECTION, where the zone or line stands by its name.
func series(camera city.Slug, o *wire.Observation, where city.Slug) plane.Series {
	return plane.Series{
		Key: cameraKey(camera), Attribute: metricNames[o.Metric],
		Dataset: classNames[o.Class] + "/" + string(where) + "/" + directionNames[o.Direction],
	}
}

// toPlane is an observation as the city's data keeps it.
func toPlane(camera city.Slug, o *wire.Observation, where city.Slug) (plane.Observation, error) {
	p := plane.Observation{Series: series(camera, o, where), Start: o.Start, Length: o.Length, Covered: o.Covered, Value: o.Value}
	if o.Metric == wire.Dwell || o.Metric == wire.Speed {
		detail, err := json.Marshal(o.Histogram)
		if err != nil {
			return p, fmt.Errorf("histogram: %w", err)
		}
		p.Detail = detail
	}
	return p, nil
}

// fromPlane is its inverse. It reports false for a series that is not a camera's.
func fromPlane(p plane.Observation) (counts.Observed, bool) {
	o := counts.Observed{Observation: wire.Observation{Start: p.Start, Length: p.Length, Covered: p.Covered, Value: p.Value}}
	for metric, name := range metricNames {
		if name == p.Attribute {
			o.Metric = metric
		}
	}
	parts := strings.Split(p.Dataset, "/")
	if o.Metric == 0 || len(parts) != 3 {
		return o, false
	}
	class, direction := index(classNames, parts[0]), index(directionNames, parts[2])
	if class < 0 || direction < 0 {
		return o, false
	}
	o.Class, o.Where, o.Direction = wire.Class(class), city.Slug(parts[1]), wire.Direction(direction)
	if len(p.Detail) > 0 && json.Unmarshal(p.Detail, &o.Histogram) != nil {
		return o, false
	}
	return o, true
}

func index(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}

// aboutLine says whether a metric counts a line, and not a zone.
func aboutLine(m wire.Metric) bool { return m == wire.Crossings }

// eventAboutLine says the same of events.
func eventAboutLine(k wire.EventKind) bool { return k == wire.WrongWay }
