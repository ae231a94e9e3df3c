package hub_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"polity/camera/wire"
	"polity/hub"
	"polity/plane"
)

// mayStand lists every attribute that the hub keeps of cameras, and what its value
// may be. Texts come from the entry that the city signed, from the layout that
// people drew, or from a closed list; none can come out of a camera.
var mayStand = map[string]map[string]string{
	"Camera": {
		"title": "entry", "purpose": "entry", "body": "entry", "edge": "slug", "validUntil": "time", "heading": "number",
		"layoutRevision": "number", "location": "point",
	},
	"CameraEvent": {
		"camera": "id", "kind": "number", "class": "number", "where": "slug", "layout": "number", "start": "time", "end": "time",
		"value": "number", "picture": "bool",
	},
}

var forms = map[string]*regexp.Regexp{
	"entry":  regexp.MustCompile(`^"(The square|Counting\.|City)"$`),
	"slug":   regexp.MustCompile(`^"[a-z0-9-]{0,48}"$`),
	"id":     regexp.MustCompile(`^"urn:polity:camera:square"$`),
	"time":   regexp.MustCompile(`^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z"$`),
	"number": regexp.MustCompile(`^[0-9.e+-]+$`),
	"bool":   regexp.MustCompile(`^(true|false)$`),
	"point":  regexp.MustCompile(`^\{"coordinates":\[[0-9.]+,[0-9.]+\],"type":"Point"\}$`),
}

// findings says what of an entity stands on no list.
func findings(e *plane.Entity) []string {
	var wrong []string
	if len(e.Types) != 1 || mayStand[e.Types[0]] == nil || len(e.Scopes) != 0 {
		return []string{fmt.Sprintf("%s has types %v and scopes %v", e.ID, e.Types, e.Scopes)}
	}
	for _, a := range e.Attributes {
		form := mayStand[e.Types[0]][a.Name]
		switch {
		case form == "":
			wrong = append(wrong, fmt.Sprintf("%s has an attribute %s, which stands on no list", e.ID, a.Name))
		case !forms[form].Match(a.Value):
			wrong = append(wrong, fmt.Sprintf("%s: %s is %s, which is no %s", e.ID, a.Name, a.Value, form))
		case a.Dataset != "" || a.Unit != "" || len(a.Meta) != 0:
			wrong = append(wrong, fmt.Sprintf("%s: %s has metadata", e.ID, a.Name))
		}
	}
	return wrong
}

// dataset is CLASS/WHERE/DIRECTION.
var dataset = regexp.MustCompile(`^(any|person|bicycle|vehicle)/[a-z0-9-]{0,48}/(|right|left)$`)

func observationFindings(o plane.Observation) []string {
	var wrong []string
	var bins [wire.HistogramBins]uint32
	if !dataset.MatchString(o.Dataset) || o.ID != "urn:polity:camera:square" {
		wrong = append(wrong, fmt.Sprintf("an observation of %s has the dataset %q", o.ID, o.Dataset))
	}
	if len(o.Detail) > 0 && json.Unmarshal(o.Detail, &bins) != nil {
		wrong = append(wrong, fmt.Sprintf("an observation of %s carries %q", o.ID, o.Detail))
	}
	return wrong
}

// TestWhatIsStoredOfCamerasCannotNameAnybody lets an edge send every kind of
// observation and event, and then looks at all that the hub's store holds.
func TestWhatIsStoredOfCamerasCannotNameAnybody(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("square", "edge-1")
	w.start()
	e := w.edge("edge-1")
	sent := 0
	for metric := wire.Occupancy; metric <= wire.QueueMax; metric++ {
		for class := wire.AnyClass; class <= wire.Vehicle; class++ {
			o := observed(sent)
			o.Metric, o.Class, o.Where, o.Layout, o.Histogram = metric, class, 7, 0xffffffff, [wire.HistogramBins]uint32{1, 0xffffffff}
			w.keep(e, "square", o)
			sent++
		}
	}
	events := 0
	for kind := wire.Crowding; kind <= wire.ObservingLess; kind++ {
		w.keep(e, "square", &wire.Event{Kind: kind, Class: wire.Person, Where: uint8(kind), Start: minute, End: minute.Add(time.Hour), Value: 3, Place: picture(t, 64, 48, 90)})
		events++
	}
	var held []plane.Observation
	w.eventually("all of it is stored", func() bool {
		page, err := w.started.Store.Find(t.Context(), plane.Query{Types: []string{"CameraEvent"}, Limit: plane.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		held = nil
		if err := hub.Minutes(t.Context(), w.started.City, "square", func(o plane.Observation) error {
			held = append(held, o)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return len(page.Entities) == events && len(held) == sent
	})
	page, err := w.started.Store.Find(t.Context(), plane.Query{Limit: plane.MaxLimit})
	if err != nil || page.More || len(page.Entities) != events+1 {
		t.Fatalf("%d entities, %v", len(page.Entities), err)
	}
	for _, entity := range page.Entities {
		for _, f := range findings(entity) {
			t.Error(f)
		}
	}
	if err := hub.ArchiveAll(t.Context(), w.started.City); err != nil {
		t.Fatal(err)
	}
	archived := len(held)
	if err := w.started.Store.History(t.Context(), plane.HistoryQuery{Key: plane.Key{ID: "urn:polity:camera:square"}}, func(o plane.Observation) error {
		held = append(held, o)
		return nil
	}); err != nil || len(held) == archived {
		t.Fatalf("%d observations are archived: %v", len(held)-archived, err)
	}
	for _, o := range held {
		for _, f := range observationFindings(o) {
			t.Error(f)
		}
	}
}

// TestAStoredNameIsFound proves that the look above can fail.
func TestAStoredNameIsFound(t *testing.T) {
	camera := func(a plane.Attribute) *plane.Entity {
		return &plane.Entity{Key: plane.Key{ID: "urn:polity:camera:square"}, Types: []string{"Camera"}, Attributes: []plane.Attribute{a}}
	}
	for _, bad := range []*plane.Entity{
		camera(plane.Attribute{Name: "plate", Value: []byte(`"ABC-123"`)}),
		camera(plane.Attribute{Name: "title", Value: []byte(`"seen: a man in a red coat"`)}),
		camera(plane.Attribute{Name: "heading", Value: []byte(`"ABC-123"`)}),
		camera(plane.Attribute{Name: "heading", Value: []byte(`3`), Meta: []plane.Attribute{{Name: "who"}}}),
		camera(plane.Attribute{Name: "edge", Value: []byte(`"Somebody Known"`)}),
		{Key: plane.Key{ID: "urn:polity:person:1"}, Types: []string{"Person"}},
	} {
		if len(findings(bad)) == 0 {
			t.Errorf("%+v passed", bad)
		}
	}
	for _, bad := range []plane.Observation{
		{Series: plane.Series{Key: plane.Key{ID: "urn:polity:camera:square"}, Dataset: "person/ABC 123/"}},
		{Series: plane.Series{Key: plane.Key{ID: "urn:polity:camera:square"}, Dataset: "person//"}, Detail: []byte(`{"name":"x"}`)},
		{Series: plane.Series{Key: plane.Key{ID: "urn:polity:track:7"}, Dataset: "person//"}},
	} {
		if len(observationFindings(bad)) == 0 {
			t.Errorf("%+v passed", bad)
		}
	}
	if f := findings(camera(plane.Attribute{Name: "title", Value: []byte(`"The square"`)})); len(f) != 0 {
		t.Error(strings.Join(f, "\n"))
	}
}
