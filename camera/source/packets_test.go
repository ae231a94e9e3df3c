package source

import (
	"bytes"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"
)

// TestPacketsAreOverwritten: of a picture that is whole nothing stays in its packets, and a
// packet that begins the next picture stays as it is.
func TestPacketsAreOverwritten(t *testing.T) {
	d, err := newDepacketizer(&format.H264{PayloadTyp: 96, PacketizationMode: 1})
	if err != nil {
		t.Fatal(err)
	}
	packet := func(sequence uint16, at uint32, marker bool, payload ...byte) *rtp.Packet {
		return &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: sequence, Timestamp: at, Marker: marker}, Payload: payload}
	}
	add := func(p *rtp.Packet) [][]byte {
		t.Helper()
		nals, _, lost := d.add(p, int64(p.Timestamp))
		if lost {
			t.Fatal("a packet is said to be lost")
		}
		return nals
	}
	empty := func(p *rtp.Packet) bool { return bytes.Equal(p.Payload, make([]byte, len(p.Payload))) }
	// A picture in a packet and three fragments (RFC 6184, 5.8).
	parts := []*rtp.Packet{packet(1, 0, false, 0x41, 9, 9), packet(2, 0, false, 0x7c, 0x85, 1, 2), packet(3, 0, false, 0x7c, 0x05, 3), packet(4, 0, true, 0x7c, 0x45, 4)}
	var nals [][]byte
	for _, p := range parts {
		nals = add(p)
	}
	if len(nals) != 2 || !bytes.Equal(nals[0], []byte{0x41, 9, 9}) || !bytes.Equal(nals[1], []byte{0x65, 1, 2, 3, 4}) {
		t.Fatalf("the picture is %v", nals)
	}
	for i, p := range parts {
		if !empty(p) {
			t.Errorf("packet %d still holds %v", i+1, p.Payload)
		}
	}
	// A camera that marks no end: the next picture's first packet shows it.
	first, second, third := packet(5, 3000, false, 0x41, 5), packet(6, 6000, false, 0x41, 6), packet(7, 9000, false, 0x41, 7)
	if add(first) != nil {
		t.Error("half a picture is handed on")
	}
	for _, c := range []struct {
		next, before *rtp.Packet
		want         byte
	}{{second, first, 5}, {third, second, 6}} {
		if nals = add(c.next); len(nals) != 1 || !bytes.Equal(nals[0], []byte{0x41, c.want}) {
			t.Fatalf("the picture is %v", nals)
		}
		if !empty(c.before) || empty(c.next) {
			t.Errorf("the packet before holds %v, the next one %v", c.before.Payload, c.next.Payload)
		}
	}
}
