package console

import (
	"context"
	"time"

	"polity/city"
	"polity/sensors/alarm"
	"polity/sensors/noise"
	"polity/sensors/parking"
)

// Sensors is what the pages need of the city's everyday sensors. All of it is public.
// Methods are safe for concurrent use and return what nobody changes afterwards. An unknown
// sensor is an error of kind city.NotFound; a store that cannot be reached city.Unavailable.
type Sensors interface {
	// SensorStates returns every sensor as it was looked at last, in any order. Until the
	// first look after a start it is an error of kind Unavailable.
	SensorStates(ctx context.Context) ([]alarm.State, error)
	// SensorState returns one of them, by the id of its entity.
	SensorState(ctx context.Context, id string) (alarm.State, error)
	// SensorSeries returns what a sensor measured in [q.From, q.To) by steps; steps of which
	// nothing is known are left out.
	SensorSeries(ctx context.Context, q SensorQuery) ([]SensorStep, error)
	// SensorAlarms returns alarms of a sensor that overlap [from, to), the newest first.
	SensorAlarms(ctx context.Context, id string, from, to time.Time) ([]alarm.Alarm, error)
	// SensorNoise returns the levels of the last days of a sound level meter, the day that
	// began last first.
	SensorNoise(ctx context.Context, id string, days int) ([]noise.Day, error)
	// SensorHours returns how full a garage or bay was by the hour of the day in [from, to).
	SensorHours(ctx context.Context, id string, from, to time.Time) ([24]parking.Hour, error)
	// SilentDevices returns the devices that have fallen silent, those of households left
	// out.
	SilentDevices(ctx context.Context) ([]SilentDevice, error)
}

// SensorQuery asks for a sensor's attribute over time.
type SensorQuery struct {
	ID        string
	Attribute string
	From, To  time.Time
	Step      time.Duration
}

// SensorStep is one step of a series. Value is the mean; of levels of sound the mean by
// energy, of rain the sum.
type SensorStep struct {
	Start              time.Time
	Value, Least, Most float64
	Count              int64
}

// SilentDevice is a device that was not heard for too long.
type SilentDevice struct {
	Mapping city.Slug
	Device  string
	Since   time.Time // when its alarm was raised
	Heard   time.Time
	Sensor  string // id of the entity that it feeds; empty: it is not known
}
