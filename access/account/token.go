package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// Token lets a program ask, within its scope.
type Token struct {
	ID      string
	Name    string
	Person  string // who made it
	Body    city.Slug
	Scope   []access.Action
	Created time.Time
	Expires time.Time
	Used    time.Time // the day of its last use; zero: never
}

// tokensMost is how many tokens one person has at once.
const tokensMost = 50

// neverScope lists what no token is for, whatever policies say.
var neverScope = []access.Action{
	access.LookLive, access.LookBack, access.LookData, access.AskFootage,
	access.OwnAccount, access.SignIn, access.ManagePeople, access.ProposePolicy, access.ApprovePolicy,
}

// LongestToken is how long a token lasts at most.
func (a *Accounts) LongestToken() time.Duration { return a.cfg.Tokens }

// Scopes lists what a token of somebody can be for.
func (a *Accounts) Scopes(by access.Who) []access.Action {
	var list []access.Action
	for _, do := range access.Actions() {
		if !slices.Contains(neverScope, do) && a.may(by, do) {
			list = append(list, do)
		}
	}
	return list
}

// may reports whether a token of somebody can be for an action: a program knows no role, so
// that its maker must themself be allowed everything that the scope would open to it.
func (a *Accounts) may(by access.Who, do access.Action) bool {
	if a.cfg.Decider == nil {
		return true
	}
	by.Kind, by.Scope = access.Person, nil
	program := access.Who{Kind: access.Program, ID: tokenID, Body: by.Body, Scope: []access.Action{do}}
	things := []access.Thing{access.City(), {Kind: access.ACamera, ID: "any", In: []city.Slug{access.AllAreas}}}
	for _, desk := range access.Desks() {
		things = append(things, access.Service(desk))
	}
	opens := false
	for _, on := range things {
		if !a.cfg.Decider.Decide(program, do, on, access.Circumstances{}).Allowed {
			continue
		}
		if !a.cfg.Decider.Decide(by, do, on, access.Circumstances{}).Allowed {
			return false
		}
		opens = true
	}
	return opens
}

// MakeToken makes a token and returns it with its secret, which is shown once. A lifetime of
// 0 is the longest that the city allows.
func (a *Accounts) MakeToken(ctx context.Context, by access.Who, name string, scope []access.Action, lasts time.Duration) (Token, string, error) {
	name, err := named(name)
	if err != nil {
		return Token{}, "", err
	}
	if lasts == 0 {
		lasts = a.cfg.Tokens
	}
	if lasts < time.Minute || lasts > a.cfg.Tokens {
		return Token{}, "", city.Errorf(city.Invalid, "a token lasts %d days at most", int(a.cfg.Tokens/day))
	}
	if len(scope) == 0 {
		return Token{}, "", city.Errorf(city.Invalid, "say what the token is for: choose one action at least")
	}
	scope = ordered(scope)
	for _, do := range scope {
		if !do.Known() {
			return Token{}, "", city.Errorf(city.Invalid, "%q is no action", do)
		}
		if slices.Contains(neverScope, do) {
			return Token{}, "", city.Errorf(city.Forbidden, "no token is for %s: that takes a person", do)
		}
	}
	secret := tokenPrefix + random(secretLength)
	h := hashOf(secret)
	var t Token
	err = a.change(ctx, func(c *change) error {
		p, err := c.actor(by)
		if err != nil {
			return err
		}
		if err := fresh(by, c.at); err != nil {
			return err
		}
		if p.Origin == FromDoor && !a.cfg.Door {
			return city.Errorf(city.Forbidden, "your account is closed")
		}
		who := p.Who()
		for _, do := range scope {
			if !a.may(who, do) {
				return city.Errorf(city.Forbidden, "a token of yours cannot be for %s: it would open more than you may do yourself", do)
			}
		}
		var has int
		if err := c.row("SELECT count(*) FROM token WHERE person = ?", p.ID).Scan(&has); err != nil {
			return err
		}
		if has >= tokensMost {
			return city.Errorf(city.Conflict, "you have %d tokens: revoke one first", has)
		}
		t = Token{ID: newID(tokenID), Name: name, Person: p.ID, Body: p.Body, Scope: scope, Created: timeOf(millis(c.at)), Expires: timeOf(millis(c.at.Add(lasts)))}
		if err := c.exec("INSERT INTO token (id, hash, person, name, scope, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
			t.ID, h[:], p.ID, name, array(scope), millis(t.Created), millis(t.Expires)); err != nil {
			return err
		}
		return c.note(p.ID, DidMakeToken, t.ID, What{Person: p.ID, Scope: scope, Until: &t.Expires})
	})
	if err != nil {
		return Token{}, "", err
	}
	return t, secret, nil
}

// Who is the person as one who asks, without a session.
func (p *Person) Who() access.Who {
	return access.Who{Kind: access.Person, ID: p.ID, Name: p.Name, Body: p.Body, Roles: p.Roles, Areas: p.Areas, Cameras: p.Cameras, Door: p.Origin == FromDoor}
}

// Tokens returns those of a person, or of everybody for "", the newest first.
func (a *Accounts) Tokens(ctx context.Context, person string) ([]Token, error) {
	now, list := millis(a.now()), []Token{}
	err := a.rows(ctx, `SELECT t.id, t.name, t.person, p.body, t.scope, t.created, t.expires, coalesce(t.used, 0) FROM token t JOIN person p ON p.id = t.person
		WHERE (? = '' OR t.person = ?) AND t.expires > ? ORDER BY t.created DESC, t.id`, []any{person, person, now}, func(scan func(...any) error) error {
		var t Token
		var scope string
		var created, expires, used int64
		if err := scan(&t.ID, &t.Name, &t.Person, &t.Body, &scope, &created, &expires, &used); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(scope), &t.Scope); err != nil {
			return err
		}
		t.Created, t.Expires = timeOf(created), timeOf(expires)
		if used = max(used, dayOf(a.cache.lastSeen(t.ID, used).Load())); used != 0 {
			t.Used = timeOf(used)
		}
		list = append(list, t)
		return nil
	})
	return list, err
}

// RevokeToken ends a token: one's own, or anybody's by role IT.
func (a *Accounts) RevokeToken(ctx context.Context, by access.Who, id string) error {
	return a.change(ctx, func(c *change) error {
		var owner string
		switch err := c.row("SELECT person FROM token WHERE id = ?", id).Scan(&owner); {
		case errors.Is(err, sql.ErrNoRows):
			return city.Errorf(city.NotFound, "there is no such token: it was revoked, or has expired")
		case err != nil:
			return err
		}
		if _, err := c.owns(by, owner); err != nil {
			return err
		}
		return c.revokeTokens(by.ID, "id", id)
	})
}

// revokeTokens ends tokens by their ID or their person.
func (c *change) revokeTokens(by, column, key string) error {
	ids, err := c.strings("DELETE FROM token WHERE "+column+" = ? RETURNING id", key)
	if err != nil {
		return err
	}
	c.ended = append(c.ended, ids...)
	for _, id := range ids {
		if err := c.note(by, DidRevokeToken, id, What{}); err != nil {
			return err
		}
	}
	return nil
}

// narrowTokens ends the tokens of a person that are for more than the person may do now.
func (c *change) narrowTokens(by string, p *Person) error {
	ids, err := c.strings("SELECT id FROM token WHERE person = ?", p.ID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		var text string
		if err := c.row("SELECT scope FROM token WHERE id = ?", id).Scan(&text); err != nil {
			return err
		}
		var scope []access.Action
		if err := json.Unmarshal([]byte(text), &scope); err != nil {
			return err
		}
		if slices.ContainsFunc(scope, func(do access.Action) bool { return !c.a.may(p.Who(), do) }) {
			if err := c.revokeTokens(by, "id", id); err != nil {
				return err
			}
		}
	}
	return nil
}
