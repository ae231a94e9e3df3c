package hub

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"polity/city"
	"polity/plane"
)

const pageTime = 30 * time.Second // for one answer, live feeds apart

// serve answers over HTTP, or HTTPS with the redirection to it, until its servers are shut
// down.
func (h *Hub) serve(ctx context.Context, work *sync.WaitGroup, ended chan<- error) []*http.Server {
	work.Go(func() { h.front.Run(ctx) })
	if h.directory != nil {
		work.Go(func() { h.directory.Run(ctx) })
	}
	pages := newServer(bounded(h.front.Handler(h.handler())), h.log)
	pages.TLSConfig = h.front.TLS()
	go func() {
		if pages.TLSConfig != nil {
			ended <- pages.ServeTLS(h.listener, "", "")
		} else {
			ended <- pages.Serve(h.listener)
		}
	}()
	servers := []*http.Server{pages}
	if h.redirect != nil {
		to := newServer(bounded(h.front.Redirect()), h.log)
		go func() { ended <- to.Serve(h.redirect) }()
		servers = append(servers, to)
	}
	return servers
}

func newServer(answers http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: answers, ErrorLog: newErrorLog(log), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
}

// bounded gives every answer a time in which it has to be read. A live feed gives
// itself another with each update.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pageTime))
		next.ServeHTTP(w, r)
	})
}

func (h *Hub) metrics() http.Handler {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{h})
	return promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})
}

// push takes what devices send by HTTP.
func (h *Hub) push() http.Handler {
	if h.sensors == nil {
		return nil
	}
	return h.sensors.push
}

// healthPage answers 200 while the city's data can be read, 503 and why otherwise.
func (h *Hub) healthPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	ctx, stop := context.WithTimeout(r.Context(), 2*time.Second)
	defer stop()
	if _, err := h.store.Entity(ctx, plane.Key{ID: "urn:polity:health"}); err != nil && city.KindOf(err) != city.NotFound {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "the city's data cannot be read")
		return
	}
	fmt.Fprintln(w, "ok")
}

// collector gives the hub's numbers to Prometheus when it asks.
type collector struct{ h *Hub }

func (collector) Describe(chan<- *prometheus.Desc) {} // unchecked: cameras and edges vary

func (k collector) Collect(out chan<- prometheus.Metric) {
	h := k.h
	h.mu.Lock()
	n, edges := h.counted, make([]*edge, 0, len(h.edges))
	for _, e := range h.edges {
		edges = append(edges, e)
	}
	h.mu.Unlock()
	live := h.console.LiveStats()
	for _, m := range []struct {
		name, help string
		kind       prometheus.ValueType
		value      float64
	}{
		{"polity_hub_observations_total", "Observations stored since the start.", prometheus.CounterValue, float64(n.observations)},
		{"polity_hub_repeated_total", "Observations that came again and were recognised.", prometheus.CounterValue, float64(n.repeated)},
		{"polity_hub_events_total", "Beginnings and ends of events taken.", prometheus.CounterValue, float64(n.events)},
		{"polity_hub_put_off_total", "Messages put off because their camera has no entry here.", prometheus.CounterValue, float64(n.put)},
		{"polity_hub_dropped_total", "Messages of an edge about a camera of another edge.", prometheus.CounterValue, float64(n.dropped)},
		{"polity_hub_viewers", "Live feeds open now.", prometheus.GaugeValue, float64(live.Viewers)},
		{"polity_hub_watched_cameras", "Cameras that somebody watches now.", prometheus.GaugeValue, float64(live.Views)},
		{"polity_hub_live_updates_total", "Live updates written.", prometheus.CounterValue, float64(live.Updates)},
		{"polity_hub_live_bytes_total", "Bytes of live updates written.", prometheus.CounterValue, float64(live.Bytes)},
	} {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, nil, nil), m.kind, m.value)
	}
	if h.sensors != nil {
		h.sensors.collect(out)
	}
	h.collectAlarms(out)
	h.collectTransit(out)
	h.collectLedger(out)
	h.collectRoom(out)
	h.collectNotices(out)
	h.changes.collect(out)
	gauge := func(name, help, label string, value float64, of string) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, []string{label}, nil), prometheus.GaugeValue, value, of)
	}
	for _, e := range edges {
		on, _, _, state := e.connected()
		gauge("polity_hub_edge_connected", "1 while the edge is heard.", "edge", one(on), string(e.name))
		gauge("polity_hub_edge_waiting", "Observations and events that the edge said wait for the hub.", "edge", float64(state.Waiting), string(e.name))
		gauge("polity_hub_edge_space", "Room on the edge's disk: 0 roomy, 1 the archive shrinks, 2 full, 3 broken.", "edge", float64(state.Space), string(e.name))
	}
	for _, c := range h.all() {
		c.mu.Lock()
		gauge("polity_hub_camera_condition", "What the camera last said of itself, by number (camera/wire.Condition).", "camera", float64(c.state.Condition), string(c.name))
		if !c.heard.IsZero() {
			gauge("polity_hub_camera_heard_timestamp_seconds", "When it last did.", "camera", float64(c.heard.Unix()), string(c.name))
		}
		c.mu.Unlock()
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
