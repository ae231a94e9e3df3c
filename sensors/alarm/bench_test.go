package alarm_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"polity/plane"
	"polity/plane/sqlite"
	"polity/sensors/alarm"
)

// BenchmarkRound is a round over 10,000 water level sensors that say something every
// minute, in rounds of five seconds: 833 of them have said something new.
func BenchmarkRound(b *testing.B) {
	const all, each = 10_000, 833
	now := noon
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "city.db"), sqlite.Config{Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	say := func(first, n int) {
		var batch plane.Batch
		for i := first; i < first+n; i++ {
			key := plane.Key{ID: fmt.Sprintf("urn:ngsi-ld:FloodMonitoring:%05d", i%all)}
			value := fmt.Sprintf("0.0%d", now.Second()%10)
			batch.Changes = append(batch.Changes, plane.Put(&plane.Entity{Key: key, Types: []string{"FloodMonitoring"}, Attributes: []plane.Attribute{
				{Name: "currentLevel", Kind: plane.Property, Value: json.RawMessage(value), Unit: "MTR", ObservedAt: now},
				{Name: "location", Kind: plane.Geo, Value: json.RawMessage(`{"type":"Point","coordinates":[24.9,60.1]}`)},
			}}))
			batch.Observations = append(batch.Observations, plane.Observation{Series: plane.Series{Key: key, Attribute: "currentLevel"}, Start: now, Value: float64(now.Second()%10) / 100})
		}
		if r, err := store.Write(b.Context(), &batch); err != nil || r.Err() != nil {
			b.Fatal(err, r.Err())
		}
	}
	for range 30 {
		for i := 0; i < all; i += 1000 {
			say(i, 1000)
		}
		now = now.Add(time.Minute)
	}
	w := alarm.New(store, alarm.Config{}, nil, func() time.Time { return now })
	if err := w.Round(b.Context()); err != nil {
		b.Fatal(err)
	}
	next := 0
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		now = now.Add(5 * time.Second)
		say(next, each)
		next += each
		b.StartTimer()
		if err := w.Round(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
