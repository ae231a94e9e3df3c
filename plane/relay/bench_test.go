package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"polity/plane"
	"polity/plane/sqlite"
)

// BenchmarkCreate creates entities from 16 goroutines: in a store that notes no
// changes, in one whose changes are read and settled, and in one whose changes go to a
// stream.
func BenchmarkCreate(b *testing.B) {
	for _, with := range []string{"nothing", "reader", "stream"} {
		b.Run(with, func(b *testing.B) {
			p := &place{dir: b.TempDir()}
			s, err := sqlite.Open(b.Context(), filepath.Join(p.dir, "city.db"), sqlite.Config{Feed: with != "nothing"})
			if err != nil {
				b.Fatal(err)
			}
			p.store = s
			defer s.Close()
			switch with {
			case "reader":
				ctx, stop := context.WithCancel(b.Context())
				ended := make(chan struct{})
				go func() { defer close(ended); settle(ctx, s) }()
				defer func() { stop(); <-ended }()
			case "stream":
				p.openServer(b)
				defer run(b, s, p.stream(b))()
			}
			b.ResetTimer()
			began := processor()
			var n atomic.Int64
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					k := n.Add(1)
					e := &plane.Entity{Key: plane.Key{ID: fmt.Sprintf("urn:x:%d", k)}, Types: []string{"AirQualityObserved"}}
					for _, name := range []string{"no2", "pm10", "pm25", "temperature"} {
						e.Attributes = append(e.Attributes, plane.Attribute{Name: name, Kind: plane.Property, Value: json.RawMessage(fmt.Sprint(k % 100)), Unit: "GQ"})
					}
					if _, err := s.Write(b.Context(), &plane.Batch{Changes: []plane.Change{plane.Create(e)}}); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
			b.ReportMetric(float64((processor()-began).Microseconds())/float64(b.N), "cpu-µs/create")
		})
	}
}

// processor is how much processor time this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// settle reads a feed and forgets what it read.
func settle(ctx context.Context, f plane.Feed) {
	var at uint64
	for f.Await(ctx, at) == nil {
		list, err := f.Events(ctx, at, 256)
		if err != nil || len(list) == 0 {
			continue
		}
		at = list[len(list)-1].Sequence
		if f.Settle(ctx, at) != nil {
			return
		}
	}
}
