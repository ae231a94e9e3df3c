package directory

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"polity/city"
)

const (
	signInTime = 10 * time.Minute // from the hub's page to the directory's and back
	mostUsed   = 100_000          // sign-ins that came back within that time
)

// ticket is a sign-in that was begun. It lies sealed in the browser that began it, so
// that beginning many costs the hub no memory, and only that browser can end it.
type ticket struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // PKCE
	Next     string    `json:"g"` // page to go on with
	Began    time.Time `json:"t"`
}

// tickets seals them, by a key that lives as long as the hub runs: who was at the
// directory over a restart begins again.
type tickets struct {
	aead   cipher.AEAD
	cookie string
	secure bool
	now    func() time.Time

	mu   sync.Mutex
	used map[string]time.Time // by state, of those that came back
}

func newTickets(secure bool, now func() time.Time) (*tickets, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	t := &tickets{aead: aead, cookie: "polity-directory", secure: secure, now: now, used: map[string]time.Time{}}
	if secure {
		t.cookie = "__Host-polity-directory" // no other host can set it (RFC 6265bis)
	}
	return t, nil
}

// put is the cookie with a ticket. It has to come along when the directory's page leads
// back, hence Lax.
func (t *tickets) put(k ticket) (*http.Cookie, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	sealed := t.aead.Seal(nil, nil, text, []byte(t.cookie)) //nolint:gosec // it makes its own nonce
	return t.make(base64.RawURLEncoding.EncodeToString(sealed), int(signInTime/time.Second)), nil
}

// gone is the cookie that takes a ticket away.
func (t *tickets) gone() *http.Cookie { return t.make("", -1) }

func (t *tickets) make(value string, age int) *http.Cookie {
	//nolint:gosec // insecure on this machine's own loopback alone
	return &http.Cookie{Name: t.cookie, Value: value, Path: "/", MaxAge: age, Secure: t.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// take returns the ticket of a browser once, if it is the one with this state.
func (t *tickets) take(r *http.Request, state string) (ticket, error) {
	var k ticket
	again := city.Errorf(city.Forbidden, "this sign-in was begun in another browser, has been used already, or is older than %d minutes; begin again", int(signInTime/time.Minute))
	c, err := r.Cookie(t.cookie)
	if err != nil || state == "" {
		return k, again
	}
	sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return k, again
	}
	text, err := t.aead.Open(nil, nil, sealed, []byte(t.cookie))
	if err != nil || json.Unmarshal(text, &k) != nil || !same(k.State, state) {
		return k, again
	}
	now := t.now()
	if now.Sub(k.Began) > signInTime {
		return k, again
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, was := t.used[k.State]; was {
		return k, again
	}
	if len(t.used) >= mostUsed {
		for s, at := range t.used {
			if now.Sub(at) > signInTime {
				delete(t.used, s)
			}
		}
	}
	if len(t.used) >= mostUsed {
		return k, city.Errorf(city.Unavailable, "too many people sign in now; try again in a few minutes")
	}
	t.used[k.State] = k.Began
	return k, nil
}

// onward is a page of the hub to go on with: a path on it, else its first page.
func onward(next string) string {
	if len(next) > 512 || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\x00\r\n\t") {
		return "/"
	}
	return next
}
