package simulation

import (
	"math"
	"slices"

	"polity/city"
)

// line is a made-up line on real rails and streets of the demo's map: ways are the
// shortest along its rails (1, 2) or streets (4), simplified to three metres.
type line struct {
	name, long, colour string
	kind               int // route_type of GTFS
	way                []city.Point
	stops              []halt
}

// halt is a stop and how far along the way it is, metres.
type halt struct {
	name string
	at   float64
}

var lines = []line{
	{
		name: "1", long: "Hakaniemi - Erottaja", colour: "00985F", kind: 0,
		way: []city.Point{
			{Lon: 24.950476, Lat: 60.178480},
			{Lon: 24.950439, Lat: 60.178341},
			{Lon: 24.950052, Lat: 60.177979},
			{Lon: 24.950328, Lat: 60.174460},
			{Lon: 24.950019, Lat: 60.174048},
			{Lon: 24.947911, Lat: 60.172197},
			{Lon: 24.947599, Lat: 60.172084},
			{Lon: 24.945340, Lat: 60.172020},
			{Lon: 24.945059, Lat: 60.171965},
			{Lon: 24.944939, Lat: 60.171804},
			{Lon: 24.945044, Lat: 60.170777},
			{Lon: 24.944922, Lat: 60.170656},
			{Lon: 24.944739, Lat: 60.170594},
			{Lon: 24.944034, Lat: 60.170454},
			{Lon: 24.939862, Lat: 60.170344},
			{Lon: 24.939136, Lat: 60.170117},
			{Lon: 24.938745, Lat: 60.169901},
			{Lon: 24.938801, Lat: 60.169740},
			{Lon: 24.941903, Lat: 60.167624},
			{Lon: 24.943576, Lat: 60.166566},
		},
		stops: []halt{{"Hakaniemi", 5}, {"Kaisaniemenranta", 470}, {"Kaisaniemenkatu", 780}, {"Mikonkatu", 1010}, {"Railway Station", 1230}, {"Lasipalatsi", 1430}, {"Kolmen sepän aukio", 1610}, {"Erottaja", 1875}},
	},
	{
		name: "2", long: "Kamppi - Market Square", colour: "0A58A6", kind: 0,
		way: []city.Point{
			{Lon: 24.935558, Lat: 60.171750},
			{Lon: 24.935970, Lat: 60.171341},
			{Lon: 24.936971, Lat: 60.170913},
			{Lon: 24.939260, Lat: 60.169385},
			{Lon: 24.940629, Lat: 60.168571},
			{Lon: 24.940970, Lat: 60.168566},
			{Lon: 24.941469, Lat: 60.168738},
			{Lon: 24.941848, Lat: 60.168795},
			{Lon: 24.950755, Lat: 60.169003},
			{Lon: 24.950940, Lat: 60.168946},
			{Lon: 24.951011, Lat: 60.168856},
			{Lon: 24.951206, Lat: 60.167551},
			{Lon: 24.951590, Lat: 60.167384},
			{Lon: 24.952094, Lat: 60.167360},
			{Lon: 24.952326, Lat: 60.167247},
		},
		stops: []halt{{"Kamppi", 5}, {"Lasipalatsi", 240}, {"Kolmen sepän aukio", 470}, {"Aleksanterinkatu", 720}, {"Senate Square", 960}, {"Market Square", 1260}},
	},
	{
		name: "4", long: "Liisankatu - Yrjönkatu", colour: "B45F06", kind: 3,
		way: []city.Point{
			{Lon: 24.950150, Lat: 60.174381},
			{Lon: 24.950411, Lat: 60.174106},
			{Lon: 24.950244, Lat: 60.173904},
			{Lon: 24.950472, Lat: 60.173487},
			{Lon: 24.950875, Lat: 60.169916},
			{Lon: 24.949244, Lat: 60.169878},
			{Lon: 24.949456, Lat: 60.167828},
			{Lon: 24.945673, Lat: 60.167725},
			{Lon: 24.945764, Lat: 60.167115},
			{Lon: 24.944980, Lat: 60.167072},
			{Lon: 24.943680, Lat: 60.166651},
			{Lon: 24.943271, Lat: 60.166514},
			{Lon: 24.943103, Lat: 60.166441},
			{Lon: 24.939344, Lat: 60.165135},
		},
		stops: []halt{{"Liisankatu", 5}, {"Kirkkokatu", 330}, {"Senate Square", 560}, {"Esplanadi", 830}, {"Erottaja", 1180}, {"Yrjönkatu", 1400}},
	},
}

// path is a line's way in one direction.
type path struct {
	points []city.Point
	at     []float64 // metres from the beginning to each point
	stops  []halt
}

func (l *line) path(direction int) path {
	p := path{points: l.way, stops: l.stops}
	if direction == 1 {
		p.points, p.stops = slices.Clone(l.way), nil
		slices.Reverse(p.points)
	}
	total := 0.0
	for i, q := range p.points {
		if i > 0 {
			total += p.points[i-1].Metres(q)
		}
		p.at = append(p.at, total)
	}
	if direction == 1 {
		for _, s := range slices.Backward(l.stops) {
			p.stops = append(p.stops, halt{s.name, max(0, total-s.at)})
		}
	}
	return p
}

// point is where somebody is who has gone so far, and which way he looks, degrees
// clockwise from north.
func (p *path) point(at float64) (city.Point, float64) {
	i := 1
	for i < len(p.at)-1 && p.at[i] < at {
		i++
	}
	a, b := p.points[i-1], p.points[i]
	f := 0.0
	if length := p.at[i] - p.at[i-1]; length > 0 {
		f = math.Max(0, math.Min(1, (at-p.at[i-1])/length))
	}
	east, north := (b.Lon-a.Lon)*math.Cos(a.Lat*math.Pi/180), b.Lat-a.Lat
	bearing := math.Mod(math.Atan2(east, north)*180/math.Pi+360, 360)
	return city.Point{Lon: a.Lon + f*(b.Lon-a.Lon), Lat: a.Lat + f*(b.Lat-a.Lat)}, bearing
}
