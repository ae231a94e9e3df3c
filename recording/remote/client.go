package remote

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"polity/city"
	"polity/recording/recorder"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

// Client is the end with the pictures: it is the recorder's place, signer and source of
// keys. Once an answer could not be had, none is asked for any more: each method returns
// that error. It may be used by many goroutines.
type Client struct {
	public ed25519.PublicKey

	mu     sync.Mutex
	in     *bufio.Reader
	out    io.Writer
	broken error
}

// NewClient speaks over conn as a recorder with a public key.
func NewClient(conn io.ReadWriter, public ed25519.PublicKey) *Client {
	return &Client{public: public, in: bufio.NewReader(conn), out: conn}
}

func (c *Client) ask(k kind, payload []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return nil, c.broken
	}
	answer, b, err := byte(0), []byte(nil), writeFrame(c.out, k, payload)
	if err == nil {
		var got kind
		got, b, err = readFrame(c.in)
		answer = byte(got)
	}
	switch {
	case err != nil:
		c.broken = city.Errorf(city.Unavailable, "the edge takes no recording any more: %w", err)
		return nil, c.broken
	case kind(answer) == done:
		return b, nil
	case kind(answer) != failed:
		c.broken = city.Errorf(city.Internal, "the edge answered with a message of kind %d", answer)
		return nil, c.broken
	}
	var m errorMessage
	if err := decode(b, &m); err != nil {
		return nil, err
	}
	return nil, m.err()
}

func (c *Client) askJSON(k kind, m any) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return c.ask(k, b)
}

// Next implements recorder.Place.
func (c *Client) Next() (head store.Head, gap *store.Gap, err error) {
	b, err := c.ask(askNext, nil)
	if err != nil {
		return head, nil, err
	}
	var m nextMessage
	if err := decode(b, &m); err != nil {
		return head, nil, err
	}
	if len(m.Hash) != len(head.Hash) {
		return head, nil, city.Errorf(city.Internal, "the edge answered with a hash of %d bytes", len(m.Hash))
	}
	head = store.Head{Sequence: m.Sequence, Hash: [32]byte(m.Hash)}
	if m.Sequence > 0 {
		head.End = millis(m.End)
	}
	if m.Gap != nil {
		gap = &store.Gap{Reason: m.Gap.Reason, Start: millis(m.Gap.Start)}
	}
	return head, gap, nil
}

// Begin implements recorder.Place.
func (c *Client) Begin() (recorder.Pending, error) {
	if _, err := c.ask(askBegin, nil); err != nil {
		return nil, err
	}
	return pending{c}, nil
}

// Stop implements recorder.Place.
func (c *Client) Stop(reason segment.Gap, since time.Time) error {
	_, err := c.askJSON(askStop, gapMessage{Reason: reason, Start: since.UnixMilli()})
	return err
}

// Public implements segment.Signer.
func (c *Client) Public() ed25519.PublicKey { return c.public }

// Sign implements segment.Signer.
func (c *Client) Sign(message []byte) ([]byte, error) { return c.ask(askSign, message) }

// Key implements share.KeySource.
func (c *Client) Key(_ context.Context, body share.Body, class city.Slug, day string) (share.EpochKey, error) {
	b, err := c.askJSON(askKey, keyMessage{Body: body, Class: class, Day: day})
	if err != nil {
		return share.EpochKey{}, err
	}
	return share.NewEpochKey(body, class, day, b)
}

type pending struct{ c *Client }

func (p pending) Write(b []byte) (int, error) {
	for at := 0; at < len(b); at += maxPayload {
		if _, err := p.c.ask(askWrite, b[at:min(len(b), at+maxPayload)]); err != nil {
			return at, fmt.Errorf("write segment: %w", err)
		}
	}
	return len(b), nil
}

func (p pending) Commit() error {
	_, err := p.c.ask(askCommit, nil)
	return err
}

func (p pending) Abort(reason segment.Gap) error {
	_, err := p.c.askJSON(askAbort, gapMessage{Reason: reason})
	return err
}
