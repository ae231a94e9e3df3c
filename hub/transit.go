package hub

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"polity/city"
	"polity/sensors/transit"
	"polity/sensors/transit/gtfs"
)

// Transit is the feeds of public transport (docs/formats/transit.md).
type Transit []transit.Config

func (t Transit) check() error {
	var errs []error
	seen := map[city.Slug]bool{}
	for i := range t {
		errs = append(errs, t[i].Check())
		if seen[t[i].Name] {
			errs = append(errs, fmt.Errorf("the feed %s stands there twice", t[i].Name))
		}
		seen[t[i].Name] = true
	}
	return errors.Join(errs...)
}

func (t Transit) resolve(dir string) {
	for i := range t {
		t[i].Resolve(dir)
	}
}

// inspect says what timetables on this machine hold. A broken one keeps no hub from
// starting.
func (t Transit) inspect(b *strings.Builder) {
	for i := range t {
		if t[i].Remote() {
			fmt.Fprintf(b, "Timetable %s: at an address, which is asked when the hub runs.\n", t[i].Name)
			continue
		}
		f, err := gtfs.Open(t[i].Timetable, gtfs.DefaultLimits())
		if err != nil {
			fmt.Fprintf(b, "Timetable %s cannot be used: %v\n", t[i].Name, err)
			continue
		}
		fmt.Fprintf(b, "Timetable %s: %d lines, %d stops, until %s.\n", t[i].Name, len(f.Routes), len(f.Stops), f.Expires().UTC().Format(time.DateOnly))
	}
}

// openTransit begins to keep the feeds. Without any there is no public transport.
func (h *Hub) openTransit(ctx context.Context) error {
	if len(h.cfg.Transit) == 0 {
		return nil
	}
	s, err := transit.New(transit.Deps{Feeds: h.cfg.Transit, Store: h.store, Data: filepath.Join(h.cfg.Data, "transit"), Log: h.log, Now: h.now})
	if err != nil {
		return fmt.Errorf("hub.transit: %w", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { s.Run(running) })
	h.closers = append(h.closers, func() error { stop(); work.Wait(); return nil })
	h.transit = s
	return nil
}

// collectTransit gives the feeds' numbers to Prometheus.
func (h *Hub) collectTransit(out chan<- prometheus.Metric) {
	if h.transit == nil {
		return
	}
	gauge := func(name, help string, labels []string, value float64, of ...string) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue, value, of...)
	}
	for _, b := range h.transit.Boards() {
		s, feed := b.State(h.now()), string(b.Name())
		gauge("polity_transit_timetable", "1 while there is a timetable that has not expired.", []string{"feed"}, one(!s.Loaded.IsZero() && !s.Expired), feed)
		gauge("polity_transit_timetable_problem", "1 while the last look at the timetable failed; the one before still counts.", []string{"feed"}, one(s.Problem != ""), feed)
		gauge("polity_transit_vehicles", "Vehicles that make a run now.", []string{"feed"}, float64(len(s.Vehicles)), feed)
		gauge("polity_transit_unmatched", "Runs of the last message that the timetable does not have.", []string{"feed"}, float64(s.Lost), feed)
		for _, x := range s.Sources {
			gauge("polity_transit_fresh", "1 while what the source told still counts.", []string{"feed", "source"}, one(x.Fresh), feed, x.Kind)
		}
	}
}
