package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"

	"polity/camera/stream"
)

var (
	errPassword = errors.New("the camera refuses user and password")
	errNoTCP    = errors.New("the camera refuses this transport: try the other of tcp and udp")
	errStalled  = errors.New("the camera has sent nothing")
)

// connection is one RTSP session.
type connection struct {
	s       *Source
	at      *url.URL
	client  *gortsplib.Client
	clock   *stream.Clock
	deliver func(*stream.Unit)
	rate    int64 // of the timestamps, per second

	lost   atomic.Bool  // a packet was: wait for a key unit
	heard  atomic.Int64 // when a packet came last, since s.start
	seen   atomic.Int64 // when a unit was complete
	broken atomic.Pointer[error]
}

// connect watches the camera until something ends it, and says what.
func (s *Source) connect(ctx context.Context, at *url.URL, overUDP bool, deliver func(*stream.Unit)) error {
	c := &connection{s: s, at: at, clock: &stream.Clock{}, deliver: deliver}
	c.client = s.client(at, overUDP)
	c.client.OnPacketsLost = func(n uint64) {
		c.lost.Store(true)
		s.update(func(st *Status) { st.Lost += n })
	}
	if err := c.client.Start(); err != nil {
		return err
	}
	// The client's calls take no context: closing it ends them.
	stop := context.AfterFunc(ctx, c.client.Close)
	defer stop()
	defer c.client.Close()

	media, forma, err := c.describe()
	if err != nil {
		return s.explain(err)
	}
	if _, err := c.client.Setup(media.base, media.Media, 0, 0); err != nil {
		return s.explain(err)
	}
	if err := c.listen(media.Media, forma); err != nil {
		return err
	}
	now := int64(time.Since(s.start))
	c.heard.Store(now)
	c.seen.Store(now)
	if _, err := c.client.Play(nil); err != nil {
		return s.explain(err)
	}
	s.update(func(st *Status) { st.Transport = transportName(at.Scheme, overUDP) })
	return c.watch(ctx)
}

func transportName(scheme string, overUDP bool) string {
	switch {
	case scheme == "rtsps":
		return "TLS"
	case overUDP:
		return "UDP"
	}
	return "TCP"
}

// watch waits until the client ends, or nothing has come for too long.
func (c *connection) watch(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- c.client.Wait() }()
	check := time.NewTicker(c.s.cfg.Stall / 8)
	defer check.Stop()
	for {
		select {
		case err := <-ended:
			return c.s.explain(err)
		case <-ctx.Done():
			return ctx.Err()
		case <-check.C:
		}
		now, limit := time.Since(c.s.start), c.s.cfg.Stall
		switch why := c.broken.Load(); {
		case now-time.Duration(c.heard.Load()) > limit:
			return fmt.Errorf("%w for %v", errStalled, limit)
		case now-time.Duration(c.seen.Load()) <= limit:
		case why != nil:
			return *why
		default:
			return fmt.Errorf("%w: it sends, but for %v no whole picture that a decoder could start at", stream.ErrBad, limit)
		}
	}
}

// client makes an RTSP client with the quirks of cameras evened out.
func (s *Source) client(at *url.URL, overUDP bool) *gortsplib.Client {
	protocol := gortsplib.ProtocolTCP
	if overUDP {
		protocol = gortsplib.ProtocolUDP
	}
	c := &gortsplib.Client{
		Scheme: at.Scheme, Host: at.Host, Protocol: &protocol, UserAgent: "polity",
		ReadTimeout: s.cfg.Stall, WriteTimeout: s.cfg.Stall,
		UDPReadBufferSize: 0,
		OnResponse:        func(r *base.Response) { mend(r, at.Host) },
		OnDecodeError:     func(error) {},
		OnTransportSwitch: func(error) {},
	}
	if at.Scheme == "rtsps" {
		c.TLSConfig = s.trust()
	}
	return c
}

// offered is a media of a camera and the address that its control is relative to.
type offered struct {
	*description.Media
	base *base.URL
}

// describe asks what the camera offers, at first without the password: to a
// camera that would have it in clear it is not given.
func (c *connection) describe() (offered, format.Format, error) {
	u, err := base.ParseURL(c.at.String())
	if err != nil {
		return offered{}, nil, errors.New("the camera's address is not one of RTSP")
	}
	desc, res, err := c.client.Describe(u)
	if bad := new(liberrors.ErrClientBadStatusCode); errors.As(err, bad) && bad.Code == base.StatusUnauthorized && c.s.cfg.User != "" {
		if err := c.mayTell(res); err != nil {
			return offered{}, nil, err
		}
		u.User = userinfo(c.s.cfg.User, c.s.cfg.Password)
		desc, _, err = c.client.Describe(u)
	}
	if err != nil {
		return offered{}, nil, err
	}
	return choose(desc)
}

// mayTell refuses to give the password in clear over an open connection.
func (c *connection) mayTell(res *base.Response) error {
	if res == nil || c.at.Scheme == "rtsps" {
		return nil
	}
	for _, offer := range res.Header["WWW-Authenticate"] {
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(offer)), "digest") {
			return nil
		}
	}
	return fmt.Errorf("%w: it wants the password in clear (basic authentication), where all could read it; switch the camera to digest, or use rtsps://", errPassword)
}

// choose takes the first video that can be decoded. Nothing else is asked for: no
// sound ever.
func choose(desc *description.Session) (offered, format.Format, error) {
	var names []string
	for _, m := range desc.Medias {
		if m.IsBackChannel {
			continue
		}
		for _, f := range m.Formats {
			switch f.(type) {
			case *format.H264, *format.H265, *format.MJPEG:
				return offered{m, desc.BaseURL}, f, nil
			}
			names = append(names, f.RTPMap())
		}
	}
	return offered{}, nil, fmt.Errorf("%w: the camera offers no H.264, H.265 or MJPEG, only %q", stream.ErrBad, names)
}

// listen prepares taking packets: each is put in its picture, and each whole
// picture in its place in time.
func (c *connection) listen(media *description.Media, forma format.Format) error {
	packets, err := newDepacketizer(forma)
	if err != nil {
		return fmt.Errorf("%w: %w", stream.ErrBad, err)
	}
	c.rate = int64(forma.ClockRate())
	assembler := stream.NewAssembler(packets.codec, c.s.streamNumber(), packets.sets...)
	var first *int64
	c.client.OnPacketRTP(media, forma, func(packet *rtp.Packet) {
		arrived := time.Now()
		c.heard.Store(int64(arrived.Sub(c.s.start)))
		pts, ok := c.client.PacketPTS(media, packet)
		if !ok {
			return
		}
		nals, at, lost := packets.add(packet, pts)
		if c.lost.Swap(false) || lost {
			assembler.Lost()
		}
		if nals == nil {
			return
		}
		if first == nil {
			first = &at
		}
		c.take(assembler, nals, c.duration(at-*first), arrived)
		if ntp, ok := c.client.PacketNTP(media, packet); ok {
			c.s.skewed(ntp.Sub(arrived))
		}
	})
	return nil
}

// take adds what came to the stream.
func (c *connection) take(assembler *stream.Assembler, nals [][]byte, pts time.Duration, arrived time.Time) {
	units, err := assembler.Add(nals, pts, arrived)
	if err != nil {
		c.broken.Store(&err)
		return
	}
	if len(units) == 0 {
		return
	}
	c.broken.Store(nil)
	c.seen.Store(int64(arrived.Sub(c.s.start)))
	if c.s.hand(units, c.clock, c.deliver) {
		assembler.Restart()
	}
}

// duration turns a count of the stream's clock into time without overflow.
func (c *connection) duration(n int64) time.Duration {
	rate := c.rate
	return time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}

func (s *Source) streamNumber() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream
}

// explain turns the client's errors into words for who has to act.
func (s *Source) explain(err error) error {
	var status liberrors.ErrClientBadStatusCode
	switch {
	case errors.As(err, &status):
		switch status.Code {
		case base.StatusUnauthorized, base.StatusForbidden:
			if s.cfg.User == "" {
				return fmt.Errorf("%w: it asks for them, and none are given", errPassword)
			}
			return errPassword
		case base.StatusNotFound:
			return errors.New("the camera has no stream at the address's path")
		case base.StatusUnsupportedTransport:
			return errNoTCP
		}
		return fmt.Errorf("the camera answers %d %s", status.Code, printable(status.Message))
	case errors.As(err, new(liberrors.ErrClientTCPTimeout)), errors.As(err, new(liberrors.ErrClientUDPTimeout)):
		return fmt.Errorf("%w for %v", errStalled, s.cfg.Stall)
	case errors.As(err, new(liberrors.ErrClientRequestTimedOut)):
		return errors.New("the camera does not answer")
	case errors.As(err, new(liberrors.ErrClientServerPortsNotProvided)):
		return errors.New("the camera does not say its UDP ports: set transport to tcp")
	case errors.As(err, new(liberrors.ErrClientSDPInvalid)):
		return fmt.Errorf("%w: the camera's description of it cannot be read: %w", stream.ErrBad, err)
	}
	if authority, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return s.explainCertificate(authority)
	}
	return err
}
