package account

import (
	"container/list"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"polity/city"
)

// place is where browsers reach the hub, and passkeys belong to.
type place struct {
	origin *origin
	rp     *webauthn.WebAuthn
}

// SetOrigin says by which address browsers reach the hub, where Config.Origin did not.
func (a *Accounts) SetOrigin(text string) error {
	o, err := parseOrigin(text)
	if err != nil {
		return err
	}
	name := a.cfg.City
	if name == "" {
		name = "Polity"
	}
	rp, err := webauthn.New(&webauthn.Config{
		RPID: o.rp, RPDisplayName: name, RPOrigins: []string{o.text},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: protocol.ResidentKeyRequired(), ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: webauthn.TimeoutConfig{Timeout: ceremonyTime}, Registration: webauthn.TimeoutConfig{Timeout: ceremonyTime}},
	})
	if err != nil {
		return city.Errorf(city.Invalid, "origin %q: %w", text, err)
	}
	a.at.Store(&place{o, rp})
	return nil
}

// Elsewhere is the address at which passkeys work, if a page was asked for by another one,
// such as 127.0.0.1 in place of localhost; else "".
func (a *Accounts) Elsewhere(r *http.Request) string {
	at := a.at.Load()
	if at == nil || strings.EqualFold(r.Host, at.origin.host) {
		return ""
	}
	return at.origin.text
}

// Origin is the address by which browsers reach the hub; "" until it is known.
func (a *Accounts) Origin() string {
	if at := a.at.Load(); at != nil {
		return at.origin.text
	}
	return ""
}

// place is known from here on.
func (a *Accounts) place() (*place, error) {
	at := a.at.Load()
	if at == nil {
		return nil, city.Errorf(city.Unavailable, "the hub does not know its own address yet: try again in a moment")
	}
	return at, nil
}

// ceremony is one exchange with an authenticator, between begin and finish.
type ceremony struct {
	what    tried // tryBegin: a sign-in; tryCode: enrolling with a code; tryFinish: another passkey
	session webauthn.SessionData
	person  string // whose passkey is made
	name    string // theirs
	code    hash
	from    netip.Addr
	began   time.Time
}

const (
	ceremoniesMost    = 16384
	ceremoniesOfOne   = 64 // from one address; more drop its oldest
	ceremonyBytesMost = 64 << 10
)

// ceremonies are those under way, by the hash of what the browser's cookie holds.
type ceremonies struct {
	mu     sync.Mutex
	byHash map[hash]*list.Element // of *underWay
	order  list.List              // the oldest in front
	from   map[netip.Addr]int
}

type underWay struct {
	key hash
	*ceremony
}

func (k *ceremonies) add(key hash, c *ceremony) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byHash == nil {
		k.byHash, k.from = map[hash]*list.Element{}, map[netip.Addr]int{}
	}
	for e := k.order.Front(); e != nil; e = k.order.Front() {
		if c.began.Sub(e.Value.(*underWay).began) < ceremonyTime {
			break
		}
		k.drop(e)
	}
	if k.from[c.from] >= ceremoniesOfOne {
		for e := k.order.Front(); e != nil; e = e.Next() {
			if e.Value.(*underWay).from == c.from {
				k.drop(e)
				break
			}
		}
	}
	if k.order.Len() >= ceremoniesMost {
		return ErrTooMany
	}
	k.byHash[key] = k.order.PushBack(&underWay{key, c})
	k.from[c.from]++
	return nil
}

// take returns a ceremony and forgets it: it is answered once, right or wrong.
func (k *ceremonies) take(key hash, what tried, now time.Time) *ceremony {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.byHash[key]
	if e == nil {
		return nil
	}
	k.drop(e)
	c := e.Value.(*underWay).ceremony
	if age := now.Sub(c.began); c.what != what || age >= ceremonyTime || age < -skew {
		return nil
	}
	return c
}

func (k *ceremonies) drop(e *list.Element) {
	u := e.Value.(*underWay)
	k.order.Remove(e)
	delete(k.byHash, u.key)
	if k.from[u.from]--; k.from[u.from] <= 0 {
		delete(k.from, u.from)
	}
}

// begin binds a ceremony to the browser, and returns what its authenticator is asked.
func (a *Accounts) begin(w http.ResponseWriter, r *http.Request, c *ceremony, options any) (json.RawMessage, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	secret := random(secretLength)
	c.from, c.began = network(a.address(r)), a.now()
	if err := a.ceremonies.add(hashOf(secret), c); err != nil {
		return nil, err
	}
	a.set(w, ceremonyName, secret, int(ceremonyTime/time.Second))
	return text, nil
}

// answered takes the ceremony of a browser, and reads the answer of its authenticator.
func (a *Accounts) answered(w http.ResponseWriter, r *http.Request, what tried) (*ceremony, []byte, error) {
	if err := a.limits.take(tryFinish, a.address(r), ""); err != nil {
		return nil, nil, err
	}
	secret := a.secretIn(r, ceremonyName)
	if secret == "" {
		return nil, nil, ErrCeremony
	}
	a.set(w, ceremonyName, "", -1)
	c := a.ceremonies.take(hashOf(secret), what, a.now())
	if c == nil {
		return nil, nil, ErrCeremony
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ceremonyBytesMost))
	if err != nil {
		return nil, nil, city.Errorf(city.Invalid, "the answer of the authenticator did not arrive whole, or is too long: %w", err)
	}
	return c, body, nil
}

// decode reads JSON of a page strictly: a field that is not known is an error, so that
// nothing is given by sending more than was asked for.
func decode(w http.ResponseWriter, r *http.Request, to any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, ceremonyBytesMost))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return city.Errorf(city.Invalid, "this is not what was asked for: %w", err)
	}
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // as encoding/json documents it
		return city.Errorf(city.Invalid, "this is not what was asked for: more follows behind it")
	}
	return nil
}
