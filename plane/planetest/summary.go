package planetest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"polity/city"
	"polity/plane"
)

// summaries compares with what the history says, for buckets across the turn of a
// month.
func summaries(t *testing.T, b *bench) {
	s, ok := b.store.(plane.Summarizer)
	if !ok {
		t.Fatal("this backend does not summarize history")
	}
	turn := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	var batch plane.Batch
	for e := range 3 {
		for i := range 200 {
			o := observation(fmt.Sprintf("urn:x:%d", e), "n", turn.Add(time.Duration(i*17-1500)*time.Minute), math.Sin(float64(i*(e+1)))*10)
			if i%9 == 0 {
				o.Detail = []byte("of another meaning")
			}
			batch.Observations = append(batch.Observations, o)
		}
	}
	named := observation("urn:x:1", "n", turn, 1000)
	named.Dataset = "d"
	elsewhere := observation("urn:x:1", "n", turn, 1000)
	elsewhere.Tenant = "other"
	batch.Observations = append(batch.Observations, named, elsewhere, observation("urn:x:1", "m", turn, 1000))
	if _, err := b.store.Write(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	from, to := turn.Add(-20*time.Hour), turn.Add(25*time.Hour)
	for _, q := range []plane.SummaryQuery{
		{Attribute: "n", From: from, To: to, Bucket: 7 * time.Hour},
		{Attribute: "n", From: from, To: to},
		{Attribute: "n", From: from, To: to, Bucket: 90 * time.Minute, IDs: []string{"urn:x:2", "urn:x:0", "urn:x:9"}},
		{Attribute: "n", From: turn, To: to, Bucket: time.Hour, Dataset: "d"},
		{Attribute: "n", From: turn, To: to, Tenant: "other"},
		{Attribute: "n", From: turn, To: to, IDs: []string{}},
		{Attribute: "none", From: turn, To: to},
	} {
		var got []plane.Summary
		if err := s.Summarize(t.Context(), q, func(x plane.Summary) error { got = append(got, x); return nil }); err != nil {
			t.Errorf("%+v: %v", q, err)
			continue
		}
		if diff := cmp.Diff(summed(t, b, q), got, cmpopts.EquateApprox(1e-12, 1e-9)); diff != "" {
			t.Errorf("%+v: (-by the history +summarized)\n%s", q, diff)
		}
	}
	for name, q := range map[string]plane.SummaryQuery{
		"no attribute":     {From: from, To: to},
		"no time":          {Attribute: "n"},
		"times exchanged":  {Attribute: "n", From: to, To: from},
		"part of a ms":     {Attribute: "n", From: from, To: to, Bucket: time.Microsecond},
		"a bucket below 0": {Attribute: "n", From: from, To: to, Bucket: -time.Hour},
	} {
		if err := s.Summarize(t.Context(), q, func(plane.Summary) error { return nil }); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v, want it refused as invalid", name, err)
		}
	}
	many := plane.SummaryQuery{Attribute: "n", From: time.UnixMilli(0), To: turn, Bucket: time.Millisecond}
	if err := s.Summarize(t.Context(), many, func(plane.Summary) error { return nil }); city.KindOf(err) != city.TooLarge {
		t.Errorf("a query for billions of buckets: %v, want TooLarge", err)
	}
	stop := fmt.Errorf("enough")
	if err := s.Summarize(t.Context(), plane.SummaryQuery{Attribute: "n", From: from, To: to}, func(plane.Summary) error { return stop }); err != stop { //nolint:errorlint // it comes back as it is
		t.Errorf("the error of each: %v", err)
	}
}

// summed does by History what Summarize is to do.
func summed(t *testing.T, b *bench, q plane.SummaryQuery) []plane.Summary {
	t.Helper()
	ids := q.IDs
	if ids == nil {
		ids = []string{"urn:x:0", "urn:x:1", "urn:x:2"}
	}
	var out []plane.Summary
	for _, id := range []string{"urn:x:0", "urn:x:1", "urn:x:2"} {
		wanted := false
		for _, x := range ids {
			wanted = wanted || x == id
		}
		if !wanted {
			continue
		}
		width := time.Duration(q.Width()) * time.Millisecond
		err := b.store.History(t.Context(), plane.HistoryQuery{Key: plane.Key{Tenant: q.Tenant, ID: id}, Attribute: q.Attribute, Dataset: q.Dataset, From: q.From, To: q.To}, func(o plane.Observation) error {
			if len(o.Detail) > 0 {
				return nil
			}
			start := q.From.Add(o.Start.Sub(q.From) / width * width)
			x := plane.Summary{Series: o.Series, Start: start, Count: 1, Sum: o.Value, Squares: o.Value * o.Value, Least: o.Value, Most: o.Value}
			if n := len(out); n > 0 && out[n-1].ID == id && out[n-1].Start.Equal(start) {
				out[n-1].Add(&x)
			} else {
				out = append(out, x)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
