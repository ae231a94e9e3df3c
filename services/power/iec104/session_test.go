package iec104

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polity/city"
)

// tap is a connection that keeps the frames written to it.
type tap struct {
	net.Conn
	lock   sync.Mutex
	frames []Frame
}

func (c *tap) Write(b []byte) (int, error) {
	if f, err := decodeFrame(append([]byte(nil), b[2:]...)); err == nil {
		c.lock.Lock()
		c.frames = append(c.frames, f)
		c.lock.Unlock()
	}
	return c.Conn.Write(b)
}

// commands lists the commands among the frames, and which of them would execute.
func (c *tap) commands() (all, executing int) {
	c.lock.Lock()
	defer c.lock.Unlock()
	for _, f := range c.frames {
		if f.Kind != Information {
			continue
		}
		if a, err := DecodeASDU(f.Data); err == nil && a.Type >= SingleCommand && a.Type <= SetPointFloat {
			all++
			if !a.Objects[0].Select && a.Cause == Activation {
				executing++
			}
		}
	}
	return all, executing
}

func (c *tap) count(k Kind, function byte) int {
	c.lock.Lock()
	defer c.lock.Unlock()
	n := 0
	for _, f := range c.frames {
		if f.Kind == k && f.Function == function {
			n++
		}
	}
	return n
}

// session is a client and an outstation on one connection.
type session struct {
	client  *Client
	station *Outstation
	wire    *tap // what the client sends
	seen    map[uint32]Object
	causes  map[uint32]Cause
	operate []Command
	refuse  error
}

func open(t *testing.T, change func(*Outstation, *Options)) *session {
	t.Helper()
	near, far := net.Pipe()
	s := &session{wire: &tap{Conn: near}, seen: map[uint32]Object{}, causes: map[uint32]Cause{}}
	s.station = &Outstation{Station: 7, Commands: map[uint32]Type{1001: SingleCommand, 1002: DoubleCommand, 1003: SetPointFloat}}
	s.station.Operate = func(c Command) error {
		if s.refuse == nil {
			s.operate = append(s.operate, c)
		}
		return s.refuse
	}
	o := Options{Station: 7, Receive: func(_ Type, c Cause, x Object) { s.seen[x.Address], s.causes[x.Address] = x, c }}
	if change != nil {
		change(s.station, &o)
	}
	s.client = NewClient(s.wire, o)
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = s.client.Run(ctx) })
	group.Go(func() { _ = s.station.Serve(ctx, far) })
	t.Cleanup(func() {
		stop()
		group.Wait()
	})
	return s
}

// TestReports: an interrogation brings all values, a change comes by itself with its
// time, and clock and initialisation are answered.
func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		for i := range uint32(3000) { // more than any window or queue holds at once
			typ := SinglePoint
			if i%7 == 0 {
				typ = Float
			}
			if err := s.station.Set(t.Context(), Point{Type: typ, Address: i + 1, Value: float64(i % 2)}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // until the changes reported meanwhile have come
		if err := s.client.Interrogate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.seen) != 3000 || s.causes[3000] != Interrogated || s.seen[2].Value != 1 || s.seen[3].Value != 0 {
			t.Errorf("%d values: %+v", len(s.seen), s.seen[2])
		}
		if err := s.station.Set(t.Context(), Point{Type: DoublePoint, Address: 5000, Value: On, Quality: Substituted}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if o := s.seen[5000]; o.Value != On || o.Quality != Substituted || s.causes[5000] != Spontaneous || !o.Time.Equal(time.Now().Truncate(time.Millisecond)) {
			t.Errorf("%+v by cause %d", o, s.causes[5000])
		}
		if err := s.client.SetClock(t.Context(), time.Now()); err != nil {
			t.Error(err)
		}
	})
}

// TestNothingMovesWithoutAPerson: a selected command is executed only with a person
// and a decision; without them no frame leaves, and the outstation alone refuses an
// execution that was not selected.
func TestNothingMovesWithoutAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		open := Command{Type: DoubleCommand, Address: 1002, Value: Off}
		selection, err := s.client.Select(t.Context(), open)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []Confirmation{{}, {By: "A. Virtanen"}, {Decision: "d-17"}, {Decision: "d-17", Registered: "light-dimming-2026"}} {
			if err := selection.Execute(t.Context(), word); city.KindOf(err) != city.Forbidden {
				t.Errorf("%+v: %v", word, err)
			}
		}
		if all, executing := s.wire.commands(); all != 1 || executing != 0 || len(s.operate) != 0 {
			t.Fatalf("%d commands on the wire, %d of them executing, %d operations", all, executing, len(s.operate))
		}
		if _, err := s.client.Select(t.Context(), Command{Type: SingleCommand, Address: 1001, Value: 1}); city.KindOf(err) != city.Conflict {
			t.Errorf("a second selection: %v", err)
		}
		if err := selection.Execute(t.Context(), Confirmation{By: "A. Virtanen", Decision: "d-17"}); err != nil {
			t.Fatal(err)
		}
		if len(s.operate) != 1 || s.operate[0] != open {
			t.Errorf("operated: %+v", s.operate)
		}
		if err := selection.Execute(t.Context(), Confirmation{By: "A. Virtanen", Decision: "d-17"}); city.KindOf(err) != city.Conflict || len(s.operate) != 1 {
			t.Errorf("executed twice: %v, %d operations", err, len(s.operate))
		}
		// a client of another make that skips the selection
		a := open.message(Activation, false)
		if err := s.client.ask(t.Context(), a, ActivationEnd); city.KindOf(err) != city.Conflict || len(s.operate) != 1 {
			t.Errorf("executed without selection: %v, %d operations", err, len(s.operate))
		}
	})
}

// TestSetPointsWithinRegisteredLimits: a program alone moves set points, for a recorded
// decision; nothing else.
func TestSetPointsWithinRegisteredLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		selection, err := s.client.Select(t.Context(), Command{Type: SetPointFloat, Address: 1003, Value: 27})
		if err != nil {
			t.Fatal(err)
		}
		if err := selection.Execute(t.Context(), Confirmation{Registered: "light-dimming-2026"}); city.KindOf(err) != city.Forbidden {
			t.Errorf("without a decision: %v", err)
		}
		if err := selection.Execute(t.Context(), Confirmation{Registered: "light-dimming-2026", Decision: "light-gardens-20261130"}); err != nil || len(s.operate) != 1 {
			t.Errorf("%v, %+v", err, s.operate)
		}
	})
}

// TestSelectionsEnd: one that is cancelled, that is too old, or of another value is
// not executed; one that the device refuses is told; then others can be selected.
func TestSelectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		word := Confirmation{By: "A. Virtanen", Decision: "d-17"}
		one := Command{Type: SingleCommand, Address: 1001, Value: 1}
		selection, err := s.client.Select(t.Context(), one)
		if err != nil {
			t.Fatal(err)
		}
		if err := selection.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := selection.Execute(t.Context(), word); city.KindOf(err) != city.Conflict {
			t.Errorf("executed after cancelling: %v", err)
		}
		if selection, err = s.client.Select(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second) // of the bubble's clock
		if err := selection.Execute(t.Context(), word); city.KindOf(err) != city.Conflict {
			t.Errorf("executed after the selection's time: %v", err)
		}
		s.refuse = errors.New("locked")
		if selection, err = s.client.Select(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if err := selection.Execute(t.Context(), word); city.KindOf(err) != city.Conflict || len(s.operate) != 0 {
			t.Errorf("refused by the device: %v, %d operations", err, len(s.operate))
		}
		s.refuse = nil
		if selection, err = s.client.Select(t.Context(), Command{Type: SetPointFloat, Address: 1003, Value: 20.5}); err != nil {
			t.Fatal(err)
		}
		if err := s.client.ask(t.Context(), Command{Type: SetPointFloat, Address: 1003, Value: 99}.message(Activation, false), ActivationEnd); city.KindOf(err) != city.Conflict || len(s.operate) != 0 {
			t.Errorf("another value than selected: %v", err)
		}
		if err := selection.Cancel(t.Context()); city.KindOf(err) != city.Conflict {
			t.Errorf("the failed execution should have ended the selection: %v", err)
		}
		for _, bad := range []Command{{SingleCommand, 1001, 2}, {DoubleCommand, 1002, Between}, {Float, 1, 1}, {SingleCommand, 1 << 24, 1}} {
			if _, err := s.client.Select(t.Context(), bad); city.KindOf(err) != city.Invalid {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		if _, err := s.client.Select(t.Context(), Command{SingleCommand, 4, 1}); city.KindOf(err) != city.NotFound || !strings.Contains(err.Error(), "the object is unknown") {
			t.Errorf("an object that is not there: %v", err)
		}
	})
}

// TestLineIsTested: in silence both ends test the line; an end that does not answer
// is given up.
func TestLineIsTested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		time.Sleep(5 * time.Minute)
		if n := s.wire.count(Unnumbered, testAct) + s.wire.count(Unnumbered, testCon); n < 10 {
			t.Errorf("%d tests in five minutes", n)
		}
		if err := s.client.Interrogate(t.Context()); err != nil {
			t.Errorf("after silence: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		start := time.Now()
		err := NewClient(near, Options{Station: 1}).Run(t.Context())
		if city.KindOf(err) != city.Unavailable || time.Since(start) != Defaults().T1 {
			t.Errorf("given up after %s: %v", time.Since(start), err)
		}
		far.Close()
	})
}

// TestAcknowledgements: after W messages at the latest, and after T2 if fewer came.
func TestAcknowledgements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		synctest.Wait()
		set := func(n int) {
			for i := range n {
				if err := s.station.Set(t.Context(), Point{Type: SinglePoint, Address: 1, Value: float64(i % 2)}); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		set(7)
		if n := s.wire.count(Supervisory, 0); n != 0 {
			t.Errorf("%d acknowledgements of 7 messages", n)
		}
		set(1)
		if n := s.wire.count(Supervisory, 0); n != 1 {
			t.Errorf("%d acknowledgements of 8 messages", n)
		}
		set(1)
		time.Sleep(10*time.Second + time.Millisecond)
		if n := s.wire.count(Supervisory, 0); n != 2 {
			t.Errorf("%d acknowledgements after ten seconds", n)
		}
	})
}

// TestWrongPartners: what breaks the rules ends the connection with an error that
// says which rule.
func TestWrongPartners(t *testing.T) {
	info := func(sent, received uint16) Frame {
		return Frame{Kind: Information, Sent: sent, Received: received, Data: []byte{0x64, 1, 6, 0, 7, 0, 0, 0, 0, 20}}
	}
	start := Frame{Kind: Unnumbered, Function: startAct}
	for _, c := range []struct {
		name   string
		frames []Frame
		want   string
	}{
		{"information before the start", []Frame{info(0, 0)}, "before the transfer was started"},
		{"a lost frame", []Frame{start, info(1, 0)}, "one is lost"},
		{"acknowledged too much", []Frame{start, {Kind: Supervisory, Received: 9}}, "never sent"},
		{"unasked confirmation", []Frame{{Kind: Unnumbered, Function: testCon}}, "came unasked"},
		{"cut short", []Frame{start, {Kind: Information, Data: []byte{0x64}}}, "its head alone has 6"},
	} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			o := &Outstation{Station: 7}
			ended := make(chan error, 1)
			go func() { ended <- o.Serve(t.Context(), far) }()
			go func() { _, _ = io.Copy(io.Discard, near) }()
			for _, f := range c.frames {
				if _, err := near.Write(f.Append(nil)); err != nil {
					break
				}
			}
			if err := <-ended; city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
			near.Close()
		})
	}
}

// TestUnknownMessagesComeBack: what the outstation does not know it returns, refused,
// and goes on.
func TestUnknownMessagesComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		a := &ASDU{Type: Interrogation, Cause: Activation, Objects: []Object{{Qualifier: 21}}} // group 1, not in the subset
		if err := s.client.ask(t.Context(), a, ActivationEnd); city.KindOf(err) != city.NotFound || !strings.Contains(err.Error(), "the cause is unknown") {
			t.Errorf("a group: %v", err)
		}
		if err := s.client.Interrogate(t.Context()); err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := open(t, func(o *Outstation, _ *Options) { o.Station = 8 })
		if err := s.client.Interrogate(t.Context()); city.KindOf(err) != city.NotFound && city.KindOf(err) != city.Unavailable {
			t.Errorf("another station's address: %v", err)
		}
	})
}
