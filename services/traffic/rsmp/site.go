package rsmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Site is a simulated signal controller: one junction with a guard and the
// junction's own plan. A supervisor's wish holds for wishHolds; then, or when the
// connection ends, the plan runs again.
type Site struct {
	// Logics tells the state of its detector logics (S0002), a letter each, 1 or 0; nil: it
	// has none. To be set before Run.
	Logics func() string

	id    string
	code  string
	n     *network.Network
	guard *safety.Guard
	log   *slog.Logger

	mu       sync.Mutex
	program  *program
	own      network.Set // what the own plan shows green
	told     told
	favour   favour
	session  *session // nil while not connected
	stage    int
	version  string
	watching bool // somebody subscribes to the signal groups
	wish     network.Set
	wishedAt time.Time
	wished   bool
	letters  string
	alarms   map[string]Alarm
	buffer   []Message // what could not be sent, the oldest first
	began    time.Time
}

const (
	wishHolds   = 10 * time.Second
	maxBuffered = 10_000 // core specification 3.2, "Message buffering"
	retryFirst  = time.Second
	retryMost   = time.Minute
)

// NewSite makes the controller of a network's one junction.
func NewSite(id, code string, n *network.Network, log *slog.Logger) (*Site, error) {
	if len(n.Junctions) != 1 {
		return nil, city.Errorf(city.Invalid, "a site controls one junction; this network has %d", len(n.Junctions))
	}
	began := time.Now()
	midnight := time.Date(began.Year(), began.Month(), began.Day(), 0, 0, 0, 0, began.Location())
	program, err := newProgram(n, slices.Clone(n.Junctions[0].Plans), nil, began.Sub(midnight).Truncate(time.Second))
	if err != nil {
		return nil, err
	}
	guard, err := safety.New(n.Junctions[0])
	if err != nil {
		return nil, err
	}
	return &Site{id: id, code: code, n: n, program: program, guard: guard, log: log, alarms: map[string]Alarm{}, told: told{}, began: began}, nil
}

// Run keeps the signals going and a connection to the supervisor up, until ctx ends.
// After a failure it dials again, at first after a second, then ever later, at most
// after a minute.
func (s *Site) Run(ctx context.Context, dial func(context.Context) (net.Conn, error)) {
	var group sync.WaitGroup
	group.Go(func() { s.signals(ctx) })
	defer group.Wait()
	wait := retryFirst
	for ctx.Err() == nil {
		conn, err := dial(ctx)
		if err == nil {
			var up bool
			if up, err = s.talk(ctx, conn); up {
				wait = retryFirst
			}
		}
		s.log.Info("no supervisor; on the own plan", slog.String("reason", fmt.Sprint(err)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMost)
	}
}

// signals shows something every second, with or without a supervisor.
func (s *Site) signals(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.second(now)
		}
	}
}

func (s *Site) second(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clock := s.clock(now)
	s.own = s.program.wish(clock)
	want := s.favoured(s.own, now)
	if s.wished && now.Sub(s.wishedAt) <= wishHolds {
		want = s.wish
	} else {
		s.wished = false
	}
	var all network.Set // without detectors every movement is taken to be wanted
	for g := range s.n.Junctions[0].Groups {
		all = all.With(g)
	}
	letters := Letters(len(s.n.Junctions[0].Groups), s.guard.Step(clock, want, all))
	if letters != s.letters {
		s.letters = letters
		if s.watching {
			s.deliver(s.groups(KindStatusUpdate, now))
		}
	}
	s.watchPlans(now)
}

// Showing returns what the signal groups show, in the letters of status S0001, and
// whether a supervisor's wish is followed.
func (s *Site) Showing() (letters string, remote bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.letters, s.wished
}

// Raise tells of an alarm, or of its end; it waits for a connection if need be.
func (s *Site) Raise(a Alarm) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarms[a.Component+" "+a.Code] = a
	m := newMessage(KindAlarm)
	m.ExternalCode = new(string)
	m.Component, m.AlarmCode, m.AlarmKind, m.AlarmTime = a.Component, a.Code, "Issue", stamp(a.At)
	m.Acknowledged, m.Active, m.Category, m.Priority = "notAcknowledged", "inActive", "D", "2"
	m.Status = json.RawMessage(`"notSuspended"`)
	if a.Active {
		m.Active = "Active"
	}
	s.deliver(m)
}

// deliver sends now, or keeps what must not be lost for later; s.mu is held. Of more
// than the specification asks to keep, the oldest go.
func (s *Site) deliver(m Message) {
	if s.session != nil && s.stage == established {
		if err := s.session.send(m); err == nil {
			return
		}
	}
	if len(s.buffer) >= maxBuffered {
		s.buffer = s.buffer[1:]
	}
	s.buffer = append(s.buffer, m)
}

// groups makes the message that says what the signal groups show; s.mu is held.
func (s *Site) groups(kind Kind, now time.Time) Message {
	m := newMessage(kind)
	m.Component, m.StatusTime = s.id, stamp(now)
	m.Status, _ = json.Marshal([]StatusValue{{Code: "S0001", Name: "signalgroupstatus", Value: s.letters, Quality: "recent"}}) // strings only
	return m
}

// talk serves one connection; up tells whether it was ever established.
func (s *Site) talk(ctx context.Context, conn net.Conn) (up bool, err error) {
	ses := newSession(conn)
	ses.handle = s.handle
	s.mu.Lock()
	s.session, s.stage = ses, awaitVersion
	s.mu.Unlock()
	hello := newMessage(KindVersion)
	for _, v := range versions {
		hello.Versions = append(hello.Versions, VersionOf{v})
	}
	hello.List, hello.Sites = listVersion, []SiteOf{{s.id}}
	if err := ses.send(hello); err != nil {
		conn.Close()
		return false, err
	}
	err = ses.run(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	up = s.stage == established
	// Whether a wish still holds is a matter of time only: a short break of the
	// connection does not disturb the street.
	s.session, s.stage = nil, awaitVersion
	return up, err
}

func (s *Site) handle(m Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stage == awaitVersion && m.Kind != KindVersion:
		return fmt.Errorf("%w: %s before the versions are exchanged", errOrder, m.Kind)
	case s.stage == awaitVersion:
		if len(m.Versions) != 1 {
			return fmt.Errorf("%w: the supervisor chose %d versions, not one", errOrder, len(m.Versions))
		}
		s.version, s.stage = m.Versions[0].Version, awaitWatchdog
		return s.session.watchdog()
	case s.stage == awaitWatchdog && m.Kind != KindWatchdog:
		return fmt.Errorf("%w: %s before the first watchdog", errOrder, m.Kind)
	case s.stage == awaitWatchdog:
		s.stage = established
		return s.resume()
	}
	switch m.Kind {
	case KindWatchdog:
		return nil
	case KindStatusSubscribe, KindStatusRequest:
		return s.asked(m)
	case KindStatusUnsubscribe:
		s.watching, s.told = false, told{}
		return nil
	case KindCommandRequest:
		return s.command(m)
	case KindAggregatedRequest:
		return s.session.send(s.aggregated())
	case KindAlarm:
		return nil // an acknowledgement or suspension by a person: nothing here depends on it
	}
	return fmt.Errorf("%w: a supervisor does not send %s", errOrder, m.Kind)
}

// resume sends the aggregated status, the state of all alarms, and what was kept.
func (s *Site) resume() error {
	if err := s.session.send(s.aggregated()); err != nil {
		return err
	}
	kept := s.buffer
	s.buffer = nil
	for i, m := range kept {
		m.ID = newID()
		if m.Kind == KindStatusUpdate {
			m.Status = json.RawMessage(replaceQuality(m.Status))
		}
		if err := s.session.send(m); err != nil {
			s.buffer = append(s.buffer, kept[i:]...) // the rest goes with the next connection
			return nil                               //nolint:nilerr // nothing is lost
		}
	}
	return nil
}

// replaceQuality marks status values as old.
func replaceQuality(text []byte) []byte {
	var values []StatusValue
	if json.Unmarshal(text, &values) != nil {
		return text
	}
	for i := range values {
		values[i].Quality = "old"
	}
	out, err := json.Marshal(values)
	if err != nil {
		return text
	}
	return out
}

func (s *Site) aggregated() Message {
	m := newMessage(KindAggregatedStatus)
	m.Component, m.AggregatedTime = s.id, stamp(time.Now())
	m.Position, m.State = json.RawMessage("null"), json.RawMessage("null")
	// Bits: local mode, no communications, high, medium, low priority fault, connected
	// normally, idle, not connected (core specification, "Aggregated status").
	fault := false
	for _, a := range s.alarms {
		fault = fault || a.Active
	}
	m.Bits = []bool{false, false, false, fault, false, true, false, false}
	return m
}

// asked answers a question for statuses, and refuses by name those that are not known.
func (s *Site) asked(m Message) error {
	var list []Subscription
	if err := json.Unmarshal(m.Status, &list); err != nil {
		return city.Errorf(city.Invalid, "%s: sS: %v", m.Kind, err)
	}
	now := time.Now()
	var values []StatusValue
	for _, q := range list {
		value, had := s.value(q.Code, q.Name, now)
		if !had {
			return city.Errorf(city.NotFound, "the status %s, %s is not known here", q.Code, q.Name)
		}
		values = append(values, StatusValue{Code: q.Code, Name: q.Name, Value: value, Quality: "recent"})
	}
	kind := KindStatusResponse
	if m.Kind == KindStatusSubscribe {
		kind = KindStatusUpdate
		for _, v := range values {
			if v.Code == "S0001" {
				s.watching = true
			} else {
				s.told[Subscription{Code: v.Code, Name: v.Name}] = v.Value
			}
		}
	}
	answer := newMessage(kind)
	answer.Component, answer.StatusTime = s.id, stamp(now)
	answer.Status, _ = json.Marshal(values) // strings only
	return s.session.send(answer)
}

var errCode = errors.New("the security code is wrong")

// command follows M0012, M0014 to M0018 and M0022, and refuses others by name.
func (s *Site) command(m Message) error {
	switch {
	case len(m.Arguments) > 0 && m.Arguments[0].Code == "M0022":
		return s.prioritise(m)
	case len(m.Arguments) > 0 && m.Arguments[0].Code != "M0012":
		return s.retime(m)
	}
	wish, code, found := s.wish, "", false
	if !s.wished {
		wish = 0
	}
	answer := newMessage(KindCommandResponse)
	answer.Component, answer.CommandTime = m.Component, stamp(time.Now())
	answer.Values = []json.RawMessage{}
	for _, a := range m.Arguments {
		if a.Code != "M0012" {
			return city.Errorf(city.NotFound, "the command %s is not known here", a.Code)
		}
		switch a.Name {
		case "status":
			var err error
			if wish, err = parseSeries(a.Value, len(s.n.Junctions[0].Groups), wish); err != nil {
				return err
			}
			found = true
		case "securityCode":
			code = a.Value
		default:
			return city.Errorf(city.Invalid, "M0012 has no argument %q", a.Name)
		}
		v, err := json.Marshal(Answer{Code: a.Code, Name: a.Name, Value: a.Value, Age: "recent"})
		if err != nil {
			return err
		}
		answer.Values = append(answer.Values, v)
	}
	switch {
	case code != s.code:
		return errCode
	case !found:
		return city.Errorf(city.Invalid, "M0012 without its argument status")
	}
	s.wish, s.wished, s.wishedAt = wish, true, time.Now()
	return s.session.send(answer)
}

var retimes = []string{"M0014", "M0015", "M0016", "M0017", "M0018"}

func (s *Site) retime(m Message) error {
	answer := newMessage(KindCommandResponse)
	answer.Component, answer.CommandTime = m.Component, stamp(time.Now())
	for _, a := range m.Arguments {
		if !slices.Contains(retimes, a.Code) {
			return city.Errorf(city.NotFound, "the command %s is not known here", a.Code)
		}
		v, err := json.Marshal(Answer{Code: a.Code, Name: a.Name, Value: a.Value, Age: "recent"})
		if err != nil {
			return err
		}
		answer.Values = append(answer.Values, v)
	}
	program, err := s.program.retimed(m.Arguments, s.code)
	if err != nil {
		return err
	}
	s.program = program
	return s.session.send(answer)
}
