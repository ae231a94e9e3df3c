package hub

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/hub/entries"
	"polity/room/decision"
	"polity/service"
)

// Services is the configuration of the services that run, by name: YAML that each reads
// by itself.
type Services map[city.Slug]ServiceConfig

// ServiceConfig is a service's part of the configuration, as it stands.
type ServiceConfig []byte

// UnmarshalYAML keeps the text for the service itself.
func (c *ServiceConfig) UnmarshalYAML(text []byte) error {
	*c = bytes.Clone(text)
	return nil
}

// openServices opens the book of decisions and makes the services that the
// configuration names.
func (h *Hub) openServices(ctx context.Context, modules []service.Module, pages *console.Config) (err error) {
	h.decisions, err = decision.Open(ctx, decision.Config{Path: filepath.Join(h.cfg.Data, "decisions.db"), Decider: h.access, Now: h.now})
	if err != nil {
		return err
	}
	h.closers = append(h.closers, h.decisions.Close)
	pages.Decisions, pages.Services = h.decisions, map[city.Slug]service.Service{}
	for _, name := range slices.Sorted(maps.Keys(h.cfg.Services)) {
		m, err := service.Find(modules, name)
		if err != nil {
			return err
		}
		given := service.Deps{
			Data: h.store, Decisions: h.decisions.For(name), Dir: filepath.Join(h.cfg.Data, "services", string(name)),
			Log: h.log.With(slog.String("service", string(name))), Now: h.now,
		}
		if h.orders != nil {
			given.Orders = h.orders.For(name)
		}
		s, err := m.New(h.cfg.Services[name], given)
		if err != nil {
			return city.Errorf(city.KindOf(err), "hub.services.%s: %w", name, err)
		}
		h.services = append(h.services, running{name, s})
		pages.Services[name] = s
	}
	if _, runs := pages.Services[access.Power]; runs {
		return h.openSheets(pages)
	}
	return nil
}

// running is a service of this hub.
type running struct {
	name city.Slug
	service.Service
}

const (
	againFirst = time.Second
	againMost  = 5 * time.Minute
	tendEach   = time.Minute
)

// runServices runs them until ctx ends. One that fails, or panics, begins again, later each
// time, and stops no other.
func (h *Hub) runServices(ctx context.Context, work *sync.WaitGroup) {
	for _, s := range h.services {
		work.Go(func() {
			for wait := againFirst; ctx.Err() == nil; wait = min(2*wait, againMost) {
				begun := time.Now()
				err := safely(ctx, s)
				if ctx.Err() != nil {
					return
				}
				if time.Since(begun) > againMost {
					wait = againFirst
				}
				h.log.Error("a service ended and begins again", slog.String("service", string(s.name)), slog.Any("error", err), slog.Duration("in", wait))
				select {
				case <-ctx.Done():
				case <-time.After(wait):
				}
			}
		})
	}
	work.Go(func() {
		for {
			if err := h.decisions.Tend(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("the book of decisions cannot be tended", slog.Any("error", err))
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(tendEach):
			}
		}
	})
}

// safely runs a service and makes its panic an error: a fault in one must not stop the
// city's other work.
func safely(ctx context.Context, s service.Service) (err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("panic: %v\n%s", why, debug.Stack())
		}
	}()
	return s.Run(ctx)
}

const decisionsAtOnce = 500

// bringDecisions brings into the public log what the book of decisions has and it has not.
func (l *ledger) bringDecisions(ctx context.Context) {
	for {
		steps, err := l.hub.decisions.Log(ctx, l.decided, decisionsAtOnce)
		l.complain("the book of decisions", err)
		for i := range steps {
			e, _, err := entries.Decision(&steps[i])
			l.complain("the book of decisions", err)
			if e != nil && !l.add(ctx, e) {
				return
			}
			l.decided = steps[i].N
		}
		if len(steps) < decisionsAtOnce {
			return
		}
	}
}
