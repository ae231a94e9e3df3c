package iec104

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"polity/city"
)

// Parameters bound a connection (5-104, 9.6).
type Parameters struct {
	K  int           // most information frames sent and not acknowledged
	W  int           // information frames received after which at the latest to acknowledge
	T1 time.Duration // longest wait for an acknowledgement
	T2 time.Duration // longest delay of an acknowledgement; shorter than T1
	T3 time.Duration // silence after which the line is tested
}

// Defaults are the values that the standard proposes.
func Defaults() Parameters {
	return Parameters{K: 12, W: 8, T1: 15 * time.Second, T2: 10 * time.Second, T3: 20 * time.Second}
}

// link is one end of a connection. One goroutine (run) owns all of it but the queue.
type link struct {
	conn    net.Conn
	p       Parameters
	station bool // the controlled station, which waits to be started
	queue   chan []byte
	// receive is called with each message, in the goroutine of run; what it returns
	// ends the connection.
	receive func([]byte) error
	// started is called when transfer starts or stops.
	started func(bool)

	// outbox are answers, of run's goroutine; they go before the queue.
	outbox [][]byte

	active           bool
	sent, received   uint16      // next numbers
	acked            uint16      // by the other end: all before this one
	waiting          []time.Time // when the unacknowledged ones were sent
	owed             int         // information frames received and not acknowledged
	owedSince        time.Time
	asked            byte // unnumbered function whose confirmation is awaited
	askedAt, lastSaw time.Time
}

func newLink(conn net.Conn, p Parameters, station bool) *link {
	if p == (Parameters{}) {
		p = Defaults()
	}
	return &link{conn: conn, p: p, station: station, queue: make(chan []byte, 64), started: func(bool) {}}
}

// send queues a message; it blocks while the queue is full.
func (l *link) send(ctx context.Context, a *ASDU) error {
	select {
	case l.queue <- a.Append(nil):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer puts a message into the outbox; only receive may call it.
func (l *link) answer(data []byte) error {
	if len(l.outbox) >= 1<<16 {
		return city.Errorf(city.TooLarge, "the other station asks and does not take the answers")
	}
	l.outbox = append(l.outbox, data)
	return nil
}

// run works until ctx ends or the connection fails, and closes the connection.
func (l *link) run(ctx context.Context) error {
	// what K lets the other end send fits, so that two ends that write at once both
	// go on reading
	frames, failed := make(chan Frame, 64), make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer l.conn.Close()
	unhook := context.AfterFunc(ctx, func() { l.conn.Close() }) // wakes a blocked write
	defer unhook()
	go func() {
		for {
			f, err := ReadFrame(l.conn)
			if err != nil {
				failed <- err
				return
			}
			select {
			case frames <- f:
			case <-ctx.Done():
				return
			}
		}
	}()
	l.lastSaw = time.Now()
	if !l.station {
		if err := l.ask(startAct); err != nil {
			return err
		}
	}
	for {
		for l.active && len(l.outbox) > 0 && len(l.waiting) < l.p.K {
			data := l.outbox[0]
			l.outbox = l.outbox[1:]
			if err := l.inform(data); err != nil {
				return err
			}
		}
		queue := l.queue
		if !l.active || len(l.waiting) >= l.p.K {
			queue = nil
		}
		timer := time.NewTimer(time.Until(l.deadline()))
		var err error
		select {
		case f := <-frames:
			l.lastSaw = time.Now()
			err = l.take(f)
		case data := <-queue:
			err = l.inform(data)
		case <-timer.C:
			err = l.expire(time.Now())
		case err = <-failed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		if err != nil {
			return err
		}
	}
}

// deadline is when something falls due next.
func (l *link) deadline() time.Time {
	next := l.lastSaw.Add(l.p.T3)
	earlier := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if l.asked != 0 {
		next = l.askedAt.Add(l.p.T1)
	}
	if len(l.waiting) > 0 {
		earlier(l.waiting[0].Add(l.p.T1))
	}
	if l.owed > 0 {
		earlier(l.owedSince.Add(l.p.T2))
	}
	return next
}

// expire does what is due.
func (l *link) expire(now time.Time) error {
	due := func(t time.Time) bool { return !now.Before(t) }
	switch {
	case l.asked != 0 && due(l.askedAt.Add(l.p.T1)):
		return city.Errorf(city.Unavailable, "no answer to %02x within %s", l.asked, l.p.T1)
	case len(l.waiting) > 0 && due(l.waiting[0].Add(l.p.T1)):
		return city.Errorf(city.Unavailable, "information was not acknowledged within %s", l.p.T1)
	case l.owed > 0 && due(l.owedSince.Add(l.p.T2)):
		return l.acknowledge()
	case l.asked == 0 && due(l.lastSaw.Add(l.p.T3)):
		return l.ask(testAct)
	}
	return nil
}

func (l *link) write(f Frame) error {
	if _, err := l.conn.Write(f.Append(nil)); err != nil {
		return fmt.Errorf("write to the other station: %w", err)
	}
	return nil
}

func (l *link) ask(function byte) error {
	l.asked, l.askedAt = function, time.Now()
	return l.write(Frame{Kind: Unnumbered, Function: function})
}

func (l *link) acknowledge() error {
	l.owed = 0
	return l.write(Frame{Kind: Supervisory, Received: l.received})
}

func (l *link) inform(data []byte) error {
	f := Frame{Kind: Information, Sent: l.sent, Received: l.received, Data: data}
	l.sent = (l.sent + 1) % modulo
	l.waiting, l.owed = append(l.waiting, time.Now()), 0
	return l.write(f)
}

// take handles a frame (5-104, 5.2 to 5.4).
func (l *link) take(f Frame) error {
	switch f.Kind {
	case Unnumbered:
		return l.function(f.Function)
	case Supervisory:
		return l.confirm(f.Received)
	}
	switch {
	case !l.active:
		return city.Errorf(city.Invalid, "information came before the transfer was started")
	case f.Sent != l.received:
		return city.Errorf(city.Invalid, "information frame %d came where %d was next: one is lost", f.Sent, l.received)
	}
	l.received = (l.received + 1) % modulo
	if l.owed++; l.owed == 1 {
		l.owedSince = time.Now()
	}
	if err := l.confirm(f.Received); err != nil {
		return err
	}
	if l.owed >= l.p.W {
		if err := l.acknowledge(); err != nil {
			return err
		}
	}
	return l.receive(f.Data)
}

// confirm takes what the other end has received.
func (l *link) confirm(number uint16) error {
	n := int(number-l.acked) & (modulo - 1)
	if n > len(l.waiting) {
		return city.Errorf(city.Invalid, "information frame %d is acknowledged, which was never sent", number)
	}
	l.acked, l.waiting = number, l.waiting[n:]
	return nil
}

func (l *link) function(f byte) error {
	reply := func(f byte) error { return l.write(Frame{Kind: Unnumbered, Function: f}) }
	switch f {
	case testAct:
		return reply(testCon)
	case startAct, stopAct:
		if !l.station {
			return city.Errorf(city.Invalid, "a controlled station may not start or stop the transfer")
		}
		l.setActive(f == startAct)
		if f == startAct {
			return reply(startCon)
		}
		if l.owed > 0 {
			if err := l.acknowledge(); err != nil {
				return err
			}
		}
		return reply(stopCon)
	}
	if want := map[byte]byte{startCon: startAct, stopCon: stopAct, testCon: testAct}[f]; l.asked != want {
		return city.Errorf(city.Invalid, "a confirmation %02x came unasked", f)
	}
	if l.asked = 0; f != testCon {
		l.setActive(f == startCon)
	}
	return nil
}

func (l *link) setActive(active bool) {
	if l.active != active {
		l.active = active
		l.started(active)
	}
}

// unheard answers a message that cannot be worked with (5-101, 7.2.3: causes 44 to
// 47): it comes back as it is, refused.
func unheard(data []byte, why Cause) []byte {
	out := append([]byte(nil), data...)
	out[2] = out[2]&0x80 | 0x40 | byte(why)
	return out
}

// outOfSubset says whether a decoding error leaves the connection usable.
func outOfSubset(err error) bool { return errors.Is(err, ErrUnknownType) }
