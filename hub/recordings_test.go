package hub_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/edge"
	"polity/hub"
	"polity/ledger/roster/rostertest"
	"polity/recording/recordtest"
	"polity/recording/share"
	"polity/release/docket"
	"polity/release/releasetest"
	"polity/release/token"
	"polity/spine"
)

// recorded is a town whose edge-1 has recordings of a camera on its disk.
type recorded struct {
	*town
	filmed   time.Time
	folder   string
	stopEdge func()
}

func newRecorded(t *testing.T, segments int) *recorded {
	t.Helper()
	w := &recorded{town: newTown(t), filmed: time.Now().UTC().Truncate(time.Second).Add(-2 * time.Hour)}
	for camera, edge := range map[city.Slug]city.Slug{"square": "edge-1", "park": "edge-1", "bridge": "edge-2"} {
		w.enter(camera, edge)
	}
	w.start()
	c := rostertest.New("recordings")
	w.folder = filepath.Join(w.dir, "recordings")
	r := releasetest.NewRecorder(t, w.folder, c.Roster.Domain, &recordtest.Bodies{Seed: "recordings"}, time.Now())
	r.Record("square", w.filmed, segments, func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 900_000) })
	if err := r.Store.Close(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(w.dir, "edge")
	for _, dir := range []string{data, filepath.Join(w.dir, "keys")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	seed := bytes.Repeat([]byte{1}, 32) // of recordtest.Recorder(1)
	for name, text := range map[string]string{"roster": string(c.Roster.File()), "edge.key": w.seeds["edge-1"], "edge/recorder.key": hex.EncodeToString(seed) + "\n"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.runEdge(edge.Config{
		Name: "edge-1", Data: data, Listen: "127.0.0.1:0", Hub: edge.Hub{Address: "nats-leaf://" + w.started.Edges, KeyFile: filepath.Join(w.dir, "edge.key")},
		CityKeys: w.cfg.CityKeys, Register: w.cfg.Register, Detector: edge.Detector{Off: true}, Disk: edge.Disk{Limit: 64 << 20, KeepFree: 1 << 20},
		Record: &edge.Recording{Roster: filepath.Join(w.dir, "roster"), RosterWords: c.Roster.Words(), Keys: filepath.Join(w.dir, "keys"), Folder: w.folder},
	})
	w.eventually("the edge is connected", func() bool { return w.connected("edge-1") })
	return w
}

func (w *recorded) runEdge(cfg edge.Config) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- edge.Run(ctx, cfg, edge.Deps{Log: slog.New(slog.NewTextHandler(w.log, nil))}) }()
	w.stopEdge = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the edge ended: %v", err)
		}
	})
	w.t.Cleanup(w.stopEdge)
}

func TestRecordingsComeFromTheCamerasEdge(t *testing.T) {
	t.Parallel()
	w := newRecorded(t, 3)
	r := hub.RecordingsOf(w.started.City)
	to := w.filmed.Add(90 * time.Minute)
	list, err := r.Segments(t.Context(), "square", w.filmed, to)
	if err != nil || len(list) != 3 || list[2].Sequence != 3 || !list[2].Start.Equal(w.filmed.Add(12*time.Second)) {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, body := range share.Bodies {
		n := 0
		for record, err := range r.Shares(t.Context(), "square", w.filmed, to, body) {
			if err != nil {
				t.Fatal(err)
			}
			if h, _, err := token.Unpack(record, body); err != nil || h.Hash() != list[n].HeaderHash {
				t.Fatalf("share %d of %s: %v", n, body, err)
			}
			n++
		}
		if n != 3 {
			t.Errorf("%d shares of %s", n, body)
		}
	}
	files, err := filepath.Glob(filepath.Join(w.folder, "square", "*", list[1].Name))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	want, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{0, 700_000, list[1].Size} {
		var b bytes.Buffer
		if err := r.Ciphertext(t.Context(), "square", list[1].Name, offset, &b); err != nil || !bytes.Equal(b.Bytes(), want[offset:]) {
			t.Errorf("from %d: %d bytes of %d, %v", offset, b.Len(), len(want), err)
		}
	}
	if list, err := r.Segments(t.Context(), "park", w.filmed, to); err != nil || len(list) != 0 {
		t.Errorf("a camera that was never recorded: %v, %v", list, err)
	}
	hashes := 0
	for hour := w.filmed.Truncate(time.Hour); hour.Before(w.filmed.Add(time.Minute)); hour = hour.Add(time.Hour) {
		all, err := r.Hashes(t.Context(), "square", hour)
		if err != nil || slices.Contains(all, [32]byte{}) {
			t.Fatalf("%x, %v", all, err)
		}
		hashes += len(all)
	}
	if hashes != 3 {
		t.Errorf("%d hashes of its hours", hashes)
	}
	if all, err := r.Hashes(t.Context(), "park", w.filmed.Truncate(time.Hour)); err != nil || len(all) > 0 {
		t.Errorf("hashes of a camera that was never recorded: %x, %v", all, err)
	}
	for name, f := range map[string]struct {
		kind   city.Kind
		camera city.Slug
		name   string
		offset int64
	}{
		"nobody's camera":      {city.NotFound, "hospital", list[1].Name, 0},
		"an edge that is away": {city.Unavailable, "bridge", list[1].Name, 0},
		"no such segment":      {city.NotFound, "square", docket.Name(w.filmed, 9), 0},
		"never recorded":       {city.NotFound, "park", list[1].Name, 0},
		"behind its end":       {city.Invalid, "square", list[1].Name, list[1].Size + 1},
		"another file":         {city.Invalid, "square", "../state.json", 0},
	} {
		if err := r.Ciphertext(t.Context(), f.camera, f.name, f.offset, new(bytes.Buffer)); err == nil || city.KindOf(err) != f.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := r.Ciphertext(t.Context(), "square", list[1].Name, 0, new(bytes.Buffer)); city.KindOf(err) != city.NotFound || err == nil {
		t.Errorf("after it was taken away: %v", err)
	}
	if list, err := r.Segments(t.Context(), "square", w.filmed, to); err != nil || len(list) != 2 {
		t.Errorf("the others: %d, %v", len(list), err)
	}
}

// TestAnEdgeThatLiesIsFound: what does not fit the question ends it; nothing is asked for ever.
func TestAnEdgeThatLiesIsFound(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enter("bridge", "edge-2")
	w.start()
	e := w.edge("edge-2")
	w.report(e, "bridge", func() uint32 { return 0 })
	var mu sync.Mutex
	var lie uplink.HandoutAnswer
	if err := e.Serve(spine.Handout, func(city.Slug, []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		return uplink.EncodeHandout(&lie)
	}); err != nil {
		t.Fatal(err)
	}
	w.eventually("the edge is connected", func() bool { return w.connected("edge-2") })
	r := hub.RecordingsOf(w.started.City)
	from := time.Now().Add(-time.Hour)
	name := docket.Name(from, 1)
	list := func() error {
		_, err := r.Segments(t.Context(), "bridge", from, from.Add(time.Minute))
		return err
	}
	piece := func() error { return r.Ciphertext(t.Context(), "bridge", name, 0, new(bytes.Buffer)) }
	here := func(what uplink.What) uplink.HandoutHead {
		return uplink.HandoutHead{What: what, Result: uplink.Here}
	}
	endless, short, long := here(uplink.List), here(uplink.Piece), here(uplink.Piece)
	endless.More, short.Size, long.Size = 1, 100, 2
	for name, c := range map[string]struct {
		answer uplink.HandoutAnswer
		ask    func() error
	}{
		"another answer":  {uplink.HandoutAnswer{HandoutHead: here(uplink.Piece)}, list},
		"an endless list": {uplink.HandoutAnswer{HandoutHead: endless}, list},
		"another time":    {uplink.HandoutAnswer{HandoutHead: here(uplink.List), Segments: []uplink.HandoutSegment{{Sequence: 1, Start: 1}}}, list},
		"no piece":        {uplink.HandoutAnswer{HandoutHead: short}, piece},
		"too long":        {uplink.HandoutAnswer{HandoutHead: long, Piece: []byte("abc")}, piece},
		"a broken disk":   {uplink.HandoutAnswer{HandoutHead: uplink.HandoutHead{What: uplink.List, Result: uplink.Unreadable}}, list},
	} {
		mu.Lock()
		lie = c.answer
		mu.Unlock()
		if err := c.ask(); err == nil || city.KindOf(err) != city.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}
