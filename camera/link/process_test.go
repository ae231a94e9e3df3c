package link_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polity/camera/layout"
	"polity/camera/link"
	"polity/camera/wire"
	"polity/city"
)

// edge is the other end, played by hand.
type edge struct {
	t     *testing.T
	say   io.WriteCloser // the process's standard input
	hear  io.Closer
	mu    sync.Mutex
	heard []wire.Message
}

type memorySpool struct {
	mu     sync.Mutex
	b      []byte
	synced bool
}

func (s *memorySpool) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b, s.synced = append(s.b, b...), false
	return len(b), nil
}

func (s *memorySpool) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.synced = true
	return nil
}

func (s *memorySpool) starts(t *testing.T) []int64 {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.b) > 0 && !s.synced {
		t.Error("the spool was not synced")
	}
	r := bufio.NewReader(strings.NewReader(string(s.b)))
	var out []int64
	for {
		m, err := wire.Read(r)
		if err != nil {
			return out
		}
		out = append(out, m.(*wire.Observation).Start.UnixMilli())
	}
}

func assignment() link.Assignment {
	return link.Assignment{
		Version: link.Version, Camera: "square", Source: link.Source{Address: "rtsp://camera/sub", Password: "s3cret"}, PerSecond: 5,
		Until: time.Now().Add(time.Hour), Events: []wire.EventKind{wire.Crowding, wire.CameraBlind},
		Layout: layout.Layout{Revision: 2}, Detector: "/run/d.sock",
	}
}

// open starts the process's end in this program. The edge reads what it says
// unless deaf.
func open(t *testing.T, a link.Assignment, deaf bool) (*link.Process, *edge, *memorySpool) {
	t.Helper()
	in, say := io.Pipe()
	hear, out := io.Pipe()
	e := &edge{t: t, say: say, hear: hear}
	spool := &memorySpool{}
	line, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = say.Write(append(line, '\n')) }()
	p, err := link.Open(in, out, spool)
	if err != nil {
		t.Fatal(err)
	}
	if !deaf {
		go func() {
			r := bufio.NewReader(hear)
			for {
				m, err := wire.Read(r)
				if err != nil {
					return
				}
				e.mu.Lock()
				e.heard = append(e.heard, m)
				e.mu.Unlock()
			}
		}()
	}
	t.Cleanup(func() { say.Close(); hear.Close(); in.Close(); out.Close() })
	return p, e, spool
}

func (e *edge) tell(format string, args ...any) {
	e.t.Helper()
	if _, err := fmt.Fprintf(e.say, format+"\n", args...); err != nil {
		e.t.Error(err)
	}
}

func (e *edge) got() (records, marks, places int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.heard {
		switch m.(type) {
		case *wire.Observation, *wire.Event:
			records++
		case *wire.Marks:
			marks++
		case *wire.Place:
			places++
		}
	}
	return records, marks, places
}

var epoch = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

func observation(n int) *wire.Observation {
	return &wire.Observation{Metric: wire.Occupancy, Start: epoch.Add(time.Duration(n) * time.Second), Length: time.Second, Covered: time.Second, Value: float64(n)}
}

func starts(from, to int) []int64 {
	var out []int64
	for n := from; n < to; n++ {
		out = append(out, observation(n).Start.UnixMilli())
	}
	return out
}

func TestAssignmentArrivesWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := assignment()
		p, e, _ := open(t, want, false)
		got := p.Assignment()
		if got.Camera != "square" || got.Source != want.Source || len(got.Events) != 2 || got.Events[1] != wire.CameraBlind || got.Layout.Revision != 2 || !got.Until.Equal(want.Until) {
			t.Errorf("%+v", got)
		}
		e.say.Close()
		<-p.Gone()
	})
}

func TestOnlyStoredObservationsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e, spool := open(t, assignment(), false)
		for n := range 1000 {
			p.Send(observation(n))
		}
		synctest.Wait()
		if records, _, _ := e.got(); records != 256 {
			t.Fatalf("%d sent ahead of storage; the window is 256", records)
		}
		e.tell(`{"stored":100}`)
		synctest.Wait()
		if records, _, _ := e.got(); records != 356 || p.Held() != 900 {
			t.Fatalf("after 100 are stored: %d sent, %d held", records, p.Held())
		}
		e.say.Close() // the edge was killed
		<-p.Gone()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if got := spool.starts(t); fmt.Sprint(got) != fmt.Sprint(starts(100, 1000)) {
			t.Fatalf("the spool holds %d messages, from %v", len(got), got[0])
		}
	})
}

func TestStopWaitsForStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e, spool := open(t, assignment(), false)
		e.tell(`{"stop":true}`)
		c := <-p.Commands()
		if _, open := <-p.Commands(); !c.Stop || open {
			t.Fatal("no stop, or commands after it")
		}
		for n := range 10 {
			p.Send(observation(n)) // the intervals that ended just now
		}
		done := make(chan error)
		go func() { done <- p.Close() }()
		synctest.Wait()
		e.tell(`{"stored":10}`)
		if err := <-done; err != nil || len(spool.starts(t)) != 0 {
			t.Fatalf("%v, spool %v", err, spool.starts(t))
		}
	})
}

func TestStopWithAnEdgeThatStoresNothingSpools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, deaf := range []bool{false, true} {
			p, e, spool := open(t, assignment(), deaf)
			for n := range 10 {
				p.Send(observation(n))
			}
			e.tell(`{"stop":true}`)
			<-p.Gone()
			if err := p.Close(); err != nil || len(spool.starts(t)) != 10 {
				t.Fatalf("deaf %v: %v, spool %v", deaf, err, spool.starts(t))
			}
		}
	})
}

func TestSceneNeverWaitsAndMarksGoOnlyWhileWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e, _ := open(t, assignment(), false)
		p.Send(&wire.Marks{At: epoch})
		synctest.Wait()
		if _, marks, _ := e.got(); marks != 0 {
			t.Fatal("marks although nobody looks")
		}
		e.tell(`{"watch":true}`)
		if c := <-p.Commands(); c.Watch == nil || !*c.Watch {
			t.Fatalf("%+v", c)
		}
		p.Send(&wire.Marks{At: epoch})
		synctest.Wait()
		if _, marks, _ := e.got(); marks != 1 {
			t.Fatal("no marks while watched")
		}
	})
}

func TestSlowEdgeAsksForTheWholePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := open(t, assignment(), true)
		for n := range 200 { // the pipe takes a few, then nothing
			p.Send(&wire.Place{At: epoch, Sequence: uint32(n), Width: 16, Height: 16, Tiles: []uint16{0}, Known: []uint8{0}, Atlas: wire.Picture(strings.Repeat("x", 4096))})
		}
		if c := <-p.Commands(); !c.Whole {
			t.Fatalf("%+v", c)
		}
	})
}

func TestHeldObservationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, spool := open(t, assignment(), false)
		const more = 100
		for n := range 65536 {
			p.Send(observation(n))
		}
		synctest.Wait() // 256 are under way
		for n := range more {
			p.Send(observation(65536 + n))
		}
		if p.Held() != 65536 || p.Dropped() != more {
			t.Fatalf("%d held, %d dropped", p.Held(), p.Dropped())
		}
		_ = spool
	})
}

func TestCommandsThatWaitAreMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e, _ := open(t, assignment(), false)
		e.tell(`{"watch":true}`)
		synctest.Wait()
		e.tell(`{"layout":{"revision":7,"zones":[],"lines":[]}}`)
		e.tell(`{"watch":false,"whole":true}`)
		synctest.Wait()
		first, second := <-p.Commands(), <-p.Commands()
		if !*first.Watch || *second.Watch || !second.Whole || second.Layout.Revision != 7 {
			t.Fatalf("%+v, %+v", first, second)
		}
	})
}

func TestProcessEndsWithItsEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := assignment()
		a.Until = time.Now().Add(90 * time.Second)
		p, _, _ := open(t, a, false)
		start := time.Now()
		c := <-p.Commands()
		if took := time.Since(start); !c.Stop || took < 90*time.Second || took > 92*time.Second {
			t.Fatalf("%+v after %v", c, took)
		}
		<-p.Gone()
	})
}

func TestNonsenseFromTheEdgeEndsTheLinkAndLosesNothing(t *testing.T) {
	for name, line := range map[string]string{
		"not JSON":             `stop!`,
		"unknown field":        `{"record":true}`,
		"two values":           `{"watch":true}{"watch":true}`,
		"more than was sent":   `{"stored":11}`,
		"a layout that is bad": `{"layout":{"zones":[{"name":"a"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, e, spool := open(t, assignment(), false)
				for n := range 10 {
					p.Send(observation(n))
				}
				synctest.Wait()
				e.tell("%s", line)
				<-p.Gone()
				if err := p.Close(); err != nil || len(spool.starts(t)) != 10 {
					t.Fatalf("%v, spool %v", err, spool.starts(t))
				}
			})
		})
	}
}

func TestWrongAssignmentsSayWhatIsWrong(t *testing.T) {
	good, err := json.Marshal(assignment())
	if err != nil {
		t.Fatal(err)
	}
	for old, c := range map[string]struct{ now, says string }{
		`"version":1`:            {`"version":9`, "must be of one release"},
		`"camera":"square"`:      {`"camera":"../x"`, "name"},
		`"per_second":5`:         {`"per_second":0`, "frames a second"},
		`"detector"`:             {`"detektor"`, "detektor"},
		`"events":[1,7]`:         {`"events":[0]`, "event kind 0"},
		`"rtsp://camera/sub"`:    {`""`, "address is missing"},
		`"layout":{"revision":2`: {`"layout":{"revision":-2`, "layout"},
		`}` + "\n":               {``, "unexpected EOF"},
	} {
		text := strings.Replace(string(good)+"\n", old, c.now, 1)
		if text == string(good)+"\n" {
			t.Fatalf("%s is not in %s", old, good)
		}
		_, err := link.Open(strings.NewReader(text), io.Discard, nil)
		if city.KindOf(err) != city.Invalid || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v", c.now, err)
		}
	}
	if _, err := link.Open(strings.NewReader(strings.Repeat("x", 2<<20)), io.Discard, nil); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("an endless line: %v", err)
	}
}

func TestWithoutASpoolTheLossIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, say := io.Pipe()
		line, err := json.Marshal(assignment())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = say.Write(append(line, '\n')); say.Close() }()
		p, err := link.Open(in, io.Discard, nil)
		if err != nil {
			t.Fatal(err)
		}
		<-p.Gone()
		p.Send(observation(1))
		if err := p.Close(); err == nil || errors.Is(err, io.EOF) {
			t.Fatal("a lost observation was not said")
		}
	})
}

func FuzzOpen(f *testing.F) {
	good, err := json.Marshal(assignment())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(good) + "\n" + `{"watch":true}` + "\n")
	f.Fuzz(func(_ *testing.T, text string) {
		p, err := link.Open(strings.NewReader(text), io.Discard, nil)
		if err != nil {
			return
		}
		for range p.Commands() {
		}
		_ = p.Close()
	})
}
