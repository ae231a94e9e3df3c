package transfer_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/transfer"
)

// thinned is a store whose history is observations, hours and days; packed, where the
// backend does that.
func thinned(t *testing.T, i int, now func() time.Time) plane.Store {
	t.Helper()
	s := fresh(t, i, now)
	x := plane.Series{Key: plane.Key{ID: "urn:x:lamp"}, Attribute: "power"}
	y := plane.Series{Key: plane.Key{Tenant: "harbour", ID: "urn:x:crane"}, Attribute: "load", Dataset: "d"}
	var b plane.Batch
	for n := range 24 * 40 {
		for _, series := range []plane.Series{x, y} {
			b.Observations = append(b.Observations, plane.Observation{Series: series, Start: begin.AddDate(0, 0, -50).Add(time.Duration(n) * time.Hour), Value: float64(n) / 3})
		}
	}
	if _, err := s.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if p, ok := s.(plane.Packer); ok {
		if _, err := p.Pack(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	day := func(n int) time.Time { return begin.AddDate(0, 0, n).Truncate(plane.Day) }
	if _, err := s.(plane.Thinner).Thin(t.Context(), []plane.Series{x, y}, plane.Cut{Raw: day(-20), Hourly: day(-30), Daily: day(-45)}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSummariesMove: what stands for observations goes from any backend into any.
func TestSummariesMove(t *testing.T) {
	now := func() time.Time { return begin }
	var first []byte
	for from := range backends {
		s := thinned(t, from, now)
		file := export(t, s)
		if !strings.Contains(string(file), `["hour",`) || !strings.Contains(string(file), `["day",`) || !strings.Contains(string(file), `"summaries":`) {
			t.Fatalf("the file holds no summaries:\n%.500s", file)
		}
		if first == nil {
			first = file
		}
		if !bytes.Equal(first, file) {
			t.Errorf("%s writes another file than %s", backends[from].name, backends[0].name)
		}
		for to := range backends {
			other := fresh(t, to, now)
			for range 2 { // again changes nothing
				if _, err := transfer.Import(t.Context(), other, bytes.NewReader(file), true, nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := transfer.Compare(t.Context(), other, bytes.NewReader(file), false, nil); err != nil {
				t.Error(err)
			}
			if got := export(t, other); !bytes.Equal(got, file) {
				t.Errorf("from %s into %s: another file", backends[from].name, backends[to].name)
			}
			// What the summaries stand for is late there, too.
			r, err := other.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{
				{Series: plane.Series{Key: plane.Key{ID: "urn:x:lamp"}, Attribute: "power"}, Start: begin.AddDate(0, 0, -40)},
			}})
			if err != nil || r.Late != 1 || r.Added != 0 {
				t.Errorf("%s: an observation of a time that is summaries: %+v, %v", backends[to].name, r, err)
			}
			if _, err := other.Forget(t.Context(), plane.Key{ID: "urn:x:lamp"}, begin.AddDate(0, 0, -29)); err != nil {
				t.Fatal(err)
			}
			if _, err := transfer.Compare(t.Context(), other, bytes.NewReader(file), false, nil); city.KindOf(err) != city.Conflict || !strings.Contains(err.Error(), "summary of power of urn:x:lamp") {
				t.Errorf("a summary that is missing: %v", err)
			}
		}
	}
	for what, change := range map[string][2]string{
		"a wrong span":  {`["hour",`, `["week",`},
		"no UTC hour":   {`["hour",1`, `["hour",2`},
		"a count of 0":  {`,1,`, `,0,`},
		"one too many":  {`["day",`, `["day",1,`},
		"out of order":  {`["day",`, `["hour",`},
		"not a number":  {`["hour",`, `["hour",x`},
		"another count": {`"summaries":`, `"summaries":1`},
	} {
		i := bytes.LastIndex(first, []byte(change[0]))
		wrong := append(append(bytes.Clone(first[:i]), change[1]...), first[i+len(change[0]):]...)
		if _, err := transfer.Verify(bytes.NewReader(wrong), nil); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v, want it refused as invalid", what, err)
		}
	}
}
