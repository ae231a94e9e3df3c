package planetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"polity/city"
	"polity/plane"
)

func point(lon, lat float64) plane.Attribute {
	return plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: json.RawMessage(fmt.Sprintf(`{"type":"Point","coordinates":[%g,%g]}`, lon, lat))}
}

func queries(t *testing.T, b *bench) {
	both := entity("urn:x:both", "A")
	both.Types = []string{"A", "B"}
	b.write(t, plane.Create(entity("urn:x:a1", "A", number("n", 1))), plane.Create(entity("urn:x:a2", "A", number("n", 2))),
		plane.Create(entity("urn:x:b", "B")), plane.Create(both), plane.Create(entity("urn:y:c", "C")))
	for _, c := range []struct {
		q    plane.Query
		want string
	}{
		{plane.Query{}, "urn:x:a1 urn:x:a2 urn:x:b urn:x:both urn:y:c"},
		{plane.Query{Types: []string{"A"}}, "urn:x:a1 urn:x:a2 urn:x:both"},
		{plane.Query{Types: []string{"A", "B"}}, "urn:x:a1 urn:x:a2 urn:x:b urn:x:both"},
		{plane.Query{Types: []string{"A"}, Descending: true}, "urn:x:both urn:x:a2 urn:x:a1"},
		{plane.Query{IDs: []string{"urn:y:c", "urn:x:a1", "urn:nowhere:1"}}, "urn:x:a1 urn:y:c"},
		{plane.Query{From: "urn:x:a2", To: "urn:x:both"}, "urn:x:a2 urn:x:b"},
		{plane.Query{From: "urn:x:", To: "urn:x;", Types: []string{"B"}}, "urn:x:b urn:x:both"},
		{plane.Query{Types: []string{"A"}, Match: func(e *plane.Entity) bool { a := e.Attribute("n"); return a != nil && string(a.Value) == "2" }}, "urn:x:a2"},
		{plane.Query{Types: []string{"D"}}, ""},
	} {
		c.q.Count = true
		p, err := b.store.Find(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(ids(p), " "); got != c.want || p.More || p.Total != int64(len(p.Entities)) {
			t.Errorf("%+v: %q, more %v, total %d", c.q, got, p.More, p.Total)
		}
	}
	if _, err := b.store.Find(t.Context(), plane.Query{IDs: make([]string, 100_000)}); city.KindOf(err) != city.TooLarge {
		t.Errorf("100,000 ids: %v", err)
	}
}

func pages(t *testing.T, b *bench) {
	var all []string
	var changes []plane.Change
	for i := range 95 {
		e := entity(fmt.Sprintf("urn:x:%03d", i), []string{"Even", "Odd"}[i%2], point(float64(i), 0))
		all = append(all, e.ID)
		changes = append(changes, plane.Create(e))
	}
	b.write(t, changes...)
	for _, c := range []struct {
		name string
		q    plane.Query
		keep func(i int) bool
	}{
		{"all", plane.Query{}, func(int) bool { return true }},
		{"one type", plane.Query{Types: []string{"Odd"}}, func(i int) bool { return i%2 == 1 }},
		{"two types", plane.Query{Types: []string{"Odd", "Even"}}, func(int) bool { return true }},
		{"box", plane.Query{Box: &plane.Box{West: 10, East: 59.5, South: -1, North: 1}}, func(i int) bool { return i >= 10 && i < 60 }},
		{"match", plane.Query{Match: func(e *plane.Entity) bool { return strings.HasSuffix(e.ID, "7") }}, func(i int) bool { return i%10 == 7 }},
	} {
		for _, down := range []bool{false, true} {
			var want, got []string
			for i, id := range all {
				if c.keep(i) {
					want = append(want, id)
				}
			}
			if down {
				slices.Reverse(want)
			}
			q := c.q
			q.Descending, q.Limit, q.Count = down, 7, true
			for {
				p, err := b.store.Find(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if got = append(got, ids(p)...); p.Total != int64(len(want)) || len(p.Entities) > 7 || (p.More && len(p.Entities) < 7) {
					t.Fatalf("%s: total %d of %d, %d on a page", c.name, p.Total, len(want), len(p.Entities))
				}
				if !p.More {
					break
				}
				q.After = got[len(got)-1]
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, descending %v: %v", c.name, down, got)
			}
			for _, offset := range []int{-1, 0, 3, 8, len(want), len(want) + 5} {
				q := c.q
				q.Descending, q.Limit, q.Offset, q.Count = down, 7, offset, true
				p, err := b.store.Find(t.Context(), q)
				from := min(max(0, offset), len(want))
				part := want[from:min(from+7, len(want))]
				if err != nil || !slices.Equal(ids(p), part) || p.More != (from+7 < len(want)) || p.Total != int64(len(want)) {
					t.Errorf("%s, descending %v, offset %d: %v, more %v, total %d, %v", c.name, down, offset, ids(p), p.More, p.Total, err)
				}
			}
		}
	}
	if p, err := b.store.Find(t.Context(), plane.Query{Limit: 1 << 30}); err != nil || len(p.Entities) != 95 {
		t.Errorf("a large limit: %d, %v", len(p.Entities), err)
	}
}

func boxes(t *testing.T, b *bench) {
	line := plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: json.RawMessage(`{"type":"LineString","coordinates":[[24.9,60.1],[25.1,60.3]]}`)}
	collection := plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: json.RawMessage(`{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,1]},{"type":"Point","coordinates":[3,3]}]}`)}
	odd := plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: json.RawMessage(`{"type":"Point","coordinates":["x"]}`)}
	property := point(25, 60.2)
	property.Kind = plane.Property
	b.write(t, plane.Create(entity("urn:x:tori", "P", point(24.95, 60.17))), plane.Create(entity("urn:x:street", "P", line)),
		plane.Create(entity("urn:x:fiji", "P", point(179.5, -17))), plane.Create(entity("urn:x:samoa", "P", point(-172, -14))),
		plane.Create(entity("urn:x:many", "P", collection)), plane.Create(entity("urn:x:odd", "P", odd)), plane.Create(entity("urn:x:text", "P", property)))
	for _, c := range []struct {
		box  plane.Box
		want string
	}{
		{plane.Box{West: 24, South: 60, East: 26, North: 61}, "urn:x:street urn:x:tori"},
		{plane.Box{West: 24.95, South: 60.17, East: 24.95, North: 60.17}, "urn:x:street urn:x:tori"},
		{plane.Box{West: 24.9500001, South: 60.4, East: 26, North: 61}, ""},
		{plane.Box{West: 170, South: -20, East: -170, North: 0}, "urn:x:fiji urn:x:samoa"},
		{plane.Box{West: 2, South: 2, East: 2.5, North: 2.5}, "urn:x:many"},
	} {
		if got := strings.Join(b.ids(t, plane.Query{Box: &c.box}), " "); got != c.want {
			t.Errorf("%+v: %q, want %q", c.box, got, c.want)
		}
	}
	b.write(t, plane.Update(plane.Key{ID: "urn:x:tori"}, func(e *plane.Entity) error { e.Set(point(0, 0)); return nil }),
		plane.Update(plane.Key{ID: "urn:x:street"}, func(e *plane.Entity) error { e.Drop(plane.Location, ""); return nil }),
		plane.Remove(plane.Key{ID: "urn:x:fiji"}))
	for _, c := range []struct {
		box  plane.Box
		want string
	}{
		{plane.Box{West: 24, South: 60, East: 26, North: 61}, ""},
		{plane.Box{West: -1, South: -1, East: 0.5, North: 0.5}, "urn:x:tori"},
		{plane.Box{West: 170, South: -20, East: 180, North: 0}, ""},
	} {
		if got := strings.Join(b.ids(t, plane.Query{Box: &c.box}), " "); got != c.want {
			t.Errorf("after the moves, %+v: %q, want %q", c.box, got, c.want)
		}
	}
}

func tenants(t *testing.T, b *bench) {
	here, there := entity("urn:x:1", "T", number("n", 1)), entity("urn:x:1", "T", number("n", 2))
	there.Tenant = "other"
	b.write(t, plane.Create(here), plane.Create(there))
	o := observation("urn:x:1", "n", b.now(), 1)
	p := o
	p.Tenant = "other"
	if r, err := b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{o, p}}); err != nil || r.Added != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	got, err := b.store.Entity(t.Context(), there.Key)
	if err != nil || string(got.Attribute("n").Value) != "2" || got.Tenant != "other" {
		t.Errorf("%+v, %v", got, err)
	}
	b.write(t, plane.Remove(here.Key))
	if len(b.ids(t, plane.Query{})) != 0 || len(b.ids(t, plane.Query{Tenant: "other", Types: []string{"T"}})) != 1 {
		t.Error("one tenant sees or loses another's entity")
	}
	if n, err := b.store.Forget(t.Context(), plane.Key{}, b.now().AddDate(1, 0, 0)); err != nil || n != 1 {
		t.Errorf("forgot %d, %v", n, err)
	}
	if left := b.history(t, plane.HistoryQuery{Key: there.Key}); len(left) != 1 {
		t.Errorf("another's history: %v", left)
	}
}

func observation(id, attribute string, at time.Time, value float64) plane.Observation {
	return plane.Observation{Series: plane.Series{Key: plane.Key{ID: id}, Attribute: attribute}, Start: at, Length: time.Minute, Covered: time.Minute, Value: value}
}

func (b *bench) history(t *testing.T, q plane.HistoryQuery) []plane.Observation {
	t.Helper()
	var out []plane.Observation
	if err := b.store.History(t.Context(), q, func(o plane.Observation) error { out = append(out, o); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func observedTwice(t *testing.T, b *bench) {
	o := observation("urn:x:1", "n", b.now(), 1)
	again := o
	again.Value = 99
	shorter, later, dataset, entity := o, o, o, o
	shorter.Length, shorter.Covered = 30*time.Second, 10*time.Second
	later.Start = o.Start.Add(time.Millisecond)
	dataset.Dataset = "other"
	entity.ID = "urn:x:2"
	r, err := b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{o, again, shorter, later, dataset, entity}})
	if err != nil || r.Added != 5 {
		t.Fatalf("added %d, %v", r.Added, err)
	}
	if r, err = b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{again, o, entity}}); err != nil || r.Added != 0 {
		t.Fatalf("added %d, %v", r.Added, err)
	}
	if diff := cmp.Diff([]plane.Observation{shorter, o, later, dataset}, b.history(t, plane.HistoryQuery{Key: o.Key})); diff != "" {
		t.Error(diff)
	}
}

func history(t *testing.T, b *bench) {
	// Around the turn of a year, in a zone where the day is another one; with all
	// that a row can hold.
	turn := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	var want []plane.Observation
	for i := range 100 {
		o := observation("urn:x:1", "n", turn.Add(time.Duration(i-50)*time.Minute), float64(i)/3)
		if i%10 == 0 {
			o.Detail, o.Covered = []byte(fmt.Sprintf("detail %d", i)), 0
		}
		if i%7 == 0 {
			o.Length, o.Covered = 0, 0
		}
		want = append(want, o)
	}
	mixed := slices.Clone(want)
	for i := range mixed {
		j := i * 37 % 100
		mixed[i], mixed[j] = mixed[j], mixed[i]
		mixed[i].Start = mixed[i].Start.In(time.FixedZone("east", 8*3600))
	}
	if r, err := b.store.Write(t.Context(), &plane.Batch{Observations: mixed}); err != nil || r.Added != 100 {
		t.Fatalf("%+v, %v", r, err)
	}
	other := observation("urn:x:1", "m", turn, 5)
	named := observation("urn:x:1", "n", turn, 6)
	named.Dataset = "d"
	if _, err := b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{named, other}}); err != nil {
		t.Fatal(err)
	}
	key := plane.Key{ID: "urn:x:1"}
	for name, c := range map[string]struct {
		q    plane.HistoryQuery
		want []plane.Observation
	}{
		"one attribute":       {plane.HistoryQuery{Key: key, Attribute: "n"}, want},
		"with its datasets":   {plane.HistoryQuery{Key: key, Attribute: "n", Dataset: "*"}, append(slices.Clone(want), named)},
		"one dataset":         {plane.HistoryQuery{Key: key, Attribute: "n", Dataset: "d"}, []plane.Observation{named}},
		"everything":          {plane.HistoryQuery{Key: key}, append(append([]plane.Observation{other}, want...), named)},
		"from, to":            {plane.HistoryQuery{Key: key, Attribute: "n", From: want[30].Start, To: want[70].Start}, want[30:70]},
		"from between":        {plane.HistoryQuery{Key: key, Attribute: "n", From: want[30].Start.Add(-time.Second), To: want[31].Start.Add(time.Microsecond)}, want[30:32]},
		"only the old year":   {plane.HistoryQuery{Key: key, Attribute: "n", To: turn}, want[:50]},
		"nothing at the time": {plane.HistoryQuery{Key: key, Attribute: "n", From: turn.AddDate(1, 0, 0)}, nil},
		"no such attribute":   {plane.HistoryQuery{Key: key, Attribute: "x"}, nil},
		"no such entity":      {plane.HistoryQuery{Key: plane.Key{ID: "urn:x:9"}}, nil},
	} {
		if diff := cmp.Diff(c.want, b.history(t, c.q)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	enough := fmt.Errorf("enough")
	n := 0
	if err := b.store.History(t.Context(), plane.HistoryQuery{Key: key}, func(plane.Observation) error { n++; return enough }); err != enough || n != 1 { //nolint:errorlint // the very error
		t.Errorf("%d, %v", n, err)
	}
}

func forget(t *testing.T, b *bench) {
	begin := time.Date(2026, 9, 15, 0, 0, 0, 0, time.UTC)
	var list []plane.Observation
	for day := range 90 {
		for _, id := range []string{"urn:x:1", "urn:x:2"} {
			list = append(list, observation(id, "n", begin.AddDate(0, 0, day), float64(day)))
		}
	}
	if _, err := b.store.Write(t.Context(), &plane.Batch{Observations: list}); err != nil {
		t.Fatal(err)
	}
	one, two := plane.HistoryQuery{Key: plane.Key{ID: "urn:x:1"}}, plane.HistoryQuery{Key: plane.Key{ID: "urn:x:2"}}
	if n, err := b.store.Forget(t.Context(), one.Key, begin.AddDate(0, 0, 60)); err != nil || n != 60 {
		t.Fatalf("forgot %d, %v", n, err)
	}
	if got := b.history(t, one); len(got) != 30 || got[0].Value != 60 || len(b.history(t, two)) != 90 {
		t.Errorf("left %d and %d", len(got), len(b.history(t, two)))
	}
	if n, err := b.store.Forget(t.Context(), plane.Key{}, begin.AddDate(0, 0, 80)); err != nil || n != 20+80 {
		t.Fatalf("forgot %d of all, %v", n, err)
	}
	// A month that is gone altogether can be written again.
	if r, err := b.store.Write(t.Context(), &plane.Batch{Observations: list}); err != nil || r.Added != 160 {
		t.Errorf("written again: %+v, %v", r, err)
	}
}

// model does random things to the store and to a map, which must agree.
func model(t *testing.T, b *bench) {
	type held struct{ version uint64 }
	known := map[string]held{}
	values := map[string]string{}
	rapid.Check(t, func(rt *rapid.T) {
		id := fmt.Sprintf("urn:x:%d", rapid.IntRange(0, 20).Draw(rt, "id"))
		value := rapid.IntRange(0, 3).Draw(rt, "value")
		e := entity(id, "T", number("n", float64(value)))
		was, there := known[id]
		var c plane.Change
		what := rapid.SampledFrom([]string{"create", "put", "update", "remove"}).Draw(rt, "what")
		switch what {
		case "create":
			c = plane.Create(e)
		case "put":
			c = plane.Put(e)
		case "update":
			c = plane.Update(e.Key, func(old *plane.Entity) error { old.Set(e.Attributes[0]); return nil })
		case "remove":
			c = plane.Remove(e.Key)
		}
		r, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}})
		if err != nil {
			rt.Fatal(err)
		}
		refused := (what == "create" && there) || ((what == "update" || what == "remove") && !there)
		if (r.Err() != nil) != refused {
			rt.Fatalf("%s of %s (there: %v): %v", what, id, there, r.Err())
		}
		if !refused {
			if what == "remove" {
				delete(known, id)
				delete(values, id)
			} else if text := fmt.Sprint(value); !there || values[id] != text {
				known[id], values[id] = held{was.version + 1}, text
			}
		}
		p, err := b.store.Find(t.Context(), plane.Query{Types: []string{"T"}, Limit: plane.MaxLimit})
		if err != nil || len(p.Entities) != len(known) {
			rt.Fatalf("%d entities, the model has %d (%v)", len(p.Entities), len(known), err)
		}
		for _, e := range p.Entities {
			if e.Version != known[e.ID].version || string(e.Attribute("n").Value) != values[e.ID] {
				rt.Fatalf("%s: version %d, n %s; the model has %d, %s", e.ID, e.Version, e.Attribute("n").Value, known[e.ID].version, values[e.ID])
			}
		}
	})
}
