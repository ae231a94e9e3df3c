package account

import (
	"context"
	"time"

	"polity/access"
	"polity/city"
)

// Invite invites somebody who is then known by a name and has rights. Without anything
// guarded the code is there at once; else a second person agrees, and is shown it.
// It needs the role IT.
func (a *Accounts) Invite(ctx context.Context, by access.Who, name string, rights Rights) (Decided, error) {
	name, err := named(name)
	if err != nil {
		return Decided{}, err
	}
	if err := rights.check(a.cfg.Bodies); err != nil {
		return Decided{}, err
	}
	var d Decided
	err = a.change(ctx, func(c *change) error {
		p, err := c.actor(by, access.IT)
		if err != nil {
			return err
		}
		if rights.adds(&Rights{}) {
			alone, err := c.stillAlone()
			if err != nil {
				return err
			}
			if !alone {
				d, err = c.propose(p, &Waiting{Kind: waitInvite, Name: name, Rights: rights, Before: Rights{Body: rights.Body}})
				return err
			}
			if err := c.mayAlone(&rights); err != nil {
				return err
			}
		}
		d, err = c.invite(p.ID, "", name, &rights)
		return err
	})
	return d, err
}

func (c *change) invite(by, agreed, name string, rights *Rights) (Decided, error) {
	code, err := c.makeCode(&codeRow{kind: codeInvitation, name: name, rights: *rights, by: by}, codeTime)
	if err != nil {
		return Decided{}, err
	}
	return Decided{Code: &code}, c.note(by, DidInvite, code.ID, What{Rights: rights, Agreed: agreed, Until: &code.Until})
}

// mayAlone says whether the first administrator may invite somebody alone: one more
// administrator and one data protection officer, who then agree to everything else.
func (c *change) mayAlone(rights *Rights) error {
	if !rights.only(access.IT) && !rights.only(access.DataProtection) {
		return city.Errorf(city.Forbidden, "this takes a second person to agree, and there is none yet: first invite one more administrator (role %s alone) or a data protection officer (role %s alone)", access.IT, access.DataProtection)
	}
	var same int
	if err := c.row("SELECT count(*) FROM code WHERE kind = 'invitation' AND rights ->> '$.roles' = ? AND used IS NULL AND expires > ?", array(rights.Roles), millis(c.at)).Scan(&same); err != nil {
		return err
	}
	if same > 0 {
		return city.Errorf(city.Conflict, "somebody is invited with the role %s already: wait until they have enrolled, or take that invitation back", rights.Roles[0])
	}
	return nil
}

// Invitation is a code that was handed to somebody, and was not used yet.
type Invitation struct {
	ID   string
	Kind string // invitation, recovery, offline, first
	// Person is whose account it opens again, or empty.
	Person string
	Name   string
	Rights
	By      string // a person's ID, or "machine"
	Created time.Time
	Until   time.Time
}

// Invitations returns the codes that work at a time, the newest first.
func (r *Reader) Invitations(ctx context.Context, now time.Time) ([]Invitation, error) {
	list := []Invitation{}
	err := r.rows(ctx, codeQuery+"used IS NULL AND expires > ? ORDER BY created DESC, id", []any{millis(now)}, func(scan func(...any) error) error {
		k, err := scanCode(scan)
		if err == nil {
			list = append(list, Invitation{ID: k.id, Kind: k.kind, Person: k.person, Name: k.name, Rights: k.rights, By: k.by, Created: k.created, Until: k.until})
		}
		return err
	})
	return list, err
}

// Uninvite ends a code that was not used yet. It needs the role IT.
func (a *Accounts) Uninvite(ctx context.Context, by access.Who, id string) error {
	return a.change(ctx, func(c *change) error {
		p, err := c.actor(by, access.IT)
		if err != nil {
			return err
		}
		n, err := c.changed("DELETE FROM code WHERE id = ? AND used IS NULL", id)
		if err != nil {
			return err
		}
		if n == 0 {
			return city.Errorf(city.NotFound, "there is no such invitation: it was used, or taken back")
		}
		return c.note(p.ID, DidUninvite, id, What{})
	})
}
