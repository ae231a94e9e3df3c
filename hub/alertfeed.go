package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest/twin"
	"polity/room/alert"
	"polity/room/queue"
	"polity/sensors/alarm"
)

// AlertSource raises alerts of its own, such as a service's advice.
type AlertSource interface {
	// Name is how the keys of its alerts begin. It is no name of the hub's own sources:
	// data, camera, device, edge, recorder.
	Name() city.Slug
	// Follow calls take with what is new behind a cursor, until ctx ends; the empty cursor
	// is the beginning. Behind a crash it is called with the last cursor that was taken.
	Follow(ctx context.Context, from string, take func(ctx context.Context, reports []queue.Report, cursor string) error) error
}

// Sources of the hub's own.
const (
	dataSource   city.Slug = "data"   // entities of type Alert
	cameraSource city.Slug = "camera" // events of cameras
	deviceSource city.Slug = "device" // devices that are silent
	edgeSource   city.Slug = "edge"   // edges that are not heard
)

// alertTypes are the entities that alerts are made of. Their changes are noted always.
func alertTypes() []string { return []string{alarm.Type, eventType, twin.AlarmType} }

const (
	sweepEvery = 10 * time.Minute
	sweepChunk = 100 // reports of one commit, so that what is new waits for none of them
	feedBatch  = 256
)

// followData raises alerts of the city's data until ctx ends. What does not work is tried
// again; meanwhile changes stay in the feed.
func (h *Hub) followData(ctx context.Context) {
	h.again(ctx, "alerts are not made of the city's data for now; its changes are kept", func() error { return h.readFeed(ctx) })
}

// sweep goes through the city's data now and again, beside the feed: what both say of an
// entity is ordered by its version.
func (h *Hub) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	h.again(ctx, "the city's data was not gone through for alerts; it is tried again", func() error {
		if err := h.sweepData(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		return nil
	})
}

// followSource lets a source raise alerts until ctx ends.
func (h *Hub) followSource(ctx context.Context, s AlertSource) {
	h.again(ctx, "a source of alerts failed; it is asked again", func() error {
		from, err := h.alerts.Cursor(ctx, s.Name())
		if err != nil {
			return err
		}
		return s.Follow(ctx, from, func(ctx context.Context, reports []queue.Report, cursor string) error {
			return h.alerts.Take(ctx, s.Name(), reports, cursor)
		})
	})
}

// again does something until ctx ends, after a failure with a pause.
func (h *Hub) again(ctx context.Context, failed string, do func() error) {
	wait := 100 * time.Millisecond
	for ctx.Err() == nil {
		err := do()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			wait = 100 * time.Millisecond
			continue
		}
		h.log.Error("the control room", slog.String("what", failed), slog.Any("error", err))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, 10*time.Second)
	}
}

// readFeed takes changes in the order of their commits until ctx ends. Alerts and the place
// in the feed are one commit; only then the feed may forget. A crash before that commit
// brings the changes again, one behind it brings them to alerts that know them: each
// carries the version of its entity. So reading always begins with whatever the feed still
// holds, which after restoring a backup is right as well.
func (h *Hub) readFeed(ctx context.Context) error {
	origin, err := h.alertReader.Origin(ctx)
	if err != nil {
		return err
	}
	var at uint64
	for {
		if err := h.alertReader.Await(ctx, at); err != nil {
			return err
		}
		events, err := h.alertReader.Events(ctx, at, feedBatch)
		if err != nil {
			return err
		}
		var reports []queue.Report
		for i := range events {
			e := &events[i]
			at = e.Sequence
			if e.Tenant != "" {
				continue
			}
			if r, ok := h.reportOf(e.Before, e.After, e.At); ok {
				reports = append(reports, r)
			}
		}
		if len(events) == 0 {
			continue
		}
		if len(reports) > 0 {
			if err := h.alerts.Take(ctx, dataSource, reports, fmt.Sprintf("%s-%d", origin, at)); err != nil {
				return err
			}
		}
		if err := h.alertReader.Settle(ctx, at); err != nil {
			return err
		}
	}
}

// sweepData raises what goes on in the city's data and is not known, and ends what is over
// there: what was imported, restored, or changed while nobody listened.
func (h *Hub) sweepData(ctx context.Context) error {
	now := h.now()
	recent := now.Add(-lookBack)
	q := plane.Query{Types: alertTypes(), Limit: plane.MaxLimit, Match: func(e *plane.Entity) bool {
		r, ok := h.reportOf(nil, e, now)
		return ok && r.End.IsZero() && (r.Key.Source() == dataSource || r.Start.After(recent))
	}}
	for {
		page, err := h.store.Find(ctx, q)
		if err != nil {
			return err
		}
		var reports []queue.Report
		for _, e := range page.Entities {
			q.After = e.ID
			if r, ok := h.reportOf(nil, e, now); ok {
				reports = append(reports, r)
			}
		}
		for some := range slices.Chunk(h.alerts.News(reports), sweepChunk) {
			if err := h.alerts.Take(ctx, dataSource, some, ""); err != nil {
				return err
			}
		}
		if !page.More {
			break
		}
	}
	return h.sweepEnded(ctx, now)
}

func (h *Hub) sweepEnded(ctx context.Context, now time.Time) error {
	for _, source := range []city.Slug{dataSource, cameraSource, deviceSource} {
		going, err := h.alerts.Going(ctx, source)
		if err != nil {
			return err
		}
		for _, s := range going {
			id := entityOf(s.Key)
			e, err := h.store.Entity(ctx, plane.Key{ID: id})
			r := queue.Report{Situation: s, Version: version(now, 0)}
			switch {
			case city.KindOf(err) == city.NotFound:
				r.End = now
			case err != nil:
				return err
			default:
				said, ok := h.reportOf(nil, e, now)
				if !ok || said.End.IsZero() {
					continue
				}
				r = said
			}
			if err := h.alerts.Take(ctx, source, []queue.Report{r}, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// entityOf is the id of the entity that an alert was made of.
func entityOf(k alert.Key) string {
	_, id, _ := strings.Cut(string(k), ":")
	if k.Source() == cameraSource {
		return eventPrefix + id
	}
	return id
}

// version orders what is said of one entity: by the time of the commit, and within a
// millisecond by the entity's own version.
func version(at time.Time, n uint64) uint64 {
	return uint64(max(0, at.UnixMilli()))<<12 | n&0xfff
}

const (
	edgesEvery      = 5 * time.Second
	defaultEdgeLost = 30 * time.Second
)

// watchEdges raises an alert for each edge that is not heard, until ctx ends.
func (h *Hub) watchEdges(ctx context.Context) {
	tick := time.NewTicker(edgesEvery)
	defer tick.Stop()
	h.again(ctx, "lost edges are not noticed for now", func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		return errors.Join(h.lookAtEdges(ctx), h.lookAtDisks(ctx), h.lookAtLog(ctx))
	})
}

func (h *Hub) lookAtEdges(ctx context.Context) error {
	if h.kindsOff["edge-lost"] {
		return nil
	}
	going := map[string]alert.Situation{}
	list, err := h.alerts.Going(ctx, edgeSource)
	if err != nil {
		return err
	}
	for _, s := range list {
		name, _, _ := strings.Cut(entityOf(s.Key), ":")
		going[name] = s
	}
	after := h.cfg.Room.EdgeLost
	if after == 0 {
		after = defaultEdgeLost
	}
	kind, _ := h.alerts.Kinds().Of("edge-lost")
	now := h.now()
	var reports []queue.Report
	for _, e := range h.allEdges() {
		on, since, _, _ := e.connected()
		s, raised := going[string(e.name)]
		delete(going, string(e.name))
		switch {
		case on && raised:
			s.End = now
		case !on && !raised && time.Since(since) > after:
			start := now.Add(-time.Since(since)) // since is by the machine's clock
			s = alert.Situation{
				Key: alert.NewKey(edgeSource, fmt.Sprintf("%s:%d", e.name, start.UnixMilli())), Kind: kind.Name, Desk: kind.Desk, Priority: kind.Priority,
				Title: alert.TitleOf(kind.Name, alert.Word("edge", e.name)), Start: start,
			}
		default:
			continue
		}
		reports = append(reports, queue.Report{Situation: s, Version: version(now, 0)})
	}
	for _, s := range going { // of edges that are no more
		s.End = now
		reports = append(reports, queue.Report{Situation: s, Version: version(now, 0)})
	}
	if len(reports) == 0 {
		return nil
	}
	return h.alerts.Take(ctx, edgeSource, reports, "")
}

func (h *Hub) allEdges() []*edge {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*edge, 0, len(h.edges))
	for _, e := range h.edges {
		out = append(out, e)
	}
	return out
}
