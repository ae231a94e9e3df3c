package isolation_test

import (
	"strings"
	"testing"

	"polity/city"
	"polity/services/water/example"
	"polity/services/water/isolation"
)

func TestHydrants(t *testing.T) {
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	const apart = 200
	drawn := isolation.DrawHydrants(n, apart)
	if len(drawn) < 5 {
		t.Fatalf("%d are drawn", len(drawn))
	}
	for i, h := range drawn {
		far := n.Distances(h.Node)
		for _, other := range drawn[:i] {
			if far[other.Node] < apart {
				t.Errorf("%s is %.0f m from %s", h.ID, far[other.Node], other.ID)
			}
		}
	}
	one := n.Nodes[drawn[0].Node].ID
	if list, err := isolation.ReadHydrants("h.csv", strings.NewReader("node, hydrant\n"+one+", H7\n"), n); err != nil || len(list) != 1 || list[0] != (isolation.Hydrant{"H7", drawn[0].Node}) {
		t.Errorf("%+v, %v", list, err)
	}
	for text, want := range map[string]string{
		"":                               "no table",
		"hydrant,place\nH1,x\n":          "needs the columns",
		"hydrant,node\n" + one + ",H1\n": "exchanged",
		"hydrant,node\nH1," + one + "\nH1," + one + "\n": "h.csv:3: hydrant H1 is there twice",
	} {
		if _, err := isolation.ReadHydrants("h.csv", strings.NewReader(text), n); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
