package spine_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"polity/city"
	"polity/spine"
)

// TestNoEdgeAsksOrAnswersForAnother: recordings are asked for by the hub, of the edge that
// has them, whatever an edge that somebody took over sends.
func TestNoEdgeAsksOrAnswersForAnother(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	h := startHub(t, t.TempDir(), "127.0.0.1:0", map[city.Slug]keys{"edge-a": a, "edge-b": b})
	eb := startEdge(t, t.TempDir(), h.Listen(), "edge-b", b, nil)
	var mu sync.Mutex
	var asked []string
	if err := eb.Serve(spine.Handout, func(_ city.Slug, q []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, string(q))
		return body(spine.HandoutAnswer, len(asked))
	}); err != nil {
		t.Fatal(err)
	}
	s, nc := rawLeaf(t, h.Listen(), a.seed)
	eventually(t, "both are connected", func() bool { return s.NumLeafNodes() == 1 && eb.Connected() })
	spied, err := nc.SubscribeSync("polity.edge-b.>") // it would answer, too
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("polity.edge-b.down.square.handout", "polity.edge-a.up.square.marks", body(spine.Handout, 666)); err != nil {
		t.Fatal(err)
	}
	line, err := h.Line("edge-b")
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	eventually(t, "the hub's own question is answered", func() bool {
		got, err = line.Ask(t.Context(), spine.Handout, "square", body(spine.Handout, 1))
		return err == nil
	})
	if !strings.HasPrefix(string(got), "handout-answer ") { // it may have asked once before it was answered
		t.Errorf("the hub heard %q", got)
	}
	for {
		m, err := spied.NextMsg(300 * time.Millisecond)
		if err != nil {
			break
		}
		if string(m.Data) != "handout 666" { // its own words come back to it
			t.Errorf("edge-a overheard %s: %s", m.Subject, m.Data)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, q := range asked {
		if q != "handout 1" {
			t.Errorf("edge-b was asked %q by another than the hub", q)
		}
	}
	// An edge never asks the hub, and the hub hears no answer that it did not ask for.
	if eb.Tell(spine.HandoutAnswer, "square", body(spine.HandoutAnswer, 1)) == nil || eb.Tell(spine.Handout, "square", body(spine.Handout, 1)) == nil {
		t.Error("an edge speaks on the hub's channels")
	}
	if _, err := line.Ask(t.Context(), spine.Handout, "square", []byte("a picture")); err == nil {
		t.Error("a question that the channel may not carry was sent")
	}
}
