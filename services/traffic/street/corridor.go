package street

import (
	"fmt"
	"math"
	"time"

	"polity/city"
	"polity/services/traffic/network"
)

// Signal groups of each junction of Corridor, in their order.
const (
	East  = iota // along the main street, eastbound
	West         // along the main street, westbound
	North        // out of the side street from the south, northbound
	South        // out of the side street from the north, southbound
	Main         // people who cross the main street
	Side         // people who cross the side street
)

// Measures of the corridor.
const (
	limit     = 50 / 3.6
	entry     = 300.0
	side      = 180.0
	exit      = 100.0
	mainWidth = 12.0
	sideWidth = 8.0
	inside    = 20.0
)

var gaps = []float64{280, 340, 250, 310}

// Corridor is a main street with a side street at each of these names, 2 to 5, the first in
// the west: one lane each way, no turning left off the main street, a crossing over each of
// the two. Each junction has a fixed plan of 70 s, and one of 50 s for evenings; offsets let the
// eastbound way ride on green.
func Corridor(main string, sides ...string) (*network.Network, error) {
	if len(sides) < 2 || len(sides) > 5 {
		return nil, city.Errorf(city.Invalid, "a corridor has 2 to 5 junctions, not %d", len(sides))
	}
	n := &network.Network{Name: main, Source: "made up"}
	lane := func(id, street string, length float64) int {
		n.Lanes = append(n.Lanes, network.Lane{ID: id, Edge: id, Length: length, Speed: limit, Motor: true, Street: street})
		return len(n.Lanes) - 1
	}
	count := len(sides)
	east, west := make([]int, count+1), make([]int, count+1) // west[i+1] leads to junction i, west[0] out
	for i := range count + 1 {
		length := exit
		if i == 0 {
			length = entry
		} else if i < count {
			length = gaps[i-1]
		}
		east[i] = lane(fmt.Sprintf("east-%d", i+1), main, length)
	}
	for i := range count + 1 {
		length := exit
		if i == count {
			length = entry
		} else if i > 0 {
			length = gaps[i-1]
		}
		west[i] = lane(fmt.Sprintf("west-%d", i), main, length)
	}
	at := 0.0
	for i, name := range sides {
		at += n.Lanes[east[i]].Length
		fromSouth, toSouth := lane(fmt.Sprintf("north-%d", i+1), name, side), lane(fmt.Sprintf("south-%d-out", i+1), name, exit)
		fromNorth, toNorth := lane(fmt.Sprintf("south-%d", i+1), name, side), lane(fmt.Sprintf("north-%d-out", i+1), name, exit)
		j := junction(fmt.Sprintf("corridor-%d", i+1), main+" / "+name, time.Duration(math.Round((at-entry)/limit))*time.Second)
		j.X = at
		j.Place = &city.Point{Lon: 24.9315 + at/55_400, Lat: 60.1690}
		n.Junctions = append(n.Junctions, j)
		for s, l := range []struct {
			from, to int
			turn     network.Turn
		}{
			{east[i], east[i+1], network.Straight},
			{east[i], toSouth, network.Right},
			{west[i+1], west[i], network.Straight},
			{west[i+1], toNorth, network.Right},
			{fromSouth, toNorth, network.Straight},
			{fromSouth, east[i+1], network.Right},
			{fromSouth, west[i], network.Left},
			{fromNorth, toSouth, network.Straight},
			{fromNorth, west[i], network.Right},
			{fromNorth, east[i+1], network.Left},
		} {
			n.Links = append(n.Links, network.Link{From: l.from, To: l.to, Turn: l.turn, Length: inside, Junction: i, Signal: s})
		}
	}
	if err := network.Complete(n); err != nil {
		return nil, err
	}
	return n, nil
}

func junction(id, name string, offset time.Duration) *network.Junction {
	vehicles := network.Timing{MinGreen: network.MinGreen, Amber: 3 * time.Second, MaxRed: network.MaxRed}
	walkers := network.Timing{MinGreen: network.MinWalk, MaxRed: network.MaxRed}
	j := &network.Junction{
		ID: id, Name: name,
		Groups: []network.Group{
			East: {Name: "eastbound", Timing: vehicles}, West: {Name: "westbound", Timing: vehicles},
			North: {Name: "northbound", Timing: vehicles}, South: {Name: "southbound", Timing: vehicles},
			Main: {Name: "over the main street", Kind: network.Pedestrians, Timing: walkers},
			Side: {Name: "over the side street", Kind: network.Pedestrians, Timing: walkers},
		},
		Crossings: []network.Crossing{{ID: id + "-main", Length: mainWidth}, {ID: id + "-side", Length: sideWidth}},
		Conflicts: []network.Set{
			East: network.SetOf(North, South, Main), West: network.SetOf(North, South, Main),
			North: network.SetOf(East, West, Side), South: network.SetOf(East, West, Side),
			Main: network.SetOf(East, West), Side: network.SetOf(North, South),
		},
		Yields: []network.Set{East: network.SetOf(Side), North: network.SetOf(South, Main), South: network.SetOf(North, Main), Side: 0},
		Traps:  []network.Set{North: network.SetOf(South), South: network.SetOf(North), Side: 0},
	}
	for _, s := range []struct {
		group  int
		yields []int
	}{{East, nil}, {East, []int{11}}, {West, nil}, {West, nil}, {North, nil}, {North, []int{10}}, {North, []int{7, 8}}, {South, nil}, {South, nil}, {South, []int{4, 5, 10}}} {
		j.Signals = append(j.Signals, network.Signal{Group: s.group, Crossing: -1, YieldsTo: s.yields})
	}
	j.Signals = append(j.Signals, network.Signal{Group: Main, Crossing: 0}, network.Signal{Group: Side, Crossing: 1})
	j.Intergreen = make([][]time.Duration, len(j.Groups))
	for a := range j.Groups {
		j.Intergreen[a] = make([]time.Duration, len(j.Groups))
		clear := 5 * time.Second
		switch a {
		case Main:
			clear = time.Duration(math.Ceil(mainWidth/network.WalkingSpeed)) * time.Second
		case Side:
			clear = time.Duration(math.Ceil(sideWidth/network.WalkingSpeed)) * time.Second
		}
		for b := range j.Conflicts[a].All() {
			j.Intergreen[a][b] = clear
		}
	}
	j.Plans = []network.Plan{fixed("day", offset, 30, 20), fixed("evening", offset%(50*time.Second), 18, 12)}
	return j
}

// fixed is a plan with so many seconds for the main street and the side street, before those
// in which who walks is across.
func fixed(id string, offset time.Duration, along, across int) network.Plan {
	phase := func(seconds int, state string) network.Phase {
		return network.Phase{State: state, Duration: time.Duration(seconds) * time.Second}
	}
	return network.Plan{ID: id, Offset: offset, Phases: []network.Phase{
		phase(along, "GgGGrrrrrrrG"), phase(5, "GgGGrrrrrrrr"), phase(3, "yyyyrrrrrrrr"), phase(2, "rrrrrrrrrrrr"),
		phase(across, "rrrrGggGGgGr"), phase(5, "rrrrGggGGgrr"), phase(3, "rrrryyyyyyrr"), phase(2, "rrrrrrrrrrrr"),
	}}
}
