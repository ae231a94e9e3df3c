package air

import (
	"math"
	"time"

	"polity/sensors/series"
)

// MinCovered is the share of an hour that values must cover for an hourly mean
// (Directive 2008/50/EC, annex XI: 75 %, that is 45 minutes).
const MinCovered = 0.75

// Station is which pollutants a station must measure for an index.
type Station string

// The kinds of stations. A station that says nothing is held to the stricter rule.
const (
	Traffic    Station = "traffic"
	Background Station = "background"
	Industrial Station = "industrial"
)

// Hour is a mean over one hour.
type Hour struct {
	Mean    float64 // µg/m³; NaN if nothing was measured
	Covered float64 // share of the hour
}

// Valid says whether the mean counts.
func (h Hour) Valid() bool { return h.Covered >= MinCovered-1e-9 && !math.IsNaN(h.Mean) }

// HourOf is the mean of points, sorted by time, over the hour that begins at from. A
// point counts for an hour at most, so that hourly values count too.
func HourOf(points []series.Point, from time.Time) Hour {
	mean, covered := series.Mean(series.Spans(points, time.Hour), from, from.Add(time.Hour))
	return Hour{mean, covered}
}

// Index is the index of one hour.
type Index struct {
	Level Level // 0: there is none
	// Worst is the pollutant whose level it is.
	Worst Pollutant
	// Each is the level of each pollutant that was measured.
	Each map[Pollutant]Level
	// Missing are pollutants that the EEA asks of such a station and that have no valid
	// mean. With a Level the air is as bad or worse: what is not measured makes no air
	// better.
	Missing []Pollutant
}

// IndexOf is the index of an hour: the worst of the pollutants. A station needs a valid
// mean of PM2.5 or PM10 and of NO2, and, unless it stands by traffic, of ozone. If one is
// missing, good and fair cannot be known and Level is 0; what is worse stands.
func IndexOf(station Station, hours map[Pollutant]Hour) Index {
	x := Index{Each: map[Pollutant]Level{}}
	for _, p := range Pollutants() {
		h, ok := hours[p]
		if !ok || !h.Valid() {
			continue
		}
		l := LevelOf(p, h.Mean)
		if l == 0 {
			continue
		}
		x.Each[p] = l
		if l > x.Level {
			x.Level, x.Worst = l, p
		}
	}
	if x.Each[PM25] == 0 && x.Each[PM10] == 0 {
		x.Missing = append(x.Missing, PM25)
	}
	if x.Each[NO2] == 0 {
		x.Missing = append(x.Missing, NO2)
	}
	if x.Each[O3] == 0 && station != Traffic {
		x.Missing = append(x.Missing, O3)
	}
	if len(x.Missing) > 0 && x.Level < Moderate {
		x.Level, x.Worst = 0, ""
	}
	return x
}
