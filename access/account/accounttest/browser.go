package accounttest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"polity/access"
	"polity/access/account"
)

// Browser is one person's browser and authenticator. It asks Accounts directly, in place of
// the pages.
type Browser struct {
	Accounts *account.Accounts
	Key      *Authenticator
	Address  string // 192.0.2.7:50000
	Agent    string
	Cookies  map[string]*http.Cookie // by name
}

// NewBrowser is a browser in which nobody is signed in.
func NewBrowser(a *account.Accounts) *Browser {
	return &Browser{
		Accounts: a, Key: &Authenticator{Origin: a.Origin()}, Address: "192.0.2.7:50000",
		Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Cookies: map[string]*http.Cookie{},
	}
}

// Request is one of this browser's, with its cookies.
func (b *Browser) Request(method, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, body)
	r.RemoteAddr = b.Address
	_, r.Host, _ = strings.Cut(b.Accounts.Origin(), "://")
	r.Header.Set("User-Agent", b.Agent)
	for _, c := range b.Cookies {
		r.AddCookie(c)
	}
	return r
}

// Keep takes over the cookies of an answer.
func (b *Browser) Keep(w *httptest.ResponseRecorder) {
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.Cookies, c.Name)
		} else {
			b.Cookies[c.Name] = c
		}
	}
}

// Enrol uses a code up and signs in. The name counts where none stands in an invitation.
func (b *Browser) Enrol(code, name string) (access.Who, error) {
	answer, err := b.BeginEnrol(code, name)
	if err != nil {
		return access.Who{}, err
	}
	return b.FinishEnrol(answer)
}

// BeginEnrol returns what the authenticator answers.
func (b *Browser) BeginEnrol(code, name string) ([]byte, error) {
	sent, err := json.Marshal(map[string]string{"code": code, "name": name})
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	options, err := b.Accounts.BeginEnrol(w, b.Request(http.MethodPost, "/enrol", strings.NewReader(string(sent))))
	if err != nil {
		return nil, err
	}
	b.Keep(w)
	return b.Key.Create(options)
}

// FinishEnrol sends the answer of the authenticator.
func (b *Browser) FinishEnrol(answer []byte) (access.Who, error) {
	w := httptest.NewRecorder()
	who, err := b.Accounts.FinishEnrol(w, b.Request(http.MethodPost, "/enrol", strings.NewReader(string(answer))))
	b.Keep(w)
	return who, err
}

// SignIn signs in with the passkey.
func (b *Browser) SignIn() (access.Who, error) {
	answer, err := b.BeginSignIn()
	if err != nil {
		return access.Who{}, err
	}
	return b.FinishSignIn(answer)
}

// BeginSignIn returns what the authenticator answers.
func (b *Browser) BeginSignIn() ([]byte, error) {
	w := httptest.NewRecorder()
	options, err := b.Accounts.BeginSignIn(w, b.Request(http.MethodPost, "/sign-in", nil))
	if err != nil {
		return nil, err
	}
	b.Keep(w)
	return b.Key.Get(options)
}

// FinishSignIn sends the answer of the authenticator.
func (b *Browser) FinishSignIn(answer []byte) (access.Who, error) {
	w := httptest.NewRecorder()
	who, err := b.Accounts.FinishSignIn(w, b.Request(http.MethodPost, "/sign-in", strings.NewReader(string(answer))))
	b.Keep(w)
	return who, err
}

// AddPasskey makes another passkey for whoever is signed in, by the authenticator that the
// browser has now.
func (b *Browser) AddPasskey() error {
	who, err := b.Who()
	if err != nil {
		return err
	}
	w := httptest.NewRecorder()
	options, err := b.Accounts.BeginPasskey(w, b.Request(http.MethodPost, "/account", nil), who)
	if err != nil {
		return err
	}
	b.Keep(w)
	answer, err := b.Key.Create(options)
	if err != nil {
		return err
	}
	return b.Accounts.FinishPasskey(httptest.NewRecorder(), b.Request(http.MethodPost, "/account", strings.NewReader(string(answer))), who)
}

// SignOut ends the session.
func (b *Browser) SignOut() error {
	w := httptest.NewRecorder()
	err := b.Accounts.SignOut(w, b.Request(http.MethodPost, "/sign-out", nil))
	b.Keep(w)
	return err
}

// Who says who is signed in here.
func (b *Browser) Who() (access.Who, error) {
	return b.Accounts.Who(b.Request(http.MethodGet, "/", nil))
}
