package live

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/traffic/control"
	"polity/services/traffic/corridor"
	"polity/services/traffic/network"
	"polity/services/traffic/rsmp"
	"polity/services/traffic/safety"
)

// Name is the service's.
const Name city.Slug = "traffic"

// Module is the service for the program's list.
var Module = service.Module{
	Name:  Name,
	New:   func(config []byte, d service.Deps) (service.Service, error) { return New(config, d) },
	Check: func(config []byte) error { _, err := read(config); return err },
}

// Detectors see this far, in metres, unless the network's lanes are shorter.
var sight = control.Sight{Before: 200, Beyond: 50}

// Service is the running service.
type Service struct {
	cfg    Config
	deps   service.Deps
	net    *network.Network
	world  *corridor.World // nil: the junctions are real
	listen func(context.Context) (net.Listener, error)
	code   string

	mu      sync.Mutex
	began   time.Time
	sites   []*site
	kept    kept
	rides   []ride
	heard   heard
	sup     *rsmp.Supervisor   // while it runs
	retimes map[string]*retime // by decision
	passed  []int              // vehicles per link, by the controllers' detectors
	between map[int]*between   // by lane, where two logics are
	left    map[int]time.Time  // by lane, when somebody last left a logic at its stop line
}

// site is a junction as the service sees it.
type site struct {
	j         *network.Junction
	connected bool
	since     time.Time // of connected
	letters   string    // as the controller said last
	guard     *safety.Guard
	shown     safety.Aspects // of the guard
	leading   bool           // the controller follows
	differs   int            // seconds in which it shows something else than it was asked for
	mode      Mode
	modeSince time.Time
	reason    string
	green     []green // of each second, the newest last
	meter     meter
	timing    rsmp.Timing // of its plans, as the controller told
	logics    string      // of its detectors, as it told; empty: it did not
	asked     asked       // the last priority that its controller was asked for
}

// green is what a controller showed green in one second.
type green struct {
	at  time.Time
	set network.Set
}

// Mode says who decides about a junction.
type Mode string

// The modes.
const (
	Away     Mode = "away"     // no line to its controller: it is on its own plan
	Held     Mode = "held"     // a person gave it back to its own plan
	Waiting  Mode = "waiting"  // no decision stands yet: on its own plan
	ByPlan   Mode = "plan"     // detectors cannot be believed: on its own plan
	Actuated Mode = "actuated" // some detectors cannot be believed
	Joining  Mode = "joining"  // the service's guard comes to show what the controller shows
	Adaptive Mode = "adaptive"
)

const (
	watched    = 5 * time.Minute // of greens
	differsFor = 15              // seconds until the service follows again
)

// New makes the service. Run works it.
func New(config []byte, d service.Deps) (*Service, error) {
	c, err := read(config)
	if err != nil {
		return nil, err
	}
	n, err := c.network()
	if err != nil {
		return nil, err
	}
	s, err := of(c, n, d)
	if err != nil {
		return nil, err
	}
	if c.Simulate == Corridor {
		s.code = corridor.Code
		return s, nil
	}
	secure, code, err := c.RSMP.secure()
	if err != nil {
		return nil, err
	}
	s.code = code
	s.listen = func(ctx context.Context) (net.Listener, error) {
		var l net.ListenConfig
		plain, err := l.Listen(ctx, "tcp", c.RSMP.Listen)
		if err != nil {
			return nil, fmt.Errorf("rsmp.listen: %w", err)
		}
		return tls.NewListener(plain, secure), nil
	}
	return s, nil
}

// of makes the service of a network, without a line to anybody.
func of(c Config, n *network.Network, d service.Deps) (*Service, error) {
	s := &Service{cfg: c, deps: d, net: n, retimes: map[string]*retime{}, passed: make([]int, len(n.Links)), between: map[int]*between{}, left: map[int]time.Time{}, kept: kept{Junctions: map[string]*standing{}, Alerts: map[string]alert{}}}
	if err := s.checkDetectors(); err != nil {
		return nil, err
	}
	for i, j := range s.net.Junctions {
		if _, err := safety.New(j); err != nil {
			return nil, err
		}
		s.sites = append(s.sites, &site{j: j, mode: Away, meter: newMeter(s.net, i)})
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Service) load() error {
	if err := s.deps.Load(&s.kept); err != nil {
		return fmt.Errorf("what people decided about junctions (%s): %w", s.deps.KeptPath(), err)
	}
	if s.kept.Junctions == nil {
		s.kept.Junctions = map[string]*standing{}
	}
	if s.kept.Alerts == nil {
		s.kept.Alerts = map[string]alert{}
	}
	for id, x := range s.kept.Junctions {
		if x == nil {
			delete(s.kept.Junctions, id)
		}
	}
	return nil
}

// save keeps what a restart must not forget. The lock is held.
func (s *Service) save() error { return s.deps.Save(&s.kept) }

const (
	ordersEach  = 5 * time.Second
	publishEach = time.Minute
)

// Run works until ctx ends. Then, or if the program is killed, each junction is on its own
// plan within ten seconds.
func (s *Service) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var work sync.WaitGroup
	defer work.Wait()
	defer end()
	brain, err := s.prepare()
	if err != nil {
		return err
	}
	listener, err := s.open(ctx, &work)
	if err != nil {
		return err
	}
	sup := &rsmp.Supervisor{Sites: map[string]int{}, Name: "polity", Code: s.code, Log: s.deps.Log, Events: rsmp.Events{Connected: s.connected, Groups: s.groups, Timing: s.timing, Refused: s.refused, Logics: s.logics}}
	if s.cfg.RSMP != nil && s.cfg.RSMP.Name != "" {
		sup.Name = s.cfg.RSMP.Name
	}
	for _, x := range s.sites {
		sup.Sites[x.j.ID] = len(x.j.Groups)
	}
	s.mu.Lock()
	s.sup = sup
	s.mu.Unlock()
	failed := make(chan error, 1)
	work.Go(func() {
		if err := sup.Serve(ctx, listener); ctx.Err() == nil {
			failed <- err
		}
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	changed := s.deps.Decisions.Changed()
	var ordered, published, moved time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-changed:
			changed = s.deps.Decisions.Changed()
			ordered = time.Time{}
		case now := <-tick.C:
			if err := s.hear(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			s.second(now, brain, sup)
		}
		now := time.Now()
		if now.Sub(moved) >= transitEach {
			moved = now
			if err := s.transit(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
		if now.Sub(ordered) >= ordersEach {
			ordered = now
			if err := s.orders(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			if err := s.alarm(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
		if now.Sub(published) >= publishEach {
			published = now
			if err := s.publish(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// prepare makes what decides, anew with each run, and begins with junctions as unknown.
func (s *Service) prepare() (control.Controller, error) {
	inner, err := s.brain()
	if err != nil {
		return nil, err
	}
	fixed, err := control.NewFixed(s.net, 0, nil)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = time.Now()
	for _, x := range s.sites {
		if x.guard, err = safety.New(x.j); err != nil {
			return nil, err
		}
		x.connected, x.since, x.letters, x.leading, x.shown = false, s.began, "", false, safety.Aspects{}
	}
	return control.NewWatchful(s.net, inner, fixed), nil
}

// open listens for controllers, and lets a made-up street connect.
func (s *Service) open(ctx context.Context, work *sync.WaitGroup) (net.Listener, error) {
	if s.listen != nil {
		return s.listen(ctx)
	}
	world, err := corridor.New(corridor.Config{Network: s.net, Seed: 16, Before: sight.Before, Beyond: sight.Beyond, Faults: playedFaults, Silences: playedSilences, Log: s.deps.Log})
	if err != nil {
		return nil, err
	}
	var l net.ListenConfig
	plain, err := l.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.world = world
	s.mu.Unlock()
	address := plain.Addr().String()
	work.Go(func() {
		world.Run(ctx, func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		})
	})
	return tls.NewListener(plain, world.Server()), nil
}

func (s *Service) site(id string) *site {
	if i := s.net.Junction(id); i >= 0 {
		return s.sites[i]
	}
	return nil
}

func (s *Service) connected(id string, up bool, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.site(id); x != nil && x.connected != up {
		x.connected, x.since, x.leading, x.timing, x.logics = up, time.Now(), false, rsmp.Timing{}, ""
		for _, lanes := range x.meter.lanes {
			for _, l := range lanes {
				delete(s.between, l)
			}
		}
	}
}

func (s *Service) groups(id, letters string, _ time.Time, old bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.site(id); x != nil && !old {
		x.letters = letters
	}
}
