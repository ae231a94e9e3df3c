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
	"strconv"
	"time"

	"polity/city"
	"polity/internal/delivery"
	"polity/plane"
)

const (
	notifyTime = 5 * time.Second // for a receiver to answer, unless its endpoint says
	answerMost = 64 << 10        // bytes of an answer's head, and again of its body, that are looked at
)

// notifyClient is for sending notifications. It follows no redirect: a receiver that
// has moved must say so to who subscribed, and what is meant for one address, with its
// keys in the headers, goes to no other.
func notifyClient(m Remote) *http.Client {
	c := m.client(30 * time.Second)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if t, ok := c.Transport.(*http.Transport); ok {
		t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxResponseHeaderBytes = 256, 64, answerMost
	}
	return c
}

// run sends what is due by time until ctx ends.
func (subs *subscriptions) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			subs.scheduled(ctx)
		}
	}
}

// send is delivery.Config's.
func (subs *subscriptions) send(ctx context.Context, to delivery.Receiver, body []byte) error {
	x := subs.get(to.Tenant, to.ID)
	if x == nil { // removed, or kept just now
		e, err := subs.s.store.Entity(ctx, plane.Key{Tenant: to.Tenant + subscriptionTenant, ID: to.ID})
		if city.KindOf(err) == city.NotFound {
			return delivery.ErrGone
		}
		if err != nil {
			return err
		}
		if x, err = subs.s.readSubscription(ctx, to.Tenant, e); err != nil {
			return err
		}
	}
	err := subs.deliver(ctx, x, body)
	if err != nil && x.endpoint.cooldown > 0 {
		return &delivery.Later{Err: err, For: x.endpoint.cooldown}
	}
	return err
}

func (subs *subscriptions) deliver(ctx context.Context, x *subscription, body []byte) error {
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
	resp, err := subs.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address, which may hold a key
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no answer within %v", timeout)
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, answerMost)) // so that the connection can be used again
	return judge(resp)
}

// judge says what a receiver's answer means.
func judge(resp *http.Response) error {
	switch c := resp.StatusCode; {
	case c >= 200 && c <= 299:
		return nil
	case c >= 300 && c <= 399:
		return fmt.Errorf("the receiver answered %s; notifications follow no redirect: subscribe with the address it leads to", resp.Status)
	}
	err := fmt.Errorf("the receiver answered %s", resp.Status)
	if seconds, no := strconv.Atoi(resp.Header.Get("Retry-After")); no == nil && seconds > 0 && seconds < 1e6 {
		return &delivery.Later{Err: err, For: time.Duration(seconds) * time.Second}
	}
	return err
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

// scheduled makes the notifications of subscriptions with a timeInterval. Where the
// last ones still wait for their receiver, none are added: the next ones tell all.
func (subs *subscriptions) scheduled(ctx context.Context) {
	now := subs.s.now()
	subs.mu.Lock()
	var due []*subscription
	for _, list := range subs.list {
		for id, x := range list {
			if x.interval == 0 || x.status(now) != "active" {
				continue
			}
			key := delivery.Receiver{Tenant: x.tenant, ID: id}
			last, began := subs.told[key]
			switch {
			case !began:
				subs.told[key] = now
			case now.Sub(last) >= x.interval && subs.queue.State(key).Waiting == 0:
				subs.told[key] = now
				due = append(due, x)
			}
		}
	}
	subs.mu.Unlock()
	for _, x := range due {
		make := subs.sendAll
		if x.aboutSources() {
			make = subs.sendMatching
		}
		if err := make(ctx, x); err != nil && ctx.Err() == nil {
			subs.s.log.Warn("a notification by time could not be made", slog.String("subscription", x.id), slog.Any("error", err))
		}
	}
}

// sendAll sends all entities that a subscription is about, in parts.
func (subs *subscriptions) sendAll(ctx context.Context, x *subscription) error {
	now := subs.s.now().UTC().Truncate(time.Millisecond)
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
		note := delivery.Note{To: delivery.Receiver{Tenant: x.tenant, ID: x.id}, Body: x.notification(append(data, ']'), now)}
		if err := subs.queue.Put(ctx, nil, []delivery.Note{note}); err != nil || !page.More {
			return err
		}
	}
}
