package detect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The protocol between a camera and the detector, numbers big-endian:
//
//	greeting, detector to camera, once: "PDET", version (1 byte), SHA-256 of the network (32)
//	request:  number (4), width (2), height (2), threshold (4, IEEE 754), picture (width*height*3/2)
//	answer:   number (4), boxes (2), per box: class (1), score (4), x0, y0, x1, y1 (4 each)
//
// A request's size follows from its width and height, an answer's from its count;
// both are bounded. An answer with failed boxes says that the network failed.
const (
	greeting        = "PDET"
	protocolVersion = 1
	greetingSize    = len(greeting) + 1 + 32
	requestHead     = 12
	answerHead      = 6
	boxSize         = 21
	failed          = 0xffff
)

// ErrProtocol is the root of errors about bytes that are not of the protocol.
var ErrProtocol = errors.New("not the detector's protocol")

type request struct {
	number    uint32
	size      Size
	threshold float32
	picture   []byte
}

func appendGreeting(b []byte, network [32]byte) []byte {
	b = append(b, greeting...)
	b = append(b, protocolVersion)
	return append(b, network[:]...)
}

func readGreeting(r io.Reader) (network [32]byte, err error) {
	var b [greetingSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return network, err
	}
	if string(b[:4]) != greeting || b[4] != protocolVersion {
		return network, fmt.Errorf("%w: greeting %x", ErrProtocol, b[:5])
	}
	return [32]byte(b[5:]), nil
}

// head writes the request's first bytes; the picture follows.
func (q request) head(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, q.number)
	b = binary.BigEndian.AppendUint16(b, uint16(q.size.Width))
	b = binary.BigEndian.AppendUint16(b, uint16(q.size.Height))
	return binary.BigEndian.AppendUint32(b, math.Float32bits(q.threshold))
}

// readRequest reads a request into buf, which it grows when needed and returns as
// the picture. It returns io.EOF only between requests.
func readRequest(r io.Reader, buf []byte) (request, error) {
	var b [requestHead]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return request{}, err
	}
	q := request{
		number:    binary.BigEndian.Uint32(b[:]),
		size:      Size{int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))},
		threshold: math.Float32frombits(binary.BigEndian.Uint32(b[8:])),
	}
	if !q.size.valid() || !(q.threshold >= 0 && q.threshold <= 1) {
		return request{}, fmt.Errorf("%w: request of %d x %d at %g", ErrProtocol, q.size.Width, q.size.Height, q.threshold)
	}
	if cap(buf) < q.size.bytes() {
		buf = make([]byte, q.size.bytes())
	}
	q.picture = buf[:q.size.bytes()]
	if _, err := io.ReadFull(r, q.picture); err != nil {
		return request{}, fmt.Errorf("request cut short: %w", noEOF(err))
	}
	return q, nil
}

func appendAnswer(b []byte, number uint32, boxes []Box) []byte {
	boxes = boxes[:min(len(boxes), MaxBoxes)]
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint16(b, uint16(len(boxes)))
	for _, x := range boxes {
		b = append(b, byte(x.Class))
		for _, v := range [...]float32{x.Score, x.X0, x.Y0, x.X1, x.Y1} {
			b = binary.BigEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

func appendFailure(b []byte, number uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, number)
	return binary.BigEndian.AppendUint16(b, failed)
}

// errNetwork says that the detector ran and its network did not.
var errNetwork = errors.New("the detector's network failed on this picture")

// readAnswer reads the answer to the request of that number.
func readAnswer(r io.Reader, number uint32) ([]Box, error) {
	var b [answerHead]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, noEOF(err)
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	switch got := binary.BigEndian.Uint32(b[:]); {
	case got != number:
		return nil, fmt.Errorf("%w: answer to request %d, not %d", ErrProtocol, got, number)
	case n == failed:
		return nil, errNetwork
	case n > MaxBoxes:
		return nil, fmt.Errorf("%w: %d boxes", ErrProtocol, n)
	}
	body := make([]byte, n*boxSize)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, noEOF(err)
	}
	boxes := make([]Box, n)
	for i := range boxes {
		p := body[i*boxSize:]
		f := func(k int) float32 { return math.Float32frombits(binary.BigEndian.Uint32(p[1+4*k:])) }
		x := Box{Class: Class(p[0]), Score: f(0), X0: f(1), Y0: f(2), X1: f(3), Y1: f(4)}
		if x.Class >= classes || !(x.Score >= 0 && x.Score <= 1) || !(x.X1 >= x.X0) || !(x.Y1 >= x.Y0) || !finite(x) {
			return nil, fmt.Errorf("%w: box %d is %v", ErrProtocol, i, x)
		}
		boxes[i] = x
	}
	return boxes, nil
}

func finite(b Box) bool {
	const most = 1 << 14
	return b.X0 > -most && b.Y0 > -most && b.X1 < most && b.Y1 < most
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
