// Package utility is the power service as a city runs it: the distribution network and, where
// the configuration has it, street lighting. The two share the service's name, its desk and its
// decisions, and nothing else: when one ends, the other is begun anew with it.
package utility

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/service"
	"polity/services/power/live"
	"polity/services/power/street"
)

// Module is the service for the program's list.
var Module = service.Module{
	Name:  live.Name,
	New:   func(config []byte, d service.Deps) (service.Service, error) { return New(config, d) },
	Check: check,
}

// check reads the configuration, and no file that it names.
func check(config []byte) error {
	grid, lights, err := split(config)
	if err == nil {
		err = live.CheckConfig(grid)
	}
	if err == nil && lights != nil {
		_, err = readLights(lights)
	}
	return err
}

func readLights(text []byte) (street.Config, error) {
	var file struct {
		Lighting street.Config `yaml:"lighting"`
	}
	if err := strictyaml.Decode("services.power", text, &file); err != nil {
		return street.Config{}, city.Errorf(city.Invalid, "%w", err)
	}
	return file.Lighting, nil
}

// Service is the running service.
type Service struct {
	*live.Service
	deps   service.Deps
	street *street.Service // nil: lighting is not configured
}

const lightingKey = "lighting"

// New makes the service out of hub.services.power: the keys of services/power/live, and
// lighting, those of services/power/street.
func New(config []byte, d service.Deps) (*Service, error) {
	grid, lights, err := split(config)
	if err != nil {
		return nil, err
	}
	s := &Service{deps: d}
	forGrid := d
	forGrid.Decisions = part{d.Decisions, func(id string) bool { return !strings.HasPrefix(id, street.Prefix) }}
	if s.Service, err = live.New(grid, forGrid); err != nil || lights == nil {
		return s, err
	}
	of, err := readLights(lights)
	if err != nil {
		return nil, err
	}
	d.Decisions = part{d.Decisions, func(id string) bool { return strings.HasPrefix(id, street.Prefix) }}
	d.Dir = filepath.Join(d.Dir, lightingKey)
	if s.street, err = street.New(of, d); err != nil {
		return nil, city.Errorf(city.KindOf(err), "lighting: %w", err)
	}
	return s, nil
}

// split tells the lines of lighting from the others, each part with the line numbers of the
// whole.
func split(config []byte) (grid, lights []byte, err error) {
	file, err := parser.ParseBytes(config, 0)
	if err != nil || len(file.Docs) == 0 {
		return config, nil, nil //nolint:nilerr // whoever reads it next says what is wrong
	}
	var pairs []*ast.MappingValueNode
	flow := false
	switch body := file.Docs[0].Body.(type) {
	case *ast.MappingNode:
		pairs, flow = body.Values, body.IsFlowStyle
	case *ast.MappingValueNode:
		pairs, flow = []*ast.MappingValueNode{body}, body.IsFlowStyle
	}
	lines := bytes.SplitAfter(config, []byte("\n"))
	for i, pair := range pairs {
		token := pair.Key.GetToken()
		if token.Value != lightingKey {
			continue
		}
		if flow {
			return nil, nil, city.Errorf(city.Invalid, "services.power:%d: write lighting on lines of its own, not between braces", token.Position.Line)
		}
		from, to := token.Position.Line-1, len(lines)
		if i+1 < len(pairs) {
			to = pairs[i+1].Key.GetToken().Position.Line - 1
		}
		for k, line := range lines {
			empty := line[len(bytes.TrimRight(line, "\r\n")):]
			if k >= from && k < to {
				grid, lights = append(grid, empty...), append(lights, line...)
			} else {
				grid, lights = append(grid, line...), append(lights, empty...)
			}
		}
		return grid, lights, nil
	}
	return config, nil, nil
}

// part is decisions of which some are one half's.
type part struct {
	service.Decisions
	mine func(id string) bool
}

// Due returns those of this half.
func (p part) Due(ctx context.Context) (list []service.Due, err error) {
	all, err := p.Decisions.Due(ctx)
	for _, d := range all {
		if p.mine(d.ID) {
			list = append(list, d)
		}
	}
	return list, err
}

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var work sync.WaitGroup
	var gridErr, lightErr, hearErr error
	work.Go(func() { defer end(); gridErr = s.Service.Run(ctx) })
	if s.street != nil {
		work.Go(func() { defer end(); lightErr = s.street.Run(ctx) })
	}
	if !s.Service.State().Simulated { // a made-up evening hears no real meters
		work.Go(func() { defer end(); hearErr = s.hear(ctx) })
	}
	work.Wait()
	return errors.Join(gridErr, lightErr, hearErr)
}

// State is the network's, and lighting's where only that is in trouble.
func (s *Service) State() service.State {
	x := s.Service.State()
	if s.street == nil || x.Health != service.Well {
		return x
	}
	if l := s.street.State(); l.Health != service.Well {
		return l
	}
	return x
}

// Lights is street lighting as it is now; false: it is not configured.
func (s *Service) Lights() (v street.View, has bool) {
	if s.street == nil {
		return v, false
	}
	return s.street.View(), true
}

// Evening is what the lamps' own schedules have in the night around now.
func (s *Service) Evening() street.Evening {
	if s.street == nil {
		return street.Evening{}
	}
	return s.street.Evening(s.street.Now())
}
