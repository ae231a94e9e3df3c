package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/water/season"
)

// Work is what a crew was asked for, in the book of work orders.
type Work struct {
	Order  service.WorkOrder
	Kind   string // isolate, reopen or repair
	Pipe   string
	Key    string // of the order: the decision, or its undoing
	Undo   bool
	Closed bool   // the order is at its end, and was heard
	Failed string // why it could not be done then; empty: it was
}

// disturbed says whether valves were closed at any time of a day.
func (s *Service) disturbed(day time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.kept.Shut, func(x Span) bool {
		return x.From.Before(day.AddDate(0, 0, 1)) && (x.To.IsZero() || !x.To.Before(day))
	})
}

func (s *Service) ordersChanged() <-chan struct{} {
	if s.deps.Orders == nil {
		return nil
	}
	return s.deps.Orders.Changed()
}

// ask makes the work order of a decision that people agreed to. Asked again it is the same.
func (s *Service) ask(ctx context.Context, d service.Due) error {
	var o order
	if err := json.Unmarshal(d.Detail, &o); err != nil {
		return err // job has read it before
	}
	w := service.Work{Kind: "valve", Task: service.Sentence(d.Do, 500), Asset: "urn:ngsi-ld:Pipe:" + o.Pipe, Where: s.whereWord(o.Pipe), Priority: "urgent"}
	switch {
	case d.Undo:
		o.Kind, w.Task = reopen, fmt.Sprintf("Open %s again: the order to close them was undone.", service.List(o.Names))
	case o.Kind == repair:
		w.Kind = "leak"
	case o.Kind == isolate && len(o.Names) > 0:
		w.Task = service.Sentence(fmt.Sprintf("%s Report it as not found where nothing is heard. %s has no water meanwhile.", d.Do, capital(s.homesWord(o.Dry))), 500)
	}
	asked := d.Decision
	asked.ID = did(d)
	made, err := s.deps.Orders.Ask(ctx, asked, w)
	if err != nil {
		return fmt.Errorf("ask a crew: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.byID(o.Leak); l != nil {
		l.Work = &Work{Order: made, Kind: o.Kind, Pipe: o.Pipe, Key: asked.ID, Undo: d.Undo}
	}
	return s.save()
}

func capital(words string) string { return string(words[0]-'a'+'A') + words[1:] }

// whereWord is a pipe's place in words, for whoever has no map of it.
func (s *Service) whereWord(pipe string) string {
	k, is := s.net.Link(pipe)
	if !is {
		return pipe
	}
	l := s.net.Links[k]
	return fmt.Sprintf("pipe %s, from node %s to node %s", pipe, s.net.Nodes[l.From].ID, s.net.Nodes[l.To].ID)
}

// hearOrders takes how crews ended their orders: done, valves are as the order says; cancelled,
// the decision could not be carried out. What a crew cannot do, the desk decides about.
func (s *Service) hearOrders(ctx context.Context) error {
	if s.deps.Orders == nil {
		return nil
	}
	s.mu.Lock()
	var list []*Leak
	for _, l := range s.kept.Leaks {
		if l.Work != nil && !l.Work.Closed {
			list = append(list, l)
		}
	}
	s.mu.Unlock()
	for _, l := range list {
		got, err := s.deps.Orders.Of(ctx, l.Work.Key)
		if city.KindOf(err) == city.NotFound {
			got, err = l.Work.Order, nil // kept no longer
			got.State = service.WorkCancelled
		}
		if err != nil {
			return err
		}
		if err := s.hearOrder(ctx, l, got); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	return s.propose(ctx)
}

func (s *Service) hearOrder(ctx context.Context, l *Leak, got service.WorkOrder) error {
	due, err := s.deps.Decisions.Due(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	w := l.Work
	w.Order = got
	var words []season.What
	switch {
	case got.State == service.WorkCancelled && got.Reason == "not-found":
		words = []season.What{season.Nothing}
	case got.State == service.WorkCancelled:
		words = []season.What{""}
	case got.State != service.WorkDone:
	case w.Kind == isolate:
		words = []season.What{season.Closed}
	case w.Kind == repair:
		words = []season.What{season.Mended, season.Opened}
	default:
		words = []season.What{season.Opened}
	}
	failed := ""
	for _, what := range words {
		failed = s.hear(l, season.Word{Job: l.Waiting, What: what, Pipe: w.Pipe, At: got.At})
	}
	if len(words) > 0 {
		w.Closed, w.Failed = true, failed
		l.Did = append(l.Did, w.Key)
		l.Did = l.Did[max(0, len(l.Did)-2*triesMost):]
	}
	err = s.save() // before the book hears it: whoever is killed between tells the book then
	s.mu.Unlock()
	if err != nil || len(words) == 0 {
		return err
	}
	i := slices.IndexFunc(due, func(d service.Due) bool { return did(d) == w.Key })
	switch {
	case i < 0:
		return nil
	case failed != "":
		return s.deps.Decisions.Failed(ctx, due[i], service.Sentence(failed, 300))
	}
	return s.deps.Decisions.Done(ctx, due[i])
}
