package iec104

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"polity/city"
)

// Options are a client's.
type Options struct {
	Station    uint16 // common address of the outstation
	Originator uint8
	Parameters Parameters // zero: Defaults
	// Receive is called with each piece of information, in order; it must not block
	// for long, nor call the client.
	Receive func(Type, Cause, Object)
	// Answer bounds the wait for a confirmation; 0 stands for 10 s.
	Answer time.Duration
}

// Client is a controlling station's end of one connection. Its methods may be called
// from several goroutines; commands go one by one.
type Client struct {
	o    Options
	link *link

	ready chan struct{} // closed when the transfer has started
	done  chan struct{} // closed when Run has ended

	command sync.Mutex // held from select to execute
	lock    sync.Mutex
	waiting *wait
}

// wait is who waits for the answers to a message.
type wait struct {
	kind    Type
	address uint32
	answers chan ASDU
}

// Dial connects to an outstation: by TLS where config says how (IEC 62351-3: both
// ends show certificates, TLS 1.2 or later), which substations offer at port 19998, or
// in the clear at port 2404.
func Dial(ctx context.Context, address string, config *tls.Config, o Options) (*Client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "connect to the outstation: %w", err)
	}
	if config == nil {
		return NewClient(conn, o), nil
	}
	config = config.Clone()
	if config.MinVersion < tls.VersionTLS12 {
		config.MinVersion = tls.VersionTLS12
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, city.Errorf(city.Unavailable, "agree on TLS with %s: %w", address, err)
	}
	return NewClient(secure, o), nil
}

// NewClient makes a client of a connection, which Run then works and closes.
func NewClient(conn net.Conn, o Options) *Client {
	if o.Answer == 0 {
		o.Answer = 10 * time.Second
	}
	c := &Client{o: o, link: newLink(conn, o.Parameters, false), ready: make(chan struct{}), done: make(chan struct{})}
	c.link.receive = c.receive
	c.link.started = func(active bool) {
		if active {
			close(c.ready)
		}
	}
	return c
}

// Run works the connection until ctx ends or the connection does; call it once.
func (c *Client) Run(ctx context.Context) error {
	defer close(c.done)
	return c.link.run(ctx)
}

func (c *Client) receive(data []byte) error {
	a, err := DecodeASDU(data)
	if outOfSubset(err) {
		return nil // what we do not understand nobody relies on
	}
	if err != nil {
		return err
	}
	c.lock.Lock()
	w := c.waiting
	c.lock.Unlock()
	switch a.Type {
	case SingleCommand, DoubleCommand, SetPointFloat, Interrogation, ClockSync:
		if w != nil && w.kind == a.Type && w.address == a.Objects[0].Address && a.Station == c.o.Station {
			select {
			case w.answers <- a:
			default: // more answers than anything sends
			}
		}
		return nil
	}
	if c.o.Receive != nil && a.Station == c.o.Station {
		for _, o := range a.Objects {
			c.o.Receive(a.Type, a.Cause, o)
		}
	}
	return nil
}

// ask sends a message and waits for its answers until one has the last cause.
func (c *Client) ask(ctx context.Context, a *ASDU, last Cause) error {
	a.Station, a.Originator = c.o.Station, c.o.Originator
	w := &wait{a.Type, a.Objects[0].Address, make(chan ASDU, 4)}
	c.lock.Lock()
	if c.waiting != nil {
		c.lock.Unlock()
		return city.Errorf(city.Conflict, "another command or interrogation waits for its answer")
	}
	c.waiting = w
	c.lock.Unlock()
	defer func() {
		c.lock.Lock()
		c.waiting = nil
		c.lock.Unlock()
	}()
	ctx, stop := context.WithTimeout(ctx, c.o.Answer)
	defer stop()
	select {
	case <-c.ready:
	case <-c.done:
		return city.Errorf(city.Unavailable, "the connection has ended")
	case <-ctx.Done():
		return city.Errorf(city.Unavailable, "the outstation has not started to talk: %w", ctx.Err())
	}
	if err := c.link.send(ctx, a); err != nil {
		return err
	}
	for {
		select {
		case got := <-w.answers:
			switch {
			case got.Cause >= UnknownType && got.Cause <= UnknownObject:
				return city.Errorf(city.NotFound, "the outstation does not know it: %s", unknown(got.Cause))
			case got.Negative:
				return city.Errorf(city.Conflict, "the outstation refuses")
			case got.Cause == last:
				return nil
			}
		case <-c.done:
			return city.Errorf(city.Unavailable, "the connection has ended")
		case <-ctx.Done():
			return city.Errorf(city.Unavailable, "no answer of the outstation: %w", ctx.Err())
		}
	}
}

func unknown(c Cause) string {
	return fmt.Sprintf("the %s is unknown to it", [...]string{"type of message", "cause", "common address", "object"}[c-UnknownType])
}

// Interrogate asks for all values; they have been received when it returns.
func (c *Client) Interrogate(ctx context.Context) error {
	a := &ASDU{Type: Interrogation, Cause: Activation, Objects: []Object{{Qualifier: 20}}}
	if err := c.ask(ctx, a, ActivationEnd); err != nil {
		return fmt.Errorf("interrogate: %w", err)
	}
	return nil
}

// SetClock sets the outstation's clock.
func (c *Client) SetClock(ctx context.Context, t time.Time) error {
	a := &ASDU{Type: ClockSync, Cause: Activation, Objects: []Object{{Time: t}}}
	if err := c.ask(ctx, a, ActivationCon); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return nil
}
