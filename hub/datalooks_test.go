package hub

import (
	"slices"
	"testing"
	"time"

	"polity/access"
	"polity/access/look"
	"polity/opendata"
)

// TestLooksAsOpenData: a day's counts are in the file of the day in which they are public,
// and what goes on is in none.
func TestLooksAsOpenData(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	book, err := look.Open(look.Config{Dir: t.TempDir(), Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	who := access.Who{Kind: access.Person, ID: "p-anna", Body: "safety", Session: "s-1"}
	record := func() {
		o, err := book.Record(t.Context(), look.Look{Who: who, Purpose: "incident", Do: access.LookLive, On: access.Camera("square")})
		if err != nil {
			t.Fatal(err)
		}
		o.Finish()
	}
	record()
	s := &looksSource{book}
	set := s.Set()
	if err := set.Check(); err != nil {
		t.Fatal(err)
	}
	rows := func(day int) (list []opendata.Row) {
		from := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)
		if err := s.Rows(t.Context(), from, from.AddDate(0, 0, 1), true, func(r opendata.Row) error {
			list = append(list, r)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := rows(30); len(list) != 0 {
		t.Errorf("while the day goes on: %v", list)
	}
	at = at.Add(8 * time.Hour)
	record() // of the day after
	want := []any{"2026-11-30", "Camera", "square", "look-live", "safety", "incident", int64(1), int64(1)}
	if list := rows(30); len(list) != 1 || !slices.Equal(list[0].Cells, want) || len(want) != len(set.Columns) {
		t.Errorf("%v", list)
	}
}
