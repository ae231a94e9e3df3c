package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"polity/city"
	"polity/internal/secretfile"
)

// Deps is what a directory needs of the hub.
type Deps struct {
	// Back is the address to which the directory leads back, Out the one after signing
	// out there: https, or http on loopback. Both are registered at the directory.
	Back, Out string
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now
}

// Directory is the city's directory. It is safe for concurrent use.
type Directory struct {
	c       Config
	back    string
	out     string
	tickets *tickets
	source  *source
	turns   *turns
	now     func() time.Time
	log     *slog.Logger
}

// Open makes a directory of a configuration that passed Check. It reads the secret and
// asks the directory nothing.
func Open(c Config, d Deps) (*Directory, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	back, err := url.Parse(d.Back)
	if err != nil || back.Host == "" || (back.Scheme != "https" && (back.Scheme != "http" || !onThisMachine(back))) {
		return nil, city.Errorf(city.Invalid, "the directory cannot lead back to %q without encryption; the hub's pages need TLS", d.Back)
	}
	secret, err := secretfile.Line(c.ClientSecretFile)
	if err != nil {
		return nil, fmt.Errorf("client_secret_file: %w", err)
	}
	client, err := newClient(c)
	if err != nil {
		return nil, err
	}
	t, err := newTickets(back.Scheme == "https", d.Now)
	if err != nil {
		return nil, err
	}
	return &Directory{
		c: c, back: d.Back, out: d.Out, tickets: t, turns: newTurns(), now: d.Now, log: d.Log,
		source: &source{c: c, secret: secret, to: d.Back, client: client, now: d.Now, log: d.Log, turn: make(chan struct{}, 1)},
	}, nil
}

// Inspect reads the files that a configuration names and says in words what there is; it
// asks the directory nothing. The error has everything that would keep it from opening.
func Inspect(c Config) (words string, err error) {
	d, err := Open(c, Deps{Back: "https://hub.example/"}) // whatever it is; the hub checks its own
	if err != nil {
		return "", city.Errorf(city.Invalid, "directory: %w", err)
	}
	return fmt.Sprintf("Directory %s: groups that give something: %d.\n", d.Name(), len(c.Groups)), nil
}

func onThisMachine(u *url.URL) bool { return loopback(u) || u.Hostname() == "localhost" }

// Name is the directory's, as pages say it.
func (d *Directory) Name() string { return d.c.Name }

// Down says since when the directory could not be reached, as far as is known; the zero
// time: it was there when it was last asked, or was not asked yet.
func (d *Directory) Down() time.Time {
	d.source.mu.Lock()
	defer d.source.mu.Unlock()
	return d.source.down
}

// Run asks the directory for what it says of itself before anybody waits for it, until
// the context ends: again when that is old, and every minute while it cannot be reached.
func (d *Directory) Run(ctx context.Context) {
	for {
		pause := freshTime
		if _, err := d.source.get(ctx); err != nil {
			pause = time.Minute
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Start is a sign-in that begins: the browser keeps Cookie and is sent on to URL.
type Start struct {
	URL    string
	Cookie *http.Cookie
}

// Begin begins a sign-in. Next is the page of the hub to go on with; what is no path of
// it becomes its first page. An error of kind Unavailable says that the directory cannot
// be reached.
func (d *Directory) Begin(ctx context.Context, next string) (Start, error) {
	p, err := d.source.get(ctx)
	if err != nil {
		return Start{}, err
	}
	k := ticket{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: onward(next), Began: d.now()}
	cookie, err := d.tickets.put(k)
	if err != nil {
		return Start{}, err
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(k.Verifier), oidc.Nonce(k.Nonce)}
	if !d.c.AnyAge {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(d.c.MaxAge/time.Second))))
	}
	return Start{URL: p.oauth.AuthCodeURL(k.State, options...), Cookie: cookie}, nil
}

// End is a sign-in that came back. The browser is told to forget Cookie, whatever the
// error.
type End struct {
	Result Result
	Next   string // page of the hub to go on with
	Cookie *http.Cookie
}

// Finish takes the request with which the directory leads a browser back. Errors are for
// the one who signs in: Forbidden (not signed in, and why), Invalid (no such request),
// Unavailable (the directory cannot be reached now). What was wrong in detail is logged.
func (d *Directory) Finish(r *http.Request) (End, error) {
	end := End{Next: "/", Cookie: d.tickets.gone()}
	q := r.URL.Query()
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(q[name]) > 1 || len(q.Get(name)) > 4096 {
			return end, city.Errorf(city.Invalid, "the address is not one to which a directory leads back")
		}
	}
	k, err := d.tickets.take(r, q.Get("state"))
	if err != nil {
		return end, err
	}
	end.Next = k.Next
	p, err := d.source.get(r.Context())
	if err != nil {
		return end, err
	}
	if iss := q.Get("iss"); (iss == "" && p.namesIss) || (iss != "" && iss != d.c.Issuer) {
		return end, d.refuse(errors.New("somebody else led the browser back (iss)"))
	}
	if code := q.Get("error"); code != "" {
		return end, d.declined(code)
	}
	if q.Get("code") == "" {
		return end, city.Errorf(city.Invalid, "the address is not one to which a directory leads back")
	}
	done, err := d.turns.take(r.Context(), r.RemoteAddr)
	if err != nil {
		return end, err
	}
	defer done()
	end.Result, err = d.exchange(r.Context(), p, q.Get("code"), k)
	return end, err
}

// exchange trades the code for tokens and these for somebody.
func (d *Directory) exchange(ctx context.Context, p *provider, code string, k ticket) (Result, error) {
	ctx, stop := context.WithTimeout(oidc.ClientContext(ctx, d.source.client), 2*answerTime)
	defer stop()
	token, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(k.Verifier))
	if err != nil {
		if said, ok := errors.AsType[*oauth2.RetrieveError](err); ok && said.Response.StatusCode < 500 {
			return Result{}, d.refuse(fmt.Errorf("the code is not taken: %q", said.ErrorCode))
		}
		return Result{}, d.lost(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Result{}, d.refuse(errors.New("there is no token of the person"))
	}
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return Result{}, d.refuse(err)
	}
	own, err := d.c.check(id, k, d.now())
	if err != nil {
		return Result{}, d.refuse(err)
	}
	name, groups, err := d.c.who(ctx, p, id, own, token)
	if err != nil {
		return Result{}, d.refuse(err)
	}
	who := Result{Issuer: d.c.Issuer, Subject: id.Subject, Name: name}
	if err := d.c.give(&who, groups); err != nil {
		d.log.Warn("somebody's groups do not go together", slog.String("why", err.Error()))
		return Result{}, err
	}
	return who, nil
}

// refuse is for the one who signs in; why is for who runs the hub.
func (d *Directory) refuse(why error) error {
	d.log.Warn("a sign-in through the directory was refused", slog.String("issuer", d.c.Issuer), slog.String("why", why.Error()))
	return city.Errorf(city.Forbidden, "the sign-in through %s did not succeed; begin again, and tell your administrators if it happens again: the hub's log says why", d.c.Name)
}

func (d *Directory) lost(why error) error {
	d.log.Warn("the directory did not answer", slog.String("issuer", d.c.Issuer), slog.String("why", why.Error()))
	return city.Errorf(city.Unavailable, "%s does not answer now; whoever has a passkey signs in with it", d.c.Name)
}

// declined puts the directory's own refusal (RFC 6749, 4.1.2.1) in words. Its
// description is text of somebody else and not shown.
func (d *Directory) declined(code string) error {
	switch code {
	case "access_denied":
		return city.Errorf(city.Forbidden, "%s did not let you in, or you went back; begin again", d.c.Name)
	case "server_error", "temporarily_unavailable":
		return d.lost(errors.New(code))
	}
	return d.refuse(fmt.Errorf("it answers %.40q", code))
}

// SignOut is the directory's page at which somebody signs out there too, empty where
// there is none. The hub keeps no token of the person, so that the directory asks them
// (OpenID Connect RP-Initiated Logout 1.0, 2).
func (d *Directory) SignOut() string {
	d.source.mu.Lock()
	known := d.source.known
	d.source.mu.Unlock()
	if known == nil || known.logout == "" {
		return ""
	}
	u, err := url.Parse(known.logout)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", d.c.ClientID)
	if d.out != "" {
		q.Set("post_logout_redirect_uri", d.out)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
