package network_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"polity/city"
	"polity/services/traffic/network"
)

func crossJSON(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := readCross(t).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestJSONIsReadBack: a network that came from SUMO is the same after writing and
// reading, stages and lanes of groups included.
func TestJSONIsReadBack(t *testing.T) {
	text := crossJSON(t)
	back, err := network.ReadJSON(bytes.NewReader(text), "cross.json")
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := back.WriteJSON(&again); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, again.Bytes()) {
		t.Error("what is read is written differently")
	}
	n := readCross(t)
	j, k := n.Junctions[0], back.Junctions[0]
	if len(j.Stages) != len(k.Stages) || len(n.Links) != len(back.Links) {
		t.Fatalf("%d stages became %d, %d links %d", len(j.Stages), len(k.Stages), len(n.Links), len(back.Links))
	}
	for i := range j.Stages {
		if j.Stages[i] != k.Stages[i] {
			t.Errorf("stage %d is %v, was %v", i, k.Stages[i], j.Stages[i])
		}
	}
	for g := range j.Groups {
		if len(j.Groups[g].Lanes) != len(k.Groups[g].Lanes) || len(j.Groups[g].Signals) != len(k.Groups[g].Signals) {
			t.Errorf("%s serves other lanes", j.Groups[g].Name)
		}
	}
	if back.Via(":A0_0_0") != n.Via(":A0_0_0") || n.Via(":A0_0_0") < 0 {
		t.Error("the ways through the junction have lost their names")
	}
}

// TestBadJSON changes one thing at a time in a network that is right.
func TestBadJSON(t *testing.T) {
	text := crossJSON(t)
	junction := func(change func(j map[string]any)) func(map[string]any) {
		return func(n map[string]any) { change(n["junctions"].([]any)[0].(map[string]any)) }
	}
	for name, c := range map[string]struct {
		change  func(n map[string]any)
		problem string
	}{
		"another format":      {func(n map[string]any) { n["format"] = "polity-traffic-network/9" }, `this program reads "polity-traffic-network/1"`},
		"an unknown field":    {func(n map[string]any) { n["lane"] = 1 }, `unknown field "lane"`},
		"a lane twice":        {func(n map[string]any) { l := n["lanes"].([]any); n["lanes"] = append(l, l[0]) }, "is there twice"},
		"a lane of no length": {func(n map[string]any) { n["lanes"].([]any)[0].(map[string]any)["length_m"] = 0 }, "must be above 0"},
		"a link to nowhere":   {func(n map[string]any) { n["links"].([]any)[0].(map[string]any)["to"] = "x" }, "one of the lanes is not there"},
		"an unknown turn":     {func(n map[string]any) { n["links"].([]any)[0].(map[string]any)["turn"] = "up" }, "none of s, l, r, t"},
		"no intergreen": {junction(func(j map[string]any) {
			l := j["intergreens"].([]any)
			j["intergreens"] = l[1:]
		}), "junction A0: the intergreen from top0A0.130.00 right+straight to right0A0.130.00 right+straight is missing"},
		"an intergreen below the amber": {junction(func(j map[string]any) {
			j["intergreens"].([]any)[0].(map[string]any)["s"] = 1
		}), "is shorter than the amber of 3s"},
		"an intergreen of nobody": {junction(func(j map[string]any) {
			j["intergreens"] = append(j["intergreens"].([]any), map[string]any{"from": "V1", "to": "V99", "s": 5})
		}), "V1 and V99; one of them is no group"},
		"conflicting greens": {junction(func(j map[string]any) {
			for _, p := range j["plans"].([]any)[0].(map[string]any)["phases"].([]any) {
				ph := p.(map[string]any)
				ph["state"] = strings.Repeat("G", len(ph["state"].(string)))
			}
		}), "together, which conflict"},
		"a phase too short for its signals": {junction(func(j map[string]any) {
			j["plans"].([]any)[0].(map[string]any)["phases"].([]any)[0].(map[string]any)["state"] = "G"
		}), "phase 0 has the state"},
		"no plan":          {junction(func(j map[string]any) { j["plans"] = []any{} }), "has no signal plan"},
		"no group":         {junction(func(j map[string]any) { j["groups"].([]any)[0].(map[string]any)["id"] = "X" }), `group 0 has the id "X"; in this order it is V1`},
		"no minimum green": {junction(func(j map[string]any) { j["groups"].([]any)[0].(map[string]any)["min_green_s"] = -1 }), "has no minimum green"},
		"a conflict that yields": {junction(func(j map[string]any) {
			j["yields"] = append(j["yields"].([]any), j["conflicts"].([]any)[0])
		}), "conflict, so neither can give way"},
	} {
		var n map[string]any
		if err := json.Unmarshal(text, &n); err != nil {
			t.Fatal(err)
		}
		c.change(n)
		bad, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		_, err = network.ReadJSON(bytes.NewReader(bad), "bad.json")
		if err == nil || !strings.Contains(err.Error(), c.problem) || !strings.Contains(err.Error(), "bad.json") || city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v, want %q", name, err, c.problem)
		}
	}
	if _, err := network.ReadJSON(strings.NewReader("{\n\"format\": 1"), "bad.json"); err == nil || !strings.Contains(err.Error(), "bad.json:2") {
		t.Errorf("broken JSON: %v", err)
	}
}

// TestTheDocumentedExampleIsRead holds docs/formats/traffic-network.md to the code.
func TestTheDocumentedExampleIsRead(t *testing.T) {
	page, err := os.ReadFile("../../../docs/formats/traffic-network.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example")
	}
	n, err := network.ReadJSON(strings.NewReader(example), "example")
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Junctions) != 1 || len(n.Junctions[0].Groups) != 3 {
		t.Error("the example is another one")
	}
	if d := n.Junctions[0].PlanDangers(n.Junctions[0].Plans[0]); len(d) > 0 {
		t.Errorf("the example's plan: %v", d)
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add(string(crossJSON(f)))
	f.Add(`{"format":"polity-traffic-network/1","name":"x","lanes":[],"links":[],"junctions":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		n, err := network.ReadJSON(strings.NewReader(text), "fuzz")
		if err != nil {
			return
		}
		for _, j := range n.Junctions {
			if d := network.Dangers(j); len(d) > 0 {
				t.Fatalf("dangers were let in: %v", d)
			}
			for _, p := range j.Plans {
				j.PlanDangers(p)
			}
		}
		var b bytes.Buffer
		if err := n.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
	})
}
