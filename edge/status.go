package edge

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"polity/camera/link"
	"polity/camera/wire"
	"polity/register"
	"polity/spine"
)

// serve shows the edge's state to those on its machine.
func (e *edge) serve(ctx context.Context) {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{e})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", e.statePage)
	mux.HandleFunc("GET /healthz", e.healthPage)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		closing, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer stop()
		if err := s.Shutdown(closing); err != nil {
			_ = s.Close()
		}
	}()
	if err := s.Serve(e.listener); err != nil && ctx.Err() == nil {
		e.log.Error("the state page ended", slog.Any("error", err))
	}
}

// healthPage answers 200 while observations can be stored, 503 and why otherwise.
func (e *edge) healthPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if space := e.spine.Space(); space >= spine.Full {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "the disk is %s: observations wait in the camera processes\n", space)
		return
	}
	fmt.Fprintln(w, "ok")
}

// statePage says in words how everything is.
func (e *edge) statePage(w http.ResponseWriter, _ *http.Request) {
	stock, lost := e.counted()
	var b strings.Builder
	fmt.Fprintf(&b, "Edge %s, running since %s\n", e.cfg.Name, e.started.Format("2 January 15:04:05"))
	switch {
	case e.cfg.Hub.Address == "":
		b.WriteString("Hub: none is configured; everything stays here\n")
	case e.spine.Connected():
		b.WriteString("Hub: connected\n")
	default:
		b.WriteString("Hub: cannot be reached; everything is stored here until it can\n")
	}
	fmt.Fprintf(&b, "Store: %d observations and events wait for the hub, %d places in the archive, %.1f MB on disk; the disk is %s\n",
		stock.Waiting, stock.Archive, float64(stock.Bytes)/1e6, e.spine.Space())
	if lost > 0 {
		fmt.Fprintf(&b, "Lost: %d observations were given up for want of room\n", lost)
	}
	if r := e.recordings; r != nil {
		fmt.Fprintf(&b, "Recordings: %.1f GB, sealed; signed by recorder %x\n", float64(r.store.Size())/1e9, []byte(r.signer.Public()))
	}
	if e.cfg.Hub.Address != "" {
		b.WriteString(e.carry.words())
	}
	fmt.Fprintf(&b, "Detector: %s\n", e.detectorWords())
	for _, c := range e.cameras {
		b.WriteString(c.words())
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(b.String()))
}

func (e *edge) detectorWords() string {
	if e.detector == nil {
		return "there is none; scenes freeze"
	}
	if !e.detector.Running() {
		return "it does not run, and will be started again; scenes freeze"
	}
	return fmt.Sprintf("runs; it was started again %d times", e.detector.Restarts())
}

var conditionWords = map[wire.Condition]string{
	0: "nothing heard yet", wire.Starting: "starting", wire.Live: "live", wire.NoPicture: "no picture arrives", wire.WrongPassword: "wrong password",
	wire.BadStream: "what the camera sends cannot be decoded", wire.NoDetector: "no detector: the scene is frozen", wire.Refused: "refused", wire.Ended: "not running",
}

func (c *camera) words() string {
	status := c.link.Status()
	c.mu.Lock()
	defer c.mu.Unlock()
	head := fmt.Sprintf("Camera %s: ", c.cfg.Name)
	if c.refused != nil {
		return head + "does not run: " + register.ReasonOf(c.refused).String() + " (" + c.refused.Error() + ")\n"
	}
	if status.PID == 0 {
		return head + "not running" + exitWords(status) + "\n"
	}
	s := c.state
	sealed := ""
	if c.unsealed != "" {
		sealed = "  It is not recorded: " + c.unsealed + "\n"
	}
	return head + fmt.Sprintf("%s; %.1f of %.1f frames a second analysed, delay %v, %.0f%% of the place not shown, process start %d%s\n%s",
		conditionWords[s.Condition], s.PerSecond, s.Wanted, s.Delay, 100*s.Unknown, status.Starts, exitWords(status), sealed)
}

func exitWords(s link.Status) string {
	if s.LastExit == "" {
		return ""
	}
	return " (before: " + s.LastExit + ")"
}

// collector gives the edge's numbers to Prometheus when it asks.
type collector struct{ e *edge }

func (collector) Describe(chan<- *prometheus.Desc) {} // unchecked: the cameras vary

var cameraLabel = []string{"camera"}

func (k collector) Collect(out chan<- prometheus.Metric) {
	e := k.e
	send := func(name, help string, kind prometheus.ValueType, value float64, labels ...string) {
		var names []string
		if len(labels) > 0 {
			names = cameraLabel
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, value, labels...)
	}
	s := e.state()
	statements, _ := e.carry.waiting()
	for _, m := range []struct {
		name, help string
		kind       prometheus.ValueType
		value      float64
	}{
		{"polity_edge_hub_connected", "1 while the line to the hub stands.", prometheus.GaugeValue, one(e.spine.Connected())},
		{"polity_edge_waiting", "Observations and events that the hub does not have yet.", prometheus.GaugeValue, float64(s.Waiting)},
		{"polity_edge_lost_total", "Observations given up for want of room since the start.", prometheus.CounterValue, float64(s.Lost)},
		{"polity_edge_store_bytes", "Size of the store, archive included.", prometheus.GaugeValue, float64(s.Stored)},
		{"polity_edge_disk_free_bytes", "Free on the disk of the store.", prometheus.GaugeValue, float64(s.Free)},
		{"polity_edge_space", "Room on the disk: 0 roomy, 1 the archive shrinks, 2 full, 3 the store is broken.", prometheus.GaugeValue, float64(s.Space)},
		{"polity_edge_archived_places", "Places in the archive.", prometheus.GaugeValue, float64(s.Places)},
		{"polity_edge_statements_waiting", "Entries for the public log that it does not have yet.", prometheus.GaugeValue, float64(statements)},
		{"polity_edge_cameras", "Cameras configured.", prometheus.GaugeValue, float64(s.Cameras)},
		{"polity_edge_detector_running", "1 while the detector's process runs.", prometheus.GaugeValue, float64(s.Detector)},
	} {
		send(m.name, m.help, m.kind, m.value)
	}
	for _, c := range e.cameras {
		c.collect(send)
	}
}

func (c *camera) collect(send func(name, help string, kind prometheus.ValueType, value float64, labels ...string)) {
	status := c.link.Status()
	c.mu.Lock()
	defer c.mu.Unlock()
	name := string(c.cfg.Name)
	send("polity_camera_running", "1 while the camera's process runs.", prometheus.GaugeValue, one(status.PID != 0), name)
	send("polity_camera_starts_total", "Starts of the camera's process.", prometheus.CounterValue, float64(status.Starts), name)
	send("polity_camera_refused", "Why its register entry refuses it, by number (docs/formats/register.md, in order); 0: it does not.", prometheus.GaugeValue, float64(register.ReasonOf(c.refused)), name)
	send("polity_camera_condition", "What its process says of itself, by number (camera/wire.Condition).", prometheus.GaugeValue, float64(c.state.Condition), name)
	send("polity_camera_frames_decoded", "Frames since its process started.", prometheus.GaugeValue, float64(c.state.Decoded), name)
	send("polity_camera_frames_analysed", "Of them, analysed.", prometheus.GaugeValue, float64(c.state.Analysed), name)
	send("polity_camera_detector_runs", "Of them, shown to the detector.", prometheus.GaugeValue, float64(c.state.Detected), name)
	send("polity_camera_analysed_per_second", "Analysed frames a second now.", prometheus.GaugeValue, float64(c.state.PerSecond), name)
	send("polity_camera_delay_seconds", "From a frame's arrival to its marks.", prometheus.GaugeValue, c.state.Delay.Seconds(), name)
	send("polity_camera_unknown_ratio", "Share of the place that is not shown.", prometheus.GaugeValue, float64(c.state.Unknown), name)
	send("polity_camera_held", "Observations and events of its process that the edge has not stored yet.", prometheus.GaugeValue, float64(status.Waiting), name)
	send("polity_camera_events_dropped_total", "Events that the register entry does not allow.", prometheus.CounterValue, float64(c.dropped), name)
	if c.entry != nil {
		send("polity_camera_entry_expires_timestamp_seconds", "When the register entry ends.", prometheus.GaugeValue, float64(c.entry.Until.Unix()), name)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
