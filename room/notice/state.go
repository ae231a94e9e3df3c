package notice

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/delivery"
)

// ChannelState is how a channel of a desk does.
type ChannelState struct {
	Name        string     `json:"name"`
	Kind        string     `json:"kind"` // webhook, mail, mqtt; push or own-mail for people's together
	To          string     `json:"to"`   // in words, without secrets
	Receivers   int        `json:"receivers"`
	Failing     int        `json:"failing"` // receivers whose last attempt failed
	Sent        int64      `json:"sent"`    // attempts
	Failed      int64      `json:"failed"`  // of them
	Waiting     int64      `json:"waiting"`
	Dead        int64      `json:"dead"`
	Dropped     int64      `json:"dropped"` // dead letters that are no longer kept
	Bundled     int64      `json:"bundled"` // alerts that were told in bundles, since the start
	HeldBack    int        `json:"heldBack"`
	LastSuccess *time.Time `json:"lastSuccess,omitempty"`
	LastFailure *time.Time `json:"lastFailure,omitempty"`
	Reason      string     `json:"reason,omitempty"` // of the last failure, while one fails
}

// Channels returns the desks' channels by name, then people's own together.
func (n *Notices) Channels() []ChannelState {
	states := map[string]*ChannelState{}
	for name, x := range n.desks {
		s := &ChannelState{Name: name}
		switch {
		case x.Webhook != nil:
			s.Kind, s.To = "webhook", x.webhook.URL.Scheme+"://"+x.webhook.URL.Host
		case x.MQTT != nil:
			s.Kind, s.To = "mqtt", x.MQTT.Broker+" "+x.MQTT.Topic
		default:
			s.Kind = "mail"
			boxes := make([]string, 0, len(x.to))
			for box := range x.to {
				boxes = append(boxes, box)
			}
			slices.Sort(boxes)
			s.To = strings.Join(boxes, ", ")
		}
		states[name] = s
	}
	push, own := &ChannelState{Kind: "push"}, &ChannelState{Kind: "own-mail"}
	for _, r := range n.queue.Receivers() {
		name, _, _ := strings.Cut(r.ID, "/")
		s := map[string]*ChannelState{ofDesk: states[name], ofPush: push, ofMail: own}[r.Tenant]
		if s != nil {
			s.add(&r.State)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, o := range n.outlets {
		s := states[o.said]
		switch {
		case strings.HasPrefix(name, ofPush):
			s = push
		case strings.HasPrefix(name, ofMail):
			s = own
		}
		if s != nil {
			s.Receivers += len(o.to)
			s.Bundled += o.held
			s.HeldBack += len(o.due)
		}
	}
	out := make([]ChannelState, 0, len(states)+2)
	for _, s := range states {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b ChannelState) int { return cmp.Compare(a.Name, b.Name) })
	return append(out, *push, *own)
}

func (s *ChannelState) add(r *delivery.State) {
	s.Sent += r.Sent
	s.Failed += r.Failed
	s.Waiting += r.Waiting
	s.Dead += r.Dead
	s.Dropped += r.Dropped
	s.LastSuccess = later2(s.LastSuccess, r.Success)
	s.LastFailure = later2(s.LastFailure, r.Failure)
	if r.Failing() {
		s.Failing++
		s.Reason = r.Reason
	}
}

// later2 is the later one of two times.
func later2(a *time.Time, b time.Time) *time.Time {
	if b.IsZero() || a != nil && !a.Before(b) {
		return a
	}
	return &b
}

// Own says how a person's own channels do: when one last took a notice, and what is wrong
// with one that fails; empty: nothing.
func (n *Notices) Own(ctx context.Context, person string) (success time.Time, failing string, err error) {
	to, err := n.browsers(ctx, person)
	if err != nil {
		return success, "", err
	}
	for _, r := range append(to, delivery.Receiver{Tenant: ofMail, ID: person}) {
		s := n.queue.State(r)
		if s.Success.After(success) {
			success = s.Success
		}
		if s.Failing() {
			failing = s.Reason
		}
	}
	return success, failing, nil
}

// browsers are those of a person that push goes to.
func (n *Notices) browsers(ctx context.Context, person string) (to []delivery.Receiver, err error) {
	err = n.book.each(ctx, "SELECT id FROM subscription WHERE person = ?", []any{person}, func(scan func(...any) error) error {
		var b string
		err := scan(&b)
		to = append(to, delivery.Receiver{Tenant: ofPush, ID: b})
		return err
	})
	return to, err
}

const (
	testTime = 20 * time.Second
	testEach = 5 * time.Second // between two tests of a channel
)

// Test sends a message to a channel of a desk, past the queue, and returns what its
// receivers said.
func (n *Notices) Test(ctx context.Context, channel string) error {
	n.mu.Lock()
	o := n.outlets[ofDesk+"/"+channel]
	n.mu.Unlock()
	if o == nil {
		names := make([]string, 0, len(n.desks))
		for name := range n.desks {
			names = append(names, name)
		}
		slices.Sort(names)
		return city.Errorf(city.NotFound, "there is no channel %.50q; channels are %v", channel, names)
	}
	return n.try(ctx, o)
}

// TestOwn sends a message to a person's browsers and mailbox, as far as they are on.
func (n *Notices) TestOwn(ctx context.Context, person string) error {
	s, err := n.Settings(ctx, person)
	if err != nil {
		return err
	}
	o := &outlet{name: "own/" + person, said: "own"}
	if s.Push {
		if o.to, err = n.browsers(ctx, person); err != nil {
			return err
		}
	}
	if s.Mail && s.Address != "" {
		o.to = append(o.to, delivery.Receiver{Tenant: ofMail, ID: person})
	}
	if len(o.to) == 0 {
		return city.Errorf(city.Conflict, "neither push nor mail is on: switch one on first")
	}
	return n.try(ctx, o)
}

func (n *Notices) try(ctx context.Context, o *outlet) error {
	now := n.now()
	n.mu.Lock()
	early := now.Sub(n.tested[o.name]) < testEach
	if !early {
		if len(n.tested) > 1000 {
			clear(n.tested)
		}
		n.tested[o.name] = now
	}
	to := slices.Clone(o.to)
	n.mu.Unlock()
	if early {
		return city.Errorf(city.Conflict, "this channel was tried a moment ago; wait %d seconds", int(testEach.Seconds()))
	}
	ctx, stop := context.WithTimeout(ctx, testTime)
	defer stop()
	m := n.test(o, now)
	body := m.encode()
	results := make(chan error, len(to))
	for _, r := range to {
		go func() { results <- n.send(ctx, r, body) }()
	}
	var failed int
	var first error
	for range to {
		if err := <-results; err != nil {
			failed++
			if first == nil || first == delivery.ErrGone { //nolint:errorlint // it is returned as it is
				first = err
			}
		}
	}
	if failed > 0 {
		return city.Errorf(city.Unavailable, "%d of %d receivers did not take it: %w", failed, len(to), first)
	}
	return nil
}

// Letter is a dead letter as operators see it.
type Letter struct {
	Number   int64           `json:"number"`
	Receiver string          `json:"receiver"` // people's own without a name
	Made     time.Time       `json:"made"`
	Died     time.Time       `json:"died"`
	Attempts int             `json:"attempts"`
	Reason   string          `json:"reason"`
	Message  json.RawMessage `json:"message"`
}

// Letters is a page of dead letters.
type Letters struct {
	Letters []Letter `json:"letters"`
	Next    int64    `json:"next"` // 0: there are no more
}

func shown(r delivery.Receiver) string {
	if r.Tenant == ofDesk {
		return r.ID
	}
	return r.Tenant
}

func which(number int64, receiver string) delivery.Which {
	w := delivery.Which{Number: number}
	if receiver != "" {
		w.To = &delivery.Receiver{Tenant: ofDesk, ID: receiver}
	}
	return w
}

// Dead returns dead letters behind a number.
func (n *Notices) Dead(ctx context.Context, receiver string, after int64, limit int) (Letters, error) {
	limit = min(max(limit, 1), 500)
	list, err := n.queue.Letters(ctx, which(0, receiver), after, limit, true)
	out := Letters{Letters: []Letter{}}
	for _, l := range list {
		out.Letters = append(out.Letters, Letter{l.Number, shown(l.To), l.Made, l.Died, l.Attempts, l.Reason, l.Body})
	}
	if len(list) == limit {
		out.Next = list[limit-1].Number
	}
	return out, err
}

// Replay puts dead letters back: one by its number, those of a desk's receiver, or all.
func (n *Notices) Replay(ctx context.Context, number int64, receiver string) (int64, error) {
	return n.queue.Replay(ctx, which(number, receiver))
}

// ReplayChannel puts back the dead letters of all receivers of a desk's channel.
func (n *Notices) ReplayChannel(ctx context.Context, channel string) (int64, error) {
	n.mu.Lock()
	o := n.outlets[ofDesk+"/"+channel]
	n.mu.Unlock()
	if o == nil {
		return 0, city.Errorf(city.NotFound, "there is no channel %.50q", channel)
	}
	var total int64
	for _, r := range o.to {
		put, err := n.queue.Replay(ctx, delivery.Which{To: &r})
		total += put
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Drop removes dead letters as Replay puts them back.
func (n *Notices) Drop(ctx context.Context, number int64, receiver string) (int64, error) {
	return n.queue.Drop(ctx, which(number, receiver))
}

// PushKey is the key that browsers subscribe with, base64url; empty where push is off.
func (n *Notices) PushKey() string {
	if n.signer == nil {
		return ""
	}
	return n.signer.Public()
}

// HasMail says whether there is a mail server.
func (n *Notices) HasMail() bool { return n.mailer != nil }

// Counts is what all receivers together come to, for monitoring.
func (n *Notices) Counts() delivery.Counts { return n.queue.Counts() }
