package utility_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest"
	"polity/plane/ingest/mapping"
	"polity/services/power/example"
	"polity/services/power/utility"
)

// TestMetersTellOfAFault: last gasps that came over MQTT lead to the line that failed, are
// kept while it is sought, and are gone when the homes have power again.
func TestMetersTellOfAFault(t *testing.T) {
	utility.QuickGasps(t, 20*time.Millisecond)
	net, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	d, _ := deps(t)
	m, err := mapping.ReadShipped("home-meter-gasp")
	if err != nil {
		t.Fatal(err)
	}
	set, err := mapping.NewSet(m)
	if err != nil {
		t.Fatal(err)
	}
	intake, err := ingest.Open(t.Context(), ingest.Config{Store: d.Data, Mappings: set})
	if err != nil {
		t.Fatal(err)
	}
	s, err := utility.New([]byte("meters: [all]\n"), d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	broken := net.Clone()
	broken.Lines[9].SetClosed(false)
	top := broken.Topology()
	var dark []string
	for i := range net.Loads {
		if !top.BusLive(net.Loads[i].At.Bus) {
			dark = append(dark, net.Loads[i].Name)
		}
	}
	say := func(lost bool, names ...string) {
		t.Helper()
		at := time.Now()
		if !lost {
			at = at.Add(2 * time.Second) // a meter's clock has whole seconds
		}
		for _, name := range names {
			if err := intake.Take(t.Context(), mapping.Message{Topic: "meters/north/" + name + "/gasp", Payload: fmt.Appendf(nil, `{"ts": %d, "lost": %v}`, at.Unix(), lost)}, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := func() int {
		t.Helper()
		found, err := d.Data.Find(t.Context(), plane.Query{Types: []string{"MeterGasp", "Device"}, Limit: plane.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		return len(found.Entities)
	}
	until := func(what string, holds func() bool) {
		t.Helper()
		for stop := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(stop) {
				t.Fatalf("not within a minute: %s; %d kept, %+v", what, kept(), s.View().Faults)
			}
		}
	}
	say(true, append(dark, "nobodys-meter")...)
	until("the fault is found", func() bool { f := s.View().Faults; return len(f) == 1 && f[0].Name == net.Lines[9].Name })
	until("what no load says is gone", func() bool { return kept() == 2*len(dark) }) // each with its twin
	say(false, dark...)
	until("what they said is gone", func() bool { return kept() == 0 })
	end()
	if err := <-done; err != nil && city.KindOf(err) != city.Unavailable {
		t.Error(err)
	}
}
