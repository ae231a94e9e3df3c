package rsmp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"polity/city"
)

// Times of a connection (core specification 3.2, "Watchdog" and "Message
// acknowledgement").
const (
	ackWithin     = 30 * time.Second // else the connection is given up
	watchdogEvery = 60 * time.Second
	silentFor     = 3 * watchdogEvery // without any message: given up
	maxMessage    = 1 << 20
	maxPending    = 4096
)

// errOrder is a message that may not come now; the connection ends.
var errOrder = errors.New("out of order")

// session is one connection, the same at both ends: it frames and checks messages,
// acknowledges what is right, refuses what is not, and watches over answers.
type session struct {
	conn   net.Conn
	handle func(Message) error // an error is sent back as the reason of a refusal
	out    chan outgoing

	mu      sync.Mutex
	pending map[string]time.Time // sent and not yet acknowledged
	seen    time.Time            // of the last message from the other end
	refused func(id, reason string)
}

// outgoing is a message to write, or done to close when all before is written.
type outgoing struct {
	text []byte
	done chan struct{}
}

func newSession(conn net.Conn) *session {
	return &session{conn: conn, out: make(chan outgoing, 256), pending: map[string]time.Time{}, seen: time.Now()}
}

// send queues a message. It does not wait for the acknowledgement.
func (s *session) send(m Message) error {
	text, err := m.encode()
	if err != nil {
		return err
	}
	s.mu.Lock()
	if m.ID != "" {
		if len(s.pending) >= maxPending {
			s.mu.Unlock()
			return city.Errorf(city.Unavailable, "%d messages are not acknowledged; nothing more is sent", maxPending)
		}
		s.pending[m.ID] = time.Now()
	}
	s.mu.Unlock()
	select {
	case s.out <- outgoing{text: text}:
		return nil
	default:
		return city.Errorf(city.Unavailable, "the other end takes no messages; %d wait", cap(s.out))
	}
}

// run serves the connection until it ends or ctx does, and says why.
func (s *session) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	group.Go(func() { stop(s.write(ctx)) })
	group.Go(func() { stop(s.watch(ctx)) })
	group.Go(func() {
		<-ctx.Done()
		s.conn.Close()
	})
	stop(s.read(ctx))
	group.Wait()
	return context.Cause(ctx)
}

func (s *session) write(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-s.out:
			if o.done != nil {
				close(o.done)
				continue
			}
			if _, err := s.conn.Write(o.text); err != nil {
				return fmt.Errorf("send: %w", err)
			}
		}
	}
}

// watch sends watchdogs and gives a connection up that does not answer.
func (s *session) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			s.mu.Lock()
			silent := now.Sub(s.seen)
			oldest := time.Duration(0)
			for _, at := range s.pending {
				oldest = max(oldest, now.Sub(at))
			}
			s.mu.Unlock()
			switch {
			case oldest > ackWithin:
				return city.Errorf(city.Unavailable, "a message was not acknowledged within %v", ackWithin)
			case silent > silentFor:
				return city.Errorf(city.Unavailable, "nothing was heard for %v", silentFor)
			case now.Sub(last) >= watchdogEvery:
				last = now
				if err := s.watchdog(); err != nil {
					return err
				}
			}
		}
	}
}

func (s *session) watchdog() error {
	m := newMessage(KindWatchdog)
	m.Clock = stamp(time.Now())
	return s.send(m)
}

func (s *session) read(ctx context.Context) error {
	in := bufio.NewScanner(s.conn)
	in.Buffer(make([]byte, 4096), maxMessage)
	in.Split(frames)
	for in.Scan() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.receive(in.Bytes()); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	return city.Errorf(city.Unavailable, "the other end closed the connection")
}

// frames splits at form feeds.
func frames(data []byte, _ bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\f'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}

// receive answers one message. Only what makes further talk pointless is an error.
func (s *session) receive(text []byte) error {
	s.mu.Lock()
	s.seen = time.Now()
	s.mu.Unlock()
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	m, err := Decode(text)
	switch {
	case err != nil && m.ID == "":
		return err // it cannot be refused by name
	case err != nil:
		return s.refuse(m, err)
	case m.Kind == KindAck || m.Kind == KindNotAck:
		return s.acknowledged(m)
	}
	if err := s.handle(m); err != nil {
		if answer := s.refuse(m, err); answer != nil {
			return answer
		}
		if errors.Is(err, errOrder) {
			s.flush()
			return err
		}
		return nil
	}
	ack := newMessage(KindAck)
	ack.OldID = m.ID
	return s.send(ack)
}

func (s *session) refuse(m Message, reason error) error {
	no := newMessage(KindNotAck)
	no.OldID, no.Reason = m.ID, reason.Error()
	return s.send(no)
}

// flush lets a refusal leave before the connection ends, a second at most.
func (s *session) flush() {
	done := make(chan struct{})
	select {
	case s.out <- outgoing{done: done}:
	default:
		return
	}
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}

func (s *session) acknowledged(m Message) error {
	s.mu.Lock()
	_, known := s.pending[m.OldID]
	delete(s.pending, m.OldID)
	refused := s.refused
	s.mu.Unlock()
	if !known {
		return fmt.Errorf("%w: %s of %s, which was never sent or is acknowledged already", errOrder, m.Kind, m.OldID)
	}
	if m.Kind == KindNotAck && refused != nil {
		refused(m.OldID, m.Reason)
	}
	return nil
}
