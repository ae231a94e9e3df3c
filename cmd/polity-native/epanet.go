package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"polity/cmd/polity-native/epanet"
	"polity/internal/parts"
	water "polity/services/water/epanet"
)

// epanetWorker computes the hydraulics of one water network after another, as asked
// on stdin, and answers on stdout.
func epanetWorker(args []string) error {
	flags := flag.NewFlagSet("epanet", flag.ContinueOnError)
	path := flags.String("library", "", "EPANET's shared library (default: where set-up put it)")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), epanetHelp)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if *path == "" {
		found, err := parts.Find(water.LibraryName)
		if err != nil {
			return err
		}
		*path = found
	}
	library, err := epanet.Load(*path)
	if err != nil {
		return err
	}
	out, err := answers()
	if err != nil {
		return err
	}
	return water.Serve(&epanetEngine{library: library}, os.Stdin, out)
}

const epanetHelp = `polity-native epanet computes the hydraulics of water networks, on stdin and stdout.

Example, as polity starts it:
  polity-native epanet --library /usr/lib/polity/libepanet.so.2

`

// answers moves our answers to a descriptor of their own and points standard output
// at standard error: EPANET writes its report to standard output.
func answers() (*os.File, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("duplicate standard output: %w", err)
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return nil, fmt.Errorf("point standard output at standard error: %w", err)
	}
	return os.NewFile(uintptr(fd), "answers"), nil
}

// epanetEngine is the library as the worker's server wants it.
type epanetEngine struct {
	library *epanet.Library
	project *epanet.Project
}

// Open implements water.Engine.
func (e *epanetEngine) Open(path string) (water.Layout, error) {
	if e.project != nil {
		e.project.Close()
		e.project = nil
	}
	project, err := e.library.Open(path)
	if err != nil {
		return water.Layout{}, err
	}
	e.project = project
	l := water.Layout{Version: e.library.Version(), Units: project.FlowUnits()}
	l.Nodes, l.Links, err = project.IDs()
	return l, err
}

var errNoNetwork = errors.New("no network is open")

// Set implements water.Engine.
func (e *epanetEngine) Set(object water.Object, index, property int, value float64) error {
	if e.project == nil {
		return errNoNetwork
	}
	switch object {
	case water.Node:
		return e.project.SetNode(index, property, value)
	case water.Link:
		return e.project.SetLink(index, property, value)
	case water.Time:
		return e.project.SetTime(property, int64(value))
	case water.Option:
		return e.project.SetOption(property, value)
	}
	return fmt.Errorf("%w: object %d", water.ErrProtocol, object)
}

// Begin implements water.Engine.
func (e *epanetEngine) Begin(quality bool) error {
	if e.project == nil {
		return errNoNetwork
	}
	return e.project.Begin(quality)
}

// Solve implements water.Engine.
func (e *epanetEngine) Solve() (int64, int, error) { return e.project.Solve() }

// Next implements water.Engine.
func (e *epanetEngine) Next() (int64, error) { return e.project.Next() }

// All implements water.Engine.
func (e *epanetEngine) All(object water.Object, property int, values []float64) error {
	if object == water.Node {
		return e.project.Nodes(property, values)
	}
	return e.project.Links(property, values)
}

// Code implements water.Engine.
func (e *epanetEngine) Code(err error) int {
	if failed, ok := errors.AsType[*epanet.Error](err); ok {
		return failed.Code
	}
	return 0
}
