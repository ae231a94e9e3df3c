// Package air says how good the air is: the European Air Quality Index, hour by hour.
package air

import (
	"math"
	"slices"
)

// Pollutant is one that the index knows, under the name of its attribute.
type Pollutant string

// The pollutants.
const (
	PM25 Pollutant = "pm25" // particles below 2.5 µm
	PM10 Pollutant = "pm10" // particles below 10 µm
	NO2  Pollutant = "no2"  // nitrogen dioxide
	O3   Pollutant = "o3"   // ozone
	SO2  Pollutant = "so2"  // sulphur dioxide
)

// Pollutants lists them in the order of the EEA's table.
func Pollutants() []Pollutant { return []Pollutant{PM25, PM10, NO2, O3, SO2} }

// Level is a level of the index; 0 is none.
type Level uint8

// The levels.
const (
	Good Level = iota + 1
	Fair
	Moderate
	Poor
	VeryPoor
	ExtremelyPoor
)

var names = []string{"unknown", "good", "fair", "moderate", "poor", "very-poor", "extremely-poor"}

// String is the level's name in addresses and files.
func (l Level) String() string { return names[min(int(l), len(names)-1)] }

// Source is where the bands are from.
const (
	Source = "European Environment Agency, European Air Quality Index; ETC HE Report 2024/17, EEA's revision of the European air quality index bands, version 1 of 3 July 2025, doi 10.5281/zenodo.15781195"
	Unit   = "GQ" // µg/m³, hourly means of all five pollutants
)

// bands are the highest concentrations of the levels good to very poor, µg/m³; above the
// last it is extremely poor. The table of Source.
var bands = map[Pollutant][5]float64{
	PM25: {5, 15, 50, 90, 140},
	PM10: {15, 45, 120, 195, 270},
	NO2:  {10, 25, 60, 100, 150},
	O3:   {60, 100, 120, 160, 180},
	SO2:  {20, 40, 125, 190, 275},
}

// Bands returns the upper bounds of a pollutant's levels good to very poor, µg/m³.
func Bands(p Pollutant) []float64 {
	b := bands[p]
	return slices.Clone(b[:])
}

// LevelOf is the level of an hourly mean in µg/m³. The table has whole numbers (5, then
// 6 to 15); what lies between counts as the worse level, so that rounding never makes air
// better. Means a little below zero, which analysers give in clean air, are good. NaN, an
// infinite one and an unknown pollutant have none.
func LevelOf(p Pollutant, mean float64) Level {
	b, ok := bands[p]
	if !ok || math.IsNaN(mean) || math.IsInf(mean, 0) {
		return 0
	}
	for i, most := range b {
		if mean <= most {
			return Level(i + 1)
		}
	}
	return ExtremelyPoor
}

// Reference conditions of concentrations of gases in the Union (Directive 2008/50/EC,
// annex VI C): 293 K and 101.3 kPa.
const (
	ReferenceKelvin     = 293.0
	ReferenceKilopascal = 101.3
)

// molar masses in g/mol (IUPAC 2021 atomic weights).
var molar = map[Pollutant]float64{NO2: 46.0055, O3: 47.9982, SO2: 64.064}

const gas = 8.314462618 // J/(mol K), CODATA 2018

// FromPPB converts parts per billion of volume to µg/m³ at the reference conditions: 1 ppb
// of NO2 is 1.913, of ozone 1.996, of SO2 2.664 µg/m³. Particles have none: NaN.
func FromPPB(p Pollutant, ppb float64) float64 {
	m, ok := molar[p]
	if !ok {
		return math.NaN()
	}
	return ppb * m * ReferenceKilopascal / (gas * ReferenceKelvin)
}
