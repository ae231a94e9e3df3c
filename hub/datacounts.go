package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
	"polity/opendata"
	"polity/plane"
	"polity/plane/rest"
)

const (
	publishedPrefix = "urn:polity:counts:" // ids of cameras' counts in the API
	publishedType   = "CameraCounts"
)

// dataset names a series as the city's data does: CLASS/WHERE/DIRECTION.
func (c *bookCell) dataset() string {
	return classNames[c.Class] + "/" + string(c.Where) + "/" + directionNames[c.Direction]
}

// countsAPI is what is published of cameras' counts, for the API.
type countsAPI struct {
	h    *Hub
	book *book
}

// Public implements rest.Source.
func (*countsAPI) Public() rest.Public {
	return rest.Public{
		Type: publishedType, Title: "Counts of cameras, as they are published",
		Attributes: []rest.Attribute{
			{Name: "occupancy", Unit: "C62", Title: "Mean number in the zone, or in the whole view, rounded to whole ones"},
			{Name: "crossings", Unit: "C62", Title: "Crossings of the line in the direction"},
			{Name: "camera", Title: "Name of the camera"},
			{Name: "title", Title: "Title of its register entry"},
			{Name: plane.Location, Title: "Where it hangs"},
			{Name: "threshold", Title: "Smallest number that is published"},
			{Name: "delay", Unit: "SEC", Title: "How late it is published"},
		},
	}
}

// Entities implements rest.Source.
func (a *countsAPI) Entities(context.Context) ([]*plane.Entity, error) {
	var list []*plane.Entity
	for _, c := range a.h.all() {
		entry := c.view().Entry
		e := &plane.Entity{Key: plane.Key{ID: publishedPrefix + string(c.name)}, Types: []string{publishedType}}
		e.Created = entry.From
		e.Modified = a.h.now().Add(-entry.PublicDelay).UTC().Truncate(counts.PublicStep)
		for name, v := range map[string]any{"camera": c.name, "title": entry.Title, "threshold": entry.Threshold, "delay": entry.PublicDelay.Seconds()} {
			if err := setValue(e, name, plane.Property, v); err != nil {
				return nil, err
			}
		}
		if err := setValue(e, plane.Location, plane.Geo, pointOf(entry.Position)); err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

func setValue(e *plane.Entity, name string, kind plane.Kind, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	a := plane.Attribute{Name: name, Kind: kind, Value: text, Created: e.Created, Modified: e.Created}
	if name == "delay" {
		a.Unit = "SEC"
	}
	e.Set(a)
	return nil
}

func pointOf(p city.Point) map[string]any {
	return map[string]any{"type": "Point", "coordinates": [2]float64{p.Lon, p.Lat}}
}

// maxPastDays bounds what one answer of the API goes through.
const maxPastDays = 40

// each calls f with the days that an interval touches.
func (a *countsAPI) each(ctx context.Context, id string, from, to time.Time, f func(start, end time.Time, d *bookDay)) error {
	name, ok := strings.CutPrefix(id, publishedPrefix)
	if _, err := a.h.camera(city.Slug(name)); !ok || err != nil {
		return city.Errorf(city.NotFound, "there is no entity %s, or it is not public", id)
	}
	if now := a.h.now(); to.After(now) {
		to = now
	}
	from = from.In(a.h.about.Zone)
	start := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, from.Location())
	if start.AddDate(0, 0, maxPastDays).Before(to) {
		return city.Errorf(city.TooLarge, "counts of cameras are given for %d days at a time; ask for less, or take the files at /data/counts-%s", maxPastDays, name)
	}
	for ; start.Before(to); start = start.AddDate(0, 0, 1) {
		if err := ctx.Err(); err != nil {
			return err
		}
		d, err := a.book.day(ctx, city.Slug(name), start, start.AddDate(0, 0, 1), false)
		if err != nil {
			return err
		}
		f(start, start.AddDate(0, 0, 1), d)
	}
	return nil
}

// wanted says whether a cell is of an attribute and dataset.
func (c *bookCell) wanted(attribute, dataset string) bool {
	return metricNames[c.Metric] == attribute && (dataset == "*" || dataset == c.dataset())
}

// History implements rest.Source: the steps of a quarter of an hour.
func (a *countsAPI) History(ctx context.Context, id, attribute, dataset string, from, to time.Time, each func(rest.Observed) error) error {
	var list []rest.Observed
	err := a.each(ctx, id, from, to, func(_, _ time.Time, d *bookDay) {
		for at, cells := range d.Steps {
			start := time.UnixMilli(at).UTC()
			for _, c := range cells {
				if start.Before(from) || !start.Before(to) || !c.wanted(attribute, dataset) {
					continue
				}
				o := rest.Observed{Dataset: c.dataset(), Start: start, Length: counts.PublicStep, Covered: time.Duration(c.Seen * float64(time.Second)), Value: c.Value, Withheld: c.Withheld}
				if o.Withheld {
					o.Value = 0
				}
				list = append(list, o)
			}
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(x, y rest.Observed) int {
		if by := strings.Compare(x.Dataset, y.Dataset); by != 0 {
			return by
		}
		return x.Start.Compare(y.Start)
	})
	for _, o := range list {
		if err := each(o); err != nil {
			return err
		}
	}
	return nil
}

// Aggregates implements rest.Source: sums of crossings, means of occupancy, as they were
// decided when they were published. They are never added up here.
func (a *countsAPI) Aggregates(ctx context.Context, id, attribute, dataset string, by rest.Step, from, to time.Time) ([]rest.Aggregate, error) {
	list := []rest.Aggregate{}
	add := func(start, end time.Time, cells []bookCell) {
		for _, c := range cells {
			if !start.Before(from) && start.Before(to) && c.wanted(attribute, dataset) {
				list = append(list, aggregateOf(&c, start, end))
			}
		}
	}
	err := a.each(ctx, id, from, to, func(start, end time.Time, d *bookDay) {
		if by == rest.ByDay {
			add(start, end, d.Day)
			return
		}
		for at, cells := range d.Hours {
			add(time.UnixMilli(at), time.UnixMilli(at).Add(time.Hour), cells)
		}
	})
	slices.SortFunc(list, func(x, y rest.Aggregate) int {
		if by := strings.Compare(x.Dataset, y.Dataset); by != 0 {
			return by
		}
		return x.From.Compare(y.From)
	})
	return list, err
}

func aggregateOf(c *bookCell, from, to time.Time) rest.Aggregate {
	unknown := math.NaN()
	a := rest.Aggregate{Dataset: c.dataset(), From: from, To: to, Count: int64(c.Steps), Sum: unknown, Mean: unknown, Least: unknown, Most: unknown}
	switch {
	case c.Withheld:
		a.Count, a.Withheld, a.Absent = 0, int64(c.Steps), true
	case counts.IsMean(c.Metric):
		a.Mean = tenths(c.Value)
	default:
		a.Sum = c.Value
	}
	return a
}

func tenths(v float64) float64 { return math.Round(v*10) / 10 }

// PublishedCounts implements console.PublishedCounts: pages say what API and files say.
func (h *Hub) PublishedCounts(ctx context.Context, camera city.Slug, q counts.Query) (list []counts.Series, ok bool, err error) {
	if h.data == nil || q.Step != counts.PublicStep {
		return nil, false, nil
	}
	c, err := h.camera(camera)
	if err != nil {
		return nil, false, err
	}
	d, err := h.data.book.day(ctx, camera, q.From.In(h.about.Zone), q.To.In(h.about.Zone), false)
	if err != nil {
		return nil, false, err
	}
	now := h.now()
	if len(d.Steps) == 0 && h.data.book.tooOld(q.To, now) {
		return nil, false, nil // of before this book was begun
	}
	steps := q.Complete(now.Add(-c.view().Entry.PublicDelay))
	index := map[bookCell]int{}
	for _, at := range sortedKeys(d.Steps) {
		n := int(time.UnixMilli(at).Sub(q.From) / q.Step)
		if n < 0 || n >= steps {
			continue
		}
		for _, cell := range d.Steps[at] {
			i, there := index[cell.series()]
			if !there {
				i = len(list)
				index[cell.series()] = i
				list = append(list, counts.Series{Metric: cell.Metric, Class: cell.Class, Where: cell.Where, Direction: cell.Direction, Points: make([]counts.Point, steps)})
			}
			p := counts.Point{Value: cell.Value, Covered: time.Duration(cell.Seen * float64(time.Second))}
			if cell.Withheld {
				p.Value = counts.Withheld
			}
			list[i].Points[n] = p
		}
	}
	counts.Sort(list)
	return list, true, nil
}

// countsSource is the same of one camera, as a set of files.
type countsSource struct {
	h      *Hub
	book   *book
	camera city.Slug
}

// Set implements opendata.Source.
func (s *countsSource) Set() opendata.Set {
	set := opendata.Set{
		ID: "counts-" + s.camera, Theme: "TRAN", Keywords: []string{"pedestrians", "bicycles", "vehicles", "counts"},
		Address: rest.Root + "/entities/" + publishedPrefix + string(s.camera), Columns: countColumns,
	}
	c, err := s.h.camera(s.camera)
	if err != nil {
		set.Title, set.Description = "Counts of "+string(s.camera), "A camera that is not registered any more."
		return set
	}
	entry := c.view().Entry
	set.Title = "Counts of " + entry.Title
	set.Description = fmt.Sprintf("How many people, bicycles and vehicles the camera %s sees, and how many cross its lines, by quarters of an hour, hours and days. Purpose of the camera: %s", s.camera, entry.Purpose)
	set.Keep = entry.Retention
	p := entry.Position
	set.Box = [4]float64{p.Lon, p.Lat, p.Lon, p.Lat}
	set.Notes = []string{
		fmt.Sprintf("Numbers below %d are withheld, and so are sums and parts from which such a number could be worked out.", entry.Threshold),
		fmt.Sprintf("Files are kept for %d days, as the camera's register entry says.", int(entry.Retention/(24*time.Hour))),
	}
	if entry.Simulated {
		set.Notes = append(set.Notes, "Simulated: a replayed film or a model stands in for the street.")
	}
	return set
}

var countColumns = []opendata.Column{
	{Name: "start", Kind: opendata.Moment, About: "Beginning of the interval."},
	{Name: "end", Kind: opendata.Moment, About: "End of the interval."},
	{Name: "period", Kind: opendata.Text, About: "15min, hour or day; hours and days add quarters of an hour up."},
	{Name: "metric", Kind: opendata.Text, About: "occupancy: mean number in the zone; crossings: how many crossed the line."},
	{Name: "where", Kind: opendata.Text, About: "Zone or line by its name; empty for the whole view."},
	{Name: "class", Kind: opendata.Text, About: "person, bicycle or vehicle."},
	{Name: "direction", Kind: opendata.Text, About: "Of crossings: right or left of the line as it is drawn."},
	{Name: "value", Kind: opendata.Number, Unit: "count", About: "Empty where it is withheld."},
	{Name: "withheld", Kind: opendata.Truth, About: "The number is too small, or would reveal one that is."},
	{Name: "seen", Title: "seen seconds", Kind: opendata.Number, Unit: "s", About: "How much of the interval was really seen."},
}

// Rows implements opendata.Source.
func (s *countsSource) Rows(ctx context.Context, from, to time.Time, closing bool, each func(opendata.Row) error) error {
	c, err := s.h.camera(s.camera)
	if err != nil {
		return err
	}
	d, err := s.book.day(ctx, s.camera, from, to, closing)
	if err != nil {
		return err
	}
	where, err := json.Marshal(pointOf(c.view().Entry.Position))
	if err != nil {
		return err
	}
	write := func(start, end time.Time, period string, cells []bookCell) error {
		for _, c := range cells {
			var value any = c.Value
			if counts.IsMean(c.Metric) {
				value = tenths(c.Value)
			}
			if c.Withheld {
				value = nil
			}
			direction := ""
			if c.Metric == wire.Crossings {
				direction = directionNames[c.Direction]
			}
			if err := each(opendata.Row{Geometry: where, Cells: []any{
				start, end, period, metricNames[c.Metric], string(c.Where), classNames[c.Class], direction, value, c.Withheld, c.Seen,
			}}); err != nil {
				return err
			}
		}
		return nil
	}
	in := func(at int64) time.Time { return time.UnixMilli(at).In(from.Location()) }
	for _, at := range sortedKeys(d.Steps) {
		if err := write(in(at), in(at).Add(counts.PublicStep), "15min", d.Steps[at]); err != nil {
			return err
		}
	}
	for _, at := range sortedKeys(d.Hours) {
		if err := write(in(at), in(at).Add(time.Hour), "hour", d.Hours[at]); err != nil {
			return err
		}
	}
	return write(from, to, "day", d.Day)
}
