// Package remote lets the process that holds a camera's pictures record into the store of
// another, which has the disk and the recorder's signing key. What crosses is ciphertext,
// headers and trailers; the form is docs/formats/link.md, "Recording".
package remote

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"polity/city"
	"polity/recording/disk"
	"polity/recording/segment"
	"polity/recording/share"
)

// kind is what a request asks for, or an answer is.
type kind byte

const (
	askNext   kind = 1
	askBegin  kind = 2
	askWrite  kind = 3 // the payload is what is to be written
	askCommit kind = 4
	askAbort  kind = 5
	askStop   kind = 6
	askSign   kind = 7 // the payload is the message, the answer's the signature
	askKey    kind = 8
	done      kind = 128
	failed    kind = 129
)

const (
	heading    = 5
	maxPayload = 1 << 20
)

// writeFrame writes a kind in one byte, the payload's length in four, and the payload.
func writeFrame(w io.Writer, k kind, payload []byte) error {
	if len(payload) > maxPayload {
		return city.Errorf(city.TooLarge, "a message of %d bytes", len(payload))
	}
	b := make([]byte, heading, heading+len(payload))
	b[0] = byte(k)
	binary.BigEndian.PutUint32(b[1:], uint32(len(payload)))
	_, err := w.Write(append(b, payload...))
	return err
}

// readFrame reads one; io.EOF only between frames.
func readFrame(r io.Reader) (kind, []byte, error) {
	var h [heading]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(h[1:])
	if n > maxPayload {
		return 0, nil, city.Errorf(city.Invalid, "a message of %d bytes: the other end does not keep to the form", n)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return kind(h[0]), payload, nil
}

// gapMessage is a gap: what askAbort and askStop say, and part of the answer to askNext.
type gapMessage struct {
	Reason segment.Gap `json:"reason"`
	Start  int64       `json:"start,omitempty"` // ms since 1970
}

// nextMessage answers askNext.
type nextMessage struct {
	Sequence uint64      `json:"sequence"`
	Hash     []byte      `json:"hash"`
	End      int64       `json:"end"` // ms since 1970
	Gap      *gapMessage `json:"gap,omitempty"`
}

// keyMessage asks for an epoch key; the answer's payload is its public half.
type keyMessage struct {
	Body  share.Body `json:"body"`
	Class city.Slug  `json:"class"`
	Day   string     `json:"day"`
}

// errorMessage is an error on its way: what the other end branches on, and words.
type errorMessage struct {
	Kind city.Kind `json:"kind"`
	Full bool      `json:"full,omitempty"` // no space is left
	Text string    `json:"text"`
}

func errorOf(err error) errorMessage {
	return errorMessage{Kind: city.KindOf(err), Full: disk.Full(err), Text: err.Error()}
}

func (m *errorMessage) err() error {
	if m.Full {
		return fmt.Errorf("%s: %w", m.Text, syscall.ENOSPC)
	}
	return city.Errorf(m.Kind, "%w", errors.New(m.Text))
}

func millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// decode reads a payload strictly enough: fields of one release, which both ends are of.
func decode(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return city.Errorf(city.Invalid, "a message that cannot be read: %w", err)
	}
	return nil
}
