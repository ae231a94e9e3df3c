package directory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"polity/access"
	"polity/access/directory"
	"polity/access/directory/directorytest"
	"polity/city"
)

// liar is a provider that answers whatever a test wants.
type liar struct {
	*httptest.Server
	t   *testing.T
	key jose.JSONWebKey

	mu      sync.Mutex
	about   map[string]any          // changes of what it says of itself
	answers map[string]http.Handler // by path, in place of its own
	token   func(claims map[string]any) string
	nonce   string
}

func newKey(t *testing.T, id string) jose.JSONWebKey { return directorytest.NewKey(t, id) }

// words is a log.
type words struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func newLiar(t *testing.T) *liar {
	l := &liar{t: t, key: newKey(t, "liar"), about: map[string]any{}, answers: map[string]http.Handler{}}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	l.token = func(claims map[string]any) string { return l.sign(l.key, jose.ES256, claims) }
	return l
}

func (l *liar) sign(key any, alg jose.SignatureAlgorithm, claims map[string]any) string {
	l.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		l.t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		l.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		l.t.Fatal(err)
	}
	return token
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	own, about, token, nonce := l.answers[r.URL.Path], maps.Clone(l.about), l.token, l.nonce
	l.mu.Unlock()
	if own != nil {
		own.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		all := map[string]any{
			"issuer": l.URL, "authorization_endpoint": l.URL + "/auth", "token_endpoint": l.URL + "/token", "jwks_uri": l.URL + "/keys", "userinfo_endpoint": l.URL + "/me",
			"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		}
		maps.Copy(all, about)
		answer = all
	case "/keys":
		answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{l.key.Public()}}
	case "/token":
		now := time.Now().Unix()
		answer = map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": token(map[string]any{
			"iss": l.URL, "sub": "alice", "aud": "polity", "exp": now + 60, "iat": now, "auth_time": now, "nonce": nonce, "groups": []string{"safety"},
		})}
	case "/me":
		answer = map[string]any{"sub": "alice", "groups": []string{"safety"}}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// finish begins a sign-in at the liar and has it led back with more parameters.
func (l *liar) finish(d *directory.Directory, more url.Values) (directory.End, error) {
	l.t.Helper()
	start := begin(l.t, d, "/")
	l.mu.Lock()
	l.nonce = param(l.t, start.URL, "nonce")
	l.mu.Unlock()
	q := url.Values{"code": {"c"}, "state": {param(l.t, start.URL, "state")}}
	maps.Copy(q, more)
	return d.Finish(returning(l.t, back+"?"+q.Encode(), start.Cookie))
}

func TestTokensThatAreRefused(t *testing.T) {
	l := newLiar(t)
	log := &words{}
	d, err := directory.Open(config(t, l.URL), directory.Deps{Back: back, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if end, err := l.finish(d, nil); err != nil || end.Result.Subject != "alice" || len(end.Result.Roles) != 1 {
		t.Fatalf("a good token gives %+v, %v", end.Result, err)
	}
	other := newKey(t, "liar") // the same name, another key
	now := time.Now()
	change := func(name string, v any) func(map[string]any) string {
		return func(c map[string]any) string {
			if c[name] = v; v == nil {
				delete(c, name)
			}
			return l.sign(l.key, jose.ES256, c)
		}
	}
	encode := func(head string, c map[string]any) string {
		text, _ := json.Marshal(c)
		return b64(head) + "." + b64(string(text)) + "."
	}
	for name, token := range map[string]func(map[string]any) string{
		"not signed":                   func(c map[string]any) string { return encode(`{"alg":"none"}`, c) },
		"not signed, written big":      func(c map[string]any) string { return encode(`{"alg":"None","typ":"JWT"}`, c) },
		"signed with the hub's secret": func(c map[string]any) string { return l.sign([]byte(secret+strings.Repeat(" ", 16)), jose.HS256, c) },
		"signed with the public key": func(c map[string]any) string {
			pub, _ := l.key.Public().MarshalJSON()
			return l.sign(pub, jose.HS256, c)
		},
		"another's signature": func(c map[string]any) string { return l.sign(other, jose.ES256, c) },
		"changed after signing": func(c map[string]any) string {
			p := strings.Split(l.sign(l.key, jose.ES256, c), ".")
			c["sub"] = "root"
			text, _ := json.Marshal(c)
			return p[0] + "." + b64(string(text)) + "." + p[2]
		},
		"another issuer":              change("iss", "https://login.elsewhere.example"),
		"no issuer":                   change("iss", nil),
		"another program":             change("aud", "another"),
		"no program":                  change("aud", nil),
		"given to another":            change("azp", "another"),
		"for several, given to none":  change("aud", []string{"polity", "another"}),
		"no nonce":                    change("nonce", nil),
		"empty nonce":                 change("nonce", ""),
		"another sign-in's nonce":     change("nonce", "AAAAAAAAAAAAAAAAAAAAAAAAAA"),
		"expired":                     change("exp", now.Add(-2*time.Minute).Unix()),
		"without an end":              change("exp", nil),
		"made in the future":          change("iat", now.Add(5*time.Minute).Unix()),
		"valid in the future":         change("nbf", now.Add(5*time.Minute).Unix()),
		"old":                         change("iat", now.Add(-time.Hour).Unix()),
		"known there too long ago":    change("auth_time", now.Add(-13*time.Hour).Unix()),
		"known there in the future":   change("auth_time", now.Add(time.Hour).Unix()),
		"not said since when":         change("auth_time", nil),
		"nobody":                      change("sub", ""),
		"no text":                     change("sub", 7),
		"somebody too long":           change("sub", strings.Repeat("x", 256)),
		"somebody with control signs": change("sub", "alice\x00"),
		"groups that are none":        change("groups", map[string]any{"safety": true}),
		"no token":                    func(map[string]any) string { return "" },
		"rubbish":                     func(map[string]any) string { return "a.b.c" },
		"a huge one":                  change("name", strings.Repeat("x", 1<<20)),
	} {
		l.mu.Lock()
		l.token = token
		l.mu.Unlock()
		end, err := l.finish(d, nil)
		if k := city.KindOf(err); (k != city.Forbidden && (name != "a huge one" || k != city.Unavailable)) || end.Result.Subject != "" || len(end.Result.Roles) > 0 {
			t.Errorf("%s: signed in as %+v, %v", name, end.Result, err)
		}
	}
	// Clocks that differ by less than a minute do no harm.
	for name, token := range map[string]func(map[string]any) string{"just expired": change("exp", now.Add(-20*time.Second).Unix()), "a bit ahead": change("iat", now.Add(20*time.Second).Unix())} {
		l.mu.Lock()
		l.token = token
		l.mu.Unlock()
		if _, err := l.finish(d, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if strings.Contains(log.String(), secret) || strings.Contains(log.String(), "eyJ") {
		t.Errorf("the log holds a secret or a token:\n%s", log)
	}
}

func TestAnswersThatLeadBack(t *testing.T) {
	l := newLiar(t)
	d := open(t, config(t, l.URL), nil)
	for name, c := range map[string]struct {
		more url.Values
		want city.Kind
	}{
		"from somebody else":          {url.Values{"iss": {"https://login.elsewhere.example"}}, city.Forbidden},
		"from two":                    {url.Values{"iss": {l.URL, "https://login.elsewhere.example"}}, city.Invalid},
		"no code":                     {url.Values{"code": {""}}, city.Invalid},
		"two codes":                   {url.Values{"code": {"a", "b"}}, city.Invalid},
		"a huge code":                 {url.Values{"code": {strings.Repeat("x", 5000)}}, city.Invalid},
		"another state":               {url.Values{"state": {"x"}}, city.Forbidden},
		"no state":                    {url.Values{"state": {""}}, city.Forbidden},
		"an error of its own":         {url.Values{"error": {"interaction_required"}}, city.Forbidden},
		"an error that is markup":     {url.Values{"error": {"<script>"}, "error_description": {"<script>"}}, city.Forbidden},
		"busy":                        {url.Values{"error": {"temporarily_unavailable"}}, city.Unavailable},
		"an error and a code at once": {url.Values{"error": {"access_denied"}, "code": {"c"}}, city.Forbidden},
	} {
		end, err := l.finish(d, c.more)
		if err == nil || city.KindOf(err) != c.want || end.Result.Subject != "" || strings.Contains(err.Error(), "<") {
			t.Errorf("%s: signed in as %+v, %v", name, end.Result, err)
		}
	}
	if _, err := l.finish(d, url.Values{"iss": {l.URL}}); err != nil {
		t.Errorf("from the directory by name: %v", err)
	}
	l.about["authorization_response_iss_parameter_supported"] = true
	d = open(t, config(t, l.URL), nil)
	if _, err := l.finish(d, nil); city.KindOf(err) != city.Forbidden {
		t.Errorf("a directory that always names itself did not, and %v", err)
	}
}

// A directory that takes a code twice does not make the hub take a sign-in twice.
func TestASignInCountsOnceWhateverTheDirectoryDoes(t *testing.T) {
	l := newLiar(t)
	d := open(t, config(t, l.URL), nil)
	start := begin(t, d, "/")
	l.nonce = param(t, start.URL, "nonce")
	r := returning(t, back+"?code=c&state="+param(t, start.URL, "state"), start.Cookie)
	if _, err := d.Finish(r); err != nil {
		t.Fatal(err)
	}
	if end, err := d.Finish(r); city.KindOf(err) != city.Forbidden || end.Result.Subject != "" {
		t.Errorf("the same again: signed in as %+v, %v", end.Result, err)
	}
}

func TestWhatADirectorySaysOfItself(t *testing.T) {
	for name, about := range map[string]map[string]any{
		"another issuer":              {"issuer": "https://login.elsewhere.example"},
		"no issuer":                   {"issuer": nil},
		"keys in the clear":           {"jwks_uri": "http://10.0.0.1/keys"},
		"tokens in the clear":         {"token_endpoint": "http://login.elsewhere.example/token"},
		"a page that is a script":     {"authorization_endpoint": "javascript:alert(1)"},
		"signing out in the clear":    {"end_session_endpoint": "http://login.elsewhere.example/out"},
		"no keys":                     {"jwks_uri": nil},
		"no page to sign in":          {"authorization_endpoint": nil},
		"numbers for texts":           {"jwks_uri": 7},
		"more than anybody would say": {"x": strings.Repeat("x", 1<<20)},
	} {
		l := newLiar(t)
		l.about = about
		d := open(t, config(t, l.URL), nil)
		if start, err := d.Begin(t.Context(), "/"); city.KindOf(err) != city.Unavailable {
			t.Errorf("%s: leads to %q, %v", name, start.URL, err)
		}
	}
}

func TestADirectoryThatLeadsOnOrNeverEnds(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the hub was led to a machine inside") }))
	defer inside.Close()
	const known = "/.well-known/openid-configuration"
	for name, answer := range map[string]http.Handler{
		"leads on":   http.RedirectHandler(inside.URL, http.StatusFound),
		"fails":      http.NotFoundHandler(),
		"no JSON":    http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }),
		"never ends": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, endless{r.Context()}) }),
	} {
		l := newLiar(t)
		l.answers[known] = answer
		d := open(t, config(t, l.URL), nil)
		if _, err := d.Begin(t.Context(), "/"); city.KindOf(err) != city.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}

	// A slow one keeps who asks no longer than they wait, and says nothing false of it.
	l := newLiar(t)
	held := make(chan struct{})
	l.answers[known] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	})
	defer close(held)
	d := open(t, config(t, l.URL), nil)
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := d.Begin(ctx, "/"); err == nil || !d.Down().IsZero() {
		t.Errorf("a slow directory: %v, down since %v", err, d.Down())
	}
}

// endless is an answer that never ends.
type endless struct{ ctx context.Context }

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), e.ctx.Err()
}

func TestUserInfoOfSomebodyElse(t *testing.T) {
	l := newLiar(t)
	l.token = func(c map[string]any) string {
		delete(c, "groups")
		return l.sign(l.key, jose.ES256, c)
	}
	d := open(t, config(t, l.URL), nil)
	if end, err := l.finish(d, nil); err != nil || len(end.Result.Roles) != 1 {
		t.Fatalf("groups from userinfo: %+v, %v", end.Result, err)
	}
	l.answers["/me"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"sub": "bob", "groups": ["evidence"]}`)
	})
	if end, err := l.finish(d, nil); city.KindOf(err) != city.Forbidden || len(end.Result.Roles) != 0 {
		t.Errorf("userinfo of another gives %+v, %v", end.Result, err)
	}
}

func TestAWithdrawnKeyDoesNotCountForEver(t *testing.T) {
	l := newLiar(t)
	clock := &hands{}
	d := open(t, config(t, l.URL), clock.now)
	if _, err := l.finish(d, nil); err != nil {
		t.Fatal(err)
	}
	stolen := l.key
	l.mu.Lock()
	l.key = newKey(t, "next")
	l.token = func(c map[string]any) string {
		for _, name := range []string{"exp", "iat", "auth_time"} {
			c[name] = clock.now().Unix() + 1
		}
		return l.sign(stolen, jose.ES256, c)
	}
	l.mu.Unlock()
	clock.forward(2 * time.Hour)
	if _, err := l.finish(d, nil); city.KindOf(err) != city.Forbidden {
		t.Errorf("a token signed by a key that was withdrawn two hours ago: %v", err)
	}
}

// Somebody who ends many sign-ins at once, at a directory that answers slowly, keeps
// others in.
func TestManySignInsAtOnce(t *testing.T) {
	l := newLiar(t)
	d := open(t, config(t, l.URL), nil)
	held, asked := make(chan struct{}), make(chan struct{}, 100)
	l.answers["/token"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-held
		http.Error(w, "no", http.StatusBadRequest)
	})
	end := func(from string) error {
		start := begin(t, d, "/")
		r := returning(t, back+"?code=c&state="+param(t, start.URL, "state"), start.Cookie)
		r.RemoteAddr = from
		_, err := d.Finish(r)
		return err
	}
	var waiting sync.WaitGroup
	for n := range 4 {
		waiting.Go(func() { _ = end(fmt.Sprintf("[2001:db8:1:2::%d]:4000", n)) })
		<-asked
	}
	if err := end("[2001:db8:1:2:ffff::1]:4000"); city.KindOf(err) != city.Unavailable {
		t.Errorf("a fifth at once from one network: %v", err)
	}
	waiting.Go(func() { _ = end("192.0.2.1:4000") })
	<-asked // another is not kept waiting
	close(held)
	waiting.Wait()
	if err := end("[2001:db8:1:2::1]:4000"); city.KindOf(err) != city.Forbidden {
		t.Errorf("after they ended: %v", err)
	}
}

// What the directory says of itself is there before somebody waits for it.
func TestTheDirectoryIsKnownBeforeSomebodyWaits(t *testing.T) {
	l := newLiar(t)
	asked := make(chan struct{}, 10)
	l.answers["/.well-known/openid-configuration"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": l.URL, "authorization_endpoint": l.URL + "/auth", "token_endpoint": l.URL + "/token", "jwks_uri": l.URL + "/keys"})
	})
	d := open(t, config(t, l.URL), nil)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	<-asked
	if _, err := d.Begin(t.Context(), "/"); err != nil {
		t.Error(err)
	}
	stop()
	running.Wait()
	if len(asked) != 0 {
		t.Error("it was asked again")
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add("code=a&state=b&iss=c", "polity-directory=AAAA")
	f.Add("error=access_denied&state=", "")
	f.Add("code=%00&code=", "x")
	c := directory.Config{Issuer: "http://127.0.0.1:1", ClientID: "polity", Groups: []directory.Group{{Group: "a", Body: "b", Roles: []access.Role{access.Crew}}}}
	c.ClientSecretFile = filepath.Join(f.TempDir(), "secret")
	if err := os.WriteFile(c.ClientSecretFile, []byte("x"), 0o600); err != nil {
		f.Fatal(err)
	}
	d, err := directory.Open(c, directory.Deps{Back: back})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query, cookie string) {
		r := httptest.NewRequest(http.MethodGet, back, nil)
		r.URL.RawQuery = query
		r.Header.Set("Cookie", cookie)
		if end, err := d.Finish(r); err == nil || end.Result.Subject != "" {
			t.Errorf("signed in as %+v", end.Result)
		}
	})
}
