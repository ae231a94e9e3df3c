// Package source brings the pictures of a camera, as access units, from wherever
// they are: RTSP over TCP, UDP or TLS, or a film file. It goes on whatever the
// camera does, and says how it is doing.
//
// No password ever stands in an error, a status or a log.
package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"polity/camera/source/onvif"
	"polity/camera/stream"
	"polity/camera/wire"
	"polity/city"
)

// Config says where the pictures are.
type Config struct {
	// Address is rtsp://host[:port]/path or rtsps://...; onvif://host[:port], to ask
	// the camera where its streams are; or the path of a film file. A user and
	// password in it count as User and Password.
	Address  string
	User     string
	Password string
	// Transport is "tcp", "udp", or empty for TCP and, where the camera refuses that,
	// UDP.
	Transport string
	// Certificate is the SHA-256 of an RTSPS camera's certificate in hex. Cameras
	// sign theirs themselves; without it the certificate must be signed by an
	// authority that this machine trusts.
	Certificate string
	// Lines is the least height, in pixels, of the stream that is chosen over ONVIF;
	// 480. The smallest such is taken.
	Lines int
	// Stall is how long nothing may come before the connection is made anew; 10 s.
	Stall time.Duration
	// FirstWait and LastWait bound the wait before connecting again, which doubles
	// each time; 1 s and 60 s. After a wrong password it is ten times as long, for
	// cameras lock out who tries often.
	FirstWait, LastWait time.Duration
	Log                 *slog.Logger
}

// Source is one camera's pictures. Its methods may be called by any goroutine;
// Run once.
type Source struct {
	cfg    Config
	url    *url.URL // without user and password; nil for a film
	finder finder   // nil where the address tells where the stream is
	film   string
	secret []string // what must not be said
	start  time.Time

	mu     sync.Mutex
	status Status
	stream int // number of the last stream
}

// Status is how a source is doing.
type Status struct {
	// Condition is Starting, Live, NoPicture, WrongPassword or BadStream; Reason says
	// why it is not Live, for people; Since when.
	Condition wire.Condition
	Reason    string
	Since     time.Time

	Codec         stream.Codec
	Width, Height int
	Transport     string // "TCP", "UDP", "TLS" or "film"
	Record        string // address of the stream to record, where ONVIF told it
	Units         uint64 // delivered
	Bytes         uint64 // in them
	Connects      uint64 // connections begun
	Lost          uint64 // packets lost on the way
	// ClockSkew is the camera's clock minus ours, a year at most, where the camera
	// tells its time.
	ClockSkew time.Duration
	SkewKnown bool
	// OwnTime says that the camera's timestamps are nonsense: times of arrival are
	// used.
	OwnTime bool
}

// New checks the configuration; the error is of kind Invalid.
func New(cfg Config) (*Source, error) {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&cfg.Stall, 10 * time.Second}, {&cfg.FirstWait, time.Second}, {&cfg.LastWait, time.Minute}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Source{cfg: cfg, start: time.Now(), status: Status{Condition: wire.Starting, Since: time.Now()}}
	if !strings.Contains(cfg.Address, "://") {
		if s.film = cfg.Address; s.film == "" {
			return nil, city.Errorf(city.Invalid, "the camera's address is missing: give rtsp://HOST/PATH, or the path of a film")
		}
		return s, nil
	}
	if err := s.parse(); err != nil {
		return nil, err
	}
	switch cfg.Transport {
	case "", "tcp", "udp":
	default:
		return nil, city.Errorf(city.Invalid, "transport %q: there are tcp and udp", cfg.Transport)
	}
	if _, err := fingerprint(cfg.Certificate); err != nil {
		return nil, err
	}
	return s, nil
}

// parse takes the address apart. Its errors do not repeat the address, which may
// hold a password.
func (s *Source) parse() error {
	scheme, _, _ := strings.Cut(s.cfg.Address, "://")
	u, err := url.Parse(s.cfg.Address)
	if err != nil {
		return city.Errorf(city.Invalid, "the camera's address (%s://...) is not a URL; a password in it with special characters must be escaped, or be given apart", printable(scheme))
	}
	switch {
	case u.Scheme != "rtsp" && u.Scheme != "rtsps" && u.Scheme != "onvif":
		return city.Errorf(city.Invalid, "the camera's address begins with %s://; there are rtsp://, rtsps:// and onvif://, or the path of a film", printable(u.Scheme))
	case u.Hostname() == "":
		return city.Errorf(city.Invalid, "the camera's address names no host: give rtsp://HOST/PATH or onvif://HOST")
	case u.Scheme == "rtsps" && s.cfg.Transport == "udp":
		return city.Errorf(city.Invalid, "rtsps:// is over TCP: leave transport away")
	}
	if u.User != nil {
		if s.cfg.User == "" {
			s.cfg.User = u.User.Username()
		}
		if password, ok := u.User.Password(); ok && s.cfg.Password == "" {
			s.cfg.Password = password
		}
		u.User = nil
	}
	s.url = u
	if u.Scheme == "onvif" {
		s.finder = &onvifFinder{onvif.Config{Host: u.Host, Path: u.Path, User: s.cfg.User, Password: s.cfg.Password}, cmp.Or(s.cfg.Lines, 480)}
	}
	for _, secret := range []string{s.cfg.Password, url.QueryEscape(s.cfg.Password), url.PathEscape(s.cfg.Password), u.RawQuery} {
		if secret != "" { // some cameras take the password in the query
			s.secret = append(s.secret, secret)
		}
	}
	return nil
}

func printable(s string) string {
	if len(s) > 20 {
		s = s[:20] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// Where names the camera for a log: scheme, host and path.
func (s *Source) Where() string {
	if s.url == nil {
		return s.film
	}
	return s.url.Scheme + "://" + s.url.Host + s.url.Path
}

// Status returns how it is doing.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Run brings units until ctx ends: the only thing that ends it, but for a film
// that cannot be read. deliver is called by one goroutine at a time and must not
// wait.
func (s *Source) Run(ctx context.Context, deliver func(*stream.Unit)) error {
	if s.url == nil {
		return s.runFilm(ctx, deliver)
	}
	wait := backoff{first: s.cfg.FirstWait, last: s.cfg.LastWait}
	overUDP := s.cfg.Transport == "udp"
	for {
		s.update(func(st *Status) { st.Connects++ })
		before := s.Status().Units
		at, err := s.find(ctx)
		if err == nil {
			err = s.connect(ctx, at, overUDP, deliver)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		if errors.Is(err, errNoTCP) && s.cfg.Transport == "" && !overUDP {
			overUDP = true
			continue
		}
		if s.Status().Units > before+steady {
			wait.reset()
		}
		condition, pause := wire.NoPicture, wait.next()
		switch {
		case errors.Is(err, errPassword), errors.Is(err, onvif.ErrPassword):
			condition, pause = wire.WrongPassword, 10*pause
		case errors.Is(err, stream.ErrBad):
			condition = wire.BadStream
		}
		reason := s.redact(err)
		s.set(condition, reason)
		s.cfg.Log.Warn("the camera gives no picture", slog.String("camera", s.Where()), slog.String("reason", reason), slog.Duration("again_in", pause))
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// steady is how many units make a good connection.
const steady = 50

// redact makes an error's text fit to be seen: no password, no line breaks.
func (s *Source) redact(err error) string {
	text := err.Error()
	for _, secret := range s.secret {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

func (s *Source) update(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

func (s *Source) set(c wire.Condition, reason string) {
	s.update(func(st *Status) {
		if st.Condition != c {
			st.Since = time.Now()
		}
		st.Condition, st.Reason = c, reason
	})
}

// hand delivers units with their times.
func (s *Source) hand(units []*stream.Unit, clock *stream.Clock, deliver func(*stream.Unit)) (anew bool) {
	for _, u := range units {
		at := clock.At(u.PTS, u.Arrived.Sub(s.start), u.Arrived)
		u.PTS, u.Taken = at.PTS, at.Taken
		if at.Anew {
			return true
		}
		s.update(func(st *Status) {
			if st.Condition != wire.Live {
				st.Condition, st.Reason, st.Since = wire.Live, "", time.Now()
			}
			st.Codec, st.Width, st.Height = u.Codec, u.Width, u.Height
			st.Units++
			st.Bytes += uint64(u.Size())
			st.OwnTime = clock.Distrusted()
			s.stream = u.Stream
		})
		deliver(u)
	}
	return false
}

// runFilm shows a film in an endless loop, each picture at its time.
func (s *Source) runFilm(ctx context.Context, deliver func(*stream.Unit)) error {
	began, base := time.Now(), time.Duration(0)
	clock := &stream.Clock{}
	s.update(func(st *Status) { st.Transport = "film" })
	for {
		film, err := stream.OpenFilm(ctx, s.film)
		if err != nil {
			return err
		}
		length, err := s.showing(ctx, film, clock, began, base, deliver)
		film.Close()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		if err != nil {
			return err
		}
		if length == 0 {
			return city.Errorf(city.Invalid, "film %s: it has fewer than two pictures", s.film)
		}
		base += length
	}
}

// showing delivers a film once and returns its length.
func (s *Source) showing(ctx context.Context, film *stream.Film, clock *stream.Clock, began time.Time, base time.Duration, deliver func(*stream.Unit)) (time.Duration, error) {
	var latest time.Duration
	n := 0
	for {
		u, err := film.Next()
		if errors.Is(err, io.EOF) {
			if n < 2 {
				return 0, nil
			}
			return latest * time.Duration(n) / time.Duration(n-1), nil
		}
		if err != nil {
			return 0, fmt.Errorf("film %s: %w", s.film, err)
		}
		n++
		latest = max(latest, u.PTS)
		if !sleep(ctx, time.Until(began.Add(base+latest))) {
			return 0, ctx.Err()
		}
		u.PTS += base
		u.Arrived = time.Now()
		s.hand([]*stream.Unit{u}, clock, deliver)
	}
}

// sleep waits; it returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
