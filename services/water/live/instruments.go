package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"polity/city"
	"polity/plane"
	"polity/service"
	"polity/services/water/epanet"
	"polity/services/water/scada"
)

// Instruments are the entities of the city's data that measure, by the name of the node or link
// in the network file.
type Instruments struct {
	Pressures map[string]Instrument `yaml:"pressures"` // by junction
	Flows     map[string]Instrument `yaml:"flows"`     // by link, positive from its first node to its second
	Levels    map[string]Instrument `yaml:"levels"`    // by tank
}

// Instrument is one of them.
type Instrument struct {
	Entity    string `yaml:"entity"`
	Attribute string `yaml:"attribute"` // empty: numValue
	Unit      string `yaml:"unit"`      // UN/CEFACT code, where the entity names none; empty: m, m³/h
}

// Of time.
const (
	stepOf = 15 * time.Minute // rows of a day
	bridge = time.Hour        // between two values, over which those between are interpolated
	late   = 2 * time.Hour    // behind a day that its values may come
	quiet  = 6 * time.Hour    // of a day for which an instrument says nothing, from where it is told of
)

// units are factors to m and m³/h, by code.
var (
	heads = map[string]float64{"": 1, "MTR": 1, "BAR": 10.19716, "KPA": 0.1019716, "A97": 0.01019716, "MBR": 0.01019716, "MPA": 101.9716, "PAL": 0.0001019716, "PS": 0.7030696}
	flows = map[string]float64{"": 1, "MQH": 1, "MQS": 3600, "G51": 3.6, "L2": 0.06, "E32": 0.001}
	rises = map[string]float64{"": 1, "MTR": 1, "CMT": 0.01, "MMT": 0.001}
)

// empty says whether there are none.
func (in *Instruments) empty() bool {
	return len(in.Pressures)+len(in.Flows)+len(in.Levels) == 0
}

// gauges are the instruments of one sort.
type gauges struct {
	what, name string // one of them, and the table's
	of         map[string]Instrument
	units      map[string]float64
	unit       string // as people say it
}

func (in *Instruments) all() []gauges {
	return []gauges{
		{"pressure", "pressures", in.Pressures, heads, "m (MTR), BAR, KPA, MBR or PS"},
		{"flow", "flows", in.Flows, flows, "m³/h (MQH), MQS, G51 (l/s), L2 (l/min) or E32 (l/h)"},
		{"level", "levels", in.Levels, rises, "m (MTR), CMT or MMT"},
	}
}

func (in *Instruments) check() error {
	if len(in.Pressures) == 0 || len(in.Flows) == 0 {
		return city.Errorf(city.Invalid, "instruments: pressures and flows are needed")
	}
	for _, k := range in.all() {
		for name, x := range k.of {
			if x.Entity == "" {
				return city.Errorf(city.Invalid, "instruments: %s: %s: entity is missing", k.name, name)
			}
			if k.units[x.Unit] == 0 {
				return city.Errorf(city.Invalid, "instruments: %s: %s: unit is %q: %s is possible", k.name, name, x.Unit, k.unit)
			}
		}
	}
	return nil
}

// keep leaves to an earlier time the instruments that there are, and no meters of homes, which
// the city's data never has. Each has to be among its columns.
func (in *Instruments) keep(d *scada.Data) error {
	for i, t := range []*scada.Table{d.Pressures, d.Flows, d.Levels} {
		k := in.all()[i]
		had := slices.Clone(t.Names)
		var names []string
		var values [][]float32
		for c, name := range t.Names {
			if _, is := k.of[name]; is {
				names, values = append(names, name), append(values, t.Values[c])
			}
		}
		t.Names, t.Values = names, values
		for name := range k.of {
			if !slices.Contains(had, name) {
				return city.Errorf(city.Invalid, "instruments: %s: %s is no column of %s: history has to have it, or what is usual there is not known", k.name, name, t.Name)
			}
		}
	}
	d.Demands = &scada.Table{Name: d.Demands.Name, Start: d.Demands.Start, Step: d.Demands.Step}
	return nil
}

// cityDays takes the days that are over and new. A day that cannot be used is left out, and told
// of until a later one can.
func (s *Service) cityDays(ctx context.Context) error {
	over := s.overDays()
	for day := s.watch.Next(); day.Before(over); day = s.watch.Next() {
		d, lacks, err := s.cityDay(ctx, day)
		if err != nil {
			return err
		}
		switch last := !day.AddDate(0, 0, 1).Before(over); {
		case empty(d):
			err = city.Errorf(city.Invalid, "nothing was measured")
		case last:
			err = s.day(ctx, d, nil, lacks)
		case s.disturbed(day):
			s.watch.Skip()
		default:
			err = s.watch.Add(ctx, epanet.Native, d)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		problem := ""
		if err != nil {
			if kind := city.KindOf(err); kind != city.Invalid {
				return fmt.Errorf("instruments: %w", err)
			}
			if s.watch.Next().Equal(day) {
				s.watch.Skip()
			}
			problem = fmt.Sprintf("%s is left out: %v", day.Format("2 January 2006"), err)
			s.deps.Log.Error("a day of instruments that cannot be used", slog.Any("error", err), slog.Time("day", day))
		}
		s.mu.Lock()
		s.problem, s.shown.lacks = problem, lacks
		s.mu.Unlock()
	}
	return nil
}

func empty(d *scada.Data) bool {
	for _, t := range []*scada.Table{d.Pressures, d.Flows} {
		for _, column := range t.Values {
			if slices.ContainsFunc(column, func(v float32) bool { return v == v }) {
				return false
			}
		}
	}
	return true
}

// cityDay is what instruments measured on a day, and which of them say too little. It is kept
// once it was drawn up: the city's data thins out, and a restart goes through all days.
func (s *Service) cityDay(ctx context.Context, day time.Time) (*scada.Data, []string, error) {
	folder := filepath.Join(s.deps.Dir, "days", day.Format(time.DateOnly))
	if d, err := scada.ReadFolder(folder); err == nil && s.has(d, day) {
		return d, lackOf(d), nil
	}
	d, lacks, err := s.drawUp(ctx, day)
	if err != nil {
		return nil, nil, err
	}
	if err := keepDay(folder, d); err != nil {
		return nil, nil, fmt.Errorf("keep the day of instruments: %w", err)
	}
	kept, err := scada.ReadFolder(folder) // rounded, as it will be read behind a restart
	if err != nil {
		return nil, nil, err
	}
	return kept, append(lacks, lackOf(kept)...), nil
}

// keepDay writes a day such that it is there whole or not at all.
func keepDay(folder string, d *scada.Data) error {
	parent := filepath.Dir(folder)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return err
	}
	return errors.Join(d.WriteFolder(fresh, ""), os.RemoveAll(folder), os.Rename(fresh, folder))
}

// has says whether a kept day has the columns of the instruments that there are.
func (s *Service) has(d *scada.Data, day time.Time) bool {
	for i, t := range []*scada.Table{d.Pressures, d.Flows, d.Levels} {
		if !slices.Equal(t.Names, s.columns[i]) {
			return false
		}
	}
	return d.Pressures.Start.Equal(day) && d.Pressures.Step == stepOf && d.Pressures.Len() == int(24*time.Hour/stepOf)
}

// drawUp puts the observations of a day into tables.
func (s *Service) drawUp(ctx context.Context, day time.Time) (*scada.Data, []string, error) {
	var tables []*scada.Table
	var lacks []string
	for i, k := range s.cfg.Instruments.all() {
		t := &scada.Table{Name: fmt.Sprintf("%s of %s", k.name, day.Format(time.DateOnly)), Start: day, Step: stepOf, Names: s.columns[i]}
		for _, name := range t.Names {
			column, lack, err := s.column(ctx, k, name, day)
			if err != nil {
				return nil, nil, err
			}
			if lack != "" {
				lacks = append(lacks, lack)
			}
			t.Values = append(t.Values, column)
		}
		tables = append(tables, t)
	}
	return &scada.Data{Pressures: tables[0], Flows: tables[1], Levels: tables[2], Demands: &scada.Table{Name: "demands", Start: day, Step: stepOf}}, lacks, nil
}

// value is one observation.
type value struct {
	at time.Time
	v  float64
}

// column is an instrument's day, and what is wrong with it where something is.
func (s *Service) column(ctx context.Context, k gauges, name string, day time.Time) (column []float32, lack string, err error) {
	x := k.of[name]
	if x.Attribute == "" {
		x.Attribute = "numValue"
	}
	e, err := s.deps.Data.Entity(ctx, plane.Key{ID: x.Entity})
	if kind := city.KindOf(err); err != nil && kind != city.NotFound {
		return nil, "", fmt.Errorf("%s of %s: %w", k.what, name, err)
	}
	switch {
	case err != nil:
		lack = fmt.Sprintf("The %s of %s: there is no entity %s.", k.what, name, x.Entity)
	case e.Attribute(x.Attribute) == nil:
		lack = fmt.Sprintf("The %s of %s: %s has no %s.", k.what, name, x.Entity, x.Attribute)
	default:
		if unit := e.Attribute(x.Attribute).Unit; unit != "" {
			x.Unit = unit
		}
	}
	factor := k.units[x.Unit]
	if factor == 0 {
		return fill(nil, day), service.Sentence(fmt.Sprintf("The %s of %s is in %s, which is no unit of one here: %s is.", k.what, name, x.Unit, k.unit), 300), nil
	}
	var list []value
	q := plane.HistoryQuery{Key: plane.Key{ID: x.Entity}, Attribute: x.Attribute, From: day.Add(-bridge), To: day.AddDate(0, 0, 1).Add(bridge)}
	err = s.deps.Data.History(ctx, q, func(o plane.Observation) error {
		if o.Detail == nil {
			list = append(list, value{o.Start.Add(o.Length / 2), o.Value * factor})
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("%s of %s: %w", k.what, name, err)
	}
	return fill(list, day), lack, nil
}

// fill makes rows of values in the order of time: means, and between two that are no further
// apart than bridge what lies between.
func fill(list []value, day time.Time) []float32 {
	n := int(24 * time.Hour / stepOf)
	sum, count := make([]float64, n), make([]float64, n)
	for _, x := range list {
		if i := int(math.Floor(float64(x.at.Sub(day)) / float64(stepOf))); i >= 0 && i < n {
			sum[i], count[i] = sum[i]+x.v, count[i]+1
		}
	}
	slices.SortStableFunc(list, func(a, b value) int { return a.at.Compare(b.at) })
	column := make([]float32, n)
	next := 0
	for i := range column {
		if count[i] > 0 {
			column[i] = float32(sum[i] / count[i])
			continue
		}
		column[i] = float32(math.NaN())
		at := day.Add(time.Duration(i)*stepOf + stepOf/2)
		for next < len(list) && list[next].at.Before(at) {
			next++
		}
		if next > 0 && next < len(list) && list[next].at.Sub(list[next-1].at) <= bridge {
			a, b := list[next-1], list[next]
			part := float64(at.Sub(a.at)) / float64(b.at.Sub(a.at))
			column[i] = float32(a.v + part*(b.v-a.v))
		}
	}
	return column
}

// lackOf names the instruments that said nothing for long on a day.
func lackOf(d *scada.Data) (lacks []string) {
	for _, x := range []struct {
		of   *scada.Table
		what string
	}{{d.Pressures, "pressure"}, {d.Flows, "flow"}, {d.Levels, "level"}} {
		for c, name := range x.of.Names {
			gone := 0
			for _, v := range x.of.Values[c] {
				if v != v {
					gone++
				}
			}
			if hours := time.Duration(gone) * stepOf; hours == 24*time.Hour {
				lacks = append(lacks, fmt.Sprintf("The %s of %s said nothing on %s.", x.what, name, d.Pressures.Start.Format("2 January 2006")))
			} else if hours >= quiet {
				lacks = append(lacks, fmt.Sprintf("The %s of %s said nothing for %.0f hours of %s.", x.what, name, hours.Hours(), d.Pressures.Start.Format("2 January 2006")))
			}
		}
	}
	return lacks
}

// watched keeps of an earlier time what the instruments measure.
func (s *Service) watched(before *scada.Data) error {
	if s.cfg.Instruments.empty() {
		return nil
	}
	if err := s.cfg.Instruments.keep(before); err != nil {
		return err
	}
	s.columns = [3][]string{before.Pressures.Names, before.Flows.Names, before.Levels.Names}
	return nil
}
