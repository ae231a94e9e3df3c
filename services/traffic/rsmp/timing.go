package rsmp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"polity/city"
)

// Timing is what a controller lets others read and set of its time plans (signal exchange
// list for traffic light controllers, S0014 and S0022 to S0028, M0014 to M0018). Plans and
// bands are numbered from 1.
type Timing struct {
	Now     int           // the plan that runs; 0: not told
	Bands   map[int][]int // of each plan, by how many seconds each band is extended
	Offsets map[int]int   // of each plan, in seconds
	Cycles  map[int]int   // of each plan, in seconds
	Day     []Switch      // of time table 1
	told    map[string]bool
}

// Switch is a time of day at which a plan begins to run.
type Switch struct{ Plan, Hour, Minute int }

// everyDay is the only time table that is used.
const everyDay = 1

// Retiming is a change of one plan, and of the times of day.
type Retiming struct {
	Plan, Offset, Cycle int
	Bands               []int // by how many seconds each is extended
	Day                 []Switch
}

// InEffect tells whether a controller has told that it has what a change asks for.
func (t *Timing) InEffect(r *Retiming) bool {
	offset, hadOffset := t.Offsets[r.Plan]
	return hadOffset && offset == r.Offset && t.Cycles[r.Plan] == r.Cycle && slices.Equal(t.Bands[r.Plan], r.Bands) &&
		(len(r.Day) == 0 || slices.Equal(t.Day, r.Day))
}

// Whole tells whether a controller has told all that a change can be held against.
func (t *Timing) Whole() bool {
	return t.told["S0023"] && t.told["S0024"] && t.told["S0027"] && t.told["S0028"]
}

// timingStatuses are asked for together: a controller that has none refuses them alone.
var timingStatuses = []Subscription{{Code: "S0014", Name: "status"}, {Code: "S0014", Name: "source"}, {Code: "S0023", Name: "status"}, {Code: "S0024", Name: "status"}, {Code: "S0027", Name: "status"}, {Code: "S0028", Name: "status"}}

// take reads one value of a status; known is false for one of no interest here.
func (t *Timing) take(v *StatusValue) (known bool, err error) {
	if v.Name != "status" || v.Quality != "recent" {
		return v.Code == "S0014" || strings.HasPrefix(v.Code, "S002"), nil
	}
	switch v.Code {
	case "S0014":
		t.Now, err = strconv.Atoi(v.Value)
	case "S0023":
		t.Bands, err = readBands(v.Value)
	case "S0024":
		t.Offsets, err = readPairs(v.Value)
	case "S0027":
		t.Day, err = readDay(v.Value)
	case "S0028":
		t.Cycles, err = readPairs(v.Value)
	default:
		return false, nil
	}
	if err != nil {
		return true, city.Errorf(city.Invalid, "%s: %w", v.Code, err)
	}
	if t.told == nil {
		t.told = map[string]bool{}
	}
	t.told[v.Code] = true
	return true, nil
}

// clone is a copy that does not change.
func (t *Timing) clone() Timing {
	c := *t // maps and lists are replaced whole, never written into
	c.told = map[string]bool{}
	for k := range t.told {
		c.told[k] = true
	}
	return c
}

// numbers reads items of so many numbers with dashes between, and commas between items.
func numbers(text string, each int) (list [][]int, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		fields := strings.Split(strings.TrimSpace(item), "-")
		if len(fields) != each {
			return nil, fmt.Errorf("%q has %d numbers, not %d", item, len(fields), each)
		}
		row := make([]int, each)
		for i, f := range fields {
			if row[i], err = strconv.Atoi(f); err != nil || row[i] < 0 || row[i] > 255 {
				return nil, fmt.Errorf("%q in %q is not a number from 0 to 255", f, item)
			}
		}
		list = append(list, row)
	}
	return list, nil
}

func readPairs(text string) (map[int]int, error) {
	list, err := numbers(text, 2)
	if err != nil {
		return nil, err
	}
	out := map[int]int{}
	for _, x := range list {
		out[x[0]] = x[1]
	}
	return out, nil
}

func readBands(text string) (map[int][]int, error) {
	list, err := numbers(text, 3)
	if err != nil {
		return nil, err
	}
	out := map[int][]int{}
	for _, x := range list {
		if x[1] != len(out[x[0]])+1 {
			return nil, fmt.Errorf("band %d of plan %d comes after band %d", x[1], x[0], len(out[x[0]]))
		}
		out[x[0]] = append(out[x[0]], x[2])
	}
	return out, nil
}

func readDay(text string) (day []Switch, err error) {
	list, err := numbers(text, 4)
	if err != nil {
		return nil, err
	}
	for _, x := range list {
		switch {
		case x[2] > 23 || x[3] > 59:
			return nil, fmt.Errorf("%d:%d is no time of day", x[2], x[3])
		case x[0] == everyDay:
			day = append(day, Switch{x[1], x[2], x[3]})
		}
	}
	return day, nil
}

func writeDay(day []Switch) string {
	var items []string
	for _, s := range day {
		items = append(items, fmt.Sprintf("%d-%d-%d-%d", everyDay, s.Plan, s.Hour, s.Minute))
	}
	return strings.Join(items, ",")
}

// arguments writes a change as commands M0014 to M0018, in one request: a controller does all
// of it or nothing.
func (r *Retiming) arguments(code string) (list []Argument) {
	plan := strconv.Itoa(r.Plan)
	add := func(of, command string, fields ...string) {
		for i := 0; i < len(fields); i += 2 {
			list = append(list, Argument{Code: of, Name: fields[i], Command: command, Value: fields[i+1]})
		}
		list = append(list, Argument{Code: of, Name: "securityCode", Command: command, Value: code})
	}
	var bands []string
	for i, s := range r.Bands {
		bands = append(bands, fmt.Sprintf("%d-%d", i+1, s))
	}
	if len(r.Day) > 0 {
		var week []string
		for d := range 7 {
			week = append(week, fmt.Sprintf("%d-%d", d, everyDay))
		}
		add("M0016", "setWeekTable", "status", strings.Join(week, ","))
		add("M0017", "setTimeTable", "status", writeDay(r.Day))
	}
	add("M0018", "setCycleTime", "status", strconv.Itoa(r.Cycle), "plan", plan)
	add("M0015", "setOffset", "status", strconv.Itoa(r.Offset), "plan", plan)
	add("M0014", "setCommands", "plan", plan, "status", strings.Join(bands, ","))
	return list
}

// Retime asks a site to change a plan and returns the id of the request. Whether it did,
// Events.Timing tells; that it refused, Events.Refused.
func (s *Supervisor) Retime(site string, r Retiming) (id string, err error) {
	s.mu.Lock()
	ln := s.lines[site]
	s.mu.Unlock()
	if ln == nil {
		return "", city.Errorf(city.Unavailable, "the site %s is not connected", site)
	}
	m := newMessage(KindCommandRequest)
	m.Component, m.Arguments = ln.site, r.arguments(s.Code)
	return m.ID, ln.send(m)
}

// subscribe asks for statuses, as they are and at each change.
func (ln *line) subscribe(list []Subscription) error {
	change := true
	for i := range list {
		list[i].Every, list[i].OnChange = "0", &change
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	ask := newMessage(KindStatusSubscribe)
	ask.Component, ask.Status = ln.site, text
	return ln.send(ask)
}
