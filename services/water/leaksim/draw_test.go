package leaksim_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"polity/services/water/leaksim"
	"polity/services/water/network"
)

// street is a row of pipes, the second half behind a pump.
func street(t *testing.T) *network.Network {
	t.Helper()
	var b strings.Builder
	b.WriteString("[JUNCTIONS]\n")
	for i := range 100 {
		fmt.Fprintf(&b, "n%d 1 1\n", i)
	}
	b.WriteString("[RESERVOIRS]\nr 50\n[PIPES]\np r n0 10 100 100\n")
	for i := range 99 {
		if i != 50 {
			fmt.Fprintf(&b, "p%d n%d n%d 10 100 100\n", i, i, i+1)
		}
	}
	b.WriteString("[PUMPS]\npump n50 n51 POWER 5\n")
	n, err := network.Read("street.inp", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDraw(t *testing.T) {
	n := street(t)
	start := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)
	first := leaksim.Draw(n, 1, start)
	if !reflect.DeepEqual(first, leaksim.Draw(n, 1, start)) {
		t.Error("the same seed draws other leaks")
	}
	if reflect.DeepEqual(first, leaksim.Draw(n, 2, start)) {
		t.Error("another seed draws the same leaks")
	}
	for seed := range uint64(20) {
		leaks := leaksim.Draw(n, seed, start)
		if len(leaks) < 29 || len(leaks) > 37 {
			t.Errorf("seed %d: %d leaks", seed, len(leaks))
		}
		pipes := map[string]bool{}
		for i, l := range leaks {
			if pipes[l.Pipe] {
				t.Errorf("seed %d: two leaks in %s", seed, l.Pipe)
			}
			pipes[l.Pipe] = true
			if l.Peak.Before(l.Start) || !l.Peak.Before(l.End) && !l.Peak.Equal(l.Start) && l.Repaired || l.Diameter < 0.008 || l.Diameter > 0.023 {
				t.Errorf("seed %d: leak %d is %+v", seed, i, l)
			}
			if i > 0 && l.Start.Before(leaks[i-1].Start) {
				t.Errorf("seed %d: leak %d is out of order", seed, i)
			}
		}
	}
}

// TestTheDetectorKnowsNothing: package leaks imports nothing of this one.
func TestTheDetectorKnowsNothing(t *testing.T) {
	files, err := filepath.Glob("../leaks/*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("the detector's files are not where they were: %v", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			if strings.Contains(imp.Path.Value, "leaksim") {
				t.Errorf("%s imports %s", name, imp.Path.Value)
			}
		}
	}
}
