package hub

import (
	"context"
	"io"
	"iter"
	"testing"
	"time"

	"polity/city"
	"polity/recording/root"
	"polity/recording/share"
	"polity/release/docket"
)

// starts are the beginnings of one camera's segments.
type starts struct {
	at    []time.Time
	err   error
	asked int
}

func (s *starts) Segments(_ context.Context, _ city.Slug, from, to time.Time) (list []docket.Segment, _ error) {
	s.asked++
	for _, at := range s.at {
		if !at.Before(from) && at.Before(to) {
			list = append(list, docket.Segment{Start: at})
		}
	}
	return list, s.err
}

func (*starts) Shares(context.Context, city.Slug, time.Time, time.Time, share.Body) iter.Seq2[[]byte, error] {
	return nil
}

func (*starts) Hashes(context.Context, city.Slug, time.Time) ([]root.Hash, error) { return nil, nil }

func (*starts) Ciphertext(context.Context, city.Slug, string, int64, io.Writer) error { return nil }

func TestWhatIsRecordedWhen(t *testing.T) {
	now := time.Date(2026, 12, 1, 15, 20, 0, 0, time.UTC)
	at := func(hour, minute int) time.Time { return time.Date(2026, 12, 1, hour, minute, 0, 0, time.UTC) }
	s := &starts{}
	add := func(from, to time.Time) {
		for x := from.Add(2 * time.Second); x.Before(to); x = x.Add(6 * time.Second) {
			s.at = append(s.at, x)
		}
	}
	add(at(9, 0), at(12, 40)) // over full hours, where no segment begins
	add(at(13, 5), now)
	r := newRecorded(s, func() time.Time { return now })
	spans := func(from, to time.Time) [][2]time.Time {
		t.Helper()
		got, err := r.spans(t.Context(), "square", from, to)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := spans(at(8, 0), at(23, 0))
	if len(got) != 2 || got[0][0] != at(9, 0).Add(2*time.Second) || got[0][1].Sub(at(12, 40)).Abs() > 6*time.Second || got[1][0] != at(13, 5).Add(2*time.Second) || got[1][1] != now {
		t.Fatalf("recorded %v", got)
	}
	if s.asked != 1 {
		t.Errorf("the edge was asked %d times for a day", s.asked)
	}
	if got := spans(at(10, 0), at(11, 0)); len(got) != 1 || got[0] != [2]time.Time{at(10, 0), at(11, 0)} {
		t.Errorf("in the middle %v: what began before counts", got)
	}
	if s.asked != 1 {
		t.Error("the edge was asked again for hours that are over")
	}
	spans(at(15, 0), at(15, 10))
	if s.asked != 2 {
		t.Error("of the hour that goes on nothing is to be remembered")
	}
	if got := spans(at(12, 45), at(13, 0)); len(got) != 0 {
		t.Errorf("in a gap %v", got)
	}
	if got := spans(now.Add(time.Hour), now.Add(2*time.Hour)); len(got) != 0 {
		t.Errorf("in the future %v", got)
	}
	now = now.Add(timesKept)
	s.at = nil
	if got := spans(at(9, 0), at(12, 0)); len(got) != 0 {
		t.Errorf("what space was needed for is still told of: %v", got)
	}
	now = now.Add(timesKept)
	s.err = city.Errorf(city.NotFound, "no recordings")
	if got := spans(at(9, 0), at(12, 0)); len(got) != 0 {
		t.Errorf("of no recordings %v", got)
	}
	now = now.Add(timesKept)
	s.err = city.Errorf(city.Unavailable, "edge-1 is not connected")
	if _, err := r.spans(t.Context(), "square", at(9, 0), at(12, 0)); city.KindOf(err) != city.Unavailable {
		t.Errorf("an edge that is away: %v", err)
	}
	s.err = nil
	add(at(9, 0), at(12, 0))
	if got := spans(at(9, 0), at(12, 0)); len(got) != 1 {
		t.Errorf("back again %v: what failed was remembered", got)
	}
}

func TestRangesThatAreUnderstood(t *testing.T) {
	for header, want := range map[string]int64{
		"": 0, "bytes=5-": 5, "bytes=0-": 0, "bytes=5-9": 0, "bytes=-5": 0, "bytes=1-,3-": 0, "bytes=99999999999999-": 0, "pages=5-": 0, "bytes=+5-": 5,
	} {
		if got := rangeFrom(header); got != want {
			t.Errorf("%q: %d, want %d", header, got, want)
		}
	}
}
