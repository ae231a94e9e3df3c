// Package standin is a camera made of software: it serves a film over real RTSP
// in an endless loop, answers ONVIF requests and WS-Discovery, and misbehaves on
// demand. The demo and the tests use it in place of a camera on a wall.
package standin

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"polity/city"
)

// Config says what a stand-in camera serves. Only Film is needed.
type Config struct {
	Film string // path of the film of the main stream: H.264, H.265 or MJPEG
	Sub  string // film of the sub-stream, for analysis; empty: there is none
	// Address is where RTSP is served, host:port. Empty: a free port of 127.0.0.1.
	Address string
	// User and Password are asked for by digest authentication, MD5 or SHA-256 as
	// the client likes. Empty: nobody is asked.
	User, Password string
	// Digest limits what is offered to "md5", "sha256" or (never on a wall) "basic".
	Digest string
	UDP    bool // offer UDP besides TCP
	TLS    bool // RTSPS with a certificate of its own
	// ONVIF is where the ONVIF services are served over HTTP, host:port; port 0 is a
	// free one. Empty: no ONVIF.
	ONVIF string
	// HTTPDigest asks for the password by HTTP in place of WS-Security, as newer
	// cameras do.
	HTTPDigest bool
	// Discover answers WS-Discovery probes, on this machine's networks.
	Discover bool
	// Clock is what the camera's own clock is ahead of ours.
	Clock time.Duration
	Log   *slog.Logger
}

// Camera is a running stand-in. Its methods may be called by any goroutine.
type Camera struct {
	cfg    Config
	server *gortsplib.Server
	onvif  *onvifServer
	cert   *tls.Certificate
	rtp    int // UDP port
	done   chan struct{}
	end    context.CancelCauseFunc

	mu      sync.Mutex
	streams map[string]*player // by path
	faults  Faults
	opened  int // connections so far
	watched map[*gortsplib.ServerSession]bool
}

// Serve starts a stand-in camera and returns when it can be watched. It ends with
// ctx.
func Serve(ctx context.Context, cfg Config) (*Camera, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	inside, end := context.WithCancelCause(ctx)
	c := &Camera{cfg: cfg, streams: map[string]*player{}, watched: map[*gortsplib.ServerSession]bool{}, done: make(chan struct{}), end: end}
	if err := c.start(inside); err != nil {
		end(err)
		c.close()
		return nil, err
	}
	go func() {
		defer close(c.done)
		<-inside.Done()
		c.close()
	}()
	return c, nil
}

func (c *Camera) start(ctx context.Context) error {
	films := map[string]string{"main": c.cfg.Film}
	if c.cfg.Sub != "" {
		films["sub"] = c.cfg.Sub
	}
	for path, film := range films {
		p, err := newPlayer(ctx, c, path, film)
		if err != nil {
			return err
		}
		c.streams[path] = p
	}
	if err := c.listen(); err != nil {
		return err
	}
	for _, p := range c.streams {
		if err := p.publish(ctx, c.server); err != nil {
			return err
		}
	}
	if c.cfg.ONVIF != "" {
		o, err := serveONVIF(ctx, c)
		if err != nil {
			return err
		}
		c.onvif = o
	}
	return nil
}

// listen starts the RTSP server, with a free pair of UDP ports if asked for.
func (c *Camera) listen() error {
	var methods []auth.VerifyMethod
	switch c.cfg.Digest {
	case "":
		methods = []auth.VerifyMethod{auth.VerifyMethodDigestMD5, auth.VerifyMethodDigestSHA256}
	case "md5":
		methods = []auth.VerifyMethod{auth.VerifyMethodDigestMD5}
	case "sha256":
		methods = []auth.VerifyMethod{auth.VerifyMethodDigestSHA256}
	case "basic":
		methods = []auth.VerifyMethod{auth.VerifyMethodBasic}
	default:
		return city.Errorf(city.Invalid, "stand-in camera: digest %q; there are md5, sha256 and basic", c.cfg.Digest)
	}
	server := func() *gortsplib.Server {
		return &gortsplib.Server{Handler: c, RTSPAddress: c.cfg.Address, AuthMethods: methods}
	}
	if c.cfg.TLS {
		cert, err := selfSigned()
		if err != nil {
			return fmt.Errorf("stand-in camera: %w", err)
		}
		c.cert = cert
	}
	start := func(s *gortsplib.Server) error {
		if c.cert != nil {
			s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*c.cert}, MinVersion: tls.VersionTLS12}
		}
		c.server = s
		return s.Start()
	}
	if !c.cfg.UDP {
		if err := start(server()); err != nil {
			return fmt.Errorf("stand-in camera on %s: %w", c.cfg.Address, err)
		}
		return nil
	}
	host, _, err := net.SplitHostPort(c.cfg.Address)
	if err != nil {
		return city.Errorf(city.Invalid, "stand-in camera: address %q: %v", c.cfg.Address, err)
	}
	for range 20 {
		port, perr := freePair(host)
		if perr != nil {
			return fmt.Errorf("stand-in camera: %w", perr)
		}
		s := server()
		s.UDPRTPAddress = net.JoinHostPort(host, strconv.Itoa(port))
		s.UDPRTCPAddress = net.JoinHostPort(host, strconv.Itoa(port+1))
		if err = start(s); err == nil {
			c.rtp = port
			return nil
		}
	}
	return fmt.Errorf("stand-in camera on %s: %w", c.cfg.Address, err)
}

// freePair finds an even UDP port that is free together with the next (RFC 3550,
// section 11).
func freePair(host string) (int, error) {
	for range 100 {
		probe, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			return 0, err
		}
		port := probe.LocalAddr().(*net.UDPAddr).Port
		probe.Close()
		if port%2 != 0 {
			continue
		}
		next, err := net.ListenPacket("udp", net.JoinHostPort(host, strconv.Itoa(port+1)))
		if err == nil {
			next.Close()
			return port, nil
		}
	}
	return 0, errors.New("no two neighbouring UDP ports are free")
}

func (c *Camera) close() {
	if c.onvif != nil {
		c.onvif.close()
	}
	for _, p := range c.streams {
		p.close()
	}
	if c.server != nil {
		c.server.Close()
	}
}

// Close ends the camera and waits for its end.
func (c *Camera) Close() error {
	c.end(nil)
	<-c.done
	return nil
}

// URL is where the main stream is watched, without user and password.
func (c *Camera) URL() string { return c.url("main") }

// SubURL is where the sub-stream is watched; that of the main stream where there
// is none.
func (c *Camera) SubURL() string {
	if _, ok := c.streams["sub"]; !ok {
		return c.URL()
	}
	return c.url("sub")
}

func (c *Camera) url(path string) string {
	host, _, err := net.SplitHostPort(c.cfg.Address)
	if err != nil || host == "" {
		host = "127.0.0.1"
	}
	return c.urlAt(path, host)
}

// urlAt is where a stream is watched by one who knows this machine as host.
func (c *Camera) urlAt(path, host string) string {
	scheme := "rtsp"
	if c.cert != nil {
		scheme = "rtsps"
	}
	port := c.server.NetListener().Addr().(*net.TCPAddr).Port
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/" + path
}

// Fingerprint is the SHA-256 of the camera's certificate in hex, or "" without
// TLS.
func (c *Camera) Fingerprint() string {
	if c.cert == nil {
		return ""
	}
	sum := sha256.Sum256(c.cert.Certificate[0])
	return hex.EncodeToString(sum[:])
}

// Connections returns how many connections were opened so far.
func (c *Camera) Connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened
}

// OnConnOpen counts connections.
func (c *Camera) OnConnOpen(ctx *gortsplib.ServerHandlerOnConnOpenCtx) {
	c.mu.Lock()
	c.opened++
	refuse := c.faults.Refuse
	c.mu.Unlock()
	if refuse {
		ctx.Conn.Close()
	}
}

// OnSessionOpen and OnSessionClose note who watches.
func (c *Camera) OnSessionOpen(ctx *gortsplib.ServerHandlerOnSessionOpenCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched[ctx.Session] = true
}

// OnSessionClose is OnSessionOpen's end.
func (c *Camera) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.watched, ctx.Session)
}

// OnDescribe says what a stream is.
func (c *Camera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return c.admit(ctx.Conn, ctx.Request, ctx.Path)
}

// OnSetup prepares the sending of one.
func (c *Camera) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return c.admit(ctx.Conn, ctx.Request, ctx.Path)
}

// OnPlay starts the sending.
func (c *Camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (c *Camera) admit(conn *gortsplib.ServerConn, req *base.Request, path string) (*base.Response, *gortsplib.ServerStream, error) {
	if c.cfg.User != "" && !conn.VerifyCredentials(req, c.cfg.User, c.password()) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	for name, p := range c.streams {
		if path == "/"+name || path == name {
			return &base.Response{StatusCode: base.StatusOK}, p.out, nil
		}
	}
	return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
}
