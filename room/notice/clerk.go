package notice

import (
	"container/heap"
	"context"
	"log/slog"
	"slices"
	"time"

	"polity/internal/delivery"
)

// openAlert is an alert that is open, and to whom it was told.
type openAlert struct {
	Alert
	since time.Time // nobody has taken it on
	told  []toldTo
}

// toldTo is for which reasons an outlet was told, and when it is looked at next.
type toldTo struct {
	o       int64
	reasons reasons
	next    time.Time
}

func (a *openAlert) to(o int64) *toldTo {
	for i := range a.told {
		if a.told[i].o == o {
			return &a.told[i]
		}
	}
	a.told = append(a.told, toldTo{o: o})
	return &a.told[len(a.told)-1]
}

// later is a look at an alert for an outlet at a time.
type later struct {
	at    time.Time
	o     int64
	alert string
}

// laters is a heap of them by time.
type laters []later

func (l laters) Len() int           { return len(l) }
func (l laters) Less(i, j int) bool { return l[i].at.Before(l[j].at) }
func (l laters) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *laters) Push(x any)        { *l = append(*l, x.(later)) }
func (l *laters) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}

// Pauses of the clerk.
const (
	gather = 100 * time.Millisecond // changes are looked at together
	look   = time.Second            // and what is due by time so often
)

// Run follows the source and tells what is due, until ctx ends.
func (n *Notices) Run(ctx context.Context) {
	for ctx.Err() == nil {
		n.mu.Lock()
		n.whole = false
		n.mu.Unlock()
		inner, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			n.rounds(inner)
		}()
		err := n.deps.Source.Follow(inner, n.take)
		stop()
		<-done
		if ctx.Err() != nil {
			return
		}
		n.log.Warn("notices lost sight of the alerts; they are asked again", slog.Any("error", err))
		select {
		case <-ctx.Done():
		case <-time.After(look):
		}
	}
}

// rounds tells what is due.
func (n *Notices) rounds(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		rung := n.changed.Wait()
		n.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-rung:
			select {
			case <-ctx.Done():
			case <-time.After(gather):
			}
		}
	}
}

// take is what Source tells.
func (n *Notices) take(list []Alert) error {
	now := n.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.whole {
		n.begin(list, now)
	} else {
		for i := range list {
			n.change(&list[i], now)
		}
	}
	n.changed.Ring()
	return nil
}

// begin takes all that is open in place of what was known. The caller holds mu.
func (n *Notices) begin(list []Alert, now time.Time) {
	old := n.open
	n.open = make(map[string]*openAlert, len(list))
	for _, o := range n.outlets {
		clear(o.due)
	}
	n.laters = nil
	for i := range list {
		a := &list[i]
		if !a.Open {
			continue
		}
		x := &openAlert{Alert: *a, since: now}
		if a.At.Before(now) {
			x.since = a.At
		}
		if before := old[a.Key]; before != nil {
			x.told, x.since = before.told, before.since
		} else {
			for o, r := range n.kept[a.Key] {
				x.told = append(x.told, toldTo{o: o, reasons: r})
			}
		}
		n.open[a.Key] = x
	}
	for key := range n.kept {
		if n.open[key] == nil {
			n.closed = append(n.closed, key)
		}
	}
	for key := range old {
		if n.open[key] == nil && n.kept[key] == nil {
			n.closed = append(n.closed, key)
		}
	}
	n.kept, n.whole = nil, true
	for _, o := range n.outlets {
		n.lookAll(o, now)
	}
}

// lookAll looks at all that is open for an outlet. What is due to a new one was there
// before it, and is not told. The caller holds mu.
func (n *Notices) lookAll(o *outlet, now time.Time) {
	if !n.whole {
		return
	}
	for _, a := range n.open {
		if o.isNew {
			if why, _ := o.rule.due(&a.Alert, a.since, now); why != 0 {
				a.to(o.o).reasons |= why
				n.marks = append(n.marks, mark{a.Key, o.o, why})
			}
		}
		n.look(o, a, now)
	}
	if o.isNew {
		o.isNew = false
		n.ready = append(n.ready, o.o)
	}
}

// look sees whether an alert is due to an outlet. The caller holds mu.
func (n *Notices) look(o *outlet, a *openAlert, now time.Time) {
	why, next := o.rule.due(&a.Alert, a.since, now)
	if why == 0 && next.IsZero() {
		delete(o.due, a.Key)
		return
	}
	told := a.to(o.o)
	if why &^= told.reasons; why != 0 {
		o.due[a.Key] = why
	} else {
		delete(o.due, a.Key)
	}
	if !next.IsZero() && told.reasons&unacknowledged == 0 && !next.Equal(told.next) {
		told.next = next
		heap.Push(&n.laters, later{next, o.o, a.Key})
	}
}

// change takes one alert as it is now. The caller holds mu.
func (n *Notices) change(a *Alert, now time.Time) {
	x := n.open[a.Key]
	if !a.Open {
		if x != nil {
			delete(n.open, a.Key)
			for _, o := range n.outlets {
				delete(o.due, a.Key)
			}
			if len(x.told) > 0 {
				n.closed = append(n.closed, a.Key)
			}
		}
		return
	}
	if x == nil {
		x = &openAlert{since: now}
		n.open[a.Key] = x
	} else if a.New && !x.New {
		x.since = now
	}
	x.Alert = *a
	for _, o := range n.outlets {
		n.look(o, x, now)
	}
}

// round tells what is due now: it is put into the queue, and then noted as told. A crash
// between the two tells it again, with the same id.
func (n *Notices) round(ctx context.Context) {
	n.telling.Lock()
	defer n.telling.Unlock()
	if err := n.refresh(ctx); err != nil && ctx.Err() == nil {
		n.log.Error("the settings of people's notices cannot be read", slog.Any("error", err))
	}
	now := n.now()
	n.mu.Lock()
	n.byTime(now)
	r := n.gather(now)
	n.mu.Unlock()
	queued, err := n.commit(ctx, r, now)
	if err != nil && ctx.Err() == nil {
		n.log.Error("notices cannot be kept; they are tried again", slog.Any("error", err))
	}
	if queued {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.done(r, err == nil)
	}
}

// byTime looks at what may have become due. The caller holds mu.
func (n *Notices) byTime(now time.Time) {
	for len(n.laters) > 0 && !n.laters[0].at.After(now) {
		x, ok := heap.Pop(&n.laters).(later)
		if !ok {
			continue
		}
		o, a := n.byNumber[x.o], n.open[x.alert]
		if o != nil && a != nil {
			n.look(o, a, now)
		}
	}
}

// telling is what one round tells.
type telling struct {
	notes    []delivery.Note
	marks    []mark
	ready    []int64 // outlets
	made     []made
	closed   []string
	before   int             // marks that come from before the round
	together map[int64]int64 // by outlet, alerts that are told in bundles
}

// gather makes the messages of what may be told now. The caller holds mu.
func (n *Notices) gather(now time.Time) *telling {
	r := &telling{marks: n.marks, ready: n.ready, closed: n.closed, before: len(n.marks), together: map[int64]int64{}}
	r.marks = slices.Clip(r.marks)
	alert := func(key string) *Alert {
		if a := n.open[key]; a != nil {
			return &a.Alert
		}
		return nil
	}
	for _, o := range n.outlets {
		if !o.on(now) {
			continue
		}
		alone, together := o.pick(alert, now)
		for _, d := range alone {
			r.add(o, n.single(o, d.alert, d.why.strongest(), now), now, d)
		}
		if len(together) > 0 {
			r.add(o, n.bundle(o, together, now), now, together...)
			r.together[o.o] = int64(len(together))
		}
	}
	return r
}

func (r *telling) add(o *outlet, m Message, now time.Time, list ...due) {
	body := m.encode()
	for _, to := range o.to {
		r.notes = append(r.notes, delivery.Note{To: to, Body: body})
	}
	for _, d := range list {
		r.marks = append(r.marks, mark{d.alert.Key, o.o, d.why})
	}
	r.made = append(r.made, made{o.o, now})
}

// commit puts the messages into the queue, then notes them as told.
func (n *Notices) commit(ctx context.Context, r *telling, now time.Time) (queued bool, err error) {
	n.step("made")
	if len(r.notes) > 0 {
		if err := n.queue.Put(ctx, nil, r.notes); err != nil {
			return false, err
		}
	}
	n.step("queued")
	if err := n.book.keep(ctx, r.marks, r.ready, r.made, r.closed, now); err != nil {
		return true, err
	}
	n.step("told")
	return true, nil
}

// done takes what was told off what is due. What could not be noted in the book is noted
// with the next round. The caller holds mu.
func (n *Notices) done(r *telling, noted bool) {
	closed := len(r.closed)
	for _, m := range r.marks[r.before:] {
		o, a := n.byNumber[m.o], n.open[m.alert]
		if a != nil {
			a.to(m.o).reasons |= m.reasons
		} else {
			n.closed = append(n.closed, m.alert) // closed meanwhile
		}
		if o == nil {
			continue
		}
		if o.due[m.alert] &^= m.reasons; o.due[m.alert] == 0 {
			delete(o.due, m.alert)
		}
	}
	for _, m := range r.made {
		if o := n.byNumber[m.o]; o != nil {
			o.sent = append(o.sent, m.at)
			o.held += r.together[m.o]
			r.together[m.o] = 0
		}
	}
	if noted {
		n.marks, n.ready, n.closed = n.marks[r.before:], n.ready[len(r.ready):], n.closed[closed:]
	} else {
		n.marks = append(n.marks, r.marks[r.before:]...)
	}
}
