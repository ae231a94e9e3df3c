package planetest

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"polity/city"
	"polity/plane"
)

func thinnerOf(t *testing.T, b *bench) plane.Thinner {
	t.Helper()
	s, ok := b.store.(plane.Thinner)
	if !ok {
		t.Fatal("this backend does not thin out history")
	}
	return s
}

// thinBegin is five days before the turn of a month.
var thinBegin = time.Date(2026, 8, 27, 0, 0, 0, 0, time.UTC)

const thinDays = 10

func seriesNamed(id string) plane.Series {
	return plane.Series{Key: plane.Key{ID: id}, Attribute: "n"}
}

// fillHistory writes ten days of two series of one tenant, and one of another tenant.
func fillHistory(t *testing.T, b *bench, step time.Duration) {
	t.Helper()
	var batch plane.Batch
	flush := func() {
		t.Helper()
		if _, err := b.store.Write(t.Context(), &batch); err != nil {
			t.Fatal(err)
		}
		batch.Observations = nil
	}
	i := 0
	for at := thinBegin; at.Before(thinBegin.AddDate(0, 0, thinDays)); at = at.Add(step) {
		for k, id := range []string{"urn:x:0", "urn:x:1", "urn:x:0"} {
			o := observation(id, "n", at, 10*math.Sin(float64(i*(k+1))))
			if k == 2 {
				o.Tenant = "other"
			}
			if i++; i%50 == 0 && k == 0 {
				o.Detail = []byte("of another meaning")
			}
			batch.Observations = append(batch.Observations, o)
		}
		if len(batch.Observations) > 3000 {
			flush()
		}
	}
	flush()
	if p, ok := b.store.(plane.Packer); ok && b.packed {
		if _, err := p.Pack(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// packed runs a test with history that was packed, where the backend does that.
func packed(test func(*testing.T, *bench)) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		packerOf(t, b)
		b.packed = true
		test(t, b)
	}
}

// sums summarizes the whole time of all tenants by buckets.
func sums(t *testing.T, b *bench, bucket time.Duration) (list []plane.Summary) {
	t.Helper()
	for _, tenant := range []string{"", "other"} {
		q := plane.SummaryQuery{Tenant: tenant, Attribute: "n", From: thinBegin, To: thinBegin.AddDate(0, 0, thinDays), Bucket: bucket}
		if err := b.store.(plane.Summarizer).Summarize(t.Context(), q, func(x plane.Summary) error { list = append(list, x); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func sameSums(t *testing.T, when string, want, got []plane.Summary) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" {
		t.Fatalf("%s: (-before +now)\n%s", when, diff)
	}
}

// thin: observations become hours, hours days, and days nothing, each at its time.
func thin(t *testing.T, b *bench) {
	s := thinnerOf(t, b)
	fillHistory(t, b, 20*time.Minute)
	b.write(t, plane.Create(entity("urn:x:1", "T")))
	list := []plane.Series{seriesNamed("urn:x:0"), seriesNamed("urn:x:1"), seriesNamed("urn:x:unknown")}
	hours, days := sums(t, b, time.Hour), sums(t, b, plane.Day)
	day := func(n int) time.Time { return thinBegin.AddDate(0, 0, n) }

	var names []string
	if err := s.EachSeries(t.Context(), func(x plane.Series, types []string) error {
		names = append(names, x.Tenant+" "+x.ID+" "+x.Attribute)
		if want := x.ID == "urn:x:1"; want != slices.Equal(types, []string{"T"}) {
			t.Errorf("%v is of types %v", x, types)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{" urn:x:0 n", " urn:x:1 n", "other urn:x:0 n"}; !slices.Equal(names, want) {
		t.Errorf("there are the series %q", names)
	}

	run := func(cut plane.Cut, want plane.Thinned) {
		t.Helper()
		would, err := s.WouldThin(t.Context(), list, cut)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Thin(t.Context(), list, cut)
		if err != nil || got != want {
			t.Errorf("thinned out %+v, %v; want %+v", got, err, want)
		}
		if would.Raw != got.Raw || would.Daily > got.Daily || would.Hourly > got.Hourly {
			t.Errorf("said %+v would be thinned out, and %+v was", would, got)
		}
		if again, err := s.Thin(t.Context(), list, cut); err != nil || again != (plane.Thinned{}) {
			t.Errorf("thinned out once more %+v, %v", again, err)
		}
	}
	// 72 observations of a series and day; two series.
	run(plane.Cut{Raw: day(7)}, plane.Thinned{Raw: 2 * 7 * 72})
	sameSums(t, "hours after observations became hours", hours, sums(t, b, time.Hour))
	sameSums(t, "days after observations became hours", days, sums(t, b, plane.Day))
	if got := b.history(t, plane.HistoryQuery{Key: plane.Key{ID: "urn:x:1"}}); len(got) != 3*72 || got[0].Start.Before(day(7)) {
		t.Errorf("%d observations are left, from %v on", len(got), got[0].Start)
	}
	run(plane.Cut{Raw: day(7), Hourly: day(4)}, plane.Thinned{Hourly: 2 * 4 * 24})
	sameSums(t, "days after hours became days", days, sums(t, b, plane.Day))
	b.reopen(t)
	s = thinnerOf(t, b)
	sameSums(t, "days after reopening", days, sums(t, b, plane.Day))

	// What comes late may be in the summaries.
	r, err := b.store.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{
		observation("urn:x:0", "n", day(3), 1), observation("urn:x:0", "n", day(7).Add(-time.Millisecond), 1), observation("urn:x:0", "n", day(7).Add(time.Second), 0),
	}})
	if err != nil || r.Late != 2 || r.Added != 1 {
		t.Errorf("late observations: %+v, %v; want two of them passed over", r, err)
	}
	run(plane.Cut{Raw: day(7), Hourly: day(4), Daily: day(2)}, plane.Thinned{Daily: 2 * 2})
	if got := sums(t, b, plane.Day); len(got) != 8+8+10 {
		t.Errorf("%d days are left, want 8 of each series and all 10 of the other tenant's", len(got))
	}
	// All at once, and the other tenant's is left alone.
	run(plane.Cut{Raw: day(9), Hourly: day(9), Daily: day(9)}, plane.Thinned{Raw: 2*2*72 + 1, Hourly: 2 * 5 * 24, Daily: 2 * 7})
	if got := sums(t, b, plane.Day); len(got) != 1+1+10 {
		t.Errorf("%d days are left, want the last of each series and all 10 of the other tenant's", len(got))
	}
	for what, cut := range map[string]plane.Cut{
		"within a day":     {Raw: day(1).Add(time.Hour)},
		"days after hours": {Raw: day(3), Hourly: day(1), Daily: day(2)},
		"hours after raw":  {Raw: day(1), Hourly: day(2)},
		"yesterday":        {Raw: b.now().Truncate(plane.Day).Add(-plane.Day)},
		"before 1970":      {Raw: time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := s.Thin(t.Context(), list, cut); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v, want it refused as invalid", what, err)
		}
	}
}

// forgetThinned: what is to be forgotten is not kept as summaries.
func forgetThinned(t *testing.T, b *bench) {
	s := thinnerOf(t, b)
	fillHistory(t, b, time.Hour)
	day := func(n int) time.Time { return thinBegin.AddDate(0, 0, n) }
	if _, err := s.Thin(t.Context(), []plane.Series{seriesNamed("urn:x:0"), seriesNamed("urn:x:1")}, plane.Cut{Raw: day(8), Hourly: day(4)}); err != nil {
		t.Fatal(err)
	}
	all := int64(0)
	for _, x := range sums(t, b, 0) {
		if x.ID == "urn:x:0" && x.Tenant == "" {
			all = x.Count
		}
	}
	n, err := b.store.Forget(t.Context(), plane.Key{ID: "urn:x:0"}, day(6))
	if err != nil || n < 6*24-10 || n > 6*24 {
		t.Errorf("forgot %d of %d, %v", n, all, err)
	}
	got := map[string]int{}
	for _, x := range sums(t, b, plane.Day) {
		got[x.Tenant+x.ID]++
	}
	if diff := cmp.Diff(map[string]int{"urn:x:0": 4, "urn:x:1": 10, "otherurn:x:0": 10}, got); diff != "" {
		t.Errorf("days that are left: (-want +got)\n%s", diff)
	}
	if _, err := b.store.Forget(t.Context(), plane.Key{}, thinBegin.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	for _, x := range sums(t, b, plane.Day) {
		if x.Tenant == "" {
			t.Fatalf("still there: %+v", x)
		}
	}
	// Where no summary is left nothing can be counted twice.
	if r := write(t, b, []plane.Observation{observation("urn:x:0", "n", day(1), 1)}); r.Added != 1 || r.Late != 0 {
		t.Errorf("an old observation after all was forgotten: %+v", r)
	}
}

// countdown is a context that ends at the n-th time somebody asks whether it has.
type countdown struct {
	context.Context
	left atomic.Int64
	end  context.CancelFunc
}

func endsAfter(ctx context.Context, n int64) *countdown {
	c := &countdown{}
	c.Context, c.end = context.WithCancel(ctx)
	c.left.Store(n)
	return c
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		c.end()
	}
	return c.Context.Err()
}

// thinStepByStep breaks thinning off after each step.
func thinStepByStep(t *testing.T, b *bench) {
	fillHistory(t, b, 3*time.Minute)
	hours, days := sums(t, b, time.Hour), sums(t, b, plane.Day)
	list := []plane.Series{seriesNamed("urn:x:0"), seriesNamed("urn:x:1")}
	day := func(n int) time.Time { return thinBegin.AddDate(0, 0, n) }
	broken := 0
	for _, c := range []struct {
		cut   plane.Cut
		width time.Duration
		want  []plane.Summary
	}{{plane.Cut{Raw: day(9)}, time.Hour, hours}, {plane.Cut{Raw: day(9), Hourly: day(9)}, plane.Day, days}} {
		for ended := false; !ended; {
			ctx := endsAfter(t.Context(), int64(broken%3))
			_, err := thinnerOf(t, b).Thin(ctx, list, c.cut)
			ctx.end()
			if ended = err == nil; !ended {
				if broken++; city.KindOf(err) != city.Unavailable && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
			}
			sameSums(t, "after a step", c.want, sums(t, b, c.width))
			if broken%4 == 0 {
				b.reopen(t)
			}
			if broken > 1000 {
				t.Fatal("thinning makes no headway")
			}
		}
	}
	if broken < 3 {
		t.Errorf("broken off %d times", broken)
	}
	if got := b.history(t, plane.HistoryQuery{Key: list[0].Key}); len(got) != 24*20 {
		t.Errorf("%d observations of the last day are left", len(got))
	}
}

// thinWhileWriting: others write meanwhile, and nothing of theirs is lost.
func thinWhileWriting(t *testing.T, b *bench) {
	fillHistory(t, b, 5*time.Minute)
	days := sums(t, b, plane.Day)
	stop, written := make(chan struct{}), make(chan int, 1)
	go func() {
		n := 0
		defer func() { written <- n }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := b.store.Write(context.Background(), &plane.Batch{Observations: []plane.Observation{
				observation("urn:x:new", "n", thinBegin.AddDate(0, 0, 9).Add(time.Duration(n)*time.Millisecond), 1),
			}}); err != nil {
				t.Error(err)
				return
			}
			n++
		}
	}()
	if _, err := thinnerOf(t, b).Thin(t.Context(), []plane.Series{seriesNamed("urn:x:0"), seriesNamed("urn:x:1"), seriesNamed("urn:x:new")},
		plane.Cut{Raw: thinBegin.AddDate(0, 0, 9), Hourly: thinBegin.AddDate(0, 0, 9)}); err != nil {
		t.Error(err)
	}
	close(stop)
	n := <-written
	var got, fresh []plane.Summary
	for _, x := range sums(t, b, plane.Day) {
		if x.ID == "urn:x:new" {
			fresh = append(fresh, x)
		} else {
			got = append(got, x)
		}
	}
	sameSums(t, "after thinning", days, got)
	if n > 0 && (len(fresh) != 1 || fresh[0].Count != int64(n)) {
		t.Errorf("%d were written meanwhile, %+v is there", n, fresh)
	}
}
