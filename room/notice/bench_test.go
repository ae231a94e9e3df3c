package notice

import (
	"fmt"
	"testing"
	"time"

	"polity/access"
	"polity/city"
)

// BenchmarkChange is one change of an alert among 10,000 open ones with 20 people on shift
// by push and five channels of desks; messages are bundled as always.
func BenchmarkChange(b *testing.B) {
	v := &town{dir: b.TempDir(), source: &source{open: map[string]Alert{}}, staff: &staff{may: map[string][]city.Slug{}}, now: time.Now()}
	n, err := Open(b.Context(), Config{}, Deps{Folder: v.dir, Source: v.source, People: v.staff, Decide: v.staff, Words: say{}, Now: v.clock})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	for i := range 25 {
		o := &outlet{name: fmt.Sprintf("push/p%d", i), rule: Rule{}.withDefaults(), perMinute: 6}
		if err := n.add(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
	alert := func(i int) Alert {
		return Alert{Key: fmt.Sprintf("a:%d", i), Desk: access.Water, Kind: "flood", Title: "Flooding", Priority: 2, At: v.clock(), Open: true, New: true}
	}
	var open []Alert
	for i := range 10_000 {
		open = append(open, alert(i))
	}
	begun := time.Now()
	_ = n.take(open)
	n.round(b.Context())
	begin := time.Since(begun)
	b.ResetTimer()
	for i := range b.N {
		_ = n.take([]Alert{alert(i)})
		if i%10 == 9 {
			n.round(b.Context())
		}
	}
	b.ReportMetric(float64(begin.Milliseconds()), "ms-to-begin")
}
