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

// What a code opens.
const (
	codeFirst      = "first"
	codeInvitation = "invitation"
	codeRecovery   = "recovery"
	codeOffline    = "offline"
)

const (
	codeTime   = 24 * time.Hour // of invitations, recoveries, and of waiting for a second person
	atHandTime = time.Hour      // of codes that are read off a terminal
)

// Code is a code that was made; it is shown once.
type Code struct {
	ID   string
	Text string // K7QWX-4M2ZT-9PRHD
	// For is the name of the one to whom it is handed over; empty: they say it themselves.
	For   string
	Until time.Time
}

type codeRow struct {
	id, kind, person, name, by string
	rights                     Rights
	created, until             time.Time
	used                       bool
}

// valid says whether the code works now.
func (k *codeRow) valid(now time.Time) bool {
	return !k.used && now.Before(k.until) && !now.Before(k.created.Add(-skew))
}

const codeQuery = "SELECT id, kind, coalesce(person, ''), name, rights, made_by, created, expires, used IS NOT NULL FROM code WHERE "

func scanCode(scan func(...any) error) (*codeRow, error) {
	var k codeRow
	var rights string
	var created, until int64
	if err := scan(&k.id, &k.kind, &k.person, &k.name, &rights, &k.by, &created, &until, &k.used); err != nil {
		return nil, err
	}
	k.created, k.until = timeOf(created), timeOf(until)
	return &k, json.Unmarshal([]byte(rights), &k.rights)
}

// makeCode makes a code for the account that k describes.
func (c *change) makeCode(k *codeRow, lasts time.Duration) (Code, error) {
	made := Code{ID: newID(codeID), Text: newCode(), For: k.name, Until: timeOf(millis(c.at.Add(lasts)))}
	h, ok := codeHash(made.Text)
	if !ok {
		panic("a code that was made is none")
	}
	var person any
	if k.person != "" {
		person = k.person
	}
	return made, c.exec("INSERT INTO code (id, hash, kind, person, name, rights, made_by, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		made.ID, h[:], k.kind, person, k.name, k.rights.text(), k.by, millis(c.at), millis(made.Until))
}

// FirstCode makes the code of the first administrator and ends the one before. False:
// somebody is enrolled, and there is none.
func (a *Accounts) FirstCode(ctx context.Context) (Code, bool, error) {
	var made Code
	is, err := a.Enrolled(ctx)
	if err != nil || is {
		return made, false, err
	}
	err = a.change(ctx, func(c *change) error {
		if err := c.mustBeEmpty(); err != nil {
			return err
		}
		if err := c.exec("DELETE FROM code WHERE kind = 'first'"); err != nil {
			return err
		}
		made, err = c.makeCode(&codeRow{kind: codeFirst, by: byMachine, rights: a.administrator()}, atHandTime)
		if err != nil {
			return err
		}
		return c.note(byMachine, DidFirstCode, made.ID, What{Until: &made.Until})
	})
	return made, err == nil, err
}

func (c *change) mustBeEmpty() error {
	var people int
	if err := c.row("SELECT count(*) FROM person WHERE origin <> 'door'").Scan(&people); err != nil {
		return err
	}
	if people > 0 {
		return city.Errorf(city.Conflict, "somebody is enrolled already: they invite others")
	}
	return nil
}

// administrator are the rights of the first one, in the city's first body.
func (a *Accounts) administrator() Rights {
	return Rights{Body: a.cfg.Bodies[0].Name, Roles: []access.Role{access.IT}, Areas: []city.Slug{}, Cameras: []city.Slug{}}
}

// OfflineCode makes a code on the machine itself, for when no administrator is left who
// could let somebody in: for an administrator who is there (their ID or exact name), or,
// for an empty one, for a new one. Every page about people says so for 90 days.
func (a *Accounts) OfflineCode(ctx context.Context, person string) (Code, error) {
	var made Code
	err := a.change(ctx, func(c *change) error {
		k := codeRow{kind: codeOffline, by: byMachine, rights: a.administrator()}
		if person != "" {
			p, err := c.administratorNamed(person)
			if err != nil {
				return err
			}
			k.person, k.name, k.rights = p.ID, p.Name, p.Rights
		}
		if err := c.exec("DELETE FROM code WHERE kind = 'offline'"); err != nil {
			return err
		}
		var err error
		if made, err = c.makeCode(&k, atHandTime); err != nil {
			return err
		}
		return c.note(byMachine, DidOfflineCode, made.ID, What{Person: k.person, Until: &made.Until})
	})
	return made, err
}

// administratorNamed finds one person of role IT.
func (c *change) administratorNamed(text string) (*Person, error) {
	ids, err := c.strings("SELECT id FROM person WHERE origin = 'passkey' AND (id = ? OR name = ?)", text, text)
	if err != nil {
		return nil, err
	}
	switch len(ids) {
	case 0:
		return nil, city.Errorf(city.NotFound, "nobody is called %q here: give the exact name or the ID, or nothing for a new administrator", text)
	case 1:
	default:
		return nil, city.Errorf(city.Conflict, "%d people are called %q: give the ID", len(ids), text)
	}
	p, err := c.person(ids[0])
	if err != nil {
		return nil, err
	}
	if !p.has(access.IT) {
		return nil, city.Errorf(city.Forbidden, "%s is no administrator (role it): two administrators let others back in, on the page of people", p.Name)
	}
	return p, nil
}

// code finds a code; nil: there is none.
func (c *change) code(h hash) (*codeRow, error) {
	k, err := scanCode(c.row(codeQuery+"hash = ?", h[:]).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return k, err
}
