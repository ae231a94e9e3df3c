// Command polity-native holds the only workers that load foreign native
// libraries: it is started by polity, speaks over pipes, and is sandboxed.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// worker serves its protocol on stdin and stdout until stdin ends.
type worker struct {
	name, about string
	run         func(args []string) error
}

// workers is the only list of native workers.
var workers = []worker{
	{"detect", "finds people, vehicles and animals in pictures", detectWorker},
	{"epanet", "computes the hydraulics of water networks", epanetWorker},
}

func main() {
	if len(os.Args) < 2 || os.Args[1] == "--help" || os.Args[1] == "help" {
		help()
		os.Exit(2)
	}
	i := slices.IndexFunc(workers, func(w worker) bool { return w.name == os.Args[1] })
	if i < 0 {
		fmt.Fprintf(os.Stderr, "polity-native: there is no worker %q\n", os.Args[1])
		help()
		os.Exit(2)
	}
	if err := workers[i].run(os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "polity-native %s: %v\n", workers[i].name, err)
		os.Exit(1)
	}
}

func help() {
	var list strings.Builder
	for _, w := range workers {
		fmt.Fprintf(&list, "  %-10s %s\n", w.name, w.about)
	}
	fmt.Fprintf(os.Stderr, "polity-native is started by polity; it does nothing useful by hand.\nWorkers:\n%s", list.String())
}
