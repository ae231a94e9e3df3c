package remote_test

import (
	"bytes"
	"net"
	"testing"
	"time"

	"polity/city"
	"polity/recording/disk"
	"polity/recording/disk/disktest"
	"polity/recording/recorder"
	"polity/recording/recordtest"
	"polity/recording/remote"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

var (
	start = time.Date(2026, 12, 1, 14, 30, 0, 0, time.UTC)
	key   = recordtest.Recorder(1)
	trust = segment.Recorders(key.Public())
)

type site struct {
	t      *testing.T
	disk   *disktest.Disk
	camera *store.Camera
	bodies *recordtest.Bodies
	client *remote.Client
	conn   net.Conn // the client's end
	served chan error
}

func newSite(t *testing.T) *site {
	t.Helper()
	w := &site{t: t, disk: disktest.New(), bodies: &recordtest.Bodies{}, served: make(chan error, 1)}
	s, err := store.Open(store.Config{Disk: w.disk, Domain: "city.example", Signer: key, Trust: trust})
	if err != nil {
		t.Fatal(err)
	}
	if w.camera, err = s.Camera("square"); err != nil {
		t.Fatal(err)
	}
	w.connect()
	return w
}

func (w *site) connect() {
	server := &remote.Server{
		Place: recorder.Local(w.camera), Signer: &segment.Guard{Domain: "city.example", Camera: "square", By: key}, Keys: w.bodies,
		Gone: segment.Started, Now: func() time.Time { return start.Add(time.Hour) },
	}
	mine, theirs := net.Pipe()
	w.t.Cleanup(func() { mine.Close(); theirs.Close() })
	w.conn, w.client = mine, remote.NewClient(mine, key.Public())
	go func() { w.served <- server.Serve(w.t.Context(), theirs) }()
}

func (w *site) recorder() *recorder.Recorder {
	w.t.Helper()
	r, err := recorder.New(recorder.Config{Domain: "city.example", Camera: "square", Class: "street", Keys: w.client, Signer: w.client, Place: w.client})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *site) film(r *recorder.Recorder, from time.Time, parts int) {
	for part := range parts {
		at := time.Duration(part) * 4 * time.Second
		for _, u := range recordtest.Film("h264.mp4", from.Add(at)) {
			u.PTS += at
			r.Add(w.t.Context(), u)
		}
	}
}

// check opens all segments and walks the chain.
func (w *site) check() int {
	w.t.Helper()
	var chain segment.Chain
	entries := w.camera.Entries(start.AddDate(-1, 0, 0), start.AddDate(1, 0, 0))
	for _, e := range entries {
		f, err := w.camera.Open(e)
		if err != nil {
			w.t.Fatal(err)
		}
		s, err := segment.Scan(f, f.Size(), trust)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := chain.Add(s.Header, s.Trailer); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.bodies.Open(f, f.Size(), trust); err != nil {
			w.t.Fatal(err)
		}
	}
	return len(entries)
}

func TestRecordingFromAnotherProcess(t *testing.T) {
	w := newSite(t)
	r := w.recorder()
	w.film(r, start, 6)
	r.Stop(segment.Refused, start.Add(time.Minute))
	w.conn.Close()
	if err := <-w.served; err != nil {
		t.Fatal(err)
	}
	if n := w.check(); n != 4 {
		t.Fatalf("%d segments", n)
	}
	if g := w.camera.Gaps(start, start.Add(time.Hour)); len(g) != 1 || g[0].Reason != segment.Refused {
		t.Fatalf("gaps %+v", g)
	}
}

func TestAProcessThatGoesLeavesAGapAndWhatIsWhole(t *testing.T) {
	w := newSite(t)
	r := w.recorder()
	w.film(r, start, 4)
	w.conn.Close() // killed within a segment
	if err := <-w.served; err != nil {
		t.Fatal(err)
	}
	w.film(r, start.Add(20*time.Second), 2) // what it still does reaches nothing
	before := w.check()
	w.connect()
	r = w.recorder()
	w.film(r, start.Add(time.Minute), 4)
	r.Stop(segment.Refused, start.Add(2*time.Minute))
	if n := w.check(); n < before+3 {
		t.Fatalf("%d segments, before %d", n, before)
	}
	if g := w.camera.Gaps(start, start.Add(time.Hour)); len(g) != 2 || g[0].Reason != segment.Started || g[0].End.IsZero() {
		t.Fatalf("gaps %+v", g)
	}
}

func TestErrorsCrossWithWhatIsBranchedOn(t *testing.T) {
	w := newSite(t)
	w.bodies.Last = "2026-11-30"
	if _, err := w.client.Key(t.Context(), share.Court, "street", "2026-12-01"); city.KindOf(err) != city.NotFound {
		t.Errorf("no key: %v", err)
	}
	if _, err := w.client.Sign([]byte("polity/roster/v1\n")); city.KindOf(err) != city.Forbidden {
		t.Errorf("signed what is no segment: %v", err)
	}
	w.bodies.Last = ""
	w.disk.Size = 1
	p, err := w.client.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var keys [2]share.EpochKey
	for i, body := range share.Bodies {
		if keys[i], err = w.client.Key(t.Context(), body, "street", "2026-12-01"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = segment.Seal(p, segment.Header{
		Media: segment.H264, Domain: "city.example", Camera: "square", Class: "street", Sequence: 1, Start: start, GapStart: start,
	}, keys, w.client)
	if !disk.Full(err) {
		t.Errorf("a full disk: %v", err)
	}
	if err := p.Abort(segment.DiskFull); err == nil {
		t.Log("the note found room") // one byte is not enough; but where it were, the better
	}
	if _, err := w.client.Begin(); err != nil {
		t.Errorf("after an error nothing can be begun: %v", err)
	}
}

// FuzzServer: whatever the other end says, the server neither panics nor writes what is
// no segment.
func FuzzServer(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 2, 'x', 'y', 4, 0, 0, 0, 0})
	f.Add([]byte{2, 0, 0, 0, 0, 5, 0, 0, 0, 2, '{', '}', 6, 0, 0, 0, 2, '{', '}', 7, 0, 0, 0, 0, 8, 0, 0, 0, 0})
	f.Add([]byte{9, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := disktest.New()
		s, err := store.Open(store.Config{Disk: d, Domain: "city.example", Signer: key, Trust: trust})
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Camera("square")
		if err != nil {
			t.Fatal(err)
		}
		server := &remote.Server{
			Place: recorder.Local(c), Signer: &segment.Guard{Domain: "city.example", Camera: "square", By: key}, Keys: &recordtest.Bodies{},
			Gone: segment.Started, Now: time.Now,
		}
		_ = server.Serve(t.Context(), &talk{in: bytes.NewReader(b)})
		for _, name := range d.Names() {
			if name != "square/state.json" {
				t.Fatalf("%s was written", name)
			}
		}
	})
}

type talk struct{ in *bytes.Reader }

func (t *talk) Read(p []byte) (int, error)  { return t.in.Read(p) }
func (t *talk) Write(p []byte) (int, error) { return len(p), nil }
