package relay_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"polity/plane"
	"polity/plane/relay"
)

// TestWhatOneReaderNeedsIsKept: a shared feed forgets only what all readers have
// settled.
func TestWhatOneReaderNeedsIsKept(t *testing.T) {
	p := newPlace(t)
	shared := relay.Share(p.store, slog.New(slog.DiscardHandler))
	quick, slow := shared.Reader(), shared.Reader()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); shared.Run(ctx) }()
	p.write(t, 20)
	events, err := p.store.Events(t.Context(), 0, 100)
	if err != nil || len(events) != 20 {
		t.Fatal(len(events), err)
	}
	if err := quick.Settle(t.Context(), events[19].Sequence); err != nil {
		t.Fatal(err)
	}
	if err := slow.Settle(t.Context(), events[7].Sequence); err != nil {
		t.Fatal(err)
	}
	if err := slow.Settle(t.Context(), events[3].Sequence); err != nil { // no step back
		t.Fatal(err)
	}
	if n := shared.Spread(); n != 12 {
		t.Errorf("the readers are %d apart", n)
	}
	until(t, "forgotten", func() bool {
		left, err := slow.Events(t.Context(), 0, 100)
		return err == nil && len(left) == 12 && left[0].Sequence == events[8].Sequence
	})
	if err := slow.Settle(t.Context(), events[19].Sequence); err != nil {
		t.Fatal(err)
	}
	stop()
	<-ended
	if !p.settled(t) {
		t.Error("the end of Run does not forget what is settled")
	}
}

// TestDocumentsOfTheProgramStayInside publishes neither subscriptions nor what else no
// request can name, and goes on behind them.
func TestDocumentsOfTheProgramStayInside(t *testing.T) {
	p := newPlace(t)
	for _, tenant := range []string{"", "/subscriptions", "north", "north/subscriptions", "/contexts"} {
		e := &plane.Entity{Key: plane.Key{Tenant: tenant, ID: "urn:x:1"}, Types: []string{"T"}}
		if _, err := p.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Create(e)}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // and not after a restart either
		stop := run(t, p.store, p.stream(t))
		until(t, "published", func() bool { return p.settled(t) })
		stop()
	}
	var tenants []string
	for _, c := range p.published(t) {
		tenants = append(tenants, c.Tenant)
	}
	if got := strings.Join(tenants, ","); got != ",north" {
		t.Errorf("published of the tenants %q", got)
	}
}

// TestTheExample holds docs/formats/changes.md to the code.
func TestTheExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/changes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(text), "```json\n")
	example, _, end := strings.Cut(example, "\n```")
	if !ok || !end {
		t.Fatal("there is no example")
	}
	c, err := relay.Decode([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	again, err := relay.Encode(c.Origin, &c.Event, 1<<20)
	if err != nil || string(again) != example {
		t.Errorf("%v\n%s\nis written as\n%s", err, example, again)
	}
	for _, name := range []string{"origin", "sequence", "tenant", "id", "at", "was", "is", "before", "after", "cut"} {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("the table does not say what %s is", name)
		}
	}
}
