package account

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"polity/access"
	"polity/city"
)

// Passkey is one of somebody's.
type Passkey struct {
	ID      string // of the credential, base64url
	Name    string // the device, in words
	Created time.Time
	Used    time.Time // the day of its last use
	Blocked time.Time // since then a copy of it may exist; zero: no
}

// passkeysMost is how many passkeys one person has at once.
const passkeysMost = 20

// stored is a passkey with what a signature is checked against.
type stored struct {
	person     string
	credential webauthn.Credential
	blocked    bool
}

const storedQuery = "SELECT id, person, public_key, flags, transports, counter, blocked IS NOT NULL FROM passkey WHERE "

func scanStored(scan func(...any) error) (*stored, error) {
	var s stored
	var flags uint8
	var transports string
	if err := scan(&s.credential.ID, &s.person, &s.credential.PublicKey, &flags, &transports, &s.credential.Authenticator.SignCount, &s.blocked); err != nil {
		return nil, err
	}
	s.credential.Flags = webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(flags))
	return &s, json.Unmarshal([]byte(transports), &s.credential.Transport)
}

// holder is a person as the library wants to know them.
type holder struct {
	id, name    string
	credentials []webauthn.Credential
}

func (h *holder) WebAuthnID() []byte                         { return []byte(h.id) }
func (h *holder) WebAuthnName() string                       { return h.name }
func (h *holder) WebAuthnDisplayName() string                { return h.name }
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

// dummy is a public key that nobody has the private half of. An unknown passkey is checked
// against it, so that the answer takes as long as for a known one.
type dummy []byte

func newDummy() (dummy, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return nil, err
	}
	return webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:],
	})
}

// BeginSignIn asks the browser for a passkey: it returns the JSON of
// navigator.credentials.get's options, {"publicKey": {...}}. It is the same whoever asks.
func (a *Accounts) BeginSignIn(w http.ResponseWriter, r *http.Request) (json.RawMessage, error) {
	if err := a.limits.take(tryBegin, a.address(r), ""); err != nil {
		return nil, err
	}
	at, err := a.place()
	if err != nil {
		return nil, err
	}
	options, session, err := at.rp.BeginDiscoverableLogin()
	if err != nil {
		return nil, err
	}
	return a.begin(w, r, &ceremony{what: tryBegin, session: *session}, options)
}

// FinishSignIn reads the credential that the browser returned, as JSON, from the body, and
// signs its owner in. Whatever is wrong with it is ErrPasskey.
func (a *Accounts) FinishSignIn(w http.ResponseWriter, r *http.Request) (access.Who, error) {
	c, body, err := a.answered(w, r, tryBegin)
	if err != nil {
		return access.Who{}, err
	}
	at, err := a.place()
	if err != nil {
		return access.Who{}, err
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(body)
	if err != nil {
		return access.Who{}, ErrPasskey
	}
	known, err := a.passkey(r.Context(), answer.RawID)
	if err != nil {
		return access.Who{}, err
	}
	if known != nil {
		if err := a.limits.take(tryAccount, a.address(r), known.person); err != nil {
			return access.Who{}, err
		}
	}
	_, _, err = at.rp.ValidatePasskeyLogin(func(rawID, user []byte) (webauthn.User, error) {
		if known == nil {
			decoy := webauthn.Credential{ID: rawID, PublicKey: a.dummy}
			return &holder{id: string(user), credentials: []webauthn.Credential{decoy}}, nil
		}
		return &holder{id: known.person, credentials: []webauthn.Credential{known.credential}}, nil
	}, c.session, answer)
	if err != nil || known == nil {
		return access.Who{}, ErrPasskey
	}
	var secret string
	copied := false
	err = a.change(r.Context(), func(c *change) error {
		copied, err = c.use(known, answer)
		if err != nil || copied {
			return err
		}
		secret, err = c.newSession(r, known.person)
		return err
	})
	if copied && err == nil {
		err = ErrCopied
	}
	if err != nil {
		return access.Who{}, err
	}
	return a.signedIn(w, r, secret)
}

// use writes down that a passkey was used, or blocks it, if its counter says that there are
// two of it (WebAuthn Level 3, 7.2, step 22).
func (c *change) use(known *stored, answer *protocol.ParsedCredentialAssertionData) (copied bool, err error) {
	p, err := c.person(known.person)
	if err != nil {
		return false, err
	}
	now, err := scanStored(c.row(storedQuery+"id = ?", known.credential.ID).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, ErrPasskey // removed in between
	case err != nil:
		return false, err
	case !p.Disabled.IsZero() || p.Origin != FromPasskey:
		return false, ErrPasskey
	case now.blocked:
		return false, ErrCopied // whoever sees this holds its private key
	}
	data := answer.Response.AuthenticatorData
	now.credential.Authenticator.UpdateCounter(data.Counter)
	if now.credential.Authenticator.CloneWarning {
		return true, errors.Join(
			c.exec("UPDATE passkey SET blocked = ? WHERE id = ?", millis(c.at), known.credential.ID),
			c.note(byMachine, DidBlockPasskey, p.ID, What{Passkey: short(known.credential.ID)}),
		)
	}
	return false, c.exec("UPDATE passkey SET counter = ?, flags = ?, used = ? WHERE id = ?", data.Counter, uint8(data.Flags), dayOf(millis(c.at)), known.credential.ID)
}

func (a *Accounts) passkey(ctx context.Context, id []byte) (*stored, error) {
	s, err := scanStored(a.read.QueryRowContext(ctx, storedQuery+"id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return s, kind(err)
}

// short is how the book names a passkey: it tells them apart and opens nothing.
func short(id []byte) string {
	text := base64.RawURLEncoding.EncodeToString(id)
	return text[:min(len(text), 16)]
}

// BeginPasskey asks the browser to make another passkey for whoever is signed in. That
// takes a sign-in of the last 15 minutes (ErrSignInAgain).
func (a *Accounts) BeginPasskey(w http.ResponseWriter, r *http.Request, by access.Who) (json.RawMessage, error) {
	if err := a.limits.take(tryBegin, a.address(r), ""); err != nil {
		return nil, err
	}
	if err := fresh(by, a.now()); err != nil {
		return nil, err
	}
	p, err := a.Person(r.Context(), by.ID)
	if err != nil {
		return nil, err
	}
	if p.Origin != FromPasskey {
		return nil, city.Errorf(city.Conflict, "you sign in through the city's directory, which knows your devices")
	}
	had := []protocol.CredentialDescriptor{}
	err = a.rows(r.Context(), storedQuery+"person = ?", []any{p.ID}, func(scan func(...any) error) error {
		s, err := scanStored(scan)
		if err == nil {
			had = append(had, s.credential.Descriptor())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.beginRegistration(w, r, &ceremony{what: tryFinish, person: p.ID, name: p.Name}, had)
}

func (a *Accounts) beginRegistration(w http.ResponseWriter, r *http.Request, c *ceremony, had []protocol.CredentialDescriptor) (json.RawMessage, error) {
	at, err := a.place()
	if err != nil {
		return nil, err
	}
	options, session, err := at.rp.BeginRegistration(&holder{id: c.person, name: c.name}, webauthn.WithExclusions(had))
	if err != nil {
		return nil, err
	}
	c.session = *session
	return a.begin(w, r, c, options)
}

// created checks the passkey that a browser made.
func (a *Accounts) created(c *ceremony, body []byte) (*webauthn.Credential, error) {
	at, err := a.place()
	if err != nil {
		return nil, err
	}
	answer, err := protocol.ParseCredentialCreationResponseBytes(body)
	if err == nil {
		var made *webauthn.Credential
		if made, err = at.rp.CreateCredential(&holder{id: c.person, name: c.name}, c.session, answer); err == nil {
			return made, nil
		}
	}
	return nil, city.Errorf(city.Forbidden, "the passkey was not accepted: it has to be made at %s, and to ask for your finger, face or PIN (%w)", at.origin.text, err)
}

// FinishPasskey reads the credential that the browser made, as JSON, from the body.
func (a *Accounts) FinishPasskey(w http.ResponseWriter, r *http.Request, by access.Who) error {
	c, body, err := a.answered(w, r, tryFinish)
	if err != nil {
		return err
	}
	if c.person != by.ID {
		return ErrCeremony
	}
	made, err := a.created(c, body)
	if err != nil {
		return err
	}
	return a.change(r.Context(), func(c *change) error {
		p, err := c.actor(by)
		if err != nil {
			return err
		}
		if err := c.addPasskey(p.ID, made, deviceOf(r.UserAgent())); err != nil {
			return err
		}
		return c.note(p.ID, DidAddPasskey, p.ID, What{Passkey: short(made.ID)})
	})
}

func (c *change) addPasskey(person string, made *webauthn.Credential, name string) error {
	var has int
	if err := c.row("SELECT count(*) FROM passkey WHERE person = ?", person).Scan(&has); err != nil {
		return err
	}
	if has >= passkeysMost {
		return city.Errorf(city.Conflict, "there are %d passkeys: remove one first", has)
	}
	n, err := c.changed("INSERT OR IGNORE INTO passkey (id, person, public_key, flags, transports, counter, name, created, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		made.ID, person, made.PublicKey, uint8(made.Flags.ProtocolValue()), array(made.Transport), made.Authenticator.SignCount, name, millis(c.at), dayOf(millis(c.at)))
	if err == nil && n == 0 { // WebAuthn Level 3, 7.1, step 26
		return city.Errorf(city.Conflict, "this passkey is in use already: make another")
	}
	return err
}

// Passkeys returns a person's, the first made first.
func (r *Reader) Passkeys(ctx context.Context, person string) ([]Passkey, error) {
	list := []Passkey{}
	err := r.rows(ctx, "SELECT id, name, created, used, coalesce(blocked, 0) FROM passkey WHERE person = ? ORDER BY created, rowid", []any{person}, func(scan func(...any) error) error {
		var k Passkey
		var id []byte
		var created, used, blocked int64
		if err := scan(&id, &k.Name, &created, &used, &blocked); err != nil {
			return err
		}
		k.ID, k.Created, k.Used = base64.RawURLEncoding.EncodeToString(id), timeOf(created), timeOf(used)
		if blocked != 0 {
			k.Blocked = timeOf(blocked)
		}
		list = append(list, k)
		return nil
	})
	return list, err
}

func noPasskey() error { return city.Errorf(city.NotFound, "you have no such passkey") }

// RenamePasskey says in words which device one's own passkey is on.
func (a *Accounts) RenamePasskey(ctx context.Context, by access.Who, id, name string) error {
	name, err := named(name)
	if err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return noPasskey()
	}
	return a.change(ctx, func(c *change) error {
		p, err := c.actor(by)
		if err != nil {
			return err
		}
		n, err := c.changed("UPDATE passkey SET name = ? WHERE id = ? AND person = ?", name, raw, p.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return noPasskey()
		}
		return c.note(p.ID, DidRenamePasskey, p.ID, What{Passkey: short(raw)})
	})
}

// RemovePasskey takes one of one's own passkeys away, but never the last that works. It
// takes a sign-in of the last 15 minutes (ErrSignInAgain).
func (a *Accounts) RemovePasskey(ctx context.Context, by access.Who, id string) error {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return noPasskey()
	}
	return a.change(ctx, func(c *change) error {
		p, err := c.actor(by)
		if err != nil {
			return err
		}
		if err := fresh(by, c.at); err != nil {
			return err
		}
		n, err := c.changed("DELETE FROM passkey WHERE id = ? AND person = ?", raw, p.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return noPasskey()
		}
		var left int
		if err := c.row("SELECT count(*) FROM passkey WHERE person = ? AND blocked IS NULL", p.ID).Scan(&left); err != nil {
			return err
		}
		if left == 0 {
			return city.Errorf(city.Conflict, "this is your last passkey: add another one first")
		}
		return c.note(p.ID, DidRemovePasskey, p.ID, What{Passkey: short(raw)})
	})
}
