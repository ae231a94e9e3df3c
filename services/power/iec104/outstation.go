package iec104

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"polity/city"
)

// Point is a value of an outstation, with the type it is reported as at an
// interrogation. Changes are reported with time where the type has such a form.
type Point struct {
	Type    Type
	Address uint32
	Value   float64
	Quality Quality
}

// Outstation is a controlled station made of software. It has one connection at a
// time; its methods may be called from several goroutines.
type Outstation struct {
	Station    uint16
	Parameters Parameters // zero: Defaults
	// Held is how long a selection holds; 0 stands for 30 s.
	Held time.Duration
	// Commands says which objects take which type of command.
	Commands map[uint32]Type
	// Operate does a command; an error refuses it. It is called for executions that
	// were selected before, only, and must not call the outstation.
	Operate func(Command) error

	lock   sync.Mutex
	points []Point
	link   *link // nil while there is no connection

	// selection, of the connection's goroutine
	selected Command
	until    time.Time
}

// Set sets a point and reports its change; it adds the point if there is none.
func (o *Outstation) Set(ctx context.Context, p Point) error {
	o.lock.Lock()
	i := slices.IndexFunc(o.points, func(q Point) bool { return q.Address == p.Address })
	if i < 0 {
		o.points = append(o.points, p)
		slices.SortFunc(o.points, func(a, b Point) int { return int(a.Address) - int(b.Address) })
	} else {
		o.points[i] = p
	}
	l := o.link
	o.lock.Unlock()
	if l == nil {
		return nil
	}
	with := map[Type]Type{SinglePoint: SinglePointTime, DoublePoint: DoublePointTime, Normalised: NormalisedTime, Scaled: ScaledTime, Float: FloatTime}
	t, ok := with[p.Type]
	if !ok {
		return city.Errorf(city.Invalid, "points of type %d are not reported", p.Type)
	}
	return l.send(ctx, &ASDU{Type: t, Cause: Spontaneous, Station: o.Station, Objects: []Object{{Address: p.Address, Value: p.Value, Quality: p.Quality, Time: time.Now()}}})
}

// Serve works one connection until ctx ends or the connection does.
func (o *Outstation) Serve(ctx context.Context, conn net.Conn) error {
	l := newLink(conn, o.Parameters, true)
	l.receive = func(data []byte) error { return o.receive(l, data) }
	l.started = func(active bool) {
		o.lock.Lock()
		defer o.lock.Unlock()
		if o.link = nil; active {
			o.link = l
		}
	}
	o.until = time.Time{}
	err := l.run(ctx)
	l.started(false)
	return err
}

// receive handles a message.
func (o *Outstation) receive(l *link, data []byte) error {
	a, err := DecodeASDU(data)
	if outOfSubset(err) {
		return l.answer(unheard(data, UnknownType))
	}
	if err != nil {
		return err
	}
	if a.Station != o.Station {
		return l.answer(unheard(data, UnknownCommonAddr))
	}
	switch a.Type {
	case Interrogation:
		return o.interrogated(l, a, data)
	case ClockSync:
		a.Cause = ActivationCon // a simulated station has the machine's clock
		return l.answer(a.Append(nil))
	case SingleCommand, DoubleCommand, SetPointFloat:
		return o.command(l, a, data)
	}
	return l.answer(unheard(data, UnknownType))
}

func (o *Outstation) interrogated(l *link, a ASDU, data []byte) error {
	if a.Cause != Activation || a.Objects[0].Qualifier != 20 {
		return l.answer(unheard(data, UnknownCause))
	}
	a.Cause = ActivationCon
	answers := [][]byte{a.Append(nil)}
	o.lock.Lock()
	const most = 20 // objects to a message: with three bytes of address and five of value well below 249
	for start := 0; start < len(o.points); {
		end := start
		for end < len(o.points) && end-start < most && o.points[end].Type == o.points[start].Type {
			end++
		}
		m := ASDU{Type: o.points[start].Type, Cause: Interrogated, Station: o.Station}
		for _, p := range o.points[start:end] {
			m.Objects = append(m.Objects, Object{Address: p.Address, Value: p.Value, Quality: p.Quality})
		}
		answers = append(answers, m.Append(nil))
		start = end
	}
	o.lock.Unlock()
	a.Cause = ActivationEnd
	for _, m := range append(answers, a.Append(nil)) {
		if err := l.answer(m); err != nil {
			return err
		}
	}
	return nil
}

// command handles select, execute and cancel (5-101, 6.8). Execution without a
// selection of the same command that still holds is refused.
func (o *Outstation) command(l *link, a ASDU, data []byte) error {
	one := a.Objects[0]
	c := Command{Type: a.Type, Address: one.Address, Value: one.Value}
	if t, ok := o.Commands[one.Address]; !ok || t != a.Type || len(a.Objects) != 1 {
		return l.answer(unheard(data, UnknownObject))
	}
	reply := func(cause Cause, negative bool) error {
		a.Cause, a.Negative = cause, negative
		return l.answer(a.Append(nil))
	}
	holds := o.selected == c && time.Now().Before(o.until)
	switch {
	case a.Cause == Deactivation:
		o.until = time.Time{}
		return reply(DeactivationCon, !holds)
	case a.Cause != Activation:
		return l.answer(unheard(data, UnknownCause))
	case one.Select:
		if busy := time.Now().Before(o.until) && o.selected != c; busy || c.check() != nil {
			return reply(ActivationCon, true)
		}
		held := o.Held
		if held == 0 {
			held = 30 * time.Second
		}
		o.selected, o.until = c, time.Now().Add(held)
		return reply(ActivationCon, false)
	}
	o.until = time.Time{}
	if !holds || o.Operate == nil || o.Operate(c) != nil {
		return reply(ActivationCon, true)
	}
	if err := reply(ActivationCon, false); err != nil {
		return err
	}
	return reply(ActivationEnd, false)
}
