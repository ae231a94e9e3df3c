package ngsild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	notifyTime = 5 * time.Second // for a receiver to answer, unless its endpoint says
	maxQueued  = 5000            // notifications that wait for one subscription
	idleSender = 30 * time.Second
)

// retries are the pauses before another attempt.
var retries = []time.Duration{time.Second, 4 * time.Second, 15 * time.Second, 40 * time.Second}

// queued is one notification on its way.
type queued struct {
	body []byte
	box  *box // nil for one that is not kept
}

// sender sends one subscription's notifications, one after the other.
type sender struct {
	mu    sync.Mutex
	queue []queued
	wake  chan struct{}
}

// enqueue hands a notification to the subscription's sender; where too many wait
// already, the oldest is given up.
func (subs *subscriptions) enqueue(x *subscription, q queued) {
	key := x.tenant + "\x00" + x.id
	subs.sending.Lock()
	s := subs.senders[key]
	if s == nil {
		s = &sender{wake: make(chan struct{}, 1)}
		subs.senders[key] = s
	}
	s.mu.Lock()
	var lost *queued
	if len(s.queue) >= maxQueued {
		first := s.queue[0]
		lost, s.queue = &first, s.queue[1:]
	}
	s.queue = append(s.queue, q)
	s.mu.Unlock()
	subs.sending.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	if lost != nil {
		x.state.count(subs.s.now(), errors.New("too many notifications wait"))
		subs.s.log.Warn("a notification was given up: too many wait for the receiver", slog.String("subscription", x.id))
		subs.finished(lost.box)
	}
	subs.poke()
}

// poke makes run look again.
func (subs *subscriptions) poke() {
	select {
	case subs.wake <- struct{}{}:
	default:
	}
}

// run starts a goroutine for each sender with work, and sends what is due by time.
func (subs *subscriptions) run(ctx context.Context) {
	if err := subs.resume(ctx); err != nil {
		subs.s.log.Error("notifications of the run before could not be read", slog.Any("error", err))
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	client := subs.s.cfg.Notify.client(30 * time.Second)
	running := map[*sender]chan struct{}{}
	for {
		subs.sending.Lock()
		for key, s := range subs.senders {
			if done := running[s]; done != nil {
				select {
				case <-done:
					delete(running, s)
				default:
					continue
				}
			}
			s.mu.Lock()
			n := len(s.queue)
			s.mu.Unlock()
			if n == 0 {
				delete(subs.senders, key)
				continue
			}
			done := make(chan struct{})
			running[s] = done
			subs.done.Go(func() {
				defer close(done)
				subs.drain(ctx, client, key, s)
			})
		}
		subs.sending.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-subs.wake:
		case <-tick.C:
			subs.scheduled(ctx)
		}
	}
}

// drain sends a queue until it has been empty for a while.
func (subs *subscriptions) drain(ctx context.Context, client *http.Client, key string, s *sender) {
	tenant, id, _ := cutKey(key)
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.mu.Unlock()
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
				continue
			case <-time.After(idleSender):
				return
			}
		}
		q := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		if !subs.send(ctx, client, tenant, id, q) {
			return // the hub stops: what is kept is sent by the next run
		}
		subs.finished(q.box)
	}
}

func cutKey(key string) (tenant, id string, ok bool) {
	for i := range len(key) {
		if key[i] == 0 {
			return key[:i], key[i+1:], true
		}
	}
	return "", key, false
}

// send delivers one notification, again and again for a while. It returns false if
// ctx ended first.
func (subs *subscriptions) send(ctx context.Context, client *http.Client, tenant, id string, q queued) bool {
	for attempt := 0; ; attempt++ {
		x := subs.get(tenant, id)
		if x == nil {
			return true // it was removed
		}
		err := subs.deliver(ctx, client, x, q.body)
		if ctx.Err() != nil {
			return false
		}
		x.state.count(subs.s.now(), err)
		if err == nil {
			return true
		}
		if attempt == len(retries) {
			subs.s.log.Warn("a notification was given up", slog.String("subscription", id), slog.Any("error", err))
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(retries[attempt]):
		}
	}
}

// count notes an attempt.
func (s *state) count(now time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	s.last = now
	if err != nil {
		s.failed++
		s.failure = now
		return
	}
	s.success = now
}

func (subs *subscriptions) deliver(ctx context.Context, client *http.Client, x *subscription, body []byte) error {
	if subs.s.cfg.Notify.Off {
		return errors.New("the configuration allows no notifications")
	}
	timeout := x.endpoint.timeout
	if timeout == 0 {
		timeout = notifyTime
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	u, err := url.Parse(x.endpoint.uri)
	if err != nil {
		return err
	}
	if u.Scheme == "mqtt" || u.Scheme == "mqtts" {
		return subs.publish(ctx, x, u, body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.endpoint.uri, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for _, h := range x.headers() {
		req.Header.Set(h.key, h.value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("the receiver answered %s", resp.Status)
	}
	return nil
}

// headers are those of a notification (clause 6.3.8 and 5.2.15).
func (x *subscription) headers() []header {
	out := []header{{"Content-Type", x.endpoint.accept}}
	if x.endpoint.accept != ldType {
		out = append(out, header{"Link", "<" + x.contextLink() + `>; rel="` + contextRel + `"; type="application/ld+json"`})
	}
	if t := x.realTenant(); t != "" {
		out = append(out, header{"NGSILD-Tenant", t})
	}
	return append(out, x.endpoint.headers...)
}

// scheduled sends the notifications of subscriptions with a timeInterval.
func (subs *subscriptions) scheduled(ctx context.Context) {
	now := subs.s.now()
	subs.mu.RLock()
	var due []*subscription
	for _, list := range subs.list {
		for _, x := range list {
			if x.interval == 0 || x.status(now) != "active" {
				continue
			}
			x.state.mu.Lock()
			if x.state.lastScheduled.IsZero() {
				x.state.lastScheduled = now
			} else if now.Sub(x.state.lastScheduled) >= x.interval {
				x.state.lastScheduled = now
				due = append(due, x)
			}
			x.state.mu.Unlock()
		}
	}
	subs.mu.RUnlock()
	for _, x := range due {
		if x.aboutSources() {
			if err := subs.sendMatching(ctx, x); err != nil && ctx.Err() == nil {
				subs.s.log.Warn("a notification by time could not be made", slog.String("subscription", x.id), slog.Any("error", err))
			}
			continue
		}
		if err := subs.sendAll(ctx, x, now); err != nil && ctx.Err() == nil {
			subs.s.log.Warn("a notification by time could not be made", slog.String("subscription", x.id), slog.Any("error", err))
		}
	}
}

// sendAll sends all entities that a subscription is about, in parts.
func (subs *subscriptions) sendAll(ctx context.Context, x *subscription, now time.Time) error {
	r := &request{s: subs.s, tenant: x.tenant}
	linked := r.linkedIn(ctx)
	q := x.filter.Query(x.tenant, linked)
	q.Limit = maxData
	for {
		page, err := subs.s.store.Find(ctx, q)
		if err != nil || len(page.Entities) == 0 {
			return err
		}
		data := []byte{'['}
		for i, e := range page.Entities {
			if i > 0 {
				data = append(data, ',')
			}
			q.After = e.ID
			ev := &event{now: e, at: now}
			data = ev.append(data, x, linked)
		}
		subs.enqueue(x, queued{body: x.notification(append(data, ']'), now.UTC().Truncate(time.Millisecond))})
		if !page.More {
			return nil
		}
	}
}
