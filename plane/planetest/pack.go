package planetest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/plane"
)

func packerOf(t *testing.T, b *bench) plane.Packer {
	t.Helper()
	s, ok := b.store.(plane.Packer)
	if !ok {
		t.Skip("this backend keeps history in little room as it comes: nothing is packed")
	}
	return s
}

// scattered is history of all sorts: some series with much a day, some with little, with
// several lengths, parts that are not covered, and detail.
func scattered(n int) (list []plane.Observation) {
	rng := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same each time
	for range n {
		k := rng.IntN(6)
		o := observation([]string{"urn:x:0", "urn:x:0", "urn:x:1", "urn:x:1", "urn:x:2", "urn:x:rare"}[k], "n",
			thinBegin.Add(time.Duration(rng.Int64N(int64(thinDays*plane.Day/time.Millisecond)))*time.Millisecond), rng.NormFloat64())
		switch {
		case k == 5 && rng.IntN(50) > 0:
			continue
		case k == 2:
			o.Length = time.Duration(1+rng.IntN(3)) * time.Minute
			o.Covered = o.Length - time.Duration(rng.IntN(2))*time.Second
		case k == 3:
			o.Length, o.Covered = time.Minute, time.Minute
		case k == 4:
			o.Tenant = "other"
		}
		if rng.IntN(40) == 0 {
			o.Detail = []byte("of another meaning")
		}
		list = append(list, o)
	}
	return list
}

func write(t *testing.T, b *bench, list []plane.Observation) plane.Result {
	t.Helper()
	r, err := b.store.Write(t.Context(), &plane.Batch{Observations: list})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told is all that a store tells of its history.
type told struct {
	Dumped []plane.Observation
	Read   map[string][]plane.Observation
	Parts  []plane.Observation
	Hours  []plane.Summary
}

func tell(t *testing.T, b *bench) (x told) {
	t.Helper()
	if err := b.store.Dump(t.Context(), func(*plane.Entity) error { return nil }, func(o plane.Observation) error { x.Dumped = append(x.Dumped, o); return nil }); err != nil {
		t.Fatal(err)
	}
	x.Read = map[string][]plane.Observation{}
	for _, id := range []string{"urn:x:0", "urn:x:1", "urn:x:rare"} {
		x.Read[id] = b.history(t, plane.HistoryQuery{Key: plane.Key{ID: id}})
	}
	// A part whose ends lie within days.
	x.Parts = b.history(t, plane.HistoryQuery{Key: plane.Key{ID: "urn:x:1"}, From: thinBegin.Add(31*time.Hour + 17*time.Millisecond), To: thinBegin.Add(99*time.Hour + 3*time.Nanosecond)})
	x.Hours = sums(t, b, 7*time.Hour)
	return x
}

func sameTold(t *testing.T, when string, want, got told) {
	t.Helper()
	sameSums(t, when, want.Hours, got.Hours)
	want.Hours, got.Hours = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: (-before +now)\n%.3000s", when, diff)
	}
}

// pack: readers see no difference, and what is there already is not stored again.
func pack(t *testing.T, b *bench) {
	packerOf(t, b)
	list := scattered(9000)
	write(t, b, list)
	before := tell(t, b)
	n, err := packerOf(t, b).Pack(t.Context())
	if err != nil || n < 7000 {
		t.Fatalf("packed %d of %d, %v", n, len(list), err)
	}
	sameTold(t, "after packing", before, tell(t, b))
	if r := write(t, b, list); r.Added != 0 || r.Late != 0 {
		t.Errorf("written again after packing: %+v", r)
	}
	sameTold(t, "written again", before, tell(t, b))
	b.reopen(t)
	sameTold(t, "after reopening", before, tell(t, b))
	if n, err := packerOf(t, b).Pack(t.Context()); err != nil || n != 0 {
		t.Errorf("packed %d more, %v", n, err)
	}
	// What comes to days that are packed stands beside it, and is packed another day.
	late := scattered(9400)[len(list):]
	for i := range late {
		late[i].Start = late[i].Start.Truncate(plane.Day).Add(time.Duration(i) * time.Second)
	}
	if r := write(t, b, late); r.Added != len(late) {
		t.Errorf("%d new in days that are packed: %+v", len(late), r)
	}
	before = tell(t, b)
	b.pass(plane.Day)
	if n, err := packerOf(t, b).Pack(t.Context()); err != nil || n == 0 {
		t.Errorf("packed %d beside what was, %v", n, err)
	}
	sameTold(t, "packed beside what was", before, tell(t, b))
	if r := write(t, b, append(late, list...)); r.Added != 0 {
		t.Errorf("all written again: %+v", r)
	}
}

// packBrokenOff: whatever ends it, nothing is lost or there twice.
func packBrokenOff(t *testing.T, b *bench) {
	packerOf(t, b)
	write(t, b, scattered(30_000))
	before := tell(t, b)
	broken := 0
	for {
		ctx := endsAfter(t.Context(), int64(broken))
		_, err := packerOf(t, b).Pack(ctx)
		ctx.end()
		sameTold(t, "after a step", before, tell(t, b))
		if err == nil {
			break
		}
		if broken++; broken > 100 {
			t.Fatal("packing makes no headway")
		}
		if broken%2 == 0 {
			b.reopen(t)
		}
	}
	if broken == 0 {
		t.Error("nothing was broken off")
	}
}

// packWhileWriting: others write the same days meanwhile, what is there and what is not.
func packWhileWriting(t *testing.T, b *bench) {
	packerOf(t, b)
	list := scattered(12_000)
	write(t, b, list[:6000])
	done := make(chan int, 1)
	go func() {
		added := 0
		for i := 0; i < len(list); i += 40 {
			r, err := b.store.Write(context.Background(), &plane.Batch{Observations: list[i:min(i+40, len(list))]})
			if err != nil {
				t.Error(err)
				break
			}
			added += r.Added
		}
		done <- added
	}()
	for range 3 {
		if _, err := packerOf(t, b).Pack(t.Context()); err != nil {
			t.Error(err)
		}
		b.pass(plane.Day)
	}
	added := <-done
	if _, err := packerOf(t, b).Pack(t.Context()); err != nil {
		t.Error(err)
	}
	type key struct {
		series plane.Series
		start  int64
		length time.Duration
	}
	keys := func(list []plane.Observation) map[key]bool {
		all := map[key]bool{}
		for _, o := range list {
			all[key{o.Series, o.Start.UnixMilli(), o.Length}] = true
		}
		return all
	}
	want, dumped := keys(list), tell(t, b).Dumped
	if len(dumped) != len(want) || len(keys(dumped)) != len(want) {
		t.Errorf("%d written, %d there; %d said to be added by the second", len(want), len(dumped), added)
	}
}

// forgetPacked: within days, and whole ones.
func forgetPacked(t *testing.T, b *bench) {
	packerOf(t, b)
	list := scattered(9000)
	write(t, b, list)
	if _, err := packerOf(t, b).Pack(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key    plane.Key
		before time.Time
	}{
		{plane.Key{ID: "urn:x:1"}, thinBegin.Add(50*time.Hour + 7*time.Millisecond)},
		{plane.Key{}, thinBegin.Add(26 * time.Hour)},
		{plane.Key{}, thinBegin.Add(72 * time.Hour)},
		{plane.Key{Tenant: "other"}, thinBegin.AddDate(1, 0, 0)},
	} {
		var want []plane.Observation
		for _, o := range tell(t, b).Dumped {
			if o.Tenant != c.key.Tenant || c.key.ID != "" && o.ID != c.key.ID || !o.Start.Before(c.before) {
				want = append(want, o)
			}
		}
		all := len(tell(t, b).Dumped)
		n, err := b.store.Forget(t.Context(), c.key, c.before)
		if err != nil || n != int64(all-len(want)) {
			t.Errorf("%+v: forgot %d of %d, %v; want %d", c, n, all, err, all-len(want))
		}
		if diff := cmp.Diff(want, tell(t, b).Dumped); diff != "" {
			t.Errorf("%+v: (-want +got)\n%.2000s", c, diff)
		}
	}
}
