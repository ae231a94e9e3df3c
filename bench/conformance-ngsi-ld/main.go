// Command conformance-ngsi-ld runs ETSI's NGSI-LD test suite against a hub with an
// empty store, a group at a time, and counts what passes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"polity/bench/harness"
)

// group is a part of the suite with a figure of its own.
type group struct {
	name    string
	figure  string   // field of the last line
	folders []string // below TP/NGSI-LD
	mqtt    bool     // it needs a broker
	apart   bool     // each folder with cases has an empty store of its own: some leave something behind
	stubs   bool     // it needs the suite's own copy of HttpCtrl, whose stubs take further parameters
}

const (
	consumption  = "ContextInformation/Consumption/"
	provision    = "ContextInformation/Provision/"
	subscription = "ContextInformation/Subscription"
)

var groups = []group{
	{"Common", "core_passed", []string{"CommonBehaviours"}, false, false, false},
	{"Discovery", "core_passed", []string{consumption + "Discovery"}, false, false, false},
	{"Entity", "core_passed", []string{consumption + "Entity"}, false, false, false},
	{"Batch", "core_passed", []string{provision + "BatchEntities"}, false, false, false},
	{"Entities", "core_passed", []string{provision + "Entities"}, false, false, false},
	{"Attributes", "core_passed", []string{provision + "EntityAttributes"}, false, false, false},
	{"Purge", "core_passed", []string{provision + "PurgeEntities"}, false, false, false},
	{"jsonldContext", "context_passed", []string{"jsonldContext"}, false, false, false},
	{"Temporal", "temporal_passed", []string{consumption + "TemporalEntity", provision + "TemporalEntity", provision + "TemporalEntityAttributes"}, false, false, false},
	{"Subscription", "subscription_passed", []string{subscription}, true, false, false},
	{"ContextSource", "contextsource_passed", []string{"ContextSource"}, false, true, false},
	{"Distributed", "distributed_passed", []string{"DistributedOperations"}, false, true, true},
}

// figures are the fields of the last line, in order.
var figures = []string{"core_passed", "subscription_passed", "temporal_passed", "context_passed", "contextsource_passed", "distributed_passed"}

func main() {
	harness.Main(harness.Bench{
		Name: "conformance-ngsi-ld",
		About: `Runs ETSI's NGSI-LD test suite (Robot Framework) against 'polity hub' on a loopback
port, each group with an empty store, and counts the cases that pass. The suite's
addresses are edited in a temporary copy, its cases never. What fails is written
into REPORT with its clause and its reason.`,
		Variables: []harness.Variable{
			{Name: "SUITE", Default: "../shared/data/ngsi-ld", Help: "folder of the suite, with the @contexts it needs in contexts/"},
			{Name: "GROUPS", Default: "all", Help: "groups to run: " + strings.Join(groupNames(), ", ")},
			{Name: "TEST", Default: "", Help: "only cases whose name matches, such as '018_01*'"},
			{Name: "REPORT", Default: "docs/conformance.md", Help: "page for the results; written where all of a group ran; 'none' for no page"},
			{Name: "KEEP", Default: "", Help: "folder in which logs and output.xml are kept"},
		},
		Run: run,
	})
}

func groupNames() []string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return names
}

// chosen returns the groups that were asked for.
func chosen(names []string) ([]group, error) {
	if len(names) == 1 && strings.EqualFold(names[0], "all") {
		return groups, nil
	}
	var out []group
	for _, name := range names {
		found := false
		for _, g := range groups {
			if strings.EqualFold(g.name, name) {
				out, found = append(out, g), true
			}
		}
		if !found {
			return nil, fmt.Errorf("GROUPS: there is no group %q; there are %s", name, strings.Join(groupNames(), ", "))
		}
	}
	return out, nil
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	asked, err := chosen(r.List("GROUPS"))
	if err != nil {
		return nil, err
	}
	suite, err := r.Data("SUITE")
	if err != nil {
		return nil, fmt.Errorf("%w; it is the test suite of ETSI (forge.etsi.org, cim/ngsi-ld-test-suite)", err)
	}
	if _, err := os.Stat(filepath.Join(suite, "TP", "NGSI-LD")); err != nil {
		return nil, fmt.Errorf("SUITE=%s holds no folder TP/NGSI-LD; name the folder of ETSI's suite", suite)
	}
	work := r.Text("KEEP")
	if work == "" {
		if work, err = os.MkdirTemp("", "conformance-ngsi-ld-*"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(work)
	}
	if work, err = filepath.Abs(work); err != nil {
		return nil, err
	}
	var results []result
	for _, g := range asked {
		got, err := runGroup(ctx, r, g, suite, filepath.Join(work, g.name))
		if err != nil {
			return nil, fmt.Errorf("group %s: %w", g.name, err)
		}
		passed, total := tally(got)
		r.Say("%-14s %4d of %4d", g.name, passed, total)
		for _, c := range got {
			if !c.Passed {
				r.Say("  %s  %s", c.Name, firstLine(c.Reason))
			}
		}
		results = append(results, result{g, got})
	}
	if page := r.Text("REPORT"); page != "none" && r.Text("TEST") == "" {
		if err := writeReport(page, results); err != nil {
			return nil, err
		}
	}
	return fields(results), ctx.Err()
}

// result is what came of a group.
type result struct {
	group group
	cases []testCase
}

// fields makes the figures; one whose groups did not all run is null.
func fields(results []result) harness.Figures {
	var out harness.Figures
	for _, name := range figures {
		passed, total, complete := 0, 0, true
		for _, g := range groups {
			if g.figure != name {
				continue
			}
			ran := false
			for _, r := range results {
				if r.group.name == g.name {
					p, n := tally(r.cases)
					passed, total, ran = passed+p, total+n, true
				}
			}
			complete = complete && ran
		}
		if !complete {
			out = append(out, harness.Figure{Name: name}, harness.Figure{Name: strings.TrimSuffix(name, "passed") + "cases"})
			continue
		}
		out = append(out, harness.Figure{Name: name, Value: passed}, harness.Figure{Name: strings.TrimSuffix(name, "passed") + "cases", Value: total})
	}
	return out
}

func tally(cases []testCase) (passed, total int) {
	for _, c := range cases {
		if c.Passed {
			passed++
		}
	}
	return passed, len(cases)
}

var errNoCases = errors.New("no case was run")
