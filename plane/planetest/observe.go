package planetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polity/city"
	"polity/plane"
)

// observeInChange: what a change observes is stored if and only if the change is.
func observeInChange(t *testing.T, b *bench) {
	key := plane.Key{ID: "urn:x:1"}
	value := 1.0
	observe := func(c plane.Change) plane.Change {
		c.Observe = func(old, now *plane.Entity) []plane.Observation {
			switch {
			case now == nil:
				return []plane.Observation{observation(key.ID, "removed", b.now(), float64(old.Version))}
			case old == nil:
				return []plane.Observation{observation(key.ID, "n", b.now(), value), observation(key.ID, "m", b.now(), float64(now.Version))}
			}
			return []plane.Observation{observation(key.ID, "n", b.now(), value)}
		}
		return c
	}
	write := func(want plane.Result, changes ...plane.Change) {
		t.Helper()
		r, err := b.store.Write(t.Context(), &plane.Batch{Changes: changes})
		if err != nil || r.Added != want.Added || (r.Err() == nil) != (want.Err() == nil) {
			t.Errorf("%+v, %v; want %+v", r, err, want)
		}
	}
	no := plane.Result{Refused: []error{errors.New("refused")}}
	write(plane.Result{Added: 2}, observe(plane.Create(entity(key.ID, "T"))))
	b.pass(1e9)
	value = 2
	write(no, observe(plane.Create(entity(key.ID, "T"))))
	write(plane.Result{}, observe(plane.Put(b.get(t, key.ID)))) // nothing changes
	write(plane.Result{Added: 1}, observe(plane.Put(entity(key.ID, "T", number("n", 2)))))
	write(plane.Result{}, observe(plane.Put(entity(key.ID, "T", number("n", 3))))) // the same time again: the first stays
	wrong := plane.Put(entity(key.ID, "T", number("n", 4)))
	wrong.Observe = func(_, _ *plane.Entity) []plane.Observation {
		return []plane.Observation{observation("no URI", "n", b.now(), 1)}
	}
	if _, err := b.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Put(entity("urn:x:2", "T")), wrong}}); city.KindOf(err) != city.Invalid {
		t.Errorf("a wrong observation of a change: %v", err)
	}
	if got := b.ids(t, plane.Query{}); len(got) != 1 || string(b.get(t, key.ID).Attribute("n").Value) != "3" {
		t.Errorf("stored with it: %v", got)
	}
	b.pass(1e9)
	write(plane.Result{Added: 1}, observe(plane.Remove(key)))
	got := map[string][]float64{}
	for _, o := range b.history(t, plane.HistoryQuery{Key: key}) {
		got[o.Attribute] = append(got[o.Attribute], o.Value)
	}
	if diff := cmp.Diff(map[string][]float64{"n": {1, 2}, "m": {1}, "removed": {3}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
