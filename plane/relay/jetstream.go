package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"polity/city"
	"polity/plane"
)

// Names in JetStream.
const (
	StreamName = "plane_changes"
	Subject    = "polity.plane.changes"

	originHeader   = "Polity-Origin"
	sequenceHeader = "Polity-Sequence"
)

// Bounds are those of the stream: who reads changes has so long. Zero fields are those
// of DefaultBounds.
type Bounds struct {
	Age   time.Duration
	Bytes int64
}

// DefaultBounds are a week and a gibibyte.
var DefaultBounds = Bounds{Age: 7 * 24 * time.Hour, Bytes: 1 << 30}

// JetStream is a Stream that a NATS server keeps. It is used by one Run.
type JetStream struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	end    uint64 // the stream's own number of its last message
	most   int    // bytes of a message
}

// NewJetStream makes the stream, if it is not there, and gives it its bounds.
func NewJetStream(ctx context.Context, nc *nats.Conn, b Bounds) (*JetStream, error) {
	if b.Age == 0 {
		b.Age = DefaultBounds.Age
	}
	if b.Bytes == 0 {
		b.Bytes = DefaultBounds.Bytes
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: StreamName, Subjects: []string{Subject}, Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxAge: b.Age, MaxBytes: b.Bytes,
	})
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "the stream of changes: %w", err)
	}
	return &JetStream{js: js, stream: stream, most: int(nc.MaxPayload()) - headerRoom}, nil
}

// headerRoom is what the headers of a message may take, bytes.
const headerRoom = 1 << 10

// Last is Stream's. Once all messages have expired the stream holds none, and events
// that were not settled before may come again.
func (s *JetStream) Last(ctx context.Context, origin string) (uint64, error) {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return 0, away(err)
	}
	s.end = info.State.LastSeq
	if info.State.Msgs == 0 {
		return 0, nil
	}
	m, err := s.stream.GetMsg(ctx, info.State.LastSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, away(err)
	}
	if m.Header.Get(originHeader) != origin {
		return 0, nil
	}
	n, err := strconv.ParseUint(m.Header.Get(sequenceHeader), 10, 64)
	if err != nil {
		return 0, city.Errorf(city.Internal, "the stream of changes ends in a message that is none: %w", err)
	}
	return n, nil
}

// Publish is Stream's. The server refuses it if somebody else published meanwhile.
func (s *JetStream) Publish(ctx context.Context, origin string, e *plane.Event) error {
	body, err := Encode(origin, e, s.most)
	if err != nil {
		return err
	}
	m := nats.NewMsg(Subject)
	m.Data = body
	number := strconv.FormatUint(e.Sequence, 10)
	m.Header.Set(originHeader, origin)
	m.Header.Set(sequenceHeader, number)
	ack, err := s.js.PublishMsg(ctx, m, jetstream.WithMsgID(origin+":"+number), jetstream.WithExpectLastSequence(s.end))
	if err != nil {
		return away(err)
	}
	s.end = ack.Sequence
	return nil
}

func away(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return city.Errorf(city.Unavailable, "stream of changes: %w", fmt.Errorf("%w", err))
}
