package account

import (
	"net/http"
	"strings"

	"polity/access"
	"polity/city"
)

// SignInDoor signs somebody in by nothing but being asked: the demo's door. It needs
// Config.Door; without it even sessions that are there from before do not count. It works on this machine
// alone: from an address of loopback. Who comes in this way changes no accounts.
func (a *Accounts) SignInDoor(w http.ResponseWriter, r *http.Request, name string, rights Rights) (access.Who, error) {
	if !a.cfg.Door {
		return access.Who{}, city.Errorf(city.NotFound, "this hub has no such door: sign in with a passkey")
	}
	if !a.address(r).IsLoopback() {
		return access.Who{}, city.Errorf(city.Forbidden, "the demo's door opens on this machine alone")
	}
	if _, err := a.place(); err != nil {
		return access.Who{}, err
	}
	name, err := named(name)
	if err != nil {
		return access.Who{}, err
	}
	if err := rights.check(a.cfg.Bodies); err != nil {
		return access.Who{}, err
	}
	var secret string
	err = a.change(r.Context(), func(c *change) error {
		ids, err := c.strings("SELECT id FROM person WHERE origin = 'door' AND name = ? ORDER BY id LIMIT 1", name)
		if err != nil {
			return err
		}
		id := strings.Join(ids, "")
		if id == "" {
			id = newID(personID)
			p := &Person{ID: id, Name: name, Rights: rights, Origin: FromDoor, InvitedBy: byMachine}
			if err := c.addPerson(p, nil, nil); err != nil {
				return err
			}
		} else if err := c.setRights(id, &rights); err != nil {
			return err
		}
		secret, err = c.newSession(r, id)
		return err
	})
	if err != nil {
		return access.Who{}, err
	}
	return a.signedIn(w, r, secret)
}
