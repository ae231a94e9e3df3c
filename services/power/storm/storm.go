// Package storm is a made-up evening in a distribution network: fuses blow and tell
// nobody, meters gasp, stay silent or lie, residents call, crews mend. Its switches are
// those of a simulated outstation of IEC 60870-5-104, which moves what it is told to.
// It shares no code with what infers outages.
package storm

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"polity/city"
	"polity/services/power/grid"
	"polity/services/power/iec104"
)

// Addresses of the outstation: the position of line i at Positions+i, its command at
// Commands+i. Station is its common address.
const (
	Station   = 7
	Positions = 100
	Commands  = 1000
)

// Fault is a line that breaks.
type Fault struct {
	After time.Duration // behind the start
	Line  int
}

// Message is what a meter says or a resident reports.
type Message struct {
	At   time.Time
	Load int  // index into Network.Loads
	Dark bool // a last gasp or a call; otherwise the meter has power again
	Call bool // a resident's
}

// Config is what Start needs.
type Config struct {
	Network *grid.Network
	Faults  []Fault
	Seed    uint64
	Repair  time.Duration // from a broken line's switch being opened until it is mended
	// Tell is called with what is said, Mended with a line that a crew has mended; one at
	// a time, and they must not call the storm.
	Tell   func([]Message)
	Mended func(line int)
}

// Odds by which people and meters say things. Three meters in ten are not heard.
const (
	metered   = 0.6   // of the homes
	gasps     = 0.7   // of the meters in the dark
	wakes     = 0.9   // of those with power again
	lies      = 0.005 // of the meters with power, at each fault
	calls     = 0.12  // of the homes without a meter in the dark
	callsMost = 20 * time.Second
)

// Storm is a network out in the weather.
type Storm struct {
	cfg      Config
	listener net.Listener
	station  *iec104.Outstation
	ctx      context.Context
	end      context.CancelFunc
	work     sync.WaitGroup
	telling  sync.Mutex

	mu     sync.Mutex
	rng    *rand.Rand
	closed []bool // switches as they stand
	broken []bool
	dark   []bool // loads
}

// Start begins the evening, with a listener on loopback.
func Start(ctx context.Context, cfg Config) (*Storm, error) {
	for _, f := range cfg.Faults {
		if f.Line < 0 || f.Line >= len(cfg.Network.Lines) {
			return nil, city.Errorf(city.Invalid, "the storm breaks line %d; the network has %d", f.Line, len(cfg.Network.Lines))
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Storm{
		cfg: cfg, listener: listener, rng: rand.New(rand.NewPCG(cfg.Seed, 104)), //nolint:gosec // made-up weather
		broken: make([]bool, len(cfg.Network.Lines)), dark: make([]bool, len(cfg.Network.Loads)),
	}
	s.station = &iec104.Outstation{Station: Station, Commands: map[uint32]iec104.Type{}, Operate: s.operate}
	s.ctx, s.end = context.WithCancel(ctx)
	for i, l := range cfg.Network.Lines {
		s.closed = append(s.closed, l.Closed())
		s.station.Commands[Commands+uint32(i)] = iec104.DoubleCommand
		err = errors.Join(err, s.station.Set(s.ctx, s.point(i)))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	s.work.Go(s.serve)
	for _, f := range cfg.Faults {
		s.after(f.After, func() { s.breaks(f.Line) })
	}
	return s, nil
}

// Address is where the outstation listens.
func (s *Storm) Address() string { return s.listener.Addr().String() }

// Close ends it.
func (s *Storm) Close() {
	s.end()
	s.listener.Close()
	s.work.Wait()
}

func (s *Storm) point(line int) iec104.Point {
	v := float64(iec104.Off)
	if s.closed[line] {
		v = iec104.On
	}
	return iec104.Point{Type: iec104.DoublePoint, Address: Positions + uint32(line), Value: v} //nolint:gosec // a network has no 4 billion lines
}

func (s *Storm) serve() {
	for s.ctx.Err() == nil {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		_ = s.station.Serve(s.ctx, conn) // whoever connects next is served next
	}
}

// after does something later, unless the evening is over.
func (s *Storm) after(d time.Duration, do func()) {
	s.work.Go(func() {
		select {
		case <-s.ctx.Done():
		case <-time.After(d):
			do()
		}
	})
}

// operate moves a switch, as the outstation was told.
func (s *Storm) operate(c iec104.Command) error {
	line := int(c.Address) - Commands
	s.mu.Lock()
	s.closed[line] = c.Value == iec104.On
	crew := s.broken[line] && !s.closed[line]
	p := s.point(line)
	s.mu.Unlock()
	s.after(0, func() {
		_ = s.station.Set(s.ctx, p) // without a connection it is told at the next interrogation
		s.look(0)
	})
	if crew {
		s.after(s.cfg.Repair, func() { s.mend(line) })
	}
	return nil
}

func (s *Storm) breaks(line int) {
	s.mu.Lock()
	s.broken[line] = true
	s.mu.Unlock()
	s.look(lies)
}

func (s *Storm) mend(line int) {
	s.mu.Lock()
	mended := s.broken[line] && !s.closed[line] // nobody works on a line that can be live
	if mended {
		s.broken[line] = false
	}
	s.mu.Unlock()
	if mended && s.cfg.Mended != nil {
		s.cfg.Mended(line)
	}
}

// Metered says which homes have a meter that speaks.
func Metered(load int) bool { return float64(load%10) < metered*10 }

// look works out who has power, and lets meters and residents speak of what changed.
func (s *Storm) look(lying float64) {
	s.mu.Lock()
	net := s.cfg.Network.Clone()
	for i := range net.Lines {
		net.Lines[i].SetClosed(s.closed[i] && !s.broken[i])
	}
	top, now := net.Topology(), time.Now()
	var said []Message
	var later []Message
	for l := range net.Loads {
		dark := !top.BusLive(net.Loads[l].At.Bus)
		changed := dark != s.dark[l]
		s.dark[l] = dark
		m := Message{At: now, Load: l, Dark: dark}
		switch {
		case changed && Metered(l) && dark && s.rng.Float64() < gasps, changed && Metered(l) && !dark && s.rng.Float64() < wakes:
			said = append(said, m)
		case !changed && !dark && Metered(l) && s.rng.Float64() < lying:
			m.Dark = true
			said = append(said, m)
		case changed && dark && !Metered(l) && s.rng.Float64() < calls:
			m.Call = true
			later = append(later, m)
		}
	}
	delays := make([]time.Duration, len(later))
	for i := range delays {
		delays[i] = time.Duration(s.rng.Int64N(int64(callsMost)))
	}
	s.mu.Unlock()
	s.tell(said)
	for i, m := range later {
		s.after(delays[i], func() {
			s.mu.Lock()
			still := s.dark[m.Load]
			s.mu.Unlock()
			if m.At = time.Now(); still {
				s.tell([]Message{m})
			}
		})
	}
}

func (s *Storm) tell(said []Message) {
	if len(said) == 0 || s.cfg.Tell == nil {
		return
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	s.cfg.Tell(said)
}
