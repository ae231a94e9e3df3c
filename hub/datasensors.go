package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/opendata"
	"polity/plane"
	"polity/plane/ingest/mapping"
	"polity/plane/rest"
)

// mappedTypes are the public types where nobody lists any: what sensors measure of the
// city. Homes are not among them, nor where something is that moves: it may be carried.
func mappedTypes(mappings []*mapping.Mapping) []DataType {
	list := []DataType{}
	for _, m := range mappings {
		if m.Household {
			continue
		}
		i := slices.IndexFunc(list, func(t DataType) bool { return t.Type == m.Entity.Type })
		if i < 0 {
			i = len(list)
			list = append(list, DataType{Type: m.Entity.Type, Attributes: []DataAttribute{{Name: "simulated", Words: true}}}) // a model stands in for the street
		}
		t := &list[i]
		for _, a := range m.Attributes {
			public := DataAttribute{Name: a.Name, Unit: string(a.Unit), Words: a.Kind == "boolean" || a.Kind == "choice"}
			if countsPeople(m.Entity.Type) || countsPeople(a.Name) {
				public.PeopleAtLeast = leastPeople
			}
			t.add(public)
		}
		if stays(&m.Location) {
			t.add(DataAttribute{Name: plane.Location})
		}
	}
	// A type is of several mappings: where one of them moves, none is shown.
	for _, m := range mappings {
		for i := range list {
			if list[i].Type == m.Entity.Type && (m.Household || !stays(&m.Location)) {
				list[i].Attributes = slices.DeleteFunc(list[i].Attributes, func(a DataAttribute) bool { return a.Name == plane.Location })
			}
		}
	}
	// A type that homes have, too, is none of these.
	return slices.DeleteFunc(list, func(t DataType) bool {
		return slices.ContainsFunc(mappings, func(m *mapping.Mapping) bool { return m.Household && m.Entity.Type == t.Type })
	})
}

// leastPeople is the smallest number of people that is published where nobody says
// otherwise.
const leastPeople = 5

// countsPeople says whether a type or attribute that nobody listed has to be taken for a
// number of people, by its name.
func countsPeople(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"people", "person", "pedestrian", "crowd", "passenger", "visitor", "cyclist", "headcount"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

func stays(l *mapping.Location) bool { return l.LonPath.String() == "" }

func (t *DataType) add(a DataAttribute) {
	if !slices.ContainsFunc(t.Attributes, func(x DataAttribute) bool { return x.Name == a.Name }) {
		t.Attributes = append(t.Attributes, a)
	}
}

func isColumn(a *DataAttribute) bool { return !a.Words && a.Name != plane.Location }

// sensorSet describes a type's set of files.
func sensorSet(t *DataType, o *OpenData) opendata.Set {
	set := opendata.Set{
		ID: words(t.Type), Title: t.Title, Description: t.Description, Theme: t.Theme, Keywords: []string{t.Type},
		Keep: time.Duration(o.KeepDays) * 24 * time.Hour, Address: rest.Root + "/entities?type=" + t.Type,
		Columns: []opendata.Column{
			{Name: "entity", Kind: opendata.Text, About: "Id of what was observed."},
			{Name: "time", Kind: opendata.Moment, About: "When."},
			{Name: "lon", Kind: opendata.Number, Unit: "DD", About: "Where it is, degrees east (WGS 84)."},
			{Name: "lat", Kind: opendata.Number, Unit: "DD", About: "Degrees north."},
		},
	}
	if set.Title == "" {
		if set.Title = called[t.Type].title; set.Title == "" {
			set.Title = titleOf(t.Type)
		}
	}
	if set.Description == "" {
		set.Description = called[t.Type].about
	}
	if set.Description == "" {
		set.Description = fmt.Sprintf("What sensors observed of the type %s, a row per moment.", t.Type)
	}
	if set.Theme == "" {
		set.Theme = "ENVI"
	}
	for _, a := range t.Attributes {
		if !isColumn(&a) {
			continue
		}
		about := "As the sensor measured it."
		if a.PeopleAtLeast > 0 {
			about = fmt.Sprintf("A number of people. Empty below %g, which is withheld.", a.PeopleAtLeast)
		}
		set.Columns = append(set.Columns, opendata.Column{Name: a.Name, Title: a.Title, Kind: opendata.Number, Unit: a.Unit, About: about})
	}
	return set
}

// called is how the sets of everyday sensors are called where a configuration does not say.
var called = map[string]struct{ title, about string }{
	"AirQualityObserved": {"Air quality", "Fine dust and gases in the air at the city's stations, a row per moment."},
	"NoiseLevelObserved": {"Noise", "Sound levels at the city's noise meters, a row per moment."},
	"WeatherObserved":    {"Weather and rain", "Rain, temperature, humidity and wind at the city's weather stations, a row per moment."},
	"FloodMonitoring":    {"Water levels", "Depth of water in underpasses, drains and rivers, a row per moment."},
	"WaterLevelObserved": {"Levels of rivers and lakes", "Levels of rivers, lakes and the sea, a row per moment."},
	"ParkingSpot":        {"Parking bays", "Which parking bays are taken, a row per moment."},
	"OffStreetParking":   {"Parking garages", "Places that are free and taken in garages, a row per moment."},
}

// titleOf makes words of a type's name: Air quality observed.
func titleOf(name string) string {
	title := strings.ReplaceAll(string(words(name)), "-", " ")
	if title == "" {
		return name
	}
	return strings.ToUpper(title[:1]) + title[1:]
}

// sensorSource is the history of a public type.
type sensorSource struct {
	h      *Hub
	kind   *DataType
	set    opendata.Set
	public []rest.Public
}

// Set implements opendata.Source.
func (s *sensorSource) Set() opendata.Set {
	set := s.set
	if s.h.about.Demo {
		set.Notes = append(slices.Clip(set.Notes), "Simulated: there are no such sensors.")
	}
	return set
}

// maxMoments bounds the rows of one entity and day, which are held in memory: two per
// second.
const maxMoments = 2 * 86_400

// Rows implements opendata.Source: entity by entity in the order of ids, in each by time.
func (s *sensorSource) Rows(ctx context.Context, from, to time.Time, _ bool, each func(opendata.Row) error) error {
	q := plane.Query{Types: []string{s.kind.Type}, Limit: plane.MaxLimit}
	for {
		page, err := s.h.store.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Entities {
			q.After = e.ID
			seen := rest.Seen(s.public, e)
			if seen == nil {
				continue
			}
			if err := s.entity(ctx, seen, from, to, each); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
	}
}

// least is the smallest value of an attribute that is published.
func (s *sensorSource) least(attribute string) float64 {
	for _, a := range s.kind.Attributes {
		if a.Name == attribute && a.PeopleAtLeast > 0 {
			return a.PeopleAtLeast
		}
	}
	return math.Inf(-1)
}

func (s *sensorSource) entity(ctx context.Context, e *plane.Entity, from, to time.Time, each func(opendata.Row) error) error {
	const before = 4 // columns before the attributes
	head := make([]any, before, len(s.set.Columns))
	head[0] = e.ID
	var geometry json.RawMessage
	if a := e.Attribute(plane.Location); a != nil {
		geometry = a.Value
		if b, ok := e.Bounds(); ok && b.West == b.East && b.South == b.North {
			head[2], head[3] = b.West, b.South
		}
	}
	columns := map[string]int{}
	for _, a := range s.kind.Attributes {
		if isColumn(&a) {
			columns[a.Name] = before + len(columns)
		}
	}
	rows := map[int64][]any{} // by ms
	err := s.h.store.History(ctx, plane.HistoryQuery{Key: e.Key, From: from, To: to}, func(o plane.Observation) error {
		n, ok := columns[o.Attribute]
		if !ok || o.Dataset != "" || o.Value < s.least(o.Attribute) {
			return nil
		}
		at := o.Start.UnixMilli()
		if rows[at] == nil {
			if len(rows) >= maxMoments {
				return city.Errorf(city.TooLarge, "%s was observed at more than %d moments of %s; take its type off hub.open_data.types, or have it speak less often", e.ID, maxMoments, from.Format(time.DateOnly))
			}
			rows[at] = slices.Grow(slices.Clone(head), len(s.set.Columns))[:len(s.set.Columns)]
			rows[at][1] = o.Start.In(from.Location())
		}
		rows[at][n] = o.Value
		return nil
	})
	if err != nil {
		return err
	}
	times := make([]int64, 0, len(rows))
	for at := range rows {
		times = append(times, at)
	}
	slices.Sort(times)
	for _, at := range times {
		if err := each(opendata.Row{Cells: rows[at], Geometry: geometry}); err != nil {
			return err
		}
	}
	return nil
}
