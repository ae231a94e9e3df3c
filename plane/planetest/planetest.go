// Package planetest is the one suite that every backend of plane passes.
package planetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/city"
	"polity/plane"
)

// Backend is one fresh database of a backend. Open opens it; after the store was
// closed, Open opens the same data again. Now is the clock that the store uses.
type Backend struct {
	Open func(t *testing.T, now func() time.Time) plane.Store
}

// Run runs the suite. fresh makes a new, empty database for each test.
func Run(t *testing.T, fresh func(t *testing.T) Backend) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"CreateReadUpdateRemove", createReadUpdateRemove},
		{"StoreStampsWhatChanged", stamps},
		{"RefusedChangesLeaveTheRest", refused},
		{"WrongEntitiesAreRefused", wrong},
		{"EditsOfOneEntityNeverCross", counters},
		{"WhatWasWrittenIsThereAfterReopening", reopen},
		{"QueriesNarrow", queries},
		{"PagesAreCompleteInBothDirections", pages},
		{"BoxesFindWhatTheyTouch", boxes},
		{"TenantsAreApart", tenants},
		{"ObservedTwiceIsStoredOnce", observedTwice},
		{"HistoryComesInOrderAcrossMonths", history},
		{"ForgetRemovesWhatIsOld", forget},
		{"SummariesAreThoseOfTheHistory", summaries},
		{"HistoryIsThinnedOut", thin},
		{"ForgetReachesSummaries", forgetThinned},
		{"ThinningBrokenOffLosesAndDoublesNothing", thinStepByStep},
		{"ThinningLetsOthersWrite", thinWhileWriting},
		{"PackedHistoryIsThinnedOut", packed(thin)},
		{"ForgetReachesSummariesOfPacked", packed(forgetThinned)},
		{"ThinningOfPackedBrokenOff", packed(thinStepByStep)},
		{"PackingIsNotSeen", pack},
		{"PackingBrokenOffLosesAndDoublesNothing", packBrokenOff},
		{"PackingLetsOthersWrite", packWhileWriting},
		{"ForgetReachesWhatIsPacked", forgetPacked},
		{"ChangesObserveInTheirCommit", observeInChange},
		{"EveryChangeIsInTheFeed", feed},
		{"EventsOfManyWritersFollowOneAnother", feedOfMany},
		{"BatchIsOneCommit", oneCommit},
		{"EndedContextsAndClosedStores", ends},
		{"ValuesStayByteForByte", exactValues},
		{"StrangeNamesFindNothing", strangeNames},
		{"LongNames", longNames},
		{"DumpHoldsEverythingInOrder", dump},
		{"DumpIsOneState", dumpWhileWriting},
		{"RestoreKeepsTimesAndVersions", restore},
		{"RandomOperationsMatchTheModel", model},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := &bench{backend: fresh(t), clock: time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)}
			b.open(t)
			c.test(t, b)
		})
	}
}

// bench is one test's database and clock.
type bench struct {
	backend Backend
	store   plane.Store
	mu      sync.Mutex
	clock   time.Time
	packed  bool // history, where the test says so and the backend can
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

func (b *bench) open(t *testing.T) {
	t.Helper()
	b.store = b.backend.Open(t, b.now)
	store := b.store
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func (b *bench) reopen(t *testing.T) {
	t.Helper()
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	b.open(t)
}

// write stores changes that must not be refused.
func (b *bench) write(t *testing.T, changes ...plane.Change) {
	t.Helper()
	r, err := b.store.Write(t.Context(), &plane.Batch{Changes: changes})
	if err := errors.Join(err, r.Err()); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) get(t *testing.T, id string) *plane.Entity {
	t.Helper()
	e, err := b.store.Entity(t.Context(), plane.Key{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (b *bench) ids(t *testing.T, q plane.Query) []string {
	t.Helper()
	p, err := b.store.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return ids(p)
}

func ids(p plane.Page) []string {
	var out []string
	for _, e := range p.Entities {
		out = append(out, e.ID)
	}
	return out
}

func number(name string, value float64) plane.Attribute {
	v, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return plane.Attribute{Name: name, Kind: plane.Property, Value: v}
}

func entity(id, typ string, attributes ...plane.Attribute) *plane.Entity {
	return &plane.Entity{Key: plane.Key{ID: id}, Types: []string{typ}, Attributes: attributes}
}

func createReadUpdateRemove(t *testing.T, b *bench) {
	e := entity("urn:ngsi-ld:Building:1", "Building", number("height", 12.5), plane.Attribute{
		Name: "name", Kind: plane.Language, Value: json.RawMessage(`{ "fi": "Tori",  "en": "Square" }`),
	})
	e.Scopes = []string{"/centre"}
	temperature := number("temperature", 21)
	temperature.Unit, temperature.Dataset, temperature.ObservedAt = "CEL", "urn:ngsi-ld:Sensor:7", b.now().Add(123456789)
	temperature.Meta = []plane.Attribute{{Name: "accuracy", Kind: plane.Property, Value: json.RawMessage(`0.5`), Meta: []plane.Attribute{number("of", 1)}}}
	e.Set(temperature)
	b.write(t, plane.Create(e))
	got := b.get(t, e.ID)
	if got.Version != 1 || !got.Created.Equal(b.now()) || string(got.Attribute("name").Value) != `{"fi":"Tori","en":"Square"}` {
		t.Errorf("%+v", got)
	}
	if i := slices.IndexFunc(got.Attributes, func(a plane.Attribute) bool { return a.Dataset != "" }); i < 0 || got.Attributes[i].Unit != "CEL" ||
		!got.Attributes[i].ObservedAt.Equal(temperature.ObservedAt) || string(got.Attributes[i].Meta[0].Meta[0].Value) != "1" {
		t.Errorf("the instance with a dataset: %+v", got.Attributes)
	}
	r, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Create(e)}})
	if err != nil || city.KindOf(r.Err()) != city.Conflict {
		t.Errorf("created twice: %v, %v", err, r.Err())
	}
	b.write(t, plane.Update(e.Key, func(e *plane.Entity) error {
		e.Set(number("height", 13))
		e.Drop("name", "")
		return nil
	}))
	if got = b.get(t, e.ID); got.Version != 2 || got.Attribute("name") != nil || string(got.Attribute("height").Value) != "13" || len(got.Attributes) != 2 {
		t.Errorf("%+v", got)
	}
	got.Attributes[0].Value = json.RawMessage(`"changed"`) // a copy: nobody else sees it
	if string(b.get(t, e.ID).Attribute("height").Value) != "13" {
		t.Error("what was handed out can change what is stored")
	}
	b.write(t, plane.Put(entity(e.ID, "Ruin")))
	if got = b.get(t, e.ID); got.Version != 3 || len(got.Attributes) != 0 || len(b.ids(t, plane.Query{Types: []string{"Building"}})) != 0 {
		t.Errorf("put in place of it: %+v", got)
	}
	b.write(t, plane.Remove(e.Key))
	if _, err := b.store.Entity(t.Context(), e.Key); city.KindOf(err) != city.NotFound {
		t.Errorf("after its removal: %v", err)
	}
	for what, c := range map[string]plane.Change{"removed": plane.Remove(e.Key), "updated": plane.Update(e.Key, func(*plane.Entity) error { return nil })} {
		if r, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}}); err != nil || city.KindOf(r.Err()) != city.NotFound {
			t.Errorf("%s although it is not there: %v, %v", what, err, r.Err())
		}
	}
	b.write(t, plane.Create(e))
	if got = b.get(t, e.ID); got.Version != 1 {
		t.Errorf("created again: version %d", got.Version)
	}
}

func stamps(t *testing.T, b *bench) {
	start := b.now()
	e := entity("urn:x:1", "T", number("a", 1), number("b", 1))
	b.write(t, plane.Create(e))
	b.pass(time.Minute)
	b.write(t, plane.Update(e.Key, func(e *plane.Entity) error { e.Set(number("a", 1)); return nil })) // the same
	if got := b.get(t, e.ID); got.Version != 1 || !got.Modified.Equal(start) {
		t.Errorf("a change to the same counts as one: version %d, modified %v", got.Version, got.Modified)
	}
	b.write(t, plane.Update(e.Key, func(e *plane.Entity) error { e.Set(number("a", 2)); e.Set(number("c", 1)); return nil }))
	got := b.get(t, e.ID)
	for name, want := range map[string][2]time.Time{"a": {start, b.now()}, "b": {start, start}, "c": {b.now(), b.now()}} {
		if a := got.Attribute(name); !a.Created.Equal(want[0]) || !a.Modified.Equal(want[1]) {
			t.Errorf("attribute %s: created %v, modified %v; want %v", name, a.Created, a.Modified, want)
		}
	}
	if !got.Created.Equal(start) || !got.Modified.Equal(b.now()) || got.Version != 2 {
		t.Errorf("entity: created %v, modified %v, version %d", got.Created, got.Modified, got.Version)
	}
}

func refused(t *testing.T, b *bench) {
	sulk := errors.New("no")
	r, err := b.store.Write(t.Context(), &plane.Batch{
		Changes: []plane.Change{
			plane.Create(entity("urn:x:1", "T")),
			{Key: plane.Key{ID: "urn:x:2"}, Edit: func(*plane.Entity) (*plane.Entity, error) { return nil, sulk }},
			plane.Create(entity("urn:x:1", "T")),
			plane.Update(plane.Key{ID: "urn:x:1"}, func(e *plane.Entity) error { e.Set(number("a", 1)); return nil }), // sees the first
			plane.Create(entity("urn:x:3", "T")),
		},
		Observations: []plane.Observation{observation("urn:x:1", "a", b.now(), 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, sulk, nil, nil, nil} {
		if i == 2 {
			if city.KindOf(r.Refused[i]) != city.Conflict {
				t.Errorf("change %d: %v", i, r.Refused[i])
			}
		} else if !errors.Is(r.Refused[i], want) {
			t.Errorf("change %d: %v, want %v", i, r.Refused[i], want)
		}
	}
	if got := b.ids(t, plane.Query{}); !slices.Equal(got, []string{"urn:x:1", "urn:x:3"}) || r.Added != 1 {
		t.Errorf("stored %v, %d observations", got, r.Added)
	}
	if b.get(t, "urn:x:1").Attribute("a") == nil {
		t.Error("a change does not see the one before it in its batch")
	}
}

func wrong(t *testing.T, b *bench) {
	deep := number("a", 1)
	for range plane.MaxDepth + 1 {
		deep = plane.Attribute{Name: "a", Kind: plane.Property, Value: json.RawMessage(`1`), Meta: []plane.Attribute{deep}}
	}
	many := entity("urn:x:1", "T")
	for i := range plane.MaxAttributes + 1 {
		many.Attributes = append(many.Attributes, number(fmt.Sprintf("a%d", i), 1))
	}
	for what, e := range map[string]*plane.Entity{
		"no id":              entity("", "T"),
		"id without scheme":  entity("Building", "T"),
		"id with a space":    entity("urn:a b", "T"),
		"id too long":        entity("urn:"+string(make([]byte, 2000)), "T"),
		"no type":            {Key: plane.Key{ID: "urn:x:1"}},
		"empty type":         entity("urn:x:1", ""),
		"type twice":         {Key: plane.Key{ID: "urn:x:1"}, Types: []string{"T", "T"}},
		"attribute no name":  entity("urn:x:1", "T", number("", 1)),
		"attribute twice":    entity("urn:x:1", "T", number("a", 1), number("a", 2)),
		"value no JSON":      entity("urn:x:1", "T", plane.Attribute{Name: "a", Kind: plane.Property, Value: json.RawMessage(`{`)}),
		"value null":         entity("urn:x:1", "T", plane.Attribute{Name: "a", Kind: plane.Property, Value: json.RawMessage(` null `)}),
		"value not UTF-8":    entity("urn:x:1", "T", plane.Attribute{Name: "a", Kind: plane.Property, Value: json.RawMessage("\"\xff\"")}),
		"unit not UTF-8":     entity("urn:x:1", "T", plane.Attribute{Name: "a", Kind: plane.Property, Value: json.RawMessage("1"), Unit: "\xff"}),
		"value too deep":     entity("urn:x:1", "T", plane.Attribute{Name: "a", Kind: plane.Property, Value: json.RawMessage(strings.Repeat("[", 9000) + strings.Repeat("]", 9000))}),
		"observed in 9000":   entity("urn:x:1", "T", plane.Attribute{Name: "a", Kind: plane.Property, Value: json.RawMessage("1"), ObservedAt: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}),
		"tenant with a NUL":  {Key: plane.Key{ID: "urn:x:1", Tenant: "\x00"}, Types: []string{"T"}},
		"no kind":            entity("urn:x:1", "T", plane.Attribute{Name: "a", Value: json.RawMessage(`1`)}),
		"metadata too deep":  entity("urn:x:1", "T", deep),
		"too many":           many,
		"value of 2 MiB":     entity("urn:x:1", "T", plane.Attribute{Name: "a", Kind: plane.Property, Value: json.RawMessage(`"` + string(make([]byte, 2<<20)) + `"`)}),
		"id becomes another": nil,
	} {
		c := plane.Change{Key: plane.Key{ID: "urn:x:9"}, Edit: func(*plane.Entity) (*plane.Entity, error) { return entity("urn:x:8", "T"), nil }}
		if e != nil {
			c = plane.Create(e)
		}
		r, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}})
		if k := city.KindOf(r.Err()); err != nil || (k != city.Invalid && k != city.TooLarge) {
			t.Errorf("%s: %v, %v", what, err, r.Err())
		}
	}
	good := observation("urn:x:1", "a", b.now(), 1)
	for what, change := range map[string]func(*plane.Observation){
		"no series":       func(o *plane.Observation) { o.ID = "" },
		"no attribute":    func(o *plane.Observation) { o.Attribute = "" },
		"before 1970":     func(o *plane.Observation) { o.Start = time.Unix(-1, 0) },
		"after 9999":      func(o *plane.Observation) { o.Start = time.Unix(1<<40, 0) },
		"negative length": func(o *plane.Observation) { o.Length = -1 },
		"covers too much": func(o *plane.Observation) { o.Covered = o.Length + time.Millisecond },
		"not a number":    func(o *plane.Observation) { o.Value /= 0; o.Value -= o.Value },
		"detail too long": func(o *plane.Observation) { o.Detail = make([]byte, plane.MaxDetail+1) },
	} {
		o := good
		change(&o)
		_, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Put(entity("urn:x:5", "T"))}, Observations: []plane.Observation{good, o}})
		if k := city.KindOf(err); k != city.Invalid && k != city.TooLarge {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := b.ids(t, plane.Query{}); len(got) != 0 {
		t.Errorf("stored all the same: %v", got)
	}
}

func counters(t *testing.T, b *bench) {
	const writers, each = 8, 50
	key := plane.Key{ID: "urn:x:counter"}
	b.write(t, plane.Create(entity(key.ID, "Counter", number("n", 0))))
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				r, err := b.store.Write(context.Background(), &plane.Batch{Changes: []plane.Change{
					plane.Update(key, func(e *plane.Entity) error {
						var n float64
						if err := json.Unmarshal(e.Attribute("n").Value, &n); err != nil {
							return err
						}
						e.Set(number("n", n+1))
						return nil
					}),
					plane.Create(entity(fmt.Sprintf("urn:x:own:%d:%d", w, i), "Own")),
				}})
				if err := errors.Join(err, r.Err()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := b.get(t, key.ID); string(got.Attribute("n").Value) != "400" || got.Version != 401 {
		t.Errorf("%d writers counted to %s, version %d", writers, got.Attribute("n").Value, got.Version)
	}
	p, err := b.store.Find(t.Context(), plane.Query{Types: []string{"Own"}, Count: true, Limit: 1})
	if err != nil || p.Total != writers*each {
		t.Errorf("%d of their own, %v", p.Total, err)
	}
}

func reopen(t *testing.T, b *bench) {
	e := entity("urn:x:1", "T", number("a", 1))
	b.write(t, plane.Create(e))
	o := observation(e.ID, "a", b.now(), 7)
	if _, err := b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{o}}); err != nil {
		t.Fatal(err)
	}
	before := b.get(t, e.ID)
	b.reopen(t)
	if diff := cmp.Diff(before, b.get(t, e.ID)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]plane.Observation{o}, b.history(t, plane.HistoryQuery{Key: e.Key})); diff != "" {
		t.Error(diff)
	}
	r, err := b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{o}})
	if err != nil || r.Added != 0 {
		t.Errorf("stored twice across a restart: %+v, %v", r, err)
	}
}

func ends(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.store.Write(ctx, &plane.Batch{Changes: []plane.Change{plane.Create(entity("urn:x:1", "T"))}}); city.KindOf(err) != city.Unavailable {
		t.Errorf("write with an ended context: %v", err)
	}
	if _, err := b.store.Find(ctx, plane.Query{}); city.KindOf(err) != city.Unavailable {
		t.Errorf("find with an ended context: %v", err)
	}
	if got := b.ids(t, plane.Query{}); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Write(t.Context(), &plane.Batch{}); city.KindOf(err) != city.Unavailable {
		t.Errorf("write after Close: %v", err)
	}
	if _, err := b.store.Entity(t.Context(), plane.Key{ID: "urn:x:1"}); city.KindOf(err) != city.Unavailable {
		t.Errorf("read after Close: %v", err)
	}
	if err := b.store.History(t.Context(), plane.HistoryQuery{Key: plane.Key{ID: "urn:x:1"}}, nil); city.KindOf(err) != city.Unavailable {
		t.Errorf("history after Close: %v", err)
	}
	if err := b.store.Dump(t.Context(), nil, nil); city.KindOf(err) != city.Unavailable {
		t.Errorf("dump after Close: %v", err)
	}
	if _, err := b.store.Forget(t.Context(), plane.Key{}, b.now()); city.KindOf(err) != city.Unavailable {
		t.Errorf("forget after Close: %v", err)
	}
}

func oneCommit(t *testing.T, b *bench) {
	// A reader never sees the one without the other.
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			p, err := b.store.Find(context.Background(), plane.Query{IDs: []string{"urn:x:left", "urn:x:right"}})
			if err != nil {
				t.Error(err)
				return
			}
			if len(p.Entities) == 1 || (len(p.Entities) == 2 && string(p.Entities[0].Attribute("n").Value) != string(p.Entities[1].Attribute("n").Value)) {
				t.Errorf("half of a batch can be seen: %v", ids(p))
				return
			}
		}
	})
	for n := range 100 {
		b.write(t, plane.Put(entity("urn:x:left", "T", number("n", float64(n)))), plane.Put(entity("urn:x:right", "T", number("n", float64(n)))))
	}
	close(stop)
	reader.Wait()
}
