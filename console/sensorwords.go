package console

import (
	"math"
	"strings"
	"time"

	"polity/console/frame"
	"polity/sensors"
	"polity/sensors/air"
	"polity/sensors/alarm"
	"polity/sensors/parking"
)

// quantity is a number with its unit as people write it: "7.5 µg/m³".
func (c *Console) quantity(v float64, unit string, decimals int) string {
	n := c.Number(v, decimals)
	if unit == "" {
		return n
	}
	if key := "unit." + unit; c.Forms(key) != nil {
		return c.Say(key, "value", n)
	}
	return n + " " + unit
}

// measured is the value of a measure with its unit.
func (c *Console) measured(m alarm.Measure, v float64) string {
	switch m {
	case alarm.AirIndex:
		return c.Say("air.level." + air.Level(v).String())
	case alarm.WaterRise:
		return c.Say("unit.rise", "value", c.Number(v, 2))
	case alarm.GarageShare:
		return c.Say("counts.percent", "n", int(v*100+.5))
	case alarm.WaterLevel:
		return c.quantity(v, m.Unit(), 2)
	}
	return c.quantity(v, m.Unit(), 1)
}

// sensorSign says how a sensor is: an alarm by its severity, unknown and why, or in order.
func (c *Console) sensorSign(s alarm.State) frame.Sign {
	if len(s.Alarms) > 0 {
		return c.alarmSign(s.Alarms[0])
	}
	if s.Doubt != alarm.Sure {
		return frame.Unknown(c.Say("sensor.doubt." + string(s.Doubt)))
	}
	if s.Pending {
		return frame.Attention(c.Say("sensor.pending"))
	}
	return frame.Live(c.Say("sensor.fine"))
}

func (c *Console) alarmSign(a alarm.Alarm) frame.Sign {
	shape := "attention"
	if a.Severity.Rank() >= alarm.High.Rank() {
		shape = "stopped"
	}
	if a.Unknown {
		return frame.Unknown(c.Say("sensor.alarm.unknown." + string(a.Severity)))
	}
	return frame.Sign{Sign: shape, Word: c.Say("sensor.alarm." + string(a.Severity))}
}

// alarmWords says what an alarm is about: "The water stands at 0.41 m; the alarm begins at
// 0.3 m."
func (c *Console) alarmWords(a alarm.Alarm) string {
	key := "alarm." + string(a.Measure)
	if c.Forms(key) == nil {
		key = "alarm.other"
	}
	return c.Say(key, "value", c.measured(a.Measure, a.Value), "threshold", c.measured(a.Measure, a.Threshold), "peak", c.measured(a.Measure, a.Peak))
}

// figure returns a measure of a sensor.
func figure(s alarm.State, m alarm.Measure) (alarm.Figure, bool) {
	for _, f := range s.Figures {
		if f.Measure == m {
			return f, true
		}
	}
	return alarm.Figure{}, false
}

// bayState is how a bay is.
func bayState(s alarm.State) parking.State {
	status, _ := s.Sensor.Value("status")
	occupied, has := s.Sensor.Value("occupied")
	age := time.Duration(0)
	if s.Doubt != alarm.Sure {
		age = 2
	}
	return parking.Bay(status.Word, occupied.Number == 1, has, age, 1)
}

// room is the room in a garage.
func room(s *sensors.Sensor) (parking.Room, bool) {
	get := func(name string) float64 {
		if v, ok := s.Number(name); ok {
			return v
		}
		return math.NaN()
	}
	return parking.Garage(get("totalSpotNumber"), get("occupiedSpotNumber"), get("availableSpotNumber"))
}

// headline is what a sensor says, in a few words, for lists.
func (c *Console) headline(s alarm.State) string {
	x := &s.Sensor
	switch x.Kind {
	case sensors.Bay:
		return c.Say("bay." + string(bayState(s)))
	case sensors.Garage:
		if r, ok := room(x); ok {
			return c.Say("garage.room", "free", r.Free, "total", r.Total)
		}
	case sensors.Homes:
		if len(x.Values) > 0 {
			a, _ := x.Kind.Attribute(x.Values[0].Name)
			return c.Say("homes.headline", "value", c.valueWords(x.Values[0], a), "n", s.Homes)
		}
	case sensors.Air:
		if f, ok := figure(s, alarm.AirIndex); ok {
			return c.Say("air.headline", "level", c.measured(f.Measure, f.Value))
		}
	case sensors.Weather:
		if f, ok := figure(s, alarm.Rain1h); ok {
			return c.Say("weather.headline", "rain", c.measured(f.Measure, f.Value))
		}
	case sensors.Noise:
		if f, ok := figure(s, alarm.Leq15m); ok {
			return c.Say("noise.headline", "level", c.measured(f.Measure, f.Value))
		}
	}
	for _, v := range x.Values {
		if a, ok := x.Kind.Attribute(v.Name); ok && !a.Words && !math.IsNaN(v.Number) {
			if x.Kind == sensors.Water {
				return c.valueWords(v, a)
			}
			return c.Say("sensor.named", "name", c.attributeName(v.Name), "value", c.valueWords(v, a))
		}
	}
	return c.Say("sensor.novalue")
}

// valueWords is a value with its unit; one in another unit than the listed one as it came.
func (c *Console) valueWords(v sensors.Value, a sensors.Attribute) string {
	switch {
	case v.Word != "":
		if key := "word." + v.Word; c.Forms(key) != nil {
			return c.Say(key)
		}
		return v.Word
	case v.Name == "occupied":
		if v.Number == 1 {
			return c.Say("bay.occupied")
		}
		return c.Say("bay.free")
	case v.Unit == "":
		return c.quantity(v.Number, a.Unit, a.Decimals)
	}
	return c.quantity(v.Number, v.Unit, a.Decimals)
}

// sensorState is what becomes of it in files: alarm, pending, unknown or fine.
func sensorState(s alarm.State) string {
	switch {
	case len(s.Alarms) > 0:
		return "alarm"
	case s.Doubt != alarm.Sure:
		return "unknown"
	case s.Pending:
		return "pending"
	}
	return "fine"
}

// attributeName is what people call an attribute.
func (c *Console) attributeName(name string) string {
	if key := "sensor.attribute." + name; c.Forms(key) != nil {
		return c.Say(key)
	}
	return name
}

func (c *Console) kindName(k sensors.Kind) string { return c.Say("sensor.kind." + string(k)) }

// age is "3 minutes ago".
func (c *Console) age(at frame.Clock, t time.Time) string {
	if t.IsZero() {
		return c.Say("time.never")
	}
	return c.Say("sensor.age", "long", at.Long(max(0, at.Now.Sub(t))))
}

func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
