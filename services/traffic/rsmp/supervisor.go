package rsmp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"polity/city"
	"polity/services/traffic/network"
)

// Events is what a supervisor tells of its sites. The calls come from the site's
// connection, one at a time for each site, and must not block.
type Events struct {
	Connected func(site string, up bool, reason string)
	// Groups brings what the signal groups show, a letter each: Letters tells which.
	Groups func(site, letters string, at time.Time, old bool)
	Alarm  func(site string, a Alarm)
	// Timing brings what a controller tells of its time plans, all that is known.
	Timing func(site string, t Timing)
	// Logics brings the state of the detector logics (S0002), a letter each: 1 active, 0
	// not, - not there.
	Logics func(site, letters string, at time.Time)
	// Refused brings the id of a message that the site refuses, and why.
	Refused func(site, id, reason string)
}

// Alarm is an alarm of a site.
type Alarm struct {
	Component, Code string
	Active          bool
	At              time.Time
}

// Supervisor watches over sites that connect to it and sends them wishes. Its
// methods may be called from any goroutine.
type Supervisor struct {
	// Sites lists the controllers that may connect, with the number of their signal
	// groups.
	Sites  map[string]int
	Name   string // its own site id
	Code   string // security code 2 of the sites
	Events Events
	Log    *slog.Logger

	mu    sync.Mutex
	lines map[string]*line
}

// line is the connection to one site.
type line struct {
	*session
	site   string
	stage  int // of the handshake
	timing Timing
}

const (
	awaitVersion = iota
	awaitWatchdog
	established
)

// Serve takes connections until ctx ends. For TLS the listener is one of
// crypto/tls that asks for client certificates.
func (s *Supervisor) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("accept connections of sites: %w", err)
		}
		group.Go(func() { s.Attend(ctx, conn) })
	}
}

// Attend serves one connection until it ends.
func (s *Supervisor) Attend(ctx context.Context, conn net.Conn) {
	ln := &line{session: newSession(conn)}
	ln.handle = func(m Message) error { return s.handle(ln, m) }
	ln.refused = func(id, reason string) {
		s.Log.Warn("a site refuses a message", slog.String("site", ln.site), slog.String("reason", reason))
		if s.Events.Refused != nil && ln.site != "" {
			s.Events.Refused(ln.site, id, reason)
		}
	}
	err := ln.run(ctx)
	if ln.site == "" {
		s.Log.Warn("a connection ended before the site said who it is", slog.String("reason", err.Error()))
		return
	}
	s.mu.Lock()
	last := s.lines[ln.site] == ln
	if last {
		delete(s.lines, ln.site)
	}
	s.mu.Unlock()
	if s.Events.Connected != nil && last { // else a newer connection is up, or this one never was
		s.Events.Connected(ln.site, false, err.Error())
	}
}

func (s *Supervisor) handle(ln *line, m Message) error {
	switch {
	case ln.stage == awaitVersion && m.Kind != KindVersion:
		return fmt.Errorf("%w: %s before the versions are exchanged", errOrder, m.Kind)
	case ln.stage == awaitVersion:
		return s.greet(ln, m)
	case ln.stage == awaitWatchdog && m.Kind != KindWatchdog:
		return fmt.Errorf("%w: %s before the first watchdog", errOrder, m.Kind)
	case ln.stage == awaitWatchdog:
		return s.establish(ln)
	}
	switch m.Kind {
	case KindWatchdog, KindAggregatedStatus, KindCommandResponse:
		return nil
	case KindStatusUpdate, KindStatusResponse:
		return s.status(ln, m)
	case KindAlarm:
		return s.alarm(ln, m)
	}
	return fmt.Errorf("%w: a site does not send %s", errOrder, m.Kind)
}

// greet answers a site's versions with the newest one that both speak.
func (s *Supervisor) greet(ln *line, m Message) error {
	id := m.Sites[0].ID
	if _, ok := s.Sites[id]; !ok {
		return fmt.Errorf("%w: the site %q is not known here", errOrder, id)
	}
	offered := make([]string, 0, len(m.Versions))
	for _, v := range m.Versions {
		offered = append(offered, v.Version)
	}
	best := ""
	for _, v := range versions {
		if slices.Contains(offered, v) {
			best = v
		}
	}
	if best == "" {
		return fmt.Errorf("%w: none of the RSMP versions %v is spoken here; these are: %v", errOrder, offered, versions)
	}
	ln.site, ln.stage = id, awaitWatchdog
	answer := newMessage(KindVersion)
	answer.Versions, answer.List, answer.Sites = []VersionOf{{best}}, m.List, []SiteOf{{s.Name}}
	return ln.send(answer)
}

// establish answers the first watchdog and asks for the signal groups. An older
// connection of the same site is given up: a site that restarts may leave one.
func (s *Supervisor) establish(ln *line) error {
	if err := ln.watchdog(); err != nil {
		return err
	}
	ln.stage = established
	s.mu.Lock()
	if s.lines == nil {
		s.lines = map[string]*line{}
	}
	if old := s.lines[ln.site]; old != nil {
		old.conn.Close()
	}
	s.lines[ln.site] = ln
	s.mu.Unlock()
	subscriptions := [][]Subscription{{{Code: "S0001", Name: "signalgroupstatus"}}}
	if s.Events.Timing != nil {
		subscriptions = append(subscriptions, slices.Clone(timingStatuses))
	}
	if s.Events.Logics != nil {
		subscriptions = append(subscriptions, []Subscription{{Code: "S0002", Name: "detectorlogicstatus"}})
	}
	for _, list := range subscriptions {
		if err := ln.subscribe(list); err != nil {
			return err
		}
	}
	if s.Events.Connected != nil {
		s.Events.Connected(ln.site, true, "")
	}
	return nil
}

func (s *Supervisor) status(ln *line, m Message) error {
	var values []StatusValue
	if err := json.Unmarshal(m.Status, &values); err != nil {
		return city.Errorf(city.Invalid, "%s: sS: %v", m.Kind, err)
	}
	at, err := time.Parse(timeLayout, m.StatusTime)
	if err != nil {
		return city.Errorf(city.Invalid, "%s: sTs %q is no time", m.Kind, m.StatusTime)
	}
	timed := false
	for i := range values {
		v := &values[i]
		known, err := ln.timing.take(v)
		if err != nil {
			return err
		}
		timed = timed || known
		switch {
		case v.Code == "S0001" && v.Name == "signalgroupstatus":
			if want := s.Sites[ln.site]; len(v.Value) != want {
				return city.Errorf(city.Invalid, "S0001 has %d signal groups, %s has %d", len(v.Value), ln.site, want)
			}
			if s.Events.Groups != nil {
				s.Events.Groups(ln.site, v.Value, at, v.Quality == "old")
			}
		case v.Code == "S0002" && v.Name == "detectorlogicstatus" && v.Quality == "recent" && s.Events.Logics != nil:
			s.Events.Logics(ln.site, v.Value, at)
		}
	}
	if timed && s.Events.Timing != nil {
		s.Events.Timing(ln.site, ln.timing.clone())
	}
	return nil
}

func (s *Supervisor) alarm(ln *line, m Message) error {
	if m.AlarmKind != "Issue" && m.AlarmKind != "issue" {
		return nil // the answer to a request, or a suspension that a person made
	}
	at, err := time.Parse(timeLayout, m.AlarmTime)
	if err != nil {
		return city.Errorf(city.Invalid, "Alarm: aTs %q is no time", m.AlarmTime)
	}
	if s.Events.Alarm != nil {
		active := m.Active == "Active" || m.Active == "active"
		s.Events.Alarm(ln.site, Alarm{Component: m.Component, Code: m.AlarmCode, Active: active, At: at})
	}
	return nil
}

// Wish asks a site to make these groups green and the others red, by command M0012.
// The site's own safety has the last word, and it returns to its own plan by itself
// unless it is asked again within its limit.
func (s *Supervisor) Wish(site string, want network.Set) error {
	s.mu.Lock()
	ln := s.lines[site]
	s.mu.Unlock()
	if ln == nil {
		return city.Errorf(city.Unavailable, "the site %s is not connected; it is on its own plan", site)
	}
	m := newMessage(KindCommandRequest)
	m.Component = ln.site
	m.Arguments = []Argument{
		{Code: "M0012", Name: "status", Command: "setStart", Value: series(s.Sites[site], want)},
		{Code: "M0012", Name: "securityCode", Command: "setStart", Value: s.Code},
	}
	return ln.send(m)
}
