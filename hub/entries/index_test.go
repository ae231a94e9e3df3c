package entries

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster/rostertest"
)

// book is an index with the entries that it was given, as a log would have them: each once.
type book struct {
	*Index

	t    *testing.T
	list []entry.Entry
	ids  map[canonical.Hash]bool
}

func newBook(t *testing.T) *book {
	t.Helper()
	b := &book{Index: NewIndex(), t: t, ids: map[canonical.Hash]bool{}}
	b.add(&entry.Roster{Roster: rostertest.New("town").Roster.File(), Version: 1})
	return b
}

func (b *book) add(list ...entry.Entry) {
	b.t.Helper()
	for _, e := range list {
		data, err := entry.Encode(e)
		if err != nil {
			b.t.Fatal(err)
		}
		if b.ids[entry.ID(data)] {
			continue
		}
		b.ids[entry.ID(data)] = true
		if err := b.Take(b.Next, data); err != nil {
			b.t.Fatal(err)
		}
		b.list = append(b.list, e)
	}
}

var (
	noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	then = noon.AddDate(0, 0, -7) // since when the roster holds
)

func square(file string, class city.Slug, hours int64) *entry.Registration {
	return &entry.Registration{
		At: canonical.At(noon), Camera: "square", Class: class, Edge: "edge-1", Entry: canonical.Sum("test", []byte(file)), FootageHours: hours,
		From: canonical.At(noon), State: "registered", Until: canonical.At(noon.AddDate(1, 0, 0)),
	}
}

// types are those of what a registration makes.
func (b *book) news(e *entry.Registration, since time.Time) (types []entry.Type) {
	b.t.Helper()
	list := b.News(e, since, noon.Add(time.Hour))
	for _, x := range list {
		types = append(types, entry.TypeOf(x))
	}
	b.add(list...)
	if again := b.News(e, since, noon.Add(2*time.Hour)); len(again) > 0 {
		b.t.Errorf("again: %v", again)
	}
	return types
}

func TestChangesOfTheRegister(t *testing.T) {
	b := newBook(t)
	for _, step := range []struct {
		name string
		e    *entry.Registration
		want []entry.Type
	}{
		{"new", square("a", "", 0), []entry.Type{"registration"}},
		{"footage", square("b", "short", 72), []entry.Type{"retention", "registration"}},
		{"another word", square("c", "short", 72), []entry.Type{"registration"}},
		{"kept longer", square("d", "usual", 168), []entry.Type{"retention", "registration"}},
		{"an earlier entry again", square("c", "short", 72), []entry.Type{"retention", "registration"}},
		{"no footage", square("e", "", 0), []entry.Type{"retention", "registration"}},
	} {
		if got := b.news(step.e, then); !reflect.DeepEqual(got, step.want) {
			t.Errorf("%s: %v", step.name, got)
		}
	}
	last, ok := b.list[len(b.list)-2].(*entry.Retention)
	if !ok || last.BeforeHours != 72 || last.Hours != 0 || last.Class != "short" {
		t.Errorf("%+v", last)
	}
	longer := rostertest.New("town").Plain()
	longer.Classes[0].Hours, longer.Version = 96, 2
	b.news(square("f", "short", 72), then)
	b.add(&entry.Roster{Roster: rostertest.New("town").Sign(longer), Version: 2})
	if got := b.news(square("f", "short", 72), noon.Add(time.Hour)); !reflect.DeepEqual(got, []entry.Type{"retention"}) {
		t.Errorf("a class that is kept longer: %v", got)
	}
}

func TestWithdrawnAndBack(t *testing.T) {
	b := newBook(t)
	b.news(square("a", "short", 72), then)
	gone := func(city.Slug) bool { return true }
	b.add(b.Withdrawn(gone, noon.Add(time.Minute))...)
	if w, ok := b.list[len(b.list)-1].(*entry.Registration); !ok || w.State != "withdrawn" || w.At == w.From || len(b.Withdrawn(gone, noon)) > 0 {
		t.Errorf("%+v", b.list[len(b.list)-1])
	}
	if got := b.news(square("a", "short", 72), then); !reflect.DeepEqual(got, []entry.Type{"retention", "registration"}) {
		t.Errorf("back: %v", got)
	}
	if b.Cameras["square"].State != "registered" || b.Withdrawn(func(city.Slug) bool { return false }, noon) != nil {
		t.Errorf("%+v", b.Cameras["square"])
	}
}

// TestTheCacheIsTheIndex: what was read and what is read anew are alike, and damage is as good
// as no cache.
func TestTheCacheIsTheIndex(t *testing.T) {
	b := newBook(t)
	b.news(square("a", "short", 72), then)
	key := &entry.EpochKey{Body: "court", Class: "short", Day: "2026-12-01", Device: "court-1", Kem: "MLKEM768-X25519", Key: make([]byte, 1216), Signature: make([]byte, 64)}
	second := *key
	second.Key = append(make([]byte, 1215), 1)
	runs := &entry.Software{At: canonical.At(noon), Component: "edge", Edge: "edge-1", Version: "v1.0.0"}
	b.add(key, &second, runs)
	if index, ok := b.Key("court", "short", "2026-12-01"); !ok || index != 2 {
		t.Errorf("the first key is at %d, %v", index, ok)
	}
	if _, ok := b.Key("ombudsman", "short", "2026-12-01"); ok {
		t.Error("a key that nobody logged")
	}
	same, other := *runs, *runs
	same.At, other.Version = canonical.At(noon.Add(time.Hour)), "v1.0.1"
	if index, ok := b.Runs(&same); !ok || index != 4 {
		t.Errorf("%d, %v", index, ok)
	}
	if _, ok := b.Runs(&other); ok {
		t.Error("another version is the same")
	}
	text, err := json.Marshal(b.Index)
	if err != nil {
		t.Fatal(err)
	}
	if again := ReadIndex(text); !reflect.DeepEqual(again, b.Index) {
		t.Errorf("%+v\n%+v", again, b.Index)
	}
	for _, bad := range []string{"", "{}", "null", `{"next":-1}`, string(text[:len(text)/2]), `{"next":3,"cameras":null,"keys":{},"devices":{},"hours":{},"software":{}}`} {
		if x := ReadIndex([]byte(bad)); x.Next != 0 || x.Cameras == nil {
			t.Errorf("%q is %+v", bad, x)
		}
	}
	after := newBook(t)
	after.add(key)
	next := rostertest.New("town").Plain()
	next.Version = 2
	after.add(&entry.Roster{Roster: rostertest.New("town").Sign(next), Version: 2})
	if _, ok := after.Key("court", "short", "2026-12-01"); !ok {
		t.Error("a roster that left the device as it was took its key away")
	}
	next.Version, next.Bodies[0].Devices[0].ID, next.Bodies[0].Devices[0].Key = 3, "court-3", rostertest.NewKey("helsinki.example/court-3", "town").Public
	after.add(&entry.Roster{Roster: rostertest.New("town").Sign(next), Version: 3})
	if _, ok := after.Key("court", "short", "2026-12-01"); ok {
		t.Error("the key of a device that is off the roster counts")
	}
	replaced := second
	replaced.Device = "court-3"
	after.add(&replaced)
	if index, ok := after.Key("court", "short", "2026-12-01"); !ok || index != 4 {
		t.Errorf("the key that replaces it: %d, %v", index, ok)
	}
	b.Forget(noon.AddDate(0, 0, 2))
	if _, ok := b.Key("court", "short", "2026-12-01"); !ok {
		t.Error("forgotten too early")
	}
	b.Forget(noon.AddDate(0, 0, 3))
	if len(b.Keys) != 0 {
		t.Error("keys of days past are kept")
	}
	if b.Take(9, text) == nil {
		t.Error("an entry is left out")
	}
}
