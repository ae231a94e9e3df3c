package hub

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"polity/sensors/alarm"
	"polity/sensors/noise"
)

// Alarms is which of what sensors measure is an alarm (docs/formats/sensors.md).
type Alarms struct {
	alarm.Config `yaml:",inline"`
	NoiseHours   noise.Hours `yaml:"noise_hours"` // when day, evening and night begin; left out: 7, 19, 23
}

func (a *Alarms) check() error {
	if a.NoiseHours != (noise.Hours{}) {
		if err := a.NoiseHours.Check(); err != nil {
			return err
		}
	}
	return a.Config.Check()
}

// openAlarms makes the watch over sensors; run keeps its rounds.
func (h *Hub) openAlarms() {
	h.watch = alarm.New(h.store, h.cfg.Alarms.Config, h.log, h.now)
}

func (h *Hub) keepAlarms(ctx context.Context) {
	if !h.cfg.Alarms.Off {
		h.watch.Run(ctx)
	}
}

// collectAlarms gives the watch's numbers to Prometheus.
func (h *Hub) collectAlarms(out chan<- prometheus.Metric) {
	gauge := func(name, help string, value float64, labels []string, of ...string) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue, value, of...)
	}
	counter := func(name, help string, value uint64, labels []string, of ...string) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue, float64(value), of...)
	}
	groups, active := h.watch.Tally()
	for g, n := range groups {
		gauge("polity_sensors", "Sensors by kind and state.", float64(n), []string{"kind", "state"}, string(g.Kind), g.State)
	}
	for _, s := range []alarm.Severity{alarm.Informational, alarm.Low, alarm.Medium, alarm.High, alarm.Critical} {
		gauge("polity_sensor_alarms", "Alarms of sensors that go on.", float64(active[s]), []string{"severity"}, string(s))
	}
	c := h.watch.Counts()
	for change, n := range map[string]uint64{"raised": c.Raised, "changed": c.Changed, "cleared": c.Cleared} {
		counter("polity_sensor_alarm_changes_total", "Alarms of sensors raised, changed in severity, and cleared since the start.", n, []string{"change"}, change)
	}
	counter("polity_sensor_alarms_unstored_total", "Changes of alarms that could not be stored at once and were tried again.", c.Unstored, nil)
	counter("polity_sensor_rounds_total", "Rounds over all sensors since the start.", c.Rounds, nil)
	counter("polity_sensor_rounds_failed_total", "Rounds in which the city's data could not be read or written.", c.Failed, nil)
	counter("polity_sensor_looks_total", "Sensors that were looked at since the start.", c.Looked, nil)
	gauge("polity_sensor_round_seconds", "How long the last round took.", h.watch.LastRound().Seconds(), nil)
}
