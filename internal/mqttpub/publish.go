// Package mqttpub publishes one message to an MQTT broker, over MQTT 3.1.1 or 5.0
// (OASIS). It is all that notifications need of MQTT: connect, publish with QoS 0, 1
// or 2, disconnect.
package mqttpub

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Message is what is published.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte // 0, 1 or 2
}

// Login is how a client introduces itself.
type Login struct {
	ClientID       string
	User, Password string // empty for none
	Five           bool   // MQTT 5.0 in place of 3.1.1
}

// maxPacket bounds what a broker may answer.
const maxPacket = 64 << 10

// Packet types (MQTT 5.0, 2.1.2; those of 3.1.1 are the same).
const (
	connect    = 0x10
	connack    = 0x20
	publish    = 0x30
	puback     = 0x40
	pubrec     = 0x50
	pubrel     = 0x62
	pubcomp    = 0x70
	disconnect = 0xe0
)

// Publish logs in on a connection, publishes one message, waits until the broker has
// taken it as its QoS asks, and logs out. The connection's deadline bounds it; the
// caller closes the connection.
func Publish(conn net.Conn, l Login, m Message) error {
	if m.Topic == "" || strings.ContainsAny(m.Topic, "+#\x00") || len(m.Topic) > 65535 {
		return fmt.Errorf("%q is not a topic to publish to", m.Topic)
	}
	in := bufio.NewReader(conn)
	if _, err := conn.Write(connectPacket(l)); err != nil {
		return err
	}
	answer, err := read(in, connack)
	if err != nil {
		return err
	}
	if len(answer) < 2 || answer[1] != 0 {
		return fmt.Errorf("the broker refused the login with code %d", answer[min(1, len(answer)-1)])
	}
	if _, err := conn.Write(publishPacket(l, m)); err != nil {
		return err
	}
	if err := acknowledged(conn, in, l, m.QoS); err != nil {
		return err
	}
	_, err = conn.Write([]byte{disconnect, 0})
	return err
}

func acknowledged(conn net.Conn, in *bufio.Reader, l Login, qos byte) error {
	switch qos {
	case 1:
		return accepted(in, puback, l)
	case 2:
		if err := accepted(in, pubrec, l); err != nil {
			return err
		}
		if _, err := conn.Write([]byte{pubrel, 2, 0, 1}); err != nil {
			return err
		}
		return accepted(in, pubcomp, l)
	}
	return nil
}

// accepted waits for an acknowledgement. MQTT 5.0 may put a reason behind the packet's
// id; those from 0x80 are failures.
func accepted(in *bufio.Reader, kind byte, l Login) error {
	answer, err := read(in, kind)
	if err != nil {
		return err
	}
	if l.Five && len(answer) > 2 && answer[2] >= 0x80 {
		return fmt.Errorf("the broker refused the message with code %d", answer[2])
	}
	return nil
}

// read returns the body of the next packet, which must be of a kind.
func read(in *bufio.Reader, kind byte) ([]byte, error) {
	head, err := in.ReadByte()
	if err != nil {
		return nil, err
	}
	n, err := length(in)
	if err != nil {
		return nil, err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, err
	}
	if head&0xf0 != kind&0xf0 {
		return nil, fmt.Errorf("the broker sent a packet %#x where %#x was due", head, kind)
	}
	if len(body) == 0 {
		return nil, errors.New("the broker sent an empty packet")
	}
	return body, nil
}

// length reads a variable byte integer (MQTT 5.0, 1.5.5).
func length(in io.ByteReader) (int, error) {
	n := 0
	for shift := 0; shift < 28; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		n |= int(b&0x7f) << shift
		if n > maxPacket {
			return 0, fmt.Errorf("the broker sent a packet of more than %d bytes", maxPacket)
		}
		if b < 0x80 {
			return n, nil
		}
	}
	return 0, errors.New("the broker sent a packet without an end of its length")
}

func packet(kind byte, body []byte) []byte {
	out := []byte{kind}
	n := len(body)
	for {
		b := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			b |= 0x80
		}
		out = append(out, b)
		if n == 0 {
			return append(out, body...)
		}
	}
}

func text(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

func connectPacket(l Login) []byte {
	version, flags := byte(4), byte(2) // a clean session
	if l.Five {
		version = 5
	}
	if l.User != "" {
		flags |= 0x80
	}
	if l.Password != "" {
		flags |= 0x40
	}
	b := append(text(nil, "MQTT"), version, flags, 0, 30)
	if l.Five {
		b = append(b, 0) // no properties
	}
	b = text(b, l.ClientID)
	if l.User != "" {
		b = text(b, l.User)
	}
	if l.Password != "" {
		b = text(b, l.Password)
	}
	return packet(connect, b)
}

func publishPacket(l Login, m Message) []byte {
	b := text(nil, m.Topic)
	if m.QoS > 0 {
		b = append(b, 0, 1) // the packet's id
	}
	if l.Five {
		b = append(b, 0) // no properties
	}
	return packet(publish|m.QoS<<1, append(b, m.Payload...))
}
