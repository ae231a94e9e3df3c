package spine

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"polity/city"
)

// Reading is how a program reads a stream of the hub.
type Reading struct {
	Address  string // of Programs, host:port
	Password string
	Stream   string
	// Name is that of the place in the stream, which the server keeps: who reads under it
	// again goes on where it was.
	Name string
}

// Read calls each with every message of the stream, in order, until it returns an error
// or ctx ends. A message counts as read once each has returned nil, also when ctx ends
// meanwhile, and comes again otherwise, or when the program ends in between.
func (r *Reading) Read(ctx context.Context, each func(body []byte) error) error {
	nc, err := nats.Connect("nats://"+r.Address, nats.UserInfo(ProgramsUser, r.Password), nats.CustomInboxPrefix(programsInbox), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second))
	if err != nil {
		return city.Errorf(city.Unavailable, "read changes at %s: %w; is hub.changes.listen set, and the password the hub's?", r.Address, err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, r.Stream, jetstream.ConsumerConfig{Durable: r.Name, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1})
	if err != nil {
		return city.Errorf(city.Unavailable, "read the stream %s: %w", r.Stream, err)
	}
	for ctx.Err() == nil {
		m, err := consumer.Next(jetstream.FetchContext(ctx))
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			select { // the hub is away, or there is nothing
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if err := each(m.Data()); err != nil {
			return errors.Join(err, m.Nak(), nc.Flush()) // for the next who reads, at once
		}
		if err := marked(ctx, m); err != nil {
			return city.Errorf(city.Unavailable, "a change that was read could not be marked so, and will come again: %w", err)
		}
	}
	return ctx.Err()
}

// ackWait is how long the hub may take to say that a message is marked as read.
const ackWait = 10 * time.Second

// marked has a message count as read, even if the program is to stop meanwhile.
func marked(ctx context.Context, m jetstream.Msg) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackWait)
	defer cancel()
	return m.DoubleAck(ctx)
}
