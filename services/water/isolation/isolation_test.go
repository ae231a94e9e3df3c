package isolation_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/water/isolation"
	"polity/services/water/network"
)

func read(t rapid.TB, text string) *network.Network {
	t.Helper()
	n, err := network.Read("t.inp", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// draw makes a small connected network, some pipes of it closed, with some valves.
func draw(t *rapid.T) (*network.Network, []isolation.Valve) {
	nodes := rapid.IntRange(2, 7).Draw(t, "nodes")
	var b strings.Builder
	b.WriteString("[JUNCTIONS]\n")
	for i := range nodes {
		fmt.Fprintf(&b, "n%d 1 1\n", i)
	}
	b.WriteString("[RESERVOIRS]\nr 50\n")
	pipes := []string{"r n0"}
	if rapid.Bool().Draw(t, "two sources") {
		b.WriteString("s 50\n")
		pipes = append(pipes, fmt.Sprintf("s n%d", nodes-1))
	}
	for i := 1; i < nodes; i++ {
		pipes = append(pipes, fmt.Sprintf("n%d n%d", rapid.IntRange(0, i-1).Draw(t, "to"), i))
	}
	for range rapid.IntRange(0, 4).Draw(t, "loops") {
		i := rapid.IntRange(0, nodes-2).Draw(t, "from")
		pipes = append(pipes, fmt.Sprintf("n%d n%d", i, rapid.IntRange(i+1, nodes-1).Draw(t, "to")))
	}
	b.WriteString("[PIPES]\n")
	for i, p := range pipes {
		status := "Open"
		if rapid.IntRange(0, 7).Draw(t, "closed") == 0 {
			status = "Closed"
		}
		fmt.Fprintf(&b, "p%d %s 10 100 100 0 %s\n", i, p, status)
	}
	n := read(t, b.String())
	var valves []isolation.Valve
	for i, l := range n.Links {
		for _, node := range []int{l.From, l.To} {
			if len(valves) < 12 && rapid.Bool().Draw(t, "valve") {
				valves = append(valves, isolation.Valve{ID: fmt.Sprint(len(valves)), Link: i, Node: node, Stuck: rapid.IntRange(0, 9).Draw(t, "stuck") == 0})
			}
		}
	}
	return n, valves
}

// TestAgainstAllSets compares plans with every set of valves there is.
func TestAgainstAllSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, valves := draw(t)
		p := isolation.NewPlanner(n, valves)
		link := rapid.IntRange(0, len(n.Links)-1).Draw(t, "link")
		plan, err := p.Isolate(link)
		fewest, errFewest := p.Fewest(link)
		smallest := -1
		for set := range uint(1) << len(valves) {
			closed := map[int]bool{}
			for i := range valves {
				closed[i] = set>>i&1 == 1
			}
			if isolation.Reaches(n, valves, closed, link) {
				continue
			}
			if size := bits.OnesCount(set); smallest < 0 || size < smallest {
				smallest = size
			}
			if err == nil && set != mask(plan.Close) && set&^mask(plan.Close) == 0 {
				t.Fatalf("%v isolates, so %v is not minimal", closed, plan.Close)
			}
		}
		if smallest < 0 {
			if city.KindOf(err) != city.Conflict || errFewest == nil {
				t.Fatalf("no set isolates, the answer was %v, %v", plan, err)
			}
			return
		}
		if err != nil || errFewest != nil {
			t.Fatalf("a set isolates, the answers were %v, %v", err, errFewest)
		}
		for _, q := range []*isolation.Plan{plan, fewest} {
			if isolation.Reaches(n, valves, set(q.Close), link) {
				t.Fatalf("with %v closed water comes", q.Close)
			}
		}
		if len(fewest.Close) != smallest {
			t.Fatalf("%v closed, %d suffice", fewest.Close, smallest)
		}
		if len(fewest.Dry) < len(plan.Dry) {
			t.Fatalf("fewest leaves %d dry, the near set %d", len(fewest.Dry), len(plan.Dry))
		}
		checkDry(t, n, valves, plan)
		checkDry(t, n, valves, fewest)
	})
}

func mask(valves []int) (m uint) {
	for _, v := range valves {
		m |= 1 << v
	}
	return m
}

func set(valves []int) map[int]bool {
	m := map[int]bool{}
	for _, v := range valves {
		m[v] = true
	}
	return m
}

// checkDry: a node is dry exactly if it had water, and no link at it has any now.
func checkDry(t *rapid.T, n *network.Network, valves []isolation.Valve, plan *isolation.Plan) {
	for i, node := range n.Nodes {
		if node.Kind != network.Junction {
			continue
		}
		had, has := false, false
		for _, a := range n.Arms(i) {
			if n.Links[a.Link].Closed {
				continue
			}
			had = had || isolation.Reaches(n, valves, nil, a.Link)
			// Water stands at the node if it comes through a link whose end here is open.
			shut := slices.ContainsFunc(plan.Close, func(v int) bool { return valves[v].Link == a.Link && valves[v].Node == i && !valves[v].Stuck })
			has = has || !shut && isolation.Reaches(n, valves, set(plan.Close), a.Link)
		}
		if had && !has && !slices.Contains(plan.Dry, i) {
			t.Fatalf("%s is dry and not named", node.ID)
		}
		if has && slices.Contains(plan.Dry, i) {
			t.Fatalf("%s is named dry and has water", node.ID)
		}
	}
}

const line = `[JUNCTIONS]
a 1 1
b 1 1
c 1 1
[RESERVOIRS]
r 50
[PIPES]
p1 r a 10 100 100
p2 a b 10 100 100
p3 b c 10 100 100
`

func TestLine(t *testing.T) {
	n := read(t, line)
	valves, err := isolation.ReadValves("v.csv", strings.NewReader("valve,link,node\nA,p1,r\nB,p2,a\nC,p3,b\n"), n)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := isolation.NewPlanner(n, valves).Isolate(1)
	if err != nil {
		t.Fatal(err)
	}
	// C need not be closed: behind it is no source. Its customers go dry all the same.
	if !slices.Equal(plan.Close, []int{1}) || !slices.Equal(plan.Dry, []int{1, 2}) || !slices.Equal(plan.Segment, []int{1}) {
		t.Errorf("plan %+v", plan)
	}
}

func TestReadValvesSaysWhatIsWrong(t *testing.T) {
	n := read(t, line)
	for text, want := range map[string]string{
		"":                                     "no table",
		"valve,pipe,node\n":                    `no column "link"`,
		"valve,link,node\nA,p9,r\n":            "v.csv:2: valve A is on p9",
		"valve,link,node\nA,p1,z\n":            "is at z",
		"valve,link,node\nA,p1,c\n":            "where link p1 does not end",
		"valve,link,node\nA,p1,r\nA,p2,a\n":    "v.csv:3: valve A is there twice",
		"valve,link,node,stuck\nA,p1,r,soon\n": "write yes or no",
		"valve,link,node\nA,p1\n":              "wrong number of fields",
	} {
		_, err := isolation.ReadValves("v.csv", strings.NewReader(text), n)
		if err == nil || !strings.Contains(err.Error(), want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzReadValves(f *testing.F) {
	f.Add("valve,link,node,stuck\nA,p1,r,yes\n")
	f.Fuzz(func(t *testing.T, text string) {
		n := read(t, line)
		valves, err := isolation.ReadValves("v.csv", strings.NewReader(text), n)
		if err == nil {
			_, _ = isolation.NewPlanner(n, valves).Isolate(0)
		}
	})
}
