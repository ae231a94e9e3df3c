package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"polity/city"
	"polity/internal/authority"
	"polity/plane/ingest"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/mqtt"
	"polity/plane/ingest/push"
	"polity/plane/ingest/twin"
)

// Sensors is how devices' messages reach the hub, and what they mean.
type Sensors struct {
	Mappings string   `yaml:"mappings"` // folder of MAPPING.yaml files (docs/formats/ingest.md)
	Shipped  []string `yaml:"shipped"`  // those that come with the program and are in use, by name

	MQTT   MQTT         `yaml:"mqtt"`   // devices connect to the hub
	Broker Broker       `yaml:"broker"` // the hub connects to a broker that is there already
	Tokens []push.Token `yaml:"tokens"` // who may POST /ingest/ROUTE
}

// MQTT is the embedded broker.
type MQTT struct {
	Listen      string        `yaml:"listen"` // host:port; empty: there is none
	CertFile    string        `yaml:"cert_file"`
	KeyFile     string        `yaml:"key_file"`
	Devices     []mqtt.Device `yaml:"devices"`
	DevicesFile string        `yaml:"devices_file"` // more of them
}

// Broker is one that others run.
type Broker struct {
	Server       string `yaml:"server"` // mqtt:// or mqtts://host:port; empty: there is none
	ID           string `yaml:"id"`     // of our session there; empty: polity-hub
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	CAFile       string `yaml:"ca_file"`
}

func (s *Sensors) check() error {
	if s == nil {
		return nil
	}
	var errs []error
	if s.Mappings == "" && len(s.Shipped) == 0 {
		errs = append(errs, errors.New("neither a folder of mappings nor a shipped one is named; no message would be taken"))
	}
	for _, name := range s.Shipped {
		if _, err := mapping.ReadShipped(name); err != nil {
			errs = append(errs, fmt.Errorf("shipped: %w", err))
		}
	}
	if err := s.MQTT.check(); err != nil {
		errs = append(errs, fmt.Errorf("mqtt: %w", err))
	}
	if s.Broker.Server != "" {
		if err := mqtt.CheckServer(s.Broker.Server); err != nil {
			errs = append(errs, fmt.Errorf("broker.server: %w", err))
		}
		if s.Broker.User != "" && s.Broker.PasswordFile == "" {
			errs = append(errs, errors.New("broker.password_file is missing: one line, mode 0600"))
		}
	}
	for _, t := range s.Tokens {
		if err := t.Check(); err != nil {
			errs = append(errs, fmt.Errorf("tokens: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (m *MQTT) check() error {
	if m.Listen == "" {
		if len(m.Devices) > 0 || m.DevicesFile != "" {
			return errors.New("there are devices, and listen is missing, such as 127.0.0.1:1883")
		}
		return nil
	}
	loopback, err := host(m.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if (m.CertFile == "") != (m.KeyFile == "") {
		return errors.New("cert_file and key_file belong together")
	}
	if !loopback && m.CertFile == "" {
		return fmt.Errorf("listen: devices would send their passwords to %s without encryption; give cert_file and key_file", m.Listen)
	}
	return mqtt.CheckDevices(m.Devices)
}

// paths lists what is relative to the configuration's folder.
func (s *Sensors) paths() []*string {
	if s == nil {
		return nil
	}
	return []*string{&s.Mappings, &s.MQTT.CertFile, &s.MQTT.KeyFile, &s.MQTT.DevicesFile, &s.Broker.PasswordFile, &s.Broker.CAFile}
}

// sensors is what runs of it.
type sensors struct {
	intake *ingest.Intake
	broker *mqtt.Broker
	client *mqtt.Client
	push   http.Handler
}

// openSensors begins to take messages. Without a section sensors there are none.
func (h *Hub) openSensors(ctx context.Context) error {
	cfg := h.cfg.Sensors
	if cfg == nil {
		return nil
	}
	set, err := cfg.read()
	if err != nil {
		return err
	}
	s := &sensors{}
	s.intake, err = ingest.Open(ctx, ingest.Config{Store: h.store, Mappings: set, Refused: filepath.Join(h.cfg.Data, "refused"), Log: h.log, Now: h.now})
	if err != nil {
		return err
	}
	rounds, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { s.intake.Run(rounds) })
	h.closers = append(h.closers, func() error { stop(); work.Wait(); return nil })
	s.push = push.Handler(s.intake, cfg.Tokens)
	h.sensors = s
	if err := h.openBroker(s, &cfg.MQTT); err != nil {
		return err
	}
	return h.openClient(s, &cfg.Broker, set)
}

func (h *Hub) openBroker(s *sensors, cfg *MQTT) error {
	if cfg.Listen == "" {
		return nil
	}
	b, err := cfg.read()
	if err != nil {
		return err
	}
	b.Taker, b.Log = s.intake, h.log
	if s.broker, err = mqtt.Start(b); err != nil {
		return fmt.Errorf("hub.sensors.mqtt: %w", err)
	}
	h.closers = append(h.closers, s.broker.Close)
	return nil
}

// read reads what the embedded broker needs from files.
func (m *MQTT) read() (mqtt.BrokerConfig, error) {
	b := mqtt.BrokerConfig{Listen: m.Listen, Devices: slices.Clone(m.Devices)}
	if m.DevicesFile != "" {
		text, err := os.ReadFile(m.DevicesFile)
		if err != nil {
			return b, city.Errorf(city.Invalid, "hub.sensors.mqtt.devices_file: %w", err)
		}
		more, err := mqtt.ReadDevices(m.DevicesFile, text)
		if err != nil {
			return b, err
		}
		b.Devices = append(b.Devices, more...)
	}
	if m.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(m.CertFile, m.KeyFile)
		if err != nil {
			return b, city.Errorf(city.Invalid, "hub.sensors.mqtt: %w", err)
		}
		b.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12} // sensors seldom know 1.3
	}
	return b, nil
}

// brokerAddress is where devices connect; empty if they cannot.
func (h *Hub) brokerAddress() string {
	if h.sensors == nil || h.sensors.broker == nil {
		return ""
	}
	return h.sensors.broker.Address()
}

func (h *Hub) openClient(s *sensors, cfg *Broker, set *mapping.Set) error {
	if cfg.Server == "" {
		return nil
	}
	c, err := cfg.read()
	if err != nil {
		return err
	}
	c.Filters, c.Taker, c.Log = set.Filters(), s.intake, h.log
	if s.client, err = mqtt.Connect(c); err != nil {
		return fmt.Errorf("hub.sensors.broker: %w", err)
	}
	h.closers = append(h.closers, func() error { s.client.Close(); return nil })
	return nil
}

// read reads what a connection to the other broker needs from files.
func (b *Broker) read() (mqtt.ClientConfig, error) {
	c := mqtt.ClientConfig{Server: b.Server, ID: b.ID, User: b.User}
	if c.ID == "" {
		c.ID = "polity-hub"
	}
	if b.PasswordFile != "" {
		password, err := os.ReadFile(b.PasswordFile)
		if err != nil {
			return c, city.Errorf(city.Invalid, "hub.sensors.broker.password_file: %w", err)
		}
		c.Password = strings.TrimSpace(string(password))
	}
	if strings.HasPrefix(b.Server, "mqtts:") {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if b.CAFile != "" && c.TLS != nil {
		var err error
		if c.TLS.RootCAs, err = authority.Read(b.CAFile); err != nil {
			return c, city.Errorf(city.Invalid, "hub.sensors.broker.ca_file: %w", err)
		}
	}
	return c, nil
}

// read reads the mappings that are in use, and checks that tokens are for their routes.
func (s *Sensors) read() (*mapping.Set, error) {
	var list []*mapping.Mapping
	for _, name := range s.Shipped {
		m, err := mapping.ReadShipped(name)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if s.Mappings != "" {
		if info, err := os.Stat(s.Mappings); err != nil || !info.IsDir() {
			return nil, city.Errorf(city.Invalid, "hub.sensors.mappings: %s is no folder; put the mappings there, each a .yaml file", s.Mappings)
		}
		files, err := filepath.Glob(filepath.Join(s.Mappings, "*.yaml")) // sorted
		if err != nil {
			return nil, err
		}
		var errs []error
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, city.Errorf(city.Invalid, "hub.sensors.mappings: %w", err)
			}
			m, err := mapping.Read(file, text)
			errs = append(errs, err)
			list = append(list, m)
		}
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
	}
	set, err := mapping.NewSet(list...)
	if err != nil {
		return nil, err
	}
	for _, t := range s.Tokens {
		for _, route := range t.Routes {
			if !set.HasRoute(route) {
				return nil, city.Errorf(city.Invalid, "hub.sensors.tokens: %s is for the route %s, and no mapping has it", t.Name, route)
			}
		}
	}
	return set, nil
}

// collect gives the sensors' numbers to Prometheus.
func (s *sensors) collect(out chan<- prometheus.Metric) {
	counter := func(name, help string, value uint64, labels []string, of ...string) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue, float64(value), of...)
	}
	for name, c := range s.intake.Counts() {
		for result, n := range map[string]uint64{"taken": c.Taken, "repeated": c.Repeated, "refused": c.Refused, "unstored": c.Unstored} {
			counter("polity_ingest_messages_total", "Messages of devices since the start, by what came of them.", n, []string{"mapping", "result"}, string(name), result)
		}
	}
	states := map[twin.State]int{twin.OK: 0, twin.Late: 0, twin.Silent: 0, twin.Refused: 0, twin.ClockLies: 0}
	for _, t := range s.intake.Twins() {
		states[t.State]++
	}
	for state, n := range states {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("polity_ingest_devices", "Devices by state.", []string{"state"}, nil), prometheus.GaugeValue, float64(n), string(state))
	}
	homes := s.intake.Sums()
	for result, n := range map[string]uint64{"stored": homes.Summed, "too_few": homes.TooFew} {
		counter("polity_ingest_sums_total", "Sums of households since the start.", n, []string{"result"}, result)
	}
	for reason, n := range map[string]uint64{"late": homes.Late, "partial": homes.Partial, "forgotten": homes.Forgotten} {
		counter("polity_ingest_sums_left_out_total", "Values of households that no sum has, since the start.", n, []string{"reason"}, reason)
	}
	if s.broker != nil {
		b := s.broker.Stats()
		counter("polity_ingest_mqtt_denied_total", "Connections with a wrong name or password.", b.Denied, nil)
		counter("polity_ingest_mqtt_foreign_total", "Messages to topics of others.", b.Foreign, nil)
		counter("polity_ingest_mqtt_unstored_total", "Connections cut because the store was away.", b.Unstored, nil)
	}
	if s.client != nil {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("polity_ingest_broker_connected", "1 while the broker is there.", nil, nil), prometheus.GaugeValue, one(s.client.Connected()))
		counter("polity_ingest_broker_dropped_total", "Messages of quality of service 0 that came faster than they could be stored.", s.client.Dropped(), nil)
	}
}
