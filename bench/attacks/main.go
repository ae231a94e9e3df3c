// Command attacks carries out every attack that the threat model of sealed footage and of
// the public log names, and tells what was tried and why it failed.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"

	"polity/bench/harness"
)

// names.txt lists the attacks that there must be, a name a line.
//
//go:embed names.txt
var namesText string

func required() []string { return strings.Fields(namesText) }

func main() {
	harness.Main(harness.Bench{
		Name: "attacks",
		About: `Runs every test whose name begins with TestAttack, on processes and files of its own on this
machine, and prints for each attack what the attacker had and did and why it failed. The
words stand beside each test (polity/internal/attack). An attack of names.txt that has no
test, a test that has no words, and one that was left out count as failed.

attacks  attacks that were carried out and held
failed   attacks that succeeded, or that nobody carried out`,
		Variables: []harness.Variable{
			{Name: "ONLY", Default: "", Help: "a part of the names of tests: run those alone; the rest is not missed"},
		},
		Run: run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	tests, err := sources(".")
	if err != nil {
		return nil, err
	}
	only := r.Text("ONLY")
	if only != "" {
		tests = matching(tests, only)
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("no test of an attack is called so: ONLY=%s", only)
	}
	r.Say("%d tests of attacks in %d packages are compiled and run", len(tests), len(packages(tests)))
	results, err := play(ctx, r, packages(tests), only)
	if err != nil {
		return nil, err
	}
	names := required()
	if only != "" {
		names = nil
	}
	v := judge(names, tests, results)
	v.print(os.Stdout)
	figures := harness.Figures{{Name: "attacks", Value: len(v.held)}, {Name: "failed", Value: len(v.failed)}}
	if len(v.failed) > 0 {
		fmt.Printf("{\"bench\":\"attacks\",\"attacks\":%d,\"failed\":%d}\n", len(v.held), len(v.failed))
		return nil, fmt.Errorf("%d failed: %s", len(v.failed), strings.Join(v.failed, ", "))
	}
	return figures, nil
}
