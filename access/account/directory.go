package account

import (
	"database/sql"
	"errors"
	"net/http"

	"polity/access"
	"polity/city"
)

// Directory is what a city's directory says of somebody who signs in; its fields are those of
// access/directory.Result, which converts to it.
type Directory struct {
	// Issuer and Subject together are who somebody is, for ever.
	Issuer, Subject string
	Name            string
	// Roles are empty for somebody who has no task here: what they had ends.
	Roles   []access.Role
	Body    city.Slug
	Areas   []city.Slug
	Cameras []city.Slug
}

// SignInDirectory signs somebody in whom the city's directory knows. Their rights are what
// it says now. Until the first administrator is enrolled nobody comes in this way.
//
// The answer must be a page that goes on by itself, not a redirect: the cookie is
// SameSite=Strict, and what follows a redirect from elsewhere is asked for without it.
func (a *Accounts) SignInDirectory(w http.ResponseWriter, r *http.Request, d Directory) (access.Who, error) {
	if _, err := a.place(); err != nil {
		return access.Who{}, err
	}
	if d.Issuer == "" || d.Subject == "" {
		return access.Who{}, city.Errorf(city.Invalid, "the directory did not say who this is")
	}
	rights := Rights{Body: d.Body, Roles: d.Roles, Areas: d.Areas, Cameras: d.Cameras}
	if len(d.Roles) == 0 {
		rights = Rights{Body: a.cfg.Bodies[0].Name}
	}
	if err := rights.check(a.cfg.Bodies); err != nil {
		return access.Who{}, city.Errorf(city.Forbidden, "what the directory says of you cannot be: %w", err)
	}
	name, err := named(d.Name)
	if err != nil {
		name = "somebody of the directory"
	}
	var secret string
	err = a.change(r.Context(), func(c *change) error {
		id, err := c.ofDirectory(&d, name, &rights)
		if err != nil || id == "" {
			return err
		}
		secret, err = c.newSession(r, id)
		return err
	})
	if err != nil {
		return access.Who{}, err
	}
	if secret == "" {
		return access.Who{}, city.Errorf(city.Forbidden, "the directory names no task for you here: ask whoever keeps its groups")
	}
	return a.signedIn(w, r, secret)
}

// ofDirectory brings the account up to what the directory says; "": nobody signs in.
func (c *change) ofDirectory(d *Directory, name string, rights *Rights) (string, error) {
	var enrolled bool
	if err := c.row("SELECT EXISTS (SELECT 1 FROM person WHERE origin = 'passkey')").Scan(&enrolled); err != nil {
		return "", err
	}
	if !enrolled {
		return "", ErrNobody
	}
	var id string
	switch err := c.row("SELECT id FROM person WHERE issuer = ? AND subject = ?", d.Issuer, d.Subject).Scan(&id); {
	case errors.Is(err, sql.ErrNoRows):
		if len(rights.Roles) == 0 {
			return "", nil
		}
		p := &Person{ID: newID(personID), Name: name, Rights: *rights, Origin: FromDirectory, InvitedBy: byDirectory}
		return p.ID, errors.Join(c.addPerson(p, d.Issuer, d.Subject), c.note(byDirectory, DidDirectory, p.ID, What{Rights: rights}), c.countTwo())
	case err != nil:
		return "", err
	}
	p, err := c.person(id)
	if err != nil {
		return "", err
	}
	if !p.Disabled.IsZero() {
		return "", city.Errorf(city.Forbidden, "your account here is closed: ask an administrator")
	}
	if p.Name != name {
		if err := c.exec("UPDATE person SET name = ? WHERE id = ?", name, id); err != nil {
			return "", err
		}
	}
	if p.Rights.text() != rights.text() {
		p.Rights = *rights
		if err := errors.Join(c.setRights(id, rights), c.note(byDirectory, DidDirectory, id, What{Rights: rights}), c.narrowTokens(byDirectory, p), c.countTwo()); err != nil {
			return "", err
		}
		if !p.has(access.IT) {
			if err := c.dropOffers(byDirectory, id); err != nil {
				return "", err
			}
		}
	}
	if len(rights.Roles) == 0 {
		return "", errors.Join(c.endSessions(id), c.revokeTokens(byDirectory, "person", id))
	}
	return id, nil
}
