package account

import (
	"context"
	"errors"

	"polity/access"
	"polity/city"
)

// Grant gives a person exactly these rights. What only takes away is done at once; what
// adds anything guarded waits for a second person. It needs the role IT.
func (a *Accounts) Grant(ctx context.Context, by access.Who, person string, rights Rights) (Decided, error) {
	if err := rights.check(a.cfg.Bodies); err != nil {
		return Decided{}, err
	}
	var d Decided
	err := a.change(ctx, func(c *change) error {
		p, s, err := c.managing(by, person)
		if err != nil {
			return err
		}
		if s.Origin != FromPasskey {
			return city.Errorf(city.Conflict, "what %s may do comes from the city's directory: change it there; it counts from their next sign-in", s.Name)
		}
		if rights.adds(&s.Rights) {
			if !s.Disabled.IsZero() {
				return city.Errorf(city.Conflict, "this account is closed: open it first")
			}
			if alone, err := c.stillAlone(); err != nil || alone {
				return errors.Join(err, city.Errorf(city.Forbidden, "this takes a second person to agree, and there is none yet: first invite one more administrator or a data protection officer"))
			}
			d, err = c.propose(p, &Waiting{Kind: waitGrant, Person: s.ID, Rights: rights, Before: s.Rights})
			return err
		}
		return c.grant(p.ID, "", s, &rights)
	})
	return d, err
}

func (c *change) grant(by, agreed string, s *Person, rights *Rights) error {
	if err := c.setRights(s.ID, rights); err != nil {
		return err
	}
	if err := c.note(by, DidGrant, s.ID, What{Rights: rights, Agreed: agreed}); err != nil {
		return err
	}
	s.Rights = *rights
	if !s.has(access.IT) { // what they proposed or invited as an administrator ends
		if err := c.dropOffers(by, s.ID); err != nil {
			return err
		}
	}
	return errors.Join(c.narrowTokens(by, s), c.countTwo())
}

// dropOffers ends the invitations and proposals of somebody.
func (c *change) dropOffers(by, person string) error {
	if err := c.dropCodes(by, "made_by", person); err != nil {
		return err
	}
	proposals, err := c.strings("DELETE FROM waiting WHERE proposed_by = ? OR person = ? RETURNING id", person, person)
	if err != nil {
		return err
	}
	for _, id := range proposals {
		if err := c.note(by, DidWithdraw, id, What{}); err != nil {
			return err
		}
	}
	return nil
}

// dropCodes ends codes that were not used yet, by who made them or whose account they open.
func (c *change) dropCodes(by, column, person string) error {
	codes, err := c.strings("DELETE FROM code WHERE "+column+" = ? AND used IS NULL RETURNING id", person)
	if err != nil {
		return err
	}
	for _, id := range codes {
		if err := c.note(by, DidUninvite, id, What{}); err != nil {
			return err
		}
	}
	return nil
}

// Disable closes an account: its sessions, tokens, and what it offered end. It needs the
// role IT.
func (a *Accounts) Disable(ctx context.Context, by access.Who, person string) error {
	return a.change(ctx, func(c *change) error {
		p, s, err := c.managing(by, person)
		if err != nil {
			return err
		}
		if !s.Disabled.IsZero() {
			return nil
		}
		if err := c.exec("UPDATE person SET disabled = ? WHERE id = ?", millis(c.at), s.ID); err != nil {
			return err
		}
		if err := c.note(p.ID, DidDisable, s.ID, What{}); err != nil {
			return err
		}
		return errors.Join(c.endSessions(s.ID), c.revokeTokens(p.ID, "person", s.ID), c.dropCodes(p.ID, "person", s.ID), c.dropOffers(p.ID, s.ID))
	})
}

func (c *change) endSessions(person string) error {
	c.touched = append(c.touched, person)
	ids, err := c.strings("DELETE FROM session WHERE person = ? RETURNING id", person)
	c.ended = append(c.ended, ids...)
	return err
}

// Enable opens an account again, with the rights that it had. It needs the role IT, and a
// second person if any of them is guarded.
func (a *Accounts) Enable(ctx context.Context, by access.Who, person string) (Decided, error) {
	var d Decided
	err := a.change(ctx, func(c *change) error {
		p, err := c.actor(by, access.IT)
		if err != nil {
			return err
		}
		s, err := c.subject(p, person)
		if err != nil || s.Disabled.IsZero() {
			return err
		}
		if s.Name == "" {
			return city.Errorf(city.Conflict, "this account was forgotten: invite the person anew")
		}
		if s.adds(&Rights{}) {
			d, err = c.propose(p, &Waiting{Kind: waitEnable, Person: s.ID, Rights: s.Rights, Before: s.Rights})
			return err
		}
		return c.enable(p.ID, "", s)
	})
	return d, err
}

func (c *change) enable(by, agreed string, s *Person) error {
	c.touched = append(c.touched, s.ID)
	if err := c.exec("UPDATE person SET disabled = NULL WHERE id = ?", s.ID); err != nil {
		return err
	}
	return errors.Join(c.note(by, DidEnable, s.ID, What{Agreed: agreed}), c.countTwo())
}

// Forget takes the name out of an account that is closed, for good. Entries of the book
// hold its ID alone. It needs the role IT.
func (a *Accounts) Forget(ctx context.Context, by access.Who, person string) error {
	return a.change(ctx, func(c *change) error {
		p, s, err := c.managing(by, person)
		if err != nil {
			return err
		}
		if s.Disabled.IsZero() {
			return city.Errorf(city.Conflict, "close the account first")
		}
		if err := errors.Join(
			c.exec("UPDATE person SET name = '', issuer = NULL, subject = NULL WHERE id = ?", s.ID),
			c.exec("DELETE FROM passkey WHERE person = ?", s.ID),
			c.exec("UPDATE code SET name = '' WHERE person = ?", s.ID),
		); err != nil {
			return err
		}
		return c.note(p.ID, DidForget, s.ID, What{})
	})
}

// Recover proposes to let somebody back in who has lost all passkeys. A second person
// agrees, and is shown the code. It needs the role IT.
func (a *Accounts) Recover(ctx context.Context, by access.Who, person string) (Decided, error) {
	var d Decided
	err := a.change(ctx, func(c *change) error {
		p, s, err := c.managing(by, person)
		if err != nil {
			return err
		}
		if err := s.recoverable(); err != nil {
			return err
		}
		d, err = c.propose(p, &Waiting{Kind: waitRecover, Person: s.ID, Rights: s.Rights, Before: s.Rights})
		return err
	})
	return d, err
}

func (p *Person) recoverable() error {
	if p.Origin != FromPasskey {
		return city.Errorf(city.Conflict, "%s signs in through the city's directory: that is where they get back in", p.Name)
	}
	if !p.Disabled.IsZero() {
		return city.Errorf(city.Conflict, "this account is closed: open it first")
	}
	return nil
}
