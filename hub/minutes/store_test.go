package minutes_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"polity/city"
	"polity/hub/minutes"
	"polity/plane"
)

const square = "urn:polity:camera:square"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *minutes.Store {
	t.Helper()
	s, err := minutes.Open(t.Context(), path, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func minute(n int, value float64) plane.Observation {
	return plane.Observation{
		Series: plane.Series{Key: plane.Key{ID: square}, Attribute: "crossings", Dataset: "person/gate/right"},
		Start:  noon.Add(time.Duration(n) * time.Minute), Length: time.Minute, Covered: time.Minute, Value: value,
	}
}

func add(t *testing.T, s *minutes.Store, want int, list ...plane.Observation) {
	t.Helper()
	if n, err := s.Add(t.Context(), list); err != nil || n != want {
		t.Errorf("%d were new, want %d (%v)", n, want, err)
	}
}

// values are what is there, by minute from noon.
func values(t *testing.T, s *minutes.Store) map[int]float64 {
	t.Helper()
	got := map[int]float64{}
	if err := s.History(t.Context(), square, noon.Add(-24*time.Hour), noon.Add(24*time.Hour), func(o plane.Observation) error {
		got[int(o.Start.Sub(noon)/time.Minute)] = o.Value
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func hours(t *testing.T, s *minutes.Store) []minutes.Hour {
	t.Helper()
	list, err := s.Hours(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestEachIsStoredOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "minutes.db")
	s := open(t, path)
	add(t, s, 2, minute(0, 3), minute(61, 4))
	add(t, s, 1, minute(0, 9), minute(1, 1)) // the first stays
	s.Close()
	s = open(t, path)
	if got := values(t, s); len(got) != 3 || got[0] != 3 || got[1] != 1 || got[61] != 4 {
		t.Errorf("%v", got)
	}
	if list := hours(t, s); len(list) != 2 || !list[0].Start.Equal(noon) || !list[1].Start.Equal(noon.Add(time.Hour)) || !list[0].First.Equal(noon) {
		t.Errorf("hours: %+v", list)
	}
	if _, err := s.Add(t.Context(), []plane.Observation{minute(5, 1), {}}); city.KindOf(err) != city.Invalid {
		t.Errorf("nonsense: %v", err)
	}
	if got := values(t, s); len(got) != 3 {
		t.Errorf("half of a batch was kept: %v", got)
	}
}

func TestAnHourLeaves(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "minutes.db"))
	add(t, s, 3, minute(0, 3), minute(59, 4), minute(60, 5))
	var archived []plane.Observation
	keep := func(list []plane.Observation) error { archived = append(archived, list...); return nil }
	if err := s.Archive(t.Context(), hours(t, s)[0], keep); err != nil {
		t.Fatal(err)
	}
	if len(archived) != 2 || archived[0].Value != 3 || archived[1].Value != 4 || archived[1].ID != square || archived[1].Covered != time.Minute {
		t.Errorf("archived: %+v", archived)
	}
	if got := values(t, s); len(got) != 1 || got[60] != 5 {
		t.Errorf("left: %v", got)
	}
	if list := hours(t, s); len(list) != 1 || !list[0].Start.Equal(noon.Add(time.Hour)) {
		t.Errorf("hours: %+v", list)
	}
	add(t, s, 1, minute(30, 7)) // of the hour that left: a piece of its own
	if list := hours(t, s); len(list) != 2 {
		t.Errorf("hours: %+v", list)
	}
	if err := s.Forget(t.Context(), square, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := values(t, s); len(got) != 1 {
		t.Errorf("after forgetting: %v", got)
	}
}

// An hour that could not be archived, or during which the program died, is archived as it
// was; what came meanwhile waits.
func TestAnHourThatDidNotLeaveLeavesUnchanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "minutes.db")
	s := open(t, path)
	add(t, s, 1, minute(0, 3))
	full := errors.New("full")
	if err := s.Archive(t.Context(), hours(t, s)[0], func([]plane.Observation) error { return full }); !errors.Is(err, full) {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, path)
	add(t, s, 1, minute(1, 4))
	if got := values(t, s); len(got) != 2 {
		t.Errorf("lost: %v", got)
	}
	for _, want := range []float64{3, 4} {
		unfinished, err := s.Unfinished(t.Context())
		if err != nil || (want == 3) != (len(unfinished) == 1) {
			t.Fatalf("unfinished: %+v, %v", unfinished, err)
		}
		if err := s.Archive(t.Context(), hours(t, s)[0], func(list []plane.Observation) error {
			if len(list) != 1 || list[0].Value != want {
				t.Errorf("archived %+v, want %g alone", list, want)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if list := hours(t, s); len(list) != 0 {
		t.Errorf("hours: %+v", list)
	}
}

// What has left is overwritten in the file and in its journal.
func TestWhatLeftIsNotInTheFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "minutes.db"))
	o := minute(0, 3)
	o.Detail = []byte("[77777777,1]")
	add(t, s, 1, o)
	found := func() bool {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, o.Detail) {
				return true
			}
		}
		return false
	}
	if !found() {
		t.Fatal("it is not found while it is there: this test looks at nothing")
	}
	if err := s.Archive(t.Context(), hours(t, s)[0], func([]plane.Observation) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if found() {
		t.Error("it still lies in the files")
	}
}
