package hub

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/console/texts"
	"polity/internal/strictyaml"
	"polity/room/alert"
	"polity/room/incident"
	"polity/room/queue"
)

// Room is the control room (docs/formats/alerts.md).
type Room struct {
	Off      bool        `yaml:"off"`
	KeepDays int         `yaml:"keep_days"` // of closed alerts; 0: 90
	Kinds    []AlertKind `yaml:"kinds"`     // what is other than as shipped
	// EdgeLost is for how long an edge says nothing before that is an alert; 0: 30s.
	EdgeLost time.Duration `yaml:"edge_lost"`
}

// AlertKind changes a shipped kind of alert.
type AlertKind struct {
	Name     city.Slug `yaml:"name"`
	Off      bool      `yaml:"off"` // raise none
	Desk     city.Slug `yaml:"desk"`
	Priority int       `yaml:"priority"`
	// Precision is the registered one, above 0 and below 1; 0: 0.5.
	Precision float64 `yaml:"precision"`
	// Registered is the day on which the precision was registered, 2026-11-30, and Cameras
	// those of single cameras: verdicts from before do not count.
	Registered string               `yaml:"registered"`
	Cameras    map[city.Slug]string `yaml:"cameras"`
}

func (r *Room) check() error {
	if r.KeepDays < 0 || r.KeepDays > 3650 {
		return fmt.Errorf("keep_days: %d is not between 1 and 3650", r.KeepDays)
	}
	if r.EdgeLost != 0 && (r.EdgeLost < quietEdge || r.EdgeLost > 24*time.Hour) {
		return fmt.Errorf("edge_lost: %v is not between %v and 24h", r.EdgeLost, quietEdge)
	}
	_, _, err := r.kinds()
	return err
}

// kinds are those that apply, and those of which no alert is raised.
func (r *Room) kinds() (kinds alert.Kinds, off map[city.Slug]bool, err error) {
	kinds, off = alert.Shipped(), map[city.Slug]bool{}
	var all []string
	for _, k := range kinds {
		all = append(all, string(k.Name))
	}
	seen := map[city.Slug]bool{}
	for _, own := range r.Kinds {
		i := slices.IndexFunc(kinds, func(k alert.Kind) bool { return k.Name == own.Name })
		switch {
		case i < 0:
			hint := ""
			if near := strictyaml.Nearest(string(own.Name), all); near != "" {
				hint = fmt.Sprintf("; did you mean %s?", near)
			}
			return nil, nil, fmt.Errorf("kinds: there is no kind %q%s", string(own.Name), hint)
		case seen[own.Name]:
			return nil, nil, fmt.Errorf("kinds: %s stands there twice", own.Name)
		}
		seen[own.Name] = true
		if off[own.Name] = own.Off; !own.Off {
			delete(off, own.Name)
		}
		if err := own.change(&kinds[i]); err != nil {
			return nil, nil, fmt.Errorf("kinds: %s: %w", own.Name, err)
		}
	}
	return kinds, off, nil
}

func (a *AlertKind) change(k *alert.Kind) (err error) {
	if a.Desk != "" {
		if !slices.Contains(access.Desks(), a.Desk) {
			return fmt.Errorf("desk: there is no desk %q; there are %v", string(a.Desk), access.Desks())
		}
		k.Desk = a.Desk
	}
	if a.Priority != 0 {
		if a.Priority < alert.Highest || a.Priority > alert.Lowest {
			return fmt.Errorf("priority: %d is not between %d and %d", a.Priority, alert.Highest, alert.Lowest)
		}
		k.Priority = a.Priority
	}
	if a.Precision != 0 {
		if !(a.Precision > 0 && a.Precision < 1) {
			return fmt.Errorf("precision: %g is not between 0 and 1", a.Precision)
		}
		k.Precision = a.Precision
	}
	if k.Registered, err = day(a.Registered); err != nil {
		return fmt.Errorf("registered: %w", err)
	}
	k.Cameras = map[city.Slug]time.Time{}
	for camera, text := range a.Cameras {
		if err := camera.Check(); err != nil {
			return fmt.Errorf("cameras: %w", err)
		}
		if k.Cameras[camera], err = day(text); err != nil {
			return fmt.Errorf("cameras: %s: %w", camera, err)
		}
	}
	return nil
}

func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, fmt.Errorf("%q is no day such as 2026-11-30", text)
	}
	return t, nil
}

// openRoom opens the queue of alerts, which closes with the hub.
func (h *Hub) openRoom(ctx context.Context, pages *console.Config) error {
	if h.cfg.Room.Off {
		return nil
	}
	kinds, off, err := h.cfg.Room.kinds()
	if err != nil {
		return city.Errorf(city.Invalid, "hub.room: %w", err)
	}
	say := texts.English()
	cfg := queue.Config{
		Kinds: kinds, Decider: h.access, Keep: time.Duration(h.cfg.Room.KeepDays) * 24 * time.Hour, Log: h.log, Now: h.now,
		Words: func(t alert.Title) string { return say.Say(t.Text) },
	}
	if h.people != nil {
		known := &colleagues{people: h.people, decide: h.access, now: h.now, names: map[string]named{}}
		cfg.Name, cfg.MayHandle = known.name, known.mayHandle
		pages.Colleagues = known.of
	}
	if h.alerts, err = queue.Open(ctx, h.cfg.Data, cfg); err != nil {
		return err
	}
	h.kindsOff = off
	h.closers = append(h.closers, h.alerts.Close)
	pages.Alerts, pages.Related = h.alerts, h.related
	return nil
}

// runRoom keeps the queue, and what is raised in it, until ctx ends.
func (h *Hub) runRoom(ctx context.Context, work *sync.WaitGroup) {
	if h.alerts == nil {
		return
	}
	work.Go(func() { h.alerts.Run(ctx) })
	work.Go(func() { h.followData(ctx) })
	work.Go(func() { h.sweep(ctx) })
	work.Go(func() { h.watchEdges(ctx) })
	work.Go(func() { h.forgetIncidents(ctx) })
	for _, s := range h.advice {
		work.Go(func() { h.followSource(ctx, s) })
	}
}

// forgetIncidents forgets, every hour until ctx ends, incidents that were closed long ago.
func (h *Hub) forgetIncidents(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	book := incident.New(h.alerts)
	h.again(ctx, "old incidents are not forgotten for now", func() error {
		if err := book.Forget(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		return nil
	})
}

// collectRoom gives the queue's numbers to Prometheus.
func (h *Hub) collectRoom(out chan<- prometheus.Metric) {
	if h.alerts == nil {
		return
	}
	c := h.alerts.Counts()
	for _, m := range []struct {
		name, help string
		kind       prometheus.ValueType
		value      float64
	}{
		{"polity_alerts_open", "Alerts of the control room that are open, quiet ones included.", prometheus.GaugeValue, float64(c.Open)},
		{"polity_alerts_quiet", "Open alerts whose kind was demoted.", prometheus.GaugeValue, float64(c.Quiet)},
		{"polity_alerts_raised_total", "Alerts raised since the start.", prometheus.CounterValue, float64(c.Raised)},
		{"polity_alerts_refused_total", "Reports of sources that made no alert.", prometheus.CounterValue, float64(c.Refused)},
		{"polity_alerts_operations_total", "What people did about alerts.", prometheus.CounterValue, float64(c.Operations)},
		{"polity_alerts_conflicts_total", "Operations that met another's.", prometheus.CounterValue, float64(c.Conflicts)},
		{"polity_alerts_readers", "Who follows the alerts now.", prometheus.GaugeValue, float64(c.Readers)},
	} {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, nil, nil), m.kind, m.value)
	}
}
