package mqtt_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// wire is a device that speaks MQTT 3.1.1 byte by byte: what it is told, and what not,
// is seen exactly.
type wire struct {
	t    *testing.T
	conn net.Conn
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func packet(head byte, body ...[]byte) []byte {
	var all []byte
	for _, b := range body {
		all = append(all, b...)
	}
	out := []byte{head}
	for n := len(all); ; {
		digit := byte(n % 128)
		if n /= 128; n == 0 {
			return append(append(out, digit), all...)
		}
		out = append(out, digit|0x80)
	}
}

// dial connects with a session that is kept.
func dial(t *testing.T, address, name, password string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w := &wire{t, conn}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	w.write(packet(0x10, text("MQTT"), []byte{4, 0xc0, 0, 60}, text(name), text(name), text(password)))
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 0x20 || answer[3] != 0 {
		t.Fatalf("connection: %x, %v", answer, err)
	}
	return w
}

// write does not mind that the connection may be cut: whoever reads next is told.
func (w *wire) write(b []byte) { _, _ = w.conn.Write(b) }

// publish sends a message of quality of service 1.
func (w *wire) publish(id uint16, topic, body string, again bool) {
	w.t.Helper()
	head := byte(0x32)
	if again {
		head |= 0x08
	}
	w.write(packet(head, text(topic), binary.BigEndian.AppendUint16(nil, id), []byte(body)))
}

// acknowledged waits for the acknowledgement of a message; an error means that the
// connection ended without one.
func (w *wire) acknowledged(id uint16) error {
	w.t.Helper()
	answer := make([]byte, 4)
	if _, err := io.ReadFull(w.conn, answer); err != nil {
		return err
	}
	if answer[0] != 0x40 || binary.BigEndian.Uint16(answer[2:]) != id {
		w.t.Fatalf("%x is no acknowledgement of %d", answer, id)
	}
	return nil
}

// must is acknowledged that does not fail.
func (w *wire) must(id uint16) {
	w.t.Helper()
	if err := w.acknowledged(id); err != nil {
		w.t.Fatal(fmt.Errorf("not acknowledged: %w", err))
	}
}
