package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"polity/demo/simulation"
	"polity/hub"
	"polity/internal/durable"
	"polity/sensors/transit"
)

// seed is that of everything simulated.
const seed = 20261130

const zone = "Europe/Helsinki"

// street is what is simulated beside the camera: devices and trams.
type street struct {
	devices  *simulation.Simulation
	mappings string // folder
	trams    string // address
	ended    <-chan error

	stop    context.CancelFunc // of the trams
	endWork context.CancelFunc // of the devices
	work    sync.WaitGroup
}

// openStreet makes what is simulated, and lets the trams tell where they are.
func (d *demo) openStreet(ctx context.Context, log *slog.Logger) (*street, error) {
	in, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	city := simulation.City{Seed: seed, Start: d.Now(), Zone: in}
	devices := simulation.New(city, log)
	devices.Past = d.town.fresh
	s := &street{devices: devices, mappings: d.town.path("mappings"), endWork: func() {}}
	if err := s.writeMappings(); err != nil {
		return nil, err
	}
	trams, err := simulation.NewTrams(&city, d.Now)
	if err != nil {
		return nil, err
	}
	ctx, s.stop = context.WithCancel(ctx)
	if s.trams, s.ended, err = trams.Serve(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// writeMappings writes the devices' mappings anew: those of an older demo go.
func (s *street) writeMappings() error {
	files, err := simulation.Mappings()
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(s.mappings), os.MkdirAll(s.mappings, 0o700)); err != nil {
		return fmt.Errorf("the demo's mappings: %w", err)
	}
	for name, text := range files {
		if err := durable.WriteFile(filepath.Join(s.mappings, name), text, 0o600); err != nil {
			return fmt.Errorf("the demo's mappings: %w", err)
		}
	}
	return nil
}

// sensors is how the hub hears the devices.
func (s *street) sensors() (*hub.Sensors, error) {
	devices, err := s.devices.Credentials()
	if err != nil {
		return nil, err
	}
	return &hub.Sensors{Mappings: s.mappings, MQTT: hub.MQTT{Listen: "127.0.0.1:0", Devices: devices}}, nil
}

// transit is how the hub hears the trams.
func (s *street) transit() hub.Transit {
	now := s.trams + "/realtime.pb"
	return hub.Transit{transit.Config{
		Name: "demo", Timetable: s.trams + "/gtfs.zip", Trips: now, Vehicles: now, Alerts: now, Every: 5 * time.Second, Simulated: true,
	}}
}

// begin lets the devices speak to the hub's broker.
func (s *street) begin(ctx context.Context, broker string) {
	ctx, s.endWork = context.WithCancel(ctx)
	s.work.Go(func() { s.devices.Run(ctx, broker) })
}

// end makes the devices silent.
func (s *street) end() {
	s.endWork()
	s.work.Wait()
}

func (s *street) close() error {
	s.end()
	s.stop()
	return <-s.ended
}
