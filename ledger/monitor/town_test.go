package monitor

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster/rostertest"
)

// town is a city with a log that does whatever a test wants.
type town struct {
	t    testing.TB
	city *rostertest.City

	mu      sync.Mutex
	now     time.Time
	entries [][]byte
	hashes  []tlog.Hash
	shown   []byte // the checkpoint
	answer  map[string]http.HandlerFunc
	server  *httptest.Server
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{t: t, city: rostertest.New("monitor"), now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), answer: map[string]http.HandlerFunc{}}
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	return w
}

// fork is another log with the same keys and the first n entries, at an address of its own.
func (w *town) fork(n int) *town {
	w.t.Helper()
	other := newTown(w.t)
	other.city, other.now = w.city, w.now
	other.addRaw(w.entries[:n]...)
	return other
}

func (w *town) ReadHashes(indexes []int64) (out []tlog.Hash, err error) {
	for _, i := range indexes {
		if i >= int64(len(w.hashes)) {
			return nil, fmt.Errorf("no hash %d", i)
		}
		out = append(out, w.hashes[i])
	}
	return out, nil
}

func (w *town) addRaw(entries ...[]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range entries {
		h, err := tlog.StoredHashes(int64(len(w.entries)), e, w)
		if err != nil {
			w.t.Fatal(err)
		}
		w.hashes, w.entries = append(w.hashes, h...), append(w.entries, e)
	}
}

// add signs entries where they are signed, by the device that they name, and appends them.
func (w *town) add(entries ...entry.Entry) {
	w.t.Helper()
	for _, e := range entries {
		if s, ok := e.(entry.Signed); ok {
			key := recorder.Key
			if _, device := s.By(); device != "" {
				key = w.city.Devices[device].Key
			}
			if err := entry.Sign(s, key); err != nil {
				w.t.Fatal(err)
			}
		}
		data, err := entry.Encode(e)
		if err != nil {
			w.t.Fatal(err)
		}
		w.addRaw(data)
	}
}

// fill appends entries that say little.
func (w *town) fill(n int, kind string) {
	for i := range n {
		w.add(&entry.Decision{At: canonical.At(w.now), By: "program", Commitment: sum(kind, len(w.entries), i), Outcome: "proposed", Service: "traffic"})
	}
}

func (w *town) root(size int64) tlog.Hash {
	h, err := tlog.TreeHash(size, w)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// publish shows a checkpoint of all there is, cosigned by some witnesses.
func (w *town) publish(witnesses ...int) {
	w.t.Helper()
	if len(witnesses) == 0 {
		witnesses = []int{0, 1}
	}
	size := int64(len(w.entries))
	w.show(w.city.Checkpoint(size, w.root(size), w.now, witnesses...))
}

func (w *town) show(signed []byte) { w.mu.Lock(); w.shown = signed; w.mu.Unlock() }

func (w *town) on(path string, f http.HandlerFunc) { w.mu.Lock(); w.answer[path] = f; w.mu.Unlock() }

func (w *town) pass(d time.Duration) { w.mu.Lock(); w.now = w.now.Add(d); w.mu.Unlock() }

func (w *town) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }

func (w *town) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	if f := w.answer[path]; f != nil {
		f(rw, r)
		return
	}
	if path == "checkpoint" {
		_, _ = rw.Write(w.shown)
		return
	}
	rest, ok := strings.CutPrefix(path, "tile/")
	kind, rest, _ := strings.Cut(rest, "/")
	rest, wide, partial := strings.Cut(rest, ".p/")
	n, err := int64(0), error(nil)
	for part := range strings.SplitSeq(rest, "/") {
		var x int64
		x, err = strconv.ParseInt(strings.TrimPrefix(part, "x"), 10, 64)
		n = n*1000 + x
	}
	width := 256
	if partial {
		width, err = strconv.Atoi(wide)
	}
	if !ok || err != nil {
		http.NotFound(rw, r)
		return
	}
	if kind == "entries" {
		if (n*256 + int64(width)) > int64(len(w.entries)) {
			http.NotFound(rw, r)
			return
		}
		for _, e := range w.entries[n*256 : n*256+int64(width)] {
			_, _ = rw.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(e))), e...))
		}
		return
	}
	level, err := strconv.Atoi(kind)
	data, err2 := tlog.ReadTileData(tlog.Tile{H: 8, L: level, N: n, W: width}, w)
	if err != nil || err2 != nil {
		http.NotFound(rw, r)
		return
	}
	_, _ = rw.Write(data)
}

var quiet = slog.New(slog.DiscardHandler)

// monitor opens one in a folder.
func (w *town) monitor(folder string, peers []string, sinks ...Sink) *Monitor {
	w.t.Helper()
	m, err := Open(w.city.Roster, Deps{Folder: folder, Address: w.server.URL, Peers: peers, Sinks: sinks, Now: w.clock, Log: quiet})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { m.Close() })
	return m
}

func poll(t testing.TB, m *Monitor) {
	t.Helper()
	if err := m.Poll(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// open are the kinds of alerts that last, in order.
func open(m *Monitor) string {
	var kinds []string
	for _, a := range m.Alerts() {
		if a.Ended.IsZero() {
			kinds = append(kinds, a.Kind)
		}
	}
	return strings.Join(kinds, " ")
}

func expect(t testing.TB, m *Monitor, want string) {
	t.Helper()
	if got := open(m); got != want {
		t.Fatalf("alerts %q, want %q: %+v", got, want, m.Alerts())
	}
}

func sum(words ...any) canonical.Hash { return canonical.Sum("test", []byte(fmt.Sprint(words...))) }

var recorder = rostertest.NewKey("recorder", "monitor")

func public(seed string) (b canonical.Bytes) {
	for i := 0; len(b) < 1216; i++ {
		h := sum(seed, i)
		b = append(b, h[:]...)
	}
	return b
}

// keys are a body's epoch keys of class usual for days from today on.
func (w *town) keys(body city.Slug, days int) (list []entry.Entry) {
	for i := range days {
		day := w.now.AddDate(0, 0, i).Format(time.DateOnly)
		list = append(list, &entry.EpochKey{Body: body, Class: "usual", Day: canonical.Day(day), Device: body + "-1", Kem: "MLKEM768-X25519", Key: public(string(body) + day)})
	}
	return list
}

func (w *town) camera() *entry.Registration {
	return &entry.Registration{
		At: canonical.At(w.now), Camera: "square", Class: "usual", Edge: "edge-1", Entry: sum("file"), FootageHours: 168, From: canonical.At(w.now.Add(-time.Hour)),
		Recorder: canonical.Bytes(recorder.Key.Public().(ed25519.PublicKey)), State: "registered", Until: "2027-12-01T00:00:00Z",
	}
}

func (w *town) hour(at time.Time, root string) *entry.Segments {
	return &entry.Segments{Camera: "square", Count: 600, Domain: "helsinki.example", Hour: canonical.At(at.Truncate(time.Hour)), Recorder: w.camera().Recorder, Root: sum(root)}
}

func (w *town) request(id string) *entry.ReleaseRequested {
	c := entry.Commitments{Cameras: sum("c"), Case: sum("k"), Order: sum("o"), Times: sum("t")}
	return &entry.ReleaseRequested{
		Body: "police", CamerasCount: 8, CaseKey: public("case"), Cases: 1, Commitments: c, DetailsPublicOn: canonical.Day(w.now.AddDate(0, 0, 30).Format(time.DateOnly)),
		Device: "police-1", Expires: canonical.At(w.now.AddDate(0, 0, 7)), HoursCount: 1, ID: sum(id), Purpose: "serious-crime",
	}
}

func (w *town) approve(id string, body, device city.Slug) *entry.ReleaseApproved {
	return &entry.ReleaseApproved{At: canonical.At(w.now), Body: body, Count: 4800, Device: device, Shares: sum("shares"), Token: sum(id)}
}
