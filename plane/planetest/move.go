package planetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/city"
	"polity/plane"
)

// rich is an entity with all that an entity can hold.
func rich(now time.Time) *plane.Entity {
	e := entity("urn:x:rich", "A", number("n", 1.5), point(24.94, 60.17))
	e.Types, e.Scopes = []string{"B", "A"}, []string{"/centre", "/"}
	for i, value := range exact {
		e.Set(plane.Attribute{Name: fmt.Sprintf("exact-%02d", i), Kind: plane.JSON, Value: json.RawMessage(value)})
	}
	deep := number("deep", 1)
	deep.Dataset, deep.Unit, deep.ObservedAt = "urn:x:sensor:ä", "CEL", now.Add(-123456789)
	deep.Meta = []plane.Attribute{{Name: "accuracy", Kind: plane.Property, Value: json.RawMessage(`0.5`), Meta: []plane.Attribute{number("of", 1)}}}
	e.Set(deep)
	for kind := plane.Property; kind <= plane.ListOfLinks; kind++ {
		e.Set(plane.Attribute{Name: fmt.Sprintf("kind-%d", kind), Kind: kind, Value: json.RawMessage(`["urn:x:1"]`), ObservedAt: time.Date(1700, 1, 1, 0, 0, 0, 1, time.UTC)})
	}
	return e
}

// exact are values whose bytes a careless store would change.
var exact = []string{
	`"<b>&amp;</b>"`, "\"\u2028\u2029\"", `"\u0000 \ud800 \u00e4 ä"`, `12345678901234567890.10`, `1e400`, `-0`, `{"b":1,"a":2,"b":3}`, `""`, `[]`,
}

func exactValues(t *testing.T, b *bench) {
	e := rich(b.now())
	b.write(t, plane.Create(e))
	got := b.get(t, e.ID)
	for _, a := range e.Attributes {
		if stored := got.Attributes[indexOf(t, got, a)]; string(stored.Value) != string(a.Value) || !stored.ObservedAt.Equal(a.ObservedAt) || stored.Kind != a.Kind {
			t.Errorf("%s was %s at %v, is %s at %v", a.Name, a.Value, a.ObservedAt, stored.Value, stored.ObservedAt)
		}
	}
	b.write(t, plane.Put(e))
	if again := b.get(t, e.ID); again.Version != 1 {
		t.Errorf("the same again counts as a change: version %d", again.Version)
	}
}

func indexOf(t *testing.T, e *plane.Entity, a plane.Attribute) int {
	t.Helper()
	for i := range e.Attributes {
		if e.Attributes[i].Name == a.Name && e.Attributes[i].Dataset == a.Dataset {
			return i
		}
	}
	t.Fatalf("attribute %s is gone", a.Name)
	return -1
}

// strangeNames asks with names that nothing can have, as a request may.
func strangeNames(t *testing.T, b *bench) {
	b.write(t, plane.Create(entity("urn:x:a", "T")), plane.Create(entity("urn:x:ä", "T")), plane.Create(entity("urn:x:\U0010FFFF", "T")))
	for _, name := range []string{"urn:x:\x00", "urn:x:\xff", "\xc3", "\x00"} {
		if _, err := b.store.Entity(t.Context(), plane.Key{ID: name}); city.KindOf(err) != city.NotFound {
			t.Errorf("entity %q: %v", name, err)
		}
		if _, err := b.store.Entity(t.Context(), plane.Key{Tenant: name, ID: "urn:x:a"}); city.KindOf(err) != city.NotFound {
			t.Errorf("tenant %q: %v", name, err)
		}
		for what, q := range map[string]plane.Query{"ids": {IDs: []string{name}}, "types": {Types: []string{name}}, "tenant": {Tenant: name}, "both": {IDs: []string{name}, Types: []string{"T"}}} {
			if got := b.ids(t, q); len(got) != 0 {
				t.Errorf("%s %q: %v", what, name, got)
			}
		}
		if got := b.ids(t, plane.Query{IDs: []string{name, "urn:x:a"}, Types: []string{name, "T"}}); len(got) != 1 {
			t.Errorf("with others beside %q: %v", name, got)
		}
		if got := b.history(t, plane.HistoryQuery{Key: plane.Key{ID: name}}); len(got) != 0 {
			t.Errorf("history of %q: %v", name, got)
		}
		if n, err := b.store.Forget(t.Context(), plane.Key{ID: name}, b.now()); n != 0 || err != nil {
			t.Errorf("forget %q: %d, %v", name, n, err)
		}
		for what, c := range map[string]plane.Change{"removed": plane.Remove(plane.Key{ID: name}), "created": plane.Create(entity(name, "T"))} {
			if r, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}}); err != nil || r.Err() == nil {
				t.Errorf("%q %s: %v, %v", name, what, err, r.Err())
			}
		}
		for what, o := range map[string]plane.Observation{
			"tenant": {Series: plane.Series{Key: plane.Key{Tenant: name, ID: "urn:x:a"}, Attribute: "n"}}, "dataset": {Series: plane.Series{Key: plane.Key{ID: "urn:x:a"}, Attribute: "n", Dataset: name}},
		} {
			o.Start = b.now()
			if _, err := b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{o}}); city.KindOf(err) != city.Invalid {
				t.Errorf("observed with the %s %q: %v", what, name, err)
			}
		}
	}
	// Bounds are bytes, whatever lies between them: the end of a prefix is no UTF-8.
	const a, ae, last = "urn:x:a", "urn:x:ä", "urn:x:\U0010FFFF"
	for _, c := range []struct {
		q    plane.Query
		want []string
	}{
		{plane.Query{From: "urn:x:\xc3", To: "urn:x:\xc4"}, []string{ae}},
		{plane.Query{From: "urn:x:\xc3\xa4", To: "urn:x:\xc3\xa5"}, []string{ae}},
		{plane.Query{To: "urn:x:\xff"}, []string{a, ae, last}},
		{plane.Query{From: "urn:x:\xff"}, nil},
		{plane.Query{To: "\xff"}, []string{a, ae, last}},
		{plane.Query{From: "\xff"}, nil},
		{plane.Query{From: "urn:x:\xf4\x8f\xbf\xbe", To: "urn:x:\xf4\x90"}, []string{last}},
		{plane.Query{From: "urn:x:a\x00"}, []string{ae, last}},
		{plane.Query{After: "urn:x:a\x00"}, []string{ae, last}},
		{plane.Query{After: "urn:x:\xc3"}, []string{ae, last}},
		{plane.Query{After: "urn:x:\xc3\xff"}, []string{last}},
		{plane.Query{After: "urn:x:\xc3\xff", Descending: true}, []string{ae, a}},
		{plane.Query{After: "urn:x:\xff", Descending: true}, []string{last, ae, a}},
		{plane.Query{After: "urn:x:\xff"}, nil},
	} {
		if diff := cmp.Diff(c.want, b.ids(t, c.q)); diff != "" {
			t.Errorf("%+v: %s", c.q, diff)
		}
	}
}

// longNames stores names as long as they may be, which no compression makes shorter.
func longNames(t *testing.T, b *bench) {
	random := rand.New(rand.NewPCG(1, 2))
	long := func(prefix string, most int) string {
		name := []byte(prefix)
		for len(name) < most {
			name = append(name, byte('!'+random.IntN(94)))
		}
		return string(name)
	}
	e := entity(long("urn:x:", plane.MaxName), long("T", plane.MaxName), plane.Attribute{
		Name: long("n", plane.MaxName), Dataset: long("urn:", plane.MaxName), Kind: plane.Property, Value: json.RawMessage(`1`), Unit: long("U", 64),
	})
	e.Tenant, e.Scopes = long("t", 64), []string{long("/", plane.MaxName)}
	b.write(t, plane.Create(e))
	o := plane.Observation{Series: plane.Series{Key: e.Key, Attribute: e.Attributes[0].Name, Dataset: e.Attributes[0].Dataset}, Start: b.now(), Detail: bytes.Repeat([]byte{7}, plane.MaxDetail)}
	for added := 1; added >= 0; added-- {
		if r, err := b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{o}}); err != nil || r.Added != added {
			t.Errorf("added %d, %v", r.Added, err)
		}
	}
	if d := b.dump(t); len(d.Entities) != 1 || d.Entities[0].ID != e.ID || d.Entities[0].Attributes[0].Dataset != o.Dataset {
		t.Errorf("%d entities", len(d.Entities))
	} else if diff := cmp.Diff([]plane.Observation{o}, d.Observations); diff != "" {
		t.Error(diff)
	}
	if got := b.ids(t, plane.Query{Tenant: e.Tenant, Types: e.Types}); len(got) != 1 {
		t.Errorf("found %d by type", len(got))
	}
}

// dumped is what Dump gave.
type dumped struct {
	Entities     []*plane.Entity
	Observations []plane.Observation
}

func (b *bench) dump(t *testing.T) (d dumped) {
	t.Helper()
	err := b.store.Dump(t.Context(), func(e *plane.Entity) error { d.Entities = append(d.Entities, e); return nil },
		func(o plane.Observation) error { d.Observations = append(d.Observations, o); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func dump(t *testing.T, b *bench) {
	if d := b.dump(t); len(d.Entities)+len(d.Observations) != 0 {
		t.Errorf("an empty store holds %+v", d)
	}
	var want dumped
	var batch plane.Batch
	for _, tenant := range []string{"", "Z", "a", "ä"} { // the order of bytes, not of a language
		for i := range 700 {
			e := entity(fmt.Sprintf("urn:x:%03d", i), "T", number("n", float64(i)))
			e.Tenant, e.Created, e.Modified, e.Version = tenant, b.now(), b.now(), 1
			e.Attributes[0].Created, e.Attributes[0].Modified = b.now(), b.now()
			want.Entities = append(want.Entities, e)
			batch.Changes = append(batch.Changes, plane.Create(e))
		}
		for _, id := range []string{"urn:x:000", "urn:x:gone"} { // one of which there is no entity
			for _, name := range []string{"A", "a"} {
				for _, dataset := range []string{"", "B", "b"} {
					for _, at := range []time.Time{time.UnixMilli(0), time.Date(2026, 1, 31, 23, 59, 59, 999e6, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.UnixMilli(253402300799999)} {
						o := observation(id, name, at.UTC(), math.Pi)
						o.Tenant, o.Dataset = tenant, dataset
						point := o
						point.Length, point.Covered, point.Detail = 0, 0, []byte{0, 255}
						want.Observations = append(want.Observations, point, o)
					}
				}
			}
		}
	}
	batch.Observations = want.Observations
	for i := range batch.Changes { // in another order than theirs
		j := i * 31 % len(batch.Changes)
		batch.Changes[i], batch.Changes[j] = batch.Changes[j], batch.Changes[i]
	}
	r, err := b.store.Write(t.Context(), &batch)
	if err := errors.Join(err, r.Err()); err != nil || r.Added != len(want.Observations) {
		t.Fatalf("added %d, %v", r.Added, err)
	}
	if diff := cmp.Diff(want, b.dump(t)); diff != "" {
		t.Error(diff)
	}
	enough := errors.New("enough")
	n := 0
	if err := b.store.Dump(t.Context(), func(*plane.Entity) error { n++; return enough }, nil); !errors.Is(err, enough) || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if err := b.store.Dump(t.Context(), func(*plane.Entity) error { return nil }, func(plane.Observation) error { n++; return enough }); !errors.Is(err, enough) || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
}

// dumpWhileWriting: a dump is of one state, so that no batch is in it by half.
func dumpWhileWriting(t *testing.T, b *bench) {
	const before = 1500 // more than a backend reads at once
	var first plane.Batch
	for i := range before {
		first.Changes = append(first.Changes, plane.Create(entity(fmt.Sprintf("urn:x:%05d", i), "T")))
	}
	if _, err := b.store.Write(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	entities, observations := 0, 0
	err := b.store.Dump(t.Context(), func(*plane.Entity) error {
		if entities++; entities%500 == 1 {
			r, err := b.store.Write(t.Context(), &plane.Batch{
				Changes: []plane.Change{
					plane.Create(entity(fmt.Sprintf("urn:y:%d", entities), "T")), plane.Remove(plane.Key{ID: fmt.Sprintf("urn:x:%05d", before-entities)}),
				},
				Observations: []plane.Observation{observation("urn:y:1", "n", b.now().Add(time.Duration(entities)*time.Minute), 1)},
			})
			return errors.Join(err, r.Err())
		}
		return nil
	}, func(plane.Observation) error { observations++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	// What the first callback wrote came after the dump's state.
	if entities != before || observations != 0 {
		t.Errorf("%d entities and %d observations; the state at the beginning had %d and 0", entities, observations, before)
	}
}

func restore(t *testing.T, b *bench) {
	e := rich(b.now())
	b.write(t, plane.Create(e))
	b.pass(time.Hour)
	b.write(t, plane.Update(e.Key, func(e *plane.Entity) error { e.Set(number("n", 2)); return nil }))
	other := entity("urn:x:rich", "T")
	other.Tenant = "other"
	b.write(t, plane.Create(other))
	before := b.dump(t)
	b.pass(time.Hour)
	b.write(t, plane.Remove(e.Key), plane.Put(func() *plane.Entity { o := other.Clone(); o.Set(number("n", 3)); return o }()))
	b.pass(time.Hour)
	// One is made anew, the other put in place of a younger one; doing it again is
	// doing nothing.
	for range 2 {
		b.write(t, plane.Restore(before.Entities[0]), plane.Restore(before.Entities[1]))
		if diff := cmp.Diff(before, b.dump(t)); diff != "" {
			t.Error(diff)
		}
	}
	if got := b.ids(t, plane.Query{Types: []string{"B"}, Box: &plane.Box{West: 24, South: 60, East: 25, North: 61}}); len(got) != 1 {
		t.Errorf("found by type and place: %v", got)
	}
	b.write(t, plane.Update(e.Key, func(e *plane.Entity) error { e.Set(number("n", 4)); return nil }))
	if got := b.get(t, e.ID); got.Version != 3 || !got.Created.Equal(before.Entities[0].Created) || !got.Modified.Equal(b.now()) {
		t.Errorf("changed afterwards: version %d, created %v, modified %v", got.Version, got.Created, got.Modified)
	}
	for what, change := range map[string]func(*plane.Entity){
		"no version":       func(e *plane.Entity) { e.Version = 0 },
		"version too high": func(e *plane.Entity) { e.Version = 1 << 63 },
		"not created":      func(e *plane.Entity) { e.Created = time.Time{} },
		"microseconds":     func(e *plane.Entity) { e.Modified = e.Modified.Add(time.Microsecond) },
		"attribute":        func(e *plane.Entity) { e.Attributes[0].Created = time.Time{} },
		"metadata": func(e *plane.Entity) {
			e.Attributes[indexOf(t, e, plane.Attribute{Name: "deep", Dataset: "urn:x:sensor:ä"})].Meta[0].Modified = time.Time{}
		},
		"no type": func(e *plane.Entity) { e.Types = nil },
	} {
		wrong := before.Entities[0].Clone()
		change(wrong)
		if r, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Restore(wrong)}}); err != nil || city.KindOf(r.Err()) != city.Invalid {
			t.Errorf("%s: %v, %v", what, err, r.Err())
		}
	}
}
