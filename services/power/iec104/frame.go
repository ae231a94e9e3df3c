// Package iec104 speaks IEC 60870-5-104 with substations: what they report is
// received, and switches are operated, each only after select, a person's
// confirmation, and execute. It has the client (controlling station) and an
// outstation made of software, for tests and the demo.
//
// The subset is what distribution uses: single and double points, measured values
// with and without time, single and double commands, set points, interrogation and
// clock synchronisation. Clauses cited are those of IEC 60870-5-104:2006 and, for the
// elements of information, IEC 60870-5-101:2003.
package iec104

import (
	"fmt"
	"io"

	"polity/city"
)

// Kind is the format of a frame.
type Kind uint8

// The formats (5-104, 5.1).
const (
	Information Kind = iota // I: numbered, carries an ASDU
	Supervisory             // S: acknowledges
	Unnumbered              // U: start, stop, test
)

// The functions of unnumbered frames (5-104, figure 8).
const (
	startAct = 0x07
	startCon = 0x0b
	stopAct  = 0x13
	stopCon  = 0x23
	testAct  = 0x43
	testCon  = 0x83
)

const (
	startByte  = 0x68
	maxLength  = 253 // of what follows the length (5-104, 5)
	controlLen = 4
	modulo     = 1 << 15 // of sequence numbers
)

// Frame is an APDU: control fields and, in an information frame, an ASDU.
type Frame struct {
	Kind     Kind
	Function byte   // of an unnumbered frame
	Sent     uint16 // N(S) of an information frame
	Received uint16 // N(R) of information and supervisory frames
	Data     []byte // the ASDU, encoded
}

// Append encodes f behind b.
func (f *Frame) Append(b []byte) []byte {
	b = append(b, startByte, byte(controlLen+len(f.Data)))
	switch f.Kind {
	case Information:
		b = append(b, byte(f.Sent<<1), byte(f.Sent>>7), byte(f.Received<<1), byte(f.Received>>7))
	case Supervisory:
		b = append(b, 1, 0, byte(f.Received<<1), byte(f.Received>>7))
	default:
		b = append(b, f.Function, 0, 0, 0)
	}
	return append(b, f.Data...)
}

// ReadFrame reads one frame. An error of kind city.Invalid says that the other side
// does not keep to the standard: the connection cannot go on then.
func ReadFrame(r io.Reader) (Frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Frame{}, err
	}
	if head[0] != startByte || head[1] < controlLen || head[1] > maxLength {
		return Frame{}, city.Errorf(city.Invalid, "a frame begins with %02x %02x; 68 and a length of 4 to 253 must come", head[0], head[1])
	}
	body := make([]byte, head[1])
	if _, err := io.ReadFull(r, body); err != nil {
		return Frame{}, fmt.Errorf("a frame ends early: %w", err)
	}
	return decodeFrame(body)
}

func decodeFrame(body []byte) (Frame, error) {
	c, data := body[:controlLen], body[controlLen:]
	f := Frame{Received: uint16(c[2])>>1 | uint16(c[3])<<7}
	switch {
	case c[0]&1 == 0:
		f.Kind, f.Sent, f.Data = Information, uint16(c[0])>>1|uint16(c[1])<<7, data
		if len(data) == 0 || c[2]&1 != 0 {
			return f, city.Errorf(city.Invalid, "an information frame % x carries nothing, or its control fields are wrong", body)
		}
		return f, nil
	case len(data) > 0:
		return f, city.Errorf(city.Invalid, "a frame that carries no information has %d bytes of it", len(data))
	case c[0]&3 == 1:
		f.Kind = Supervisory
		if c[0] != 1 || c[1] != 0 || c[2]&1 != 0 {
			return f, city.Errorf(city.Invalid, "control fields % x of a supervisory frame are wrong", c)
		}
		return f, nil
	}
	f.Kind, f.Function, f.Received = Unnumbered, c[0], 0
	switch f.Function {
	case startAct, startCon, stopAct, stopCon, testAct, testCon:
	default:
		return f, city.Errorf(city.Invalid, "an unnumbered frame has the function %02x", f.Function)
	}
	if c[1] != 0 || c[2] != 0 || c[3] != 0 {
		return f, city.Errorf(city.Invalid, "control fields % x of an unnumbered frame are wrong", c)
	}
	return f, nil
}
