package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"polity/city"
	"polity/internal/authority"
)

const (
	answerTime = 10 * time.Second // for one answer of the directory
	answerSize = 256 << 10        // bytes of one
	// What the directory says of itself is asked for again after freshTime, so that a key
	// that it has withdrawn does not count for ever; while it cannot be reached, no
	// oftener than every pauseTime.
	freshTime = time.Hour
	pauseTime = 5 * time.Second
)

// provider is what the directory says of itself.
type provider struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	userInfo func(ctx context.Context, token oauth2.TokenSource) (*oidc.UserInfo, error) // nil: it has none
	namesIss bool                                                                        // it names itself when it leads back (RFC 9207)
	logout   string                                                                      // empty: it has none
	at       time.Time
}

// source keeps the provider fresh.
type source struct {
	c      Config
	secret string
	to     string // where the directory leads back
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	turn chan struct{} // held by whoever asks the directory

	mu     sync.Mutex
	known  *provider
	failed error // of the last attempt
	tried  time.Time
	down   time.Time // since when; zero: it was there at the last attempt
}

func newClient(c Config) (*http.Client, error) {
	transport := &http.Transport{
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DialContext:            (&net.Dialer{Timeout: answerTime}).DialContext,
		TLSHandshakeTimeout:    answerTime,
		ResponseHeaderTimeout:  answerTime,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           4,
		IdleConnTimeout:        time.Minute,
		ForceAttemptHTTP2:      true,
	}
	if c.CAFile != "" {
		pool, err := authority.Read(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	return &http.Client{
		Transport: bounded{transport}, Timeout: answerTime,
		// The directory's answers come from where it is registered. One that leads
		// elsewhere could lead to a machine inside.
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			return fmt.Errorf("it leads on to %s, which is not followed; write the issuer exactly as the directory does", r.URL.Host)
		},
	}, nil
}

// bounded lets no answer be longer than answerSize.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := b.next.RoundTrip(r)
	if err == nil {
		a.Body = &body{a.Body, answerSize}
	}
	return a, err
}

type body struct {
	io.ReadCloser
	left int
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("the directory's answer has more than %d KiB", answerSize>>10)
	}
	return n, err
}

// get returns the directory, asking it first where what is known is old. The error is
// of kind Unavailable.
func (s *source) get(ctx context.Context) (*provider, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := s.now()
	s.mu.Lock()
	known, failed, tried := s.known, s.failed, s.tried
	s.mu.Unlock()
	switch {
	case known != nil && failed == nil && now.Sub(known.at) < freshTime:
		return known, nil
	case failed != nil && now.Sub(tried) < pauseTime:
		return nil, failed
	}
	fresh, err := s.discover(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err() // who asked has gone; it says nothing of the directory
	}
	s.note(fresh, err, now)
	if err != nil {
		return nil, s.failure()
	}
	return fresh, nil
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// note keeps what an attempt brought, and tells when the directory comes or goes.
func (s *source) note(p *provider, err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried = now
	if err != nil {
		s.failed = city.Errorf(city.Unavailable, "%s cannot be reached now; whoever has a passkey signs in with it", s.c.Name)
		if s.down.IsZero() {
			s.down = now
			s.log.Warn("the directory cannot be reached; passkeys go on", slog.String("issuer", s.c.Issuer), slog.String("why", err.Error()))
		}
		return
	}
	if !s.down.IsZero() {
		s.log.Info("the directory is there again", slog.String("issuer", s.c.Issuer))
	}
	s.known, s.failed, s.down = p, nil, time.Time{}
}

func (s *source) discover(ctx context.Context) (*provider, error) {
	ctx, stop := context.WithTimeout(oidc.ClientContext(ctx, s.client), answerTime)
	defer stop()
	p, err := oidc.NewProvider(ctx, s.c.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		Keys     string   `json:"jwks_uri"`
		UserInfo string   `json:"userinfo_endpoint"`
		Logout   string   `json:"end_session_endpoint"`
		NamesIss bool     `json:"authorization_response_iss_parameter_supported"`
		Auth     []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := p.Claims(&more); err != nil {
		return nil, fmt.Errorf("what it says of itself is unreadable: %w", err)
	}
	at := p.Endpoint()
	for what, address := range map[string]string{"authorization_endpoint": at.AuthURL, "token_endpoint": at.TokenURL, "jwks_uri": more.Keys} {
		if address == "" {
			return nil, fmt.Errorf("it names no %s", what)
		}
	}
	for _, address := range []string{at.AuthURL, at.TokenURL, more.Keys, more.UserInfo, more.Logout} {
		if err := s.reachable(address); err != nil {
			return nil, err
		}
	}
	at.AuthStyle = authStyle(more.Auth)
	found := &provider{
		oauth:    oauth2.Config{ClientID: s.c.ClientID, ClientSecret: s.secret, Endpoint: at, RedirectURL: s.to, Scopes: append([]string{oidc.ScopeOpenID, "profile"}, s.c.Scopes...)},
		verifier: p.Verifier(&oidc.Config{ClientID: s.c.ClientID, SupportedSigningAlgs: algorithms(), SkipExpiryCheck: true}), // claims.go checks times
		namesIss: more.NamesIss, logout: more.Logout, at: s.now(),
	}
	if more.UserInfo != "" {
		found.userInfo = p.UserInfo
	}
	return found, nil
}

// algorithms are those by which a token may be signed: public keys only, so that nobody
// who knows the hub's secret can make one, and never "none".
func algorithms() []string {
	return []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}
}

// authStyle is how the hub shows its secret: in the header, unless the directory knows
// the other way alone (OpenID Connect Discovery 1.0, 3).
func authStyle(supported []string) oauth2.AuthStyle {
	basic, post := len(supported) == 0, false
	for _, m := range supported {
		basic = basic || m == "client_secret_basic"
		post = post || m == "client_secret_post"
	}
	if post && !basic {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// reachable refuses an address that the directory names in the clear, unless both are on
// this machine.
func (s *source) reachable(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("it names an address that is none")
	}
	own, err := url.Parse(s.c.Issuer)
	if err != nil {
		return err
	}
	if u.Scheme == "https" || (u.Scheme == "http" && own.Scheme == "http" && loopback(u)) {
		return nil
	}
	return fmt.Errorf("it names %s://%s, which is not encrypted", u.Scheme, u.Host)
}
