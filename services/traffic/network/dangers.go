package network

import (
	"fmt"
	"time"
)

// Dangers lists what makes a junction's model unsafe to run, most dangerous first:
// groups without an intergreen to a conflicting one, without a minimum green, or
// without amber.
func Dangers(j *Junction) []string {
	var list []string
	if len(j.Groups) == 0 {
		return []string{"it has no signal groups"}
	}
	if len(j.Conflicts) != len(j.Groups) || len(j.Intergreen) != len(j.Groups) || len(j.Yields) != len(j.Groups) || len(j.Traps) != len(j.Groups) {
		return []string{"its conflict matrix or intergreens do not cover all groups"}
	}
	for a := range j.Groups {
		if len(j.Intergreen[a]) != len(j.Groups) {
			return []string{fmt.Sprintf("the intergreens from %s do not cover all groups", j.Groups[a].Name)}
		}
		if j.Conflicts[a].Has(a) {
			list = append(list, fmt.Sprintf("%s conflicts with itself", j.Groups[a].Name))
		}
		for b := range j.Conflicts[a].All() {
			switch {
			case b >= len(j.Groups):
				return []string{fmt.Sprintf("%s conflicts with group %d, which is not there", j.Groups[a].Name, b)}
			case !j.Conflicts[b].Has(a):
				list = append(list, fmt.Sprintf("%s conflicts with %s, but not the other way round", j.Groups[a].Name, j.Groups[b].Name))
			case j.Intergreen[a][b] <= 0:
				list = append(list, fmt.Sprintf("the intergreen from %s to %s is missing", j.Groups[a].Name, j.Groups[b].Name))
			case j.Intergreen[a][b] < j.Groups[a].Timing.Amber:
				list = append(list, fmt.Sprintf("the intergreen from %s to %s, %v, is shorter than the amber of %v", j.Groups[a].Name, j.Groups[b].Name, j.Intergreen[a][b], j.Groups[a].Timing.Amber))
			}
		}
		t := j.Groups[a].Timing
		switch {
		case t.MinGreen <= 0:
			list = append(list, fmt.Sprintf("%s has no minimum green", j.Groups[a].Name))
		case j.Groups[a].Kind == Vehicles && t.Amber < time.Second:
			list = append(list, fmt.Sprintf("%s has no amber", j.Groups[a].Name))
		case t.MaxGreen > 0 && t.MaxGreen < t.MinGreen:
			list = append(list, fmt.Sprintf("the maximum green of %s, %v, is shorter than its minimum of %v", j.Groups[a].Name, t.MaxGreen, t.MinGreen))
		}
	}
	return list
}

// PlanDangers lists what is wrong with a plan of the junction: greens that conflict,
// and greens that end and start with less than the intergreen between.
func (j *Junction) PlanDangers(p Plan) []string {
	var list []string
	seen := map[string]bool{}
	say := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !seen[text] {
			seen[text] = true
			list = append(list, text)
		}
	}
	var ended [MaxGroups]time.Duration
	for i := range ended {
		ended[i] = -time.Hour
	}
	var at time.Duration
	var last Set
	for range 2 { // twice round: the last phase is followed by the first
		for k, ph := range p.Phases {
			now, _ := j.StateGroups(ph.State)
			for a := range now.All() {
				for b := range (now & j.Conflicts[a]).All() {
					if a < b {
						say("phase %d shows %s and %s green together, which cross", k, j.Groups[a].Name, j.Groups[b].Name)
					}
				}
			}
			for x := range j.Signals {
				for _, y := range j.Signals[x].YieldsTo {
					if ph.State[x] == 'G' && ph.State[y] == 'G' {
						say("phase %d gives signals %d and %d (%s and %s) green with priority, though their ways cross", k, x, y, j.Groups[j.Signals[x].Group].Name, j.Groups[j.Signals[y].Group].Name)
					}
				}
			}
			for a := range (last &^ now).All() {
				ended[a] = at
			}
			for b := range (now &^ last).All() {
				for a := range (j.Conflicts[b] &^ now).All() {
					if gap := at - ended[a]; gap < j.Intergreen[a][b] {
						say("phase %d: %s becomes green %v after %s, whose intergreen is %v", k, j.Groups[b].Name, gap, j.Groups[a].Name, j.Intergreen[a][b])
					}
				}
			}
			last = now
			at += ph.Duration
		}
	}
	return list
}
