package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/go-webauthn/webauthn/webauthn"

	"polity/access"
	"polity/city"
)

// BeginEnrol reads {"code": "...", "name": "..."} from the body and asks the browser to
// make a passkey: it returns the JSON of navigator.credentials.create's options. The name
// is that of the first administrator, or one of an offline code; for everybody else it
// stands in the invitation, and what is sent is passed over. A code that does not work is ErrCode.
func (a *Accounts) BeginEnrol(w http.ResponseWriter, r *http.Request) (json.RawMessage, error) {
	if err := a.limits.take(tryCode, a.address(r), ""); err != nil {
		return nil, err
	}
	var sent struct {
		Code string `json:"code"`
		Name string `json:"name"`
	}
	if err := decode(w, r, &sent); err != nil {
		return nil, err
	}
	h, ok := codeHash(sent.Code)
	if !ok {
		return nil, ErrCode
	}
	k, err := a.codeNow(r.Context(), h)
	if err != nil {
		return nil, err
	}
	c := &ceremony{what: tryCode, code: h, person: k.person, name: k.name}
	if c.name == "" {
		if c.name, err = named(sent.Name); err != nil {
			return nil, city.Errorf(city.Invalid, "your name, as colleagues know you: %w", err)
		}
	}
	if c.person == "" {
		c.person = newID(personID)
	}
	return a.beginRegistration(w, r, c, nil)
}

// codeNow is a code that works now, or ErrCode.
func (a *Accounts) codeNow(ctx context.Context, h hash) (*codeRow, error) {
	var k *codeRow
	err := a.rows(ctx, codeQuery+"hash = ?", []any{h[:]}, func(scan func(...any) error) (err error) {
		k, err = scanCode(scan)
		return err
	})
	if err != nil {
		return nil, err
	}
	if k == nil || !k.valid(a.now()) {
		return nil, ErrCode
	}
	return k, nil
}

// FinishEnrol reads the credential that the browser made, as JSON, from the body. It uses
// the code up, makes the account or opens it again, and signs its owner in: all of it or
// nothing.
func (a *Accounts) FinishEnrol(w http.ResponseWriter, r *http.Request) (access.Who, error) {
	begun, body, err := a.answered(w, r, tryCode)
	if err != nil {
		return access.Who{}, err
	}
	made, err := a.created(begun, body)
	if err != nil {
		return access.Who{}, err
	}
	var secret string
	err = a.change(r.Context(), func(c *change) error {
		k, err := c.code(begun.code)
		if err != nil {
			return err
		}
		if k == nil || !k.valid(c.at) {
			return ErrCode // another was faster
		}
		if err := c.exec("UPDATE code SET used = ? WHERE id = ?", millis(c.at), k.id); err != nil {
			return err
		}
		if err := c.openAccount(k, begun, made, r); err != nil {
			return err
		}
		secret, err = c.newSession(r, begun.person)
		return err
	})
	if err != nil {
		return access.Who{}, err
	}
	return a.signedIn(w, r, secret)
}

// openAccount makes the account of a code, or opens it again.
func (c *change) openAccount(k *codeRow, begun *ceremony, made *webauthn.Credential, r *http.Request) error {
	if k.kind == codeFirst {
		if err := c.mustBeEmpty(); err != nil {
			return ErrCode
		}
	}
	if k.person == "" {
		p := &Person{ID: begun.person, Name: begun.name, Rights: k.rights, Origin: FromPasskey, InvitedBy: k.by}
		if err := c.addPerson(p, nil, nil); err != nil {
			return err
		}
		if err := c.note(byCode, DidEnrol, p.ID, What{Kind: k.kind, Code: k.id, Rights: &k.rights}); err != nil {
			return err
		}
		return errors.Join(c.addPasskey(p.ID, made, deviceOf(r.UserAgent())), c.countTwo())
	}
	p, err := c.person(k.person)
	if err != nil {
		return err
	}
	if p.Origin != FromPasskey || !p.Disabled.IsZero() && k.kind != codeOffline {
		return ErrCode
	}
	// Whoever lost their passkeys does not know who has them.
	if err := errors.Join(
		c.exec("DELETE FROM passkey WHERE person = ?", p.ID),
		c.exec("UPDATE person SET disabled = NULL WHERE id = ?", p.ID),
		c.endSessions(p.ID), c.revokeTokens(byCode, "person", p.ID),
	); err != nil {
		return err
	}
	if err := c.note(byCode, DidRecover, p.ID, What{Kind: k.kind, Code: k.id}); err != nil {
		return err
	}
	return c.addPasskey(p.ID, made, deviceOf(r.UserAgent()))
}
