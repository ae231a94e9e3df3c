package spine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"polity/city"
)

// Message is what came from an edge.
type Message struct {
	Camera  city.Slug // empty when it is about the edge itself
	Channel Channel
	Body    []byte
}

// Line is the hub's end of one edge. What comes out of it came from that edge and
// passed the check. It is safe for concurrent use.
type Line struct {
	edge  city.Slug
	conn  *nats.Conn
	check Check
	log   *slog.Logger
}

// Edge is whose line it is.
func (l *Line) Edge() city.Slug { return l.edge }

// Listen calls each with every live message, one at a time, until stop is called.
// What does not pass the check is dropped and logged.
func (l *Line) Listen(each func(Message)) (stop func(), err error) {
	sub, err := l.conn.Subscribe("polity."+string(l.edge)+".up.>", func(m *nats.Msg) {
		if x, ok := l.accept(m.Subject, m.Data, Channel.live); ok {
			each(x)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listen to edge %s: %w", l.edge, err)
	}
	// A few seconds of scenes; what does not fit is dropped, as live things may be.
	if err := sub.SetPendingLimits(4096, 64<<20); err != nil {
		return nil, err
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

func (l *Line) accept(subject string, body []byte, allowed func(Channel) bool) (Message, bool) {
	camera, channel, ok := parseSubject(l.edge, subject)
	if !ok || !allowed(channel) {
		l.log.Warn("an edge sent a message on a subject that is not on the list", slog.String("subject", subject))
		return Message{}, false
	}
	if err := l.check(channel, body); err != nil {
		l.log.Warn("an edge sent a message that its channel may not carry", slog.String("subject", subject), slog.Any("error", err))
		return Message{}, false
	}
	return Message{camera, channel, body}, true
}

// Tell sends a message down, if the edge is there to hear it.
func (l *Line) Tell(c Channel, camera city.Slug, body []byte) error {
	if !c.down() {
		return fmt.Errorf("the hub does not speak on %s", c)
	}
	if err := l.check(c, body); err != nil {
		return err
	}
	return l.conn.Publish(subject(l.edge, camera, c), body)
}

// Ask sends a message down and waits for the edge's answer. An edge that cannot be
// reached is an error of kind Unavailable.
func (l *Line) Ask(ctx context.Context, c Channel, camera city.Slug, body []byte) ([]byte, error) {
	if err := l.check(c, body); err != nil {
		return nil, err
	}
	m, err := l.conn.RequestWithContext(ctx, subject(l.edge, camera, c), body)
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "the edge %s cannot be reached now: %w", l.edge, err)
	}
	if err := l.check(answers[c], m.Data); err != nil {
		return nil, fmt.Errorf("the edge %s answered nonsense: %w", l.edge, err)
	}
	return m.Data, nil
}

const (
	batch     = 512 // messages that Draw passes on at once
	fetchTime = 10 * time.Second
	beatTime  = 2 * time.Second
	retryTime = time.Second
	laterTime = 10 * time.Second // until messages that Commit put off come again
)

// Commit takes a batch that an edge had stored. When it returns nil the batch is
// done, but for the messages whose index it names: they wait at the edge and come
// again some time later. After an error, or when the hub dies meanwhile, all of the
// batch comes again: Commit recognises messages by their key.
type Commit func(ctx context.Context, batch []Message) (later []int, err error)

// DrawTaken passes on what the edge has stored of observations and events, in
// batches, from where the hub had come to. A message that does not pass the check
// is logged and left out for good. DrawTaken returns when ctx ends.
func (l *Line) DrawTaken(ctx context.Context, commit Commit) {
	l.draw(ctx, taken, batch, commit)
}

// DrawArchive does the same with the places, one message at a time, in order.
func (l *Line) DrawArchive(ctx context.Context, commit Commit) {
	l.draw(ctx, archive, 1, commit)
}

func (l *Line) draw(ctx context.Context, stream string, most int, commit Commit) {
	for ctx.Err() == nil {
		err := l.drawOnce(ctx, stream, most, commit)
		if err != nil && ctx.Err() == nil {
			l.log.Debug("an edge's store cannot be read now", slog.String("stream", stream), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryTime):
		}
	}
}

// drawOnce draws until something goes wrong, most often because the edge is away.
func (l *Line) drawOnce(ctx context.Context, stream string, most int, commit Commit) error {
	js, err := jetstream.NewWithDomain(l.conn, domain(l.edge))
	if err != nil {
		return err
	}
	asking, stop := context.WithTimeout(ctx, 2*beatTime)
	defer stop()
	c, err := js.Consumer(asking, streamName(l.edge, stream), consumer)
	if err != nil {
		return err
	}
	for {
		if err := l.fetch(ctx, c, most, commit); err != nil {
			return err
		}
	}
}

// fetch asks for messages and takes what comes within some seconds. The request
// ends with it: what the edge would still send goes to the next one.
func (l *Line) fetch(ctx context.Context, c jetstream.Consumer, most int, commit Commit) error {
	fetching, stop := context.WithTimeout(ctx, fetchTime)
	defer stop()
	got, err := c.Fetch(most, jetstream.FetchContext(fetching), jetstream.FetchHeartbeat(beatTime))
	if err != nil {
		return err
	}
	if err := l.take(ctx, got.Messages(), most, commit); err != nil {
		return err
	}
	if err := got.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// take commits what a fetch brings, as it comes: as many messages at once as are
// there.
func (l *Line) take(ctx context.Context, in <-chan jetstream.Msg, most int, commit Commit) error {
	for {
		var m jetstream.Msg
		var open bool
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m, open = <-in:
			if !open {
				return nil
			}
		}
		var group []Message
		var drawn, good []jetstream.Msg
		for more := true; more; {
			drawn = append(drawn, m)
			if x, ok := l.accept(m.Subject(), m.Data(), Channel.kept); ok {
				group, good = append(group, x), append(good, m)
			}
			more = false
			if len(drawn) < most {
				select {
				case m, more = <-in:
				default:
				}
			}
		}
		var later []int
		if len(group) > 0 {
			var err error
			if later, err = commit(ctx, group); err != nil {
				return fmt.Errorf("store what an edge sent: %w", err)
			}
		}
		for _, i := range later {
			if err := good[i].NakWithDelay(laterTime); err != nil {
				return err
			}
			drawn = slices.DeleteFunc(drawn, func(m jetstream.Msg) bool { return m == good[i] })
		}
		// Each by itself: messages that come a second time do not come in order, so
		// that "all up to this one" could cover one that was never committed.
		for _, m := range drawn {
			if err := m.Ack(); err != nil {
				return err
			}
		}
	}
}

func nkeyOption(seed string) (nats.Option, error) {
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(seed)))
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the key for the NATS cluster is not a seed (one line that begins with SU)")
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, err
	}
	return nats.Nkey(public, pair.Sign), nil
}

func joinComma(list []string) string { return strings.Join(list, ",") }
