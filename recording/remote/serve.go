package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"polity/city"
	"polity/recording/recorder"
	"polity/recording/segment"
	"polity/recording/share"
)

// Server is the end with the disk: it serves one camera.
type Server struct {
	Place  recorder.Place
	Signer *segment.Guard
	Keys   share.KeySource
	// Gone is the gap that is noted when the other end goes without a word.
	Gone segment.Gap
	Now  func() time.Time
}

// Serve answers until the other end goes, then settles what was open. Its error is of what
// does not keep to the form, or of the disk; an end between messages is none.
func (s *Server) Serve(ctx context.Context, conn io.ReadWriter) error {
	in := bufio.NewReaderSize(conn, 64<<10)
	one := session{s: s}
	for {
		k, payload, err := readFrame(in)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return errors.Join(err, one.end())
		}
		answer, failure := one.answer(ctx, k, payload)
		if failure != nil {
			b, err := json.Marshal(errorOf(failure))
			if err != nil {
				return errors.Join(err, one.end())
			}
			err = writeFrame(conn, failed, b)
			if err != nil {
				return errors.Join(err, one.end())
			}
			continue
		}
		if err := writeFrame(conn, done, answer); err != nil {
			return errors.Join(err, one.end())
		}
	}
}

// session is one life of the other end.
type session struct {
	s    *Server
	open recorder.Pending // nil: no segment is being written
}

// end settles what is open.
func (o *session) end() error {
	if o.open == nil {
		return o.s.Place.Stop(o.s.Gone, o.s.Now())
	}
	open := o.open
	o.open = nil
	return open.Abort(o.s.Gone)
}

func (o *session) answer(ctx context.Context, k kind, payload []byte) ([]byte, error) {
	switch k {
	case askNext:
		return o.next()
	case askBegin:
		if o.open != nil {
			return nil, city.Errorf(city.Conflict, "a segment is being written already")
		}
		var err error
		if o.open, err = o.s.Place.Begin(); err != nil {
			o.open = nil
		}
		return nil, err
	case askWrite, askCommit, askAbort:
		return nil, o.segment(k, payload)
	case askStop:
		var m gapMessage
		if err := decode(payload, &m); err != nil {
			return nil, err
		}
		since := millis(m.Start)
		if now := o.s.Now(); since.After(now) {
			since = now // its clock is not this machine's word
		}
		return nil, o.s.Place.Stop(m.Reason, since)
	case askSign:
		return o.s.Signer.Sign(payload)
	case askKey:
		var m keyMessage
		if err := decode(payload, &m); err != nil {
			return nil, err
		}
		key, err := o.s.Keys.Key(ctx, m.Body, m.Class, m.Day)
		if err != nil {
			return nil, err
		}
		if err := key.For(m.Body, m.Class, m.Day); err != nil {
			return nil, err
		}
		return key.Public.Bytes(), nil
	}
	return nil, city.Errorf(city.Invalid, "a request of kind %d is not known: edge and camera process must be of one release", k)
}

func (o *session) next() ([]byte, error) {
	head, gap, err := o.s.Place.Next()
	if err != nil {
		return nil, err
	}
	m := nextMessage{Sequence: head.Sequence, Hash: head.Hash[:], End: head.End.UnixMilli()}
	if gap != nil {
		m.Gap = &gapMessage{Reason: gap.Reason, Start: gap.Start.UnixMilli()}
	}
	return json.Marshal(m)
}

// segment does what concerns the segment that is open.
func (o *session) segment(k kind, payload []byte) error {
	if o.open == nil {
		return city.Errorf(city.Invalid, "no segment is being written")
	}
	open := o.open
	switch k { //nolint:exhaustive // answer has told the others apart
	case askWrite:
		_, err := open.Write(payload)
		return err
	case askCommit:
		o.open = nil
		return open.Commit()
	default:
		var m gapMessage
		if err := decode(payload, &m); err != nil {
			return err
		}
		o.open = nil
		return open.Abort(m.Reason)
	}
}
