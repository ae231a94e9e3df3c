// Package traci speaks TraCI, the protocol by which the microscopic simulator SUMO
// is watched and steered over a TCP connection (SUMO 1.x documentation, "TraCI
// protocol"; API version 20 or later).
//
// Commands are gathered and sent with the next Step, so that a simulated second
// costs one round trip however many signals are set or vehicles subscribed to.
package traci

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"time"

	"polity/city"
)

// Commands and variables that are used here, by their numbers in SUMO's TraCIConstants.h.
const (
	cmdVersion  = 0x00
	cmdStep     = 0x02
	cmdClose    = 0x7f
	cmdSetLight = 0xc2

	getVehicle = 0xa4
	getPerson  = 0xae

	subscribeLights  = 0xd2
	subscribeVehicle = 0xd4
	subscribeSim     = 0xdb
	subscribePerson  = 0xde
)

// Domain is a kind of simulated thing that can be subscribed to.
type Domain byte

// The domains.
const (
	Vehicle    Domain = subscribeVehicle
	Simulation Domain = subscribeSim
	Person     Domain = subscribePerson
	Lights     Domain = subscribeLights
)

// Variable is a property of a simulated thing.
type Variable byte

// The variables.
const (
	Speed           Variable = 0x40
	Class           Variable = 0x49
	Road            Variable = 0x50
	Lane            Variable = 0x51
	Edges           Variable = 0x54
	LanePosition    Variable = 0x56
	RouteIndex      Variable = 0x69
	Length          Variable = 0x44
	NextEdge        Variable = 0xc1
	Time            Variable = 0x66
	DepartedIDs     Variable = 0x74
	ArrivedIDs      Variable = 0x7a
	Collisions      Variable = 0x80
	DepartedPersons Variable = 0x25
	MinExpected     Variable = 0x7d
	Teleported      Variable = 0x75
	SignalState     Variable = 0x20
)

// maxMessage bounds what is read as one message.
const maxMessage = 256 << 20

// ErrGone is in the chain of every error that means that SUMO ended or broke off.
var ErrGone = errors.New("SUMO is gone")

// Client is a connection to one SUMO. It serves one goroutine.
type Client struct {
	conn    net.Conn
	out     []byte // commands gathered since the last message, after four bytes of length
	queued  []byte // their numbers
	in      []byte
	got     []byte // answers to Get, as they came
	results []byte // subscription results of the last step
	err     error
}

// Dial connects to a SUMO that was started with --remote-port, trying again until
// ctx ends, because SUMO opens its port only after it has read the network.
func Dial(ctx context.Context, addr string) (*Client, error) {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err == nil {
			return NewClient(conn), nil
		}
		select {
		case <-ctx.Done():
			return nil, city.Errorf(city.Unavailable, "connect to SUMO at %s: %w: %w", addr, ErrGone, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// NewClient makes a client of an open connection.
func NewClient(conn net.Conn) *Client {
	return &Client{conn: conn, out: make([]byte, 4, 4096)}
}

// Close ends the simulation: SUMO writes its outputs and exits.
func (c *Client) Close() error {
	defer c.conn.Close()
	if c.err != nil {
		return c.err
	}
	c.command(cmdClose, nil)
	_, err := c.exchange()
	return err
}

// Abort breaks the connection off.
func (c *Client) Abort() { c.conn.Close() }

// Version returns the API version and SUMO's own words about its version.
func (c *Client) Version() (int, string, error) {
	c.command(cmdVersion, nil)
	rest, err := c.exchange()
	if err != nil {
		return 0, "", err
	}
	d := decoder{buf: rest}
	d.length()
	if got := d.byte(); got != cmdVersion && d.err == nil {
		return 0, "", c.broken("answer %#x to the question for its version", got)
	}
	api, name := int(d.int()), d.string()
	if d.err != nil {
		return 0, "", c.broken("its version: %v", d.err)
	}
	return api, string(name), nil
}

// Subscribe asks for variables of one thing after every step from the next one on,
// until the thing is gone.
func (c *Client) Subscribe(domain Domain, id string, vars ...Variable) {
	var b []byte
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(-1073741824)) // SUMO's "from the beginning"
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(-1073741824)) // and "to the end"
	b = appendString(b, id)
	b = append(b, byte(len(vars)))
	for _, v := range vars {
		b = append(b, byte(v))
	}
	c.command(byte(domain), b)
}

// Get asks once for variables of one vehicle or person; Each gives the answer after
// the next Step.
func (c *Client) Get(domain Domain, id string, vars ...Variable) {
	cmd := byte(getVehicle)
	if domain == Person {
		cmd = getPerson
	}
	for _, v := range vars {
		c.command(cmd, appendString([]byte{byte(v)}, id))
	}
}

// SetSignals sets all signals of a junction from the next step on, one letter each.
func (c *Client) SetSignals(junction, state string) {
	b := []byte{byte(SignalState)}
	b = appendString(b, junction)
	b = append(b, 0x0c)
	b = appendString(b, state)
	c.command(cmdSetLight, b)
}

// Step sends what was gathered and simulates one step. Each then gets what was
// subscribed to.
func (c *Client) Step() error { return c.StepTo(0) }

// StepTo simulates up to this time, in seconds; Each then gets the last step's
// results. 0 means one step.
func (c *Client) StepTo(seconds float64) error {
	c.command(cmdStep, binary.BigEndian.AppendUint64(nil, math.Float64bits(seconds)))
	rest, err := c.exchange()
	if err != nil {
		return err
	}
	d := decoder{buf: rest}
	n := d.int()
	if d.err != nil || n < 0 {
		return c.broken("results of a step: %v", d.err)
	}
	c.results = d.buf
	return nil
}

// command gathers one command.
func (c *Client) command(id byte, content []byte) {
	if size := len(content) + 2; size <= 255 {
		c.out = append(c.out, byte(size), id)
	} else {
		c.out = append(c.out, 0)
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(size+4))
		c.out = append(c.out, id)
	}
	c.out = append(c.out, content...)
	c.queued = append(c.queued, id)
}

// exchange sends the gathered commands as one message, checks the status of each
// and returns what follows the status of the last one.
func (c *Client) exchange() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	binary.BigEndian.PutUint32(c.out, uint32(len(c.out)))
	_, err := c.conn.Write(c.out)
	c.out = c.out[:4]
	queued := c.queued
	c.queued = c.queued[:0]
	if err != nil {
		return nil, c.fail(fmt.Errorf("write to SUMO: %w: %w", ErrGone, err))
	}
	if err := c.receive(); err != nil {
		return nil, err
	}
	d := decoder{buf: c.in}
	c.got = c.got[:0]
	for _, id := range queued {
		if err := c.status(&d, id); err != nil {
			return nil, err
		}
		switch {
		case isSubscription(id): // answers at once, and again with the step
			d.skipCommand()
		case id == getVehicle || id == getPerson:
			before := d.buf
			d.skipCommand()
			c.got = append(c.got, before[:len(before)-len(d.buf)]...)
		}
	}
	if d.err != nil {
		return nil, c.broken("%v", d.err)
	}
	return d.buf, nil
}

func isSubscription(id byte) bool {
	return id == subscribeVehicle || id == subscribeLights || id == subscribeSim || id == subscribePerson
}

func (c *Client) status(d *decoder, id byte) error {
	d.length()
	got, result, text := d.byte(), d.byte(), d.string()
	switch {
	case d.err != nil:
		return c.broken("a status: %v", d.err)
	case got != id:
		return c.broken("a status of command %#x where %#x was expected", got, id)
	case result != 0:
		return c.fail(city.Errorf(city.Invalid, "SUMO refuses command %#x: %s", id, text))
	}
	return nil
}

func (c *Client) receive() error {
	var head [4]byte
	if _, err := io.ReadFull(c.conn, head[:]); err != nil {
		return c.fail(fmt.Errorf("read from SUMO: %w: %w", ErrGone, err))
	}
	size := int(binary.BigEndian.Uint32(head[:])) - 4
	if size < 0 || size > maxMessage {
		return c.broken("a message of %d bytes", size)
	}
	if cap(c.in) < size {
		c.in = make([]byte, size+size/2)
	}
	c.in = c.in[:size]
	if _, err := io.ReadFull(c.conn, c.in); err != nil {
		return c.fail(fmt.Errorf("read from SUMO: %w: %w", ErrGone, err))
	}
	return nil
}

// fail keeps the first error: after it the stream cannot be trusted.
func (c *Client) fail(err error) error {
	if c.err == nil {
		c.err = err
	}
	return c.err
}

func (c *Client) broken(format string, args ...any) error {
	return c.fail(city.Errorf(city.Invalid, "SUMO sent what is not TraCI: %s", fmt.Sprintf(format, args...)))
}

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}
