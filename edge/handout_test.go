package edge

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/recording/recordtest"
	"polity/recording/share"
	"polity/release/releasetest"
	"polity/spine"
)

var filmed = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)

// handing is an edge's recordings of a camera, and what answers for them.
type handing struct {
	*releasetest.Recorder

	t   *testing.T
	dir string
	h   *handout
}

func newHanding(t *testing.T, segments int) *handing {
	t.Helper()
	g := &handing{t: t, dir: t.TempDir()}
	g.Recorder = releasetest.NewRecorder(t, g.dir, "helsinki.example", &recordtest.Bodies{Seed: "handout"}, filmed)
	g.Record("square", filmed, segments, func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 200_000) })
	g.h = &handout{store: g.Store, log: slog.New(slog.DiscardHandler), stop: t.Context()}
	return g
}

// ask asks as the hub does: question and answer pass the walls of both ends.
func (g *handing) ask(camera city.Slug, q uplink.Handout) *uplink.HandoutAnswer {
	g.t.Helper()
	b := g.h.hear(camera, uplink.Encode(q))
	if err := uplink.Check(spine.HandoutAnswer, b); err != nil {
		g.t.Fatal(err)
	}
	a, err := uplink.DecodeHandoutAnswer(b)
	if err != nil {
		g.t.Fatal(err)
	}
	return a
}

func (g *handing) hour(w uplink.What, after uint64) uplink.Handout {
	q := uplink.Handout{What: w, From: filmed.UnixMilli(), To: filmed.Add(time.Hour).UnixMilli(), Sequence: after}
	if w == uplink.Shares {
		q.Body = uplink.BodyOf(share.Ombudsman)
	}
	return q
}

func TestShareRecordsAreHandedOutInPages(t *testing.T) {
	g := newHanding(t, uplink.MaxRecords+5)
	seen := 0
	for q := g.hour(uplink.Shares, 0); ; {
		a := g.ask("square", q)
		if a.Result != uplink.Here || len(a.Records) == 0 {
			t.Fatalf("%+v", a.HandoutHead)
		}
		seen += len(a.Records)
		if a.More == 0 {
			break
		}
		q.Sequence = a.Next
	}
	if seen != uplink.MaxRecords+5 {
		t.Errorf("%d share records", seen)
	}
	if a := g.ask("square", g.hour(uplink.List, 0)); len(a.Segments) != uplink.MaxRecords+5 || a.Segments[4].Sequence != 5 || a.Segments[4].Size < 200_000 {
		t.Errorf("listed: %d", len(a.Segments))
	}
	q := g.hour(uplink.List, 0)
	q.From += 6000
	q.To = q.From + 6000
	if a := g.ask("square", q); len(a.Segments) != 1 || a.Segments[0].Sequence != 2 {
		t.Errorf("of six seconds: %+v", a.Segments)
	}
}

func TestCiphertextIsHandedOutInPieces(t *testing.T) {
	g := newHanding(t, 3)
	one := g.ask("square", g.hour(uplink.List, 1)).Segments[0]
	q := uplink.Handout{What: uplink.Piece, From: one.Start, Sequence: one.Sequence, Length: 70_000}
	var file []byte
	for {
		a := g.ask("square", q)
		if a.Result != uplink.Here || a.Size != one.Size {
			t.Fatalf("%+v", a.HandoutHead)
		}
		if len(a.Piece) == 0 {
			break
		}
		file = append(file, a.Piece...)
		q.Offset += int64(len(a.Piece))
	}
	names, err := filepath.Glob(filepath.Join(g.dir, "square", "*", "*-0000000002.seg"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	want, err := os.ReadFile(names[0])
	if err != nil || !bytes.Equal(want, file) {
		t.Errorf("%d bytes, %d on the disk, %v", len(file), len(want), err)
	}
	q.Offset = 0
	for name, q := range map[string]uplink.Handout{
		"another start":      {What: uplink.Piece, From: one.Start + 1, Sequence: one.Sequence, Length: 1},
		"another sequence":   {What: uplink.Piece, From: one.Start, Sequence: one.Sequence + 1, Length: 1},
		"after its time ran": q,
	} {
		if name == "after its time ran" {
			g.Now = filmed.Add(25 * time.Hour)
			if err := g.Store.Tend(); err != nil {
				t.Fatal(err)
			}
		}
		if a := g.ask("square", q); a.Result != uplink.Gone {
			t.Errorf("%s: %+v", name, a.HandoutHead)
		}
	}
	if a := g.ask("square", g.hour(uplink.List, 0)); a.Result != uplink.Here || len(a.Segments) != 0 {
		t.Errorf("after its time: %+v", a)
	}
}

// TestHashesOfAnHour: of the hour that was asked for alone, once it is over, and of those
// that retention took as long as one of the hour is left.
func TestHashesOfAnHour(t *testing.T) {
	g := newHanding(t, 3)
	next := filmed.Add(time.Hour)
	g.Record("square", next, 2, func(i int) []byte { return []byte{byte(i)} })
	c, err := g.Store.Camera("square")
	if err != nil {
		t.Fatal(err)
	}
	var all [][32]byte
	for _, e := range c.Entries(filmed, next.Add(time.Hour)) {
		all = append(all, e.Hash)
	}
	ask := func(hour time.Time, after uint64) [][32]byte {
		t.Helper()
		a := g.ask("square", uplink.Handout{What: uplink.Hashes, From: hour.UnixMilli(), To: hour.Add(time.Hour).UnixMilli(), Sequence: after})
		if a.Result != uplink.Here || a.More != 0 {
			t.Fatalf("%+v", a.HandoutHead)
		}
		return a.Hashes
	}
	if list := ask(filmed, 0); len(list) > 0 {
		t.Errorf("before the hour is over: %x", list)
	}
	g.Now = next.Add(time.Hour)
	for name, got := range map[string]struct{ list, want [][32]byte }{
		"the hour": {ask(filmed, 0), all[:3]}, "after the first": {ask(filmed, 1), all[1:3]}, "the hour before": {ask(filmed.Add(-time.Hour), 0), nil}, "the next hour, not over by a minute": {ask(next, 0), nil},
	} {
		if !slices.Equal(got.list, got.want) {
			t.Errorf("%s: %x", name, got.list)
		}
	}
	g.Now = filmed.Add(24*time.Hour + 8*time.Second) // the time of the first is over
	if err := g.Store.Tend(); err != nil {
		t.Fatal(err)
	}
	if left := c.Entries(filmed, next); len(left) != 2 || !slices.Equal(ask(filmed, 0), all[:3]) || !slices.Equal(ask(next, 0), all[3:]) {
		t.Errorf("%d left, %x", len(left), ask(filmed, 0))
	}
	if a := g.ask("bridge", uplink.Handout{What: uplink.Hashes, From: filmed.UnixMilli(), To: next.UnixMilli()}); a.Result != uplink.NoRecords {
		t.Errorf("of another's camera: %+v", a.HandoutHead)
	}
}

func TestWhatAnEdgeDoesNotHandOut(t *testing.T) {
	g := newHanding(t, 3)
	if a := g.ask("bridge", g.hour(uplink.List, 0)); a.Result != uplink.NoRecords {
		t.Errorf("another's camera: %+v", a.HandoutHead)
	}
	if _, err := os.Stat(filepath.Join(g.dir, "bridge")); err == nil {
		t.Error("asking for a camera made a folder for it")
	}
	if a := g.ask("square", uplink.Handout{What: uplink.Piece, Length: 1}); a.Result != uplink.OutOfBound {
		t.Errorf("out of bounds: %+v", a.HandoutHead)
	}
	nothing := &handout{log: g.h.log, stop: t.Context()}
	if b := nothing.hear("square", uplink.Encode(g.hour(uplink.List, 0))); !bytes.Equal(b, refuseHandout(uplink.List, uplink.NoRecords)) {
		t.Errorf("an edge that records nothing: %x", b)
	}
	// A damaged header keeps nobody from the other segments; a swapped share does not pass as one.
	names, err := filepath.Glob(filepath.Join(g.dir, "square", "*", "*-0000000002.seg"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	b[100] ^= 1
	if err := os.WriteFile(names[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if a := g.ask("square", g.hour(uplink.Shares, 0)); len(a.Records) != 2 {
		t.Errorf("beside a damaged one: %d", len(a.Records))
	}
}

func TestHandingOutWaitsForRecording(t *testing.T) {
	var p pace
	stopped, stop := context.WithCancel(t.Context())
	stop()
	began := time.Now()
	for range 10 { // ten seconds' worth, but nobody waits any more
		p.wait(stopped, handoutBytes)
	}
	if ahead := p.next.Sub(began); ahead < 8*time.Second {
		t.Errorf("ten seconds' worth end in %v", ahead)
	}
}
