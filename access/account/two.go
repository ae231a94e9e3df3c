package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"polity/access"
	"polity/city"
)

// What waits for a second person.
const (
	waitInvite  = "invite"
	waitGrant   = "grant"
	waitEnable  = "enable"
	waitRecover = "recover"
)

// Waiting is a change to which a second person has to agree.
type Waiting struct {
	ID      string
	Kind    string // invite, grant, enable, recover
	Person  string // whom it concerns; empty for an invitation
	Name    string // of the one who is invited
	Rights         // as they would be
	Before  Rights // as they are
	By      string // who proposed it
	Created time.Time
	Until   time.Time
}

// Decided is what became of a change: it is done, or it waits for a second person.
type Decided struct {
	Code    *Code  // to be handed over, shown once
	Waiting string // ID of what waits; empty: it is done
}

// second lists the roles of those who agree.
var second = []access.Role{access.IT, access.DataProtection}

// twoWere is the fact that there were two people who could agree: alone nobody decides
// what is guarded any more.
const twoWere = "two-were"

// Waiting returns what waits at a time, the oldest first.
func (r *Reader) Waiting(ctx context.Context, now time.Time) ([]Waiting, error) {
	list := []Waiting{}
	err := r.rows(ctx, waitingQuery+"expires > ? ORDER BY created, id", []any{millis(now)}, func(scan func(...any) error) error {
		w, err := scanWaiting(scan)
		if err == nil {
			list = append(list, *w)
		}
		return err
	})
	return list, err
}

const waitingQuery = "SELECT id, kind, coalesce(person, ''), name, rights, before, proposed_by, created, expires FROM waiting WHERE "

func scanWaiting(scan func(...any) error) (*Waiting, error) {
	var w Waiting
	var rights, before string
	var created, until int64
	if err := scan(&w.ID, &w.Kind, &w.Person, &w.Name, &rights, &before, &w.By, &created, &until); err != nil {
		return nil, err
	}
	w.Created, w.Until = timeOf(created), timeOf(until)
	return &w, errors.Join(json.Unmarshal([]byte(rights), &w.Rights), json.Unmarshal([]byte(before), &w.Before))
}

// propose writes down what waits.
func (c *change) propose(by *Person, w *Waiting) (Decided, error) {
	w.ID, w.Until = newID(waitingID), c.at.Add(codeTime)
	var person any
	if w.Person != "" {
		person = w.Person
		var same int
		if err := c.row("SELECT count(*) FROM waiting WHERE person = ? AND expires > ?", w.Person, millis(c.at)).Scan(&same); err != nil {
			return Decided{}, err
		}
		if same > 0 {
			return Decided{}, city.Errorf(city.Conflict, "something about this person waits for a second one already: agree to it or withdraw it first")
		}
	}
	if err := c.exec("INSERT INTO waiting (id, kind, person, name, rights, before, proposed_by, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		w.ID, w.Kind, person, w.Name, w.Rights.text(), w.Before.text(), by.ID, millis(c.at), millis(w.Until)); err != nil {
		return Decided{}, err
	}
	return Decided{Waiting: w.ID}, c.note(by.ID, DidPropose, w.ID, What{Kind: w.Kind, Person: w.Person, Rights: &w.Rights, Until: until(w.Until)})
}

func until(t time.Time) *time.Time {
	t = timeOf(millis(t))
	return &t
}

// stillAlone reports whether there never was a second person who could agree.
func (c *change) stillAlone() (bool, error) {
	var facts int
	err := c.row("SELECT count(*) FROM fact WHERE name = ?", twoWere).Scan(&facts)
	return facts == 0, err
}

// countTwo notes that there are two people who can agree, once there are.
func (c *change) countTwo() error {
	var able int
	if err := c.row(`SELECT count(*) FROM person WHERE disabled IS NULL AND origin <> 'door'
		AND EXISTS (SELECT 1 FROM json_each(roles) WHERE value IN (?, ?))`, string(second[0]), string(second[1])).Scan(&able); err != nil || able < 2 {
		return err
	}
	return c.exec("INSERT OR IGNORE INTO fact (name, at) VALUES (?, ?)", twoWere, millis(c.at))
}

// subject is the person whom a change by somebody concerns: never themself.
func (c *change) subject(by *Person, id string) (*Person, error) {
	if by.ID == id {
		return nil, city.Errorf(city.Forbidden, "nobody changes what they may do themselves: ask another administrator")
	}
	return c.person(id)
}

// managing is an administrator, and the one whom they manage.
func (c *change) managing(by access.Who, person string) (p, s *Person, err error) {
	if p, err = c.actor(by, access.IT); err == nil {
		s, err = c.subject(p, person)
	}
	return p, s, err
}

// Agree is the second person's yes. It needs the role IT or data protection, and is for
// neither who proposed it nor whom it concerns.
func (a *Accounts) Agree(ctx context.Context, by access.Who, id string) (Decided, error) {
	var d Decided
	err := a.change(ctx, func(c *change) error {
		p, err := c.actor(by, second...)
		if err != nil {
			return err
		}
		w, err := c.waiting(id)
		if err != nil {
			return err
		}
		if w.By == p.ID {
			return city.Errorf(city.Forbidden, "you proposed this yourself: somebody else has to agree")
		}
		if w.Person == p.ID {
			return city.Errorf(city.Forbidden, "this is about your own account: somebody else has to agree")
		}
		proposer, err := c.person(w.By)
		if err != nil {
			return err
		}
		if !proposer.Disabled.IsZero() || !proposer.has(access.IT) {
			return city.Errorf(city.Conflict, "whoever proposed this is no administrator any more: refuse it")
		}
		if err := c.exec("DELETE FROM waiting WHERE id = ?", id); err != nil {
			return err
		}
		d, err = c.carryOut(w, p.ID)
		return err
	})
	return d, err
}

// carryOut does what waited.
func (c *change) carryOut(w *Waiting, agreed string) (Decided, error) {
	if err := w.Rights.check(c.a.cfg.Bodies); err != nil {
		return Decided{}, err
	}
	if w.Kind == waitInvite {
		return c.invite(w.By, agreed, w.Name, &w.Rights)
	}
	s, err := c.person(w.Person)
	if err != nil {
		return Decided{}, err
	}
	if s.Rights.text() != w.Before.text() {
		return Decided{}, city.Errorf(city.Conflict, "what this person may do has changed since this was proposed: refuse it, then look again")
	}
	switch w.Kind {
	case waitGrant:
		if !s.Disabled.IsZero() {
			return Decided{}, city.Errorf(city.Conflict, "this account was closed since this was proposed: refuse it")
		}
		return Decided{}, c.grant(w.By, agreed, s, &w.Rights)
	case waitEnable:
		return Decided{}, c.enable(w.By, agreed, s)
	}
	if err := s.recoverable(); err != nil {
		return Decided{}, err
	}
	code, err := c.makeCode(&codeRow{kind: codeRecovery, person: s.ID, name: s.Name, rights: s.Rights, by: w.By}, codeTime)
	if err != nil {
		return Decided{}, err
	}
	return Decided{Code: &code}, c.note(w.By, DidRecoveryCode, s.ID, What{Code: code.ID, Agreed: agreed, Until: &code.Until})
}

// Refuse is the second person's no, or the first one's withdrawal.
func (a *Accounts) Refuse(ctx context.Context, by access.Who, id string) error {
	return a.change(ctx, func(c *change) error {
		p, err := c.actor(by, second...)
		if err != nil {
			return err
		}
		w, err := c.waiting(id)
		if err != nil {
			return err
		}
		if w.Person == p.ID {
			return city.Errorf(city.Forbidden, "this is about your own account: somebody else has to decide")
		}
		did := DidRefuse
		if w.By == p.ID {
			did = DidWithdraw
		}
		return errors.Join(c.exec("DELETE FROM waiting WHERE id = ?", id), c.note(p.ID, did, id, What{}))
	})
}

// waiting finds what waits and has not lapsed.
func (c *change) waiting(id string) (*Waiting, error) {
	w, err := scanWaiting(c.row(waitingQuery+"id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (!c.at.Before(w.Until) || c.at.Before(w.Created.Add(-skew))) {
		return nil, city.Errorf(city.NotFound, "nothing waits here any more: somebody decided, or 24 hours have passed")
	}
	return w, err
}
