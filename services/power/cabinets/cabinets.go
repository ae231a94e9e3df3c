// Package cabinets is cabinets of street lamps made of software: each burns its lamps by its
// own clock, sun and schedule, listens to a centre by IEC 60870-5-104, and says what it does
// as messages for MQTT. They go on alone when nobody listens or speaks to them.
package cabinets

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	"polity/city"
	"polity/services/power/iec104"
	"polity/services/power/lighting"
)

// Addresses of the outstation: the level of group i, in percent of full light, at Levels+i, and
// where the centre allows one at Commands+i. Station is its common address.
const (
	Station  = 8
	Levels   = 100
	Commands = 1000
)

// Config is what Start needs.
type Config struct {
	Groups []lighting.Group // prepared
	Zone   *time.Location   // of the cabinets' clocks
	Now    func() time.Time
	Every  time.Duration // between two messages of a cabinet
	// Broken is how many lamps do not burn, by group.
	Broken map[string]int
	// Say is called with each message, one at a time. It must not call the field.
	Say func(topic string, payload []byte)
}

// Field is cabinets out in the streets.
type Field struct {
	cfg      Config
	listener net.Listener
	station  *iec104.Outstation
	ctx      context.Context
	end      context.CancelFunc
	work     sync.WaitGroup

	mu   sync.Mutex
	list []*one
}

type one struct {
	group   *lighting.Group
	cabinet *lighting.Cabinet
	broken  int
	cut     bool // without supply
	state   lighting.State
	kwh     float64
	at      time.Time // up to which the meter counted
	orders  int
}

// Start begins, with a listener on loopback.
func Start(ctx context.Context, cfg Config) (*Field, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "cabinets made of software: %w", err)
	}
	f := &Field{cfg: cfg, listener: listener}
	f.ctx, f.end = context.WithCancel(ctx)
	f.station = &iec104.Outstation{Station: Station, Commands: map[uint32]iec104.Type{}, Operate: f.operate}
	now := cfg.Now().In(cfg.Zone)
	for i := range cfg.Groups {
		g := &cfg.Groups[i]
		x := &one{group: g, cabinet: lighting.NewCabinet(g), broken: cfg.Broken[g.Name], at: now}
		x.state = x.cabinet.At(now)
		f.list = append(f.list, x)
		f.station.Commands[Commands+uint32(i)] = iec104.SetPointFloat
		err = errors.Join(err, f.station.Set(f.ctx, x.point(i)))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	f.work.Go(f.serve)
	f.work.Go(f.live)
	return f, nil
}

// Address is where the outstation listens.
func (f *Field) Address() string { return f.listener.Addr().String() }

// Close ends it.
func (f *Field) Close() {
	f.end()
	f.listener.Close()
	f.work.Wait()
}

func (f *Field) serve() {
	for f.ctx.Err() == nil {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		_ = f.station.Serve(f.ctx, conn) // whoever connects next is served next
	}
}

func (x *one) point(i int) iec104.Point {
	return iec104.Point{Type: iec104.Float, Address: Levels + uint32(i), Value: math.Round(100 * x.state.Level)} //nolint:gosec // a city has no 4 billion cabinets
}

// operate takes the centre's word; a level that the cabinet may not have is refused.
func (f *Field) operate(c iec104.Command) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.list[int(c.Address)-Commands]
	if x.cut {
		return city.Errorf(city.Unavailable, "the cabinet has no supply")
	}
	if err := x.cabinet.Allow(c.Value/100, f.cfg.Now()); err != nil {
		return err
	}
	x.orders++
	return nil
}

// Cut takes a cabinet's supply away, or gives it back; it gasps.
func (f *Field) Cut(group string, cut bool) {
	f.mu.Lock()
	for _, x := range f.list {
		if x.group.Name == group {
			x.cut = cut
			f.say(x, "gasp", map[string]any{"ts": f.cfg.Now().UTC().Format(time.RFC3339Nano), "lost": cut})
		}
	}
	f.mu.Unlock()
}

// Break sets how many lamps of a group do not burn.
func (f *Field) Break(group string, lamps int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.list {
		if x.group.Name == group {
			x.broken = lamps
		}
	}
}

// Lamp is what somebody sees who stands in the street.
type Lamp struct {
	Level  float64
	By     string
	Orders int // of the centre that were taken
}

// Look returns it.
func (f *Field) Look(group string) Lamp {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.list, func(x *one) bool { return x.group.Name == group })
	if i < 0 || f.list[i].cut {
		return Lamp{}
	}
	s := f.list[i].cabinet.At(f.cfg.Now().In(f.cfg.Zone))
	return Lamp{s.Level, s.By, f.list[i].orders}
}

// live lets cabinets act and speak.
func (f *Field) live() {
	tick := time.NewTicker(f.cfg.Every)
	defer tick.Stop()
	for {
		f.step()
		select {
		case <-f.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *Field) step() {
	now := f.cfg.Now().In(f.cfg.Zone)
	for i, x := range f.list {
		f.mu.Lock()
		if x.cut {
			x.at = now
			f.mu.Unlock()
			continue
		}
		before := x.state.Level
		x.kwh += x.group.Watts(before, x.broken) * max(0, now.Sub(x.at).Hours()) / 1000
		x.at, x.state = now, x.cabinet.At(now)
		p := x.point(i)
		f.say(x, "up", map[string]any{
			"ts": now.UTC().Format(time.RFC3339Nano), "level": math.Round(1000*x.state.Level) / 1000, "state": powerState(x.state.Level), "by": x.state.By,
			"w": math.Round(10*x.group.Watts(x.state.Level, x.broken)) / 10, "kwh": math.Round(1000*x.kwh) / 1000,
		})
		changed := before != x.state.Level
		f.mu.Unlock()
		if changed {
			_ = f.station.Set(f.ctx, p) // without a connection it is told at the next interrogation
		}
	}
}

func powerState(level float64) string {
	switch {
	case level <= 0:
		return "off"
	case level < 1:
		return "low"
	}
	return "on"
}

func (f *Field) say(x *one, what string, values map[string]any) {
	if f.cfg.Say == nil {
		return
	}
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // ours: numbers and words
	}
	f.cfg.Say("street/"+x.group.Name+"/"+what, text)
}
