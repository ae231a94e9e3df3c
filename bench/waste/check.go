package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The checker reads instances and solutions itself and shares no code with the
// solver, so that an error there does not check itself.

type instance struct {
	name, kind     string
	x, y           []float64
	demand         []int
	early, late    []int
	release        []int
	capacity       int
	vehicles       int
	service        int
	windows, trips bool
	best           float64 // best known, 0 if there is none
}

func readInstance(path string) (*instance, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := &instance{}
	section := ""
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(strings.ReplaceAll(lines.Text(), ":", " : "))
		switch {
		case len(fields) == 0:
		case strings.HasSuffix(fields[0], "_SECTION"):
			section = fields[0]
			in.windows = in.windows || section == "TIME_WINDOW_SECTION"
			in.trips = in.trips || section == "VEHICLES_RELOAD_DEPOT_SECTION"
		case len(fields) > 2 && fields[1] == ":":
			number, _ := strconv.Atoi(fields[2])
			switch fields[0] {
			case "NAME":
				in.name = fields[2]
			case "TYPE":
				in.kind = fields[2]
			case "CAPACITY":
				in.capacity = number
			case "VEHICLES":
				in.vehicles = number
			case "SERVICE_TIME":
				in.service = number
			}
		default:
			in.row(section, fields)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(in.x) < 2 || len(in.demand) != len(in.x) || (in.windows && len(in.late) != len(in.x)) {
		return nil, fmt.Errorf("%s: not an instance this benchmark can check (coordinates, demands and windows for each location)", path)
	}
	if in.release == nil {
		in.release = make([]int, len(in.x))
	}
	if text, err := os.ReadFile(strings.TrimSuffix(path, ".vrp") + ".sol"); err == nil {
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(strings.ReplaceAll(line, ":", " ")); len(f) == 2 && f[0] == "Cost" {
				in.best, _ = strconv.ParseFloat(f[1], 64)
			}
		}
	}
	return in, nil
}

func (in *instance) row(section string, fields []string) {
	value := func(i int) float64 {
		if i >= len(fields) {
			return math.NaN()
		}
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return math.NaN()
		}
		return v
	}
	switch section {
	case "NODE_COORD_SECTION":
		in.x, in.y = append(in.x, value(1)), append(in.y, value(2))
	case "DEMAND_SECTION":
		in.demand = append(in.demand, int(value(1)))
	case "TIME_WINDOW_SECTION":
		in.early, in.late = append(in.early, int(value(1))), append(in.late, int(value(2)))
	case "RELEASE_TIME_SECTION":
		in.release = append(in.release, int(value(1)))
	}
}

// distance rounds to the nearest integer, or, for instances with time, is ten
// times the distance cut to an integer.
func (in *instance) distance(a, b int) int {
	dx, dy := in.x[a]-in.x[b], in.y[a]-in.y[b]
	d := math.Sqrt(dx*dx + dy*dy)
	if in.windows {
		return int(10 * d)
	}
	return int(d + 0.5)
}

// check returns a solution file's true cost, or what is wrong with it.
func (in *instance) check(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	visits := make([]int, len(in.x))
	cost, tours := 0, 0
	for line := range strings.Lines(string(text)) {
		_, stops, ok := strings.Cut(line, ":")
		if !ok || !strings.HasPrefix(line, "Route") {
			continue
		}
		tours++
		c, err := in.tour(strings.Fields(stops), visits)
		if err != nil {
			return 0, fmt.Errorf("tour %d: %w", tours, err)
		}
		cost += c
	}
	if i := slices.IndexFunc(visits[1:], func(n int) bool { return n != 1 }); i >= 0 {
		return 0, fmt.Errorf("customer %d is visited %d times", i+1, visits[i+1])
	}
	if in.vehicles > 0 && tours > in.vehicles {
		return 0, fmt.Errorf("%d tours for %d vehicles", tours, in.vehicles)
	}
	return cost, nil
}

func (in *instance) tour(stops []string, visits []int) (int, error) {
	trips := [][]int{{}}
	for _, s := range stops {
		c, err := strconv.Atoi(s)
		if err != nil || c < 0 || c >= len(in.x) {
			return 0, fmt.Errorf("%q is no customer", s)
		}
		if c == 0 {
			if !in.trips {
				return 0, fmt.Errorf("the depot inside a tour, where no reloading is allowed")
			}
			trips = append(trips, nil)
			continue
		}
		visits[c]++
		trips[len(trips)-1] = append(trips[len(trips)-1], c)
	}
	cost, now := 0, 0
	if in.windows {
		now = 10 * in.early[0]
	}
	for _, trip := range trips {
		load, at := 0, 0
		for _, c := range trip {
			load += in.demand[c]
			now = max(now, 10*in.release[c])
		}
		if load > in.capacity {
			return 0, fmt.Errorf("it carries %d of %d", load, in.capacity)
		}
		for _, c := range append(slices.Clone(trip), 0) {
			d := in.distance(at, c)
			cost += d
			at = c
			if !in.windows {
				continue
			}
			now = max(now+d, 10*in.early[c])
			if now > 10*in.late[c] {
				return 0, fmt.Errorf("it reaches %d at %d, which closes at %d", c, now, 10*in.late[c])
			}
			if c != 0 {
				now += 10 * in.service
			}
		}
	}
	return cost, nil
}
