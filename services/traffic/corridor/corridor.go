package corridor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/rsmp"
	"polity/services/traffic/safety"
	"polity/services/traffic/street"
)

// Code is security code 2 of the simulated controllers.
const Code = "corridor"

// Fault is a detector that freezes: it goes on showing what it saw last.
type Fault struct {
	Lane  string
	After time.Duration // behind the start
	For   time.Duration
}

// Silence is a time in which no detector says anything.
type Silence struct{ After, For time.Duration }

// Config is what New needs.
type Config struct {
	Network  *network.Network
	Seed     uint64
	Before   float64 // metres that detectors see before a stop line
	Beyond   float64 // and beyond a junction
	Faults   []Fault
	Silences []Silence
	Log      *slog.Logger
}

// World is the corridor.
type World struct {
	cfg    Config
	sites  []*rsmp.Site
	server *tls.Config
	client *tls.Config
	top    *x509.Certificate
	logics []Numbering
	felt   []atomic.Pointer[string] // by junction: what its detector logics feel

	mu     sync.Mutex
	street *street.Street
	shadow *plain
	seen   control.Reading
	frozen map[int][]control.Vehicle
	began  time.Time
}

// plain is the street whose junctions stay on the plans that their controllers have.
type plain struct {
	street *street.Street
	guards []*safety.Guard
}

// New makes a corridor in which nobody is yet. Run works it.
func New(c Config) (*World, error) {
	w := &World{cfg: c, shadow: &plain{}, frozen: map[int][]control.Vehicle{}}
	w.felt = make([]atomic.Pointer[string], len(c.Network.Junctions))
	var err error
	if w.street, err = street.New(street.Config{Network: c.Network, Seed: c.Seed}); err != nil {
		return nil, err
	}
	if w.shadow.street, err = street.New(street.Config{Network: c.Network, Seed: c.Seed}); err != nil {
		return nil, err
	}
	for i, j := range c.Network.Junctions {
		one, err := c.Network.Only(i)
		if err != nil {
			return nil, err
		}
		site, err := rsmp.NewSite(j.ID, Code, one, c.Log)
		if err != nil {
			return nil, err
		}
		guard, err := safety.New(j)
		if err != nil {
			return nil, err
		}
		w.logics = append(w.logics, Logics(c.Network, i))
		site.Logics = func() string {
			if now := w.felt[i].Load(); now != nil {
				return *now
			}
			return strings.Repeat("0", w.logics[i].count)
		}
		w.sites = append(w.sites, site)
		w.shadow.guards = append(w.shadow.guards, guard)
	}
	a, err := newAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	w.top = a.top
	mine, err := a.certify(2, host, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, err
	}
	theirs, err := a.certify(3, "site", x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, err
	}
	w.server = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{mine}, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert}
	w.client = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{theirs}, RootCAs: a.pool, ServerName: host}
	return w, nil
}

// Server is the supervisor's end of TLS.
func (w *World) Server() *tls.Config { return w.server }

// Run works until ctx ends. Dial reaches the supervisor; TLS goes over what it returns.
func (w *World) Run(ctx context.Context, dial func(context.Context) (net.Conn, error)) {
	var work sync.WaitGroup
	defer work.Wait()
	secure := func(ctx context.Context) (net.Conn, error) {
		plain, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(plain, w.client)
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			plain.Close()
			return nil, err
		}
		return conn, nil
	}
	w.mu.Lock()
	w.began = time.Now()
	w.mu.Unlock()
	for _, s := range w.sites {
		work.Go(func() { s.Run(ctx, secure) })
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.second(now)
		}
	}
}

func (w *World) second(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	clock := time.Duration(w.shadow.street.Now()) * time.Second
	var letters, alone []string
	for i, s := range w.sites {
		text, _ := s.Showing()
		letters = append(letters, text)
		j := w.cfg.Network.Junctions[i]
		alone = append(alone, rsmp.Letters(len(j.Groups), w.shadow.guards[i].Step(clock, s.Plan(), j.All())))
	}
	w.street.Step(letters)
	w.shadow.street.Step(alone)
	w.look(now.Sub(w.began))
}

// look is a second of the detectors.
func (w *World) look(at time.Duration) {
	for _, s := range w.cfg.Silences {
		if at >= s.After && at < s.After+s.For {
			return
		}
	}
	seen := w.street.See(w.cfg.Before, w.cfg.Beyond)
	for i := range w.logics {
		now := w.logics[i].feel(w.cfg.Network, i, &seen)
		w.felt[i].Store(&now)
	}
	r := control.Reading{At: at, Passed: seen.Passed, Inside: seen.Inside, Standing: seen.Standing, Waiting: seen.Waiting}
	for _, list := range seen.Lanes {
		var row []control.Vehicle
		for _, v := range list {
			x := control.Vehicle{Distance: v.Distance, Speed: v.Speed, Length: v.Length}
			if v.Bus {
				x.Class = control.Bus
			}
			row = append(row, x)
		}
		r.Lanes = append(r.Lanes, row)
	}
	for _, f := range w.cfg.Faults {
		lane := w.cfg.Network.Lane(f.Lane)
		if lane < 0 {
			continue
		}
		if at < f.After || at >= f.After+f.For {
			delete(w.frozen, lane)
			continue
		}
		if _, had := w.frozen[lane]; !had {
			w.frozen[lane] = r.Lanes[lane]
		}
		r.Lanes[lane] = w.frozen[lane]
	}
	w.seen = r
}

// Seen is the newest reading of all detectors, and how old it is.
func (w *World) Seen() (r control.Reading, age time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began.IsZero() {
		return control.Reading{}, 0
	}
	return w.seen, time.Since(w.began) - w.seen.At
}

// Showing returns what a junction's signals show, in the letters of RSMP's S0001, and whether
// they follow the supervisor.
func (w *World) Showing(junction int) (letters string, remote bool) {
	return w.sites[junction].Showing()
}

// Watch calls look while nothing moves, with the street and its twin on fixed plans.
func (w *World) Watch(look func(now, fixed *street.Street)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	look(w.street, w.shadow.street)
}
