package hub

import (
	"context"
	"sync"
	"time"

	"polity/city"
	"polity/release/docket"
)

// What is recorded is told from where segments begin.
const (
	segmentTakes = 6 * time.Second  // about
	pauseMost    = 30 * time.Second // between the beginnings of two segments without a gap
	segmentLate  = time.Minute      // until the newest one is told of
	timesKept    = 10 * time.Minute // of an hour that is over: space may be needed, too
	timesMost    = 64 * 31 * 24     // hours that are remembered
	timesAtOnce  = 4                // edges that are asked at once
	askedAtOnce  = 24 * time.Hour   // of one question to an edge
)

// run is a row of segments without a gap, by the beginnings of its first and last.
type run struct{ first, last time.Time }

type hourOf struct {
	camera city.Slug
	start  int64 // Unix seconds
}

type hourTold struct {
	runs []run
	at   time.Time
}

// recorded remembers what edges told of hours that are over: nothing but times.
type recorded struct {
	from docket.Recordings
	now  func() time.Time
	busy chan struct{}

	mu   *sync.Mutex
	told map[hourOf]hourTold
}

func newRecorded(from docket.Recordings, now func() time.Time) recorded {
	return recorded{from: from, now: now, busy: make(chan struct{}, timesAtOnce), mu: &sync.Mutex{}, told: map[hourOf]hourTold{}}
}

// spans are the times in [from, to) that a camera recorded.
func (r *recorded) spans(ctx context.Context, camera city.Slug, from, to time.Time) ([][2]time.Time, error) {
	now := r.now()
	end := to
	if end.After(now) {
		end = now
	}
	if !from.Before(end) {
		return nil, nil
	}
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-ctx.Done():
		return nil, city.Errorf(city.Unavailable, "many ask at once what is recorded: ask again")
	}
	var runs []run
	for hour := from.Add(-pauseMost).Truncate(time.Hour); hour.Before(end); {
		if known, ok := r.recall(camera, hour, now); ok {
			runs = append(runs, known...)
			hour = hour.Add(time.Hour)
			continue
		}
		until := hour.Add(time.Hour)
		for until.Before(end) && until.Sub(hour) < askedAtOnce {
			if _, ok := r.recall(camera, until, now); ok {
				break
			}
			until = until.Add(time.Hour)
		}
		found, err := r.ask(ctx, camera, hour, until, now)
		if err != nil {
			return nil, err
		}
		runs = append(runs, found...)
		hour = until
	}
	return cover(runs, from, end, now), nil
}

func (r *recorded) recall(camera city.Slug, hour, now time.Time) ([]run, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.told[hourOf{camera, hour.Unix()}]
	return k.runs, ok && now.Sub(k.at) < timesKept
}

// ask asks the camera's edge for whole hours, and remembers those that are over.
func (r *recorded) ask(ctx context.Context, camera city.Slug, from, until, now time.Time) ([]run, error) {
	list, err := r.from.Segments(ctx, camera, from, until)
	if err != nil && city.KindOf(err) != city.NotFound {
		return nil, err
	}
	hours := map[int64][]run{}
	for _, s := range list {
		h := s.Start.Truncate(time.Hour).Unix()
		hours[h] = follow(hours[h], run{s.Start, s.Start})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.told) > timesMost {
		clear(r.told)
	}
	var all []run
	for h := from; h.Before(until); h = h.Add(time.Hour) {
		runs := hours[h.Unix()]
		all = append(all, runs...)
		if h.Add(time.Hour + segmentLate).Before(now) {
			r.told[hourOf{camera, h.Unix()}] = hourTold{runs, now}
		}
	}
	return all, nil
}

// follow adds a run behind others, to the last where there is no gap between.
func follow(runs []run, next run) []run {
	if n := len(runs); n > 0 && next.first.Sub(runs[n-1].last) <= pauseMost {
		if next.last.After(runs[n-1].last) {
			runs[n-1].last = next.last
		}
		return runs
	}
	return append(runs, next)
}

// cover is what of [from, to) runs cover.
func cover(runs []run, from, to, now time.Time) [][2]time.Time {
	var joined []run
	for _, k := range runs {
		joined = follow(joined, k)
	}
	var spans [][2]time.Time
	for _, k := range joined {
		first, last := k.first, k.last.Add(segmentTakes)
		if now.Sub(last) < segmentLate {
			last = now
		}
		if first.Before(from) {
			first = from
		}
		if last.After(to) {
			last = to
		}
		if first.Before(last) {
			spans = append(spans, [2]time.Time{first, last})
		}
	}
	return spans
}
