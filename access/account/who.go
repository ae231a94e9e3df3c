package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"polity/access"
	"polity/city"
)

// Who says who asks, by the session's cookie or a token in the header Authorization; the
// public for neither, and for one that is not valid. An error means that nobody may be
// answered: ErrLeaked, for a token in the address, or the store cannot be read. It costs
// microseconds unless something changed; what is returned shares its lists, which nobody may
// change.
func (a *Accounts) Who(r *http.Request) (access.Who, error) {
	if err := a.leaked(r); err != nil {
		return access.Who{}, err
	}
	h, table := a.shown(r)
	if table == "" {
		return access.Who{}, nil
	}
	l, epoch := a.cache.get(h)
	if l == nil {
		var err error
		if l, err = a.find(r.Context(), table, "hash", h[:]); l == nil || err != nil {
			return access.Who{}, err
		}
		a.cache.put(h, l, epoch)
	}
	now := a.now()
	if !l.valid(now) {
		return access.Who{}, nil
	}
	l.seen.Store(millis(now))
	return l.who, nil
}

// shown is the hash of the secret that came with a request, and the table in which it would
// be; "" for none. A token goes before a cookie, so that a program with both is the program.
func (a *Accounts) shown(r *http.Request) (hash, string) {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(token, tokenPrefix) {
		return hashOf(token), "token"
	}
	if secret := a.cookie(r); secret != "" {
		return hashOf(secret), "session"
	}
	return hash{}, ""
}

// find asks the store for a session or token; nil: there is none that counts.
func (a *Accounts) find(ctx context.Context, table, column string, key any) (*live, error) {
	l := &live{who: access.Who{Kind: access.Person}, idle: a.cfg.Sessions.Idle}
	var p Person
	var roles, areas, cameras string
	var disabled, from, until, used sql.NullInt64
	var scope sql.NullString
	query := `SELECT s.id, s.created, NULL, s.seen, NULL, s.purpose, '', p.id, p.name, p.body, p.roles, p.areas, p.cameras, p.origin, p.disabled
		FROM session s JOIN person p ON p.id = s.person WHERE s.` + column + " = ?"
	if table == "token" {
		query = `SELECT s.id, s.created, s.expires, s.used, s.scope, '', s.name, p.id, p.name, p.body, p.roles, p.areas, p.cameras, p.origin, p.disabled
			FROM token s JOIN person p ON p.id = s.person WHERE s.` + column + " = ?"
	}
	var tokenName string
	err := a.read.QueryRowContext(ctx, query, key).Scan(&l.who.Session, &from, &until, &used, &scope, &l.who.Purpose, &tokenName,
		&p.ID, &p.Name, &p.Body, &roles, &areas, &cameras, &p.Origin, &disabled)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, kind(err)
	case disabled.Valid, p.Origin == FromDoor && !a.cfg.Door:
		return nil, nil
	}
	err = errors.Join(json.Unmarshal([]byte(roles), &l.who.Roles), json.Unmarshal([]byte(areas), &l.who.Areas), json.Unmarshal([]byte(cameras), &l.who.Cameras))
	if scope.Valid {
		err = errors.Join(err, json.Unmarshal([]byte(scope.String), &l.who.Scope))
	}
	if err != nil {
		return nil, city.Errorf(city.Internal, "the account %s cannot be read: %w", p.ID, err)
	}
	l.owner, l.from = p.ID, timeOf(from.Int64)
	l.who.ID, l.who.Name, l.who.Body, l.who.Since, l.who.Door = p.ID, p.Name, p.Body, l.from, p.Origin == FromDoor
	l.until = l.from.Add(a.cfg.Sessions.Most)
	if table == "token" {
		// A program has its scope and its maker's body, and no role: nobody's rights but
		// those that were written down for it.
		l.who.Kind, l.who.ID, l.who.Name, l.who.Door = access.Program, l.who.Session, tokenName, false
		l.who.Roles, l.who.Areas, l.who.Cameras = nil, nil, nil
		l.until, l.idle = timeOf(until.Int64), 0
	}
	l.seen = a.cache.lastSeen(l.who.Session, used.Int64)
	return l, nil
}

// Ended returns a channel that is closed when a session or token (access.Who.Session) ends,
// for whatever reason, or when its owner's rights or purpose change: whoever holds
// something open, such as a live scene, then closes it or asks again. It is closed at once
// for one that is not valid; for one that comes to its end by itself within a second.
func (a *Accounts) Ended(session string) <-chan struct{} {
	a.cache.mu.Lock()
	if w := a.cache.open[session]; w != nil {
		a.cache.mu.Unlock()
		return w.ended
	}
	epoch := a.cache.epoch
	a.cache.mu.Unlock()

	table := "session"
	if strings.HasPrefix(session, tokenID) {
		table = "token"
	}
	l, err := a.find(context.Background(), table, "id", session)
	if l == nil || err != nil || !l.valid(a.now()) {
		return alwaysEnded
	}
	a.cache.mu.Lock()
	defer a.cache.mu.Unlock()
	select {
	case <-a.closing:
		return alwaysEnded
	default:
	}
	if w := a.cache.open[session]; w != nil {
		return w.ended
	}
	if a.cache.epoch != epoch { // something changed while the store was asked: whoever holds it asks again
		return alwaysEnded
	}
	w := &watched{live: l, ended: make(chan struct{})}
	a.cache.open[session] = w
	return w.ended
}

// leaked looks for a token in the address and revokes it: it stands in histories and logs
// by now. The answer is the same for one that never was valid.
func (a *Accounts) leaked(r *http.Request) error {
	u := r.URL
	if !mayHold(u.RawQuery) && !mayHold(u.Path) {
		return nil
	}
	found := false
	for _, text := range []string{u.Path, u.RawQuery, unescaped(u.RawQuery)} {
		for len(text) > 0 {
			_, rest, ok := strings.Cut(text, tokenPrefix)
			if !ok {
				break
			}
			text = rest
			if len(rest) < secretLength || strings.Trim(rest[:secretLength], alphabet) != "" {
				continue
			}
			found = true
			if err := a.leak(r.Context(), hashOf(tokenPrefix+rest[:secretLength])); err != nil {
				return err
			}
		}
	}
	if found {
		return ErrLeaked
	}
	return nil
}

// mayHold is quick for the addresses that people use.
func mayHold(text string) bool {
	return len(text) >= secretLength && (strings.Contains(text, tokenPrefix) || strings.Contains(text, "%"))
}

// unescaped decodes what can be decoded of a query.
func unescaped(query string) string {
	if plain, err := url.PathUnescape(query); err == nil {
		return plain
	}
	var b strings.Builder
	for i := 0; i < len(query); i++ {
		if query[i] == '%' && i+2 < len(query) {
			if plain, err := url.PathUnescape(query[i : i+3]); err == nil {
				b.WriteString(plain)
				i += 2
				continue
			}
		}
		b.WriteByte(query[i])
	}
	return b.String()
}

func (a *Accounts) leak(ctx context.Context, h hash) error {
	var id string
	switch err := a.read.QueryRowContext(ctx, "SELECT id FROM token WHERE hash = ?", h[:]).Scan(&id); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return kind(err)
	}
	return a.change(ctx, func(c *change) error {
		n, err := c.changed("DELETE FROM token WHERE id = ?", id)
		if n == 0 || err != nil {
			return err
		}
		c.ended = append(c.ended, id)
		return c.note(byMachine, DidLeakToken, id, What{})
	})
}

// Enrolled reports whether anybody is: until then there is nothing but enrolling the first
// administrator.
func (r *Reader) Enrolled(ctx context.Context) (bool, error) {
	var is bool
	err := r.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM person WHERE origin <> 'door')").Scan(&is)
	return is, kind(err)
}

// fresh reports whether a sign-in was a moment ago, as what outlives a session asks.
func fresh(by access.Who, now time.Time) error {
	if since := now.Sub(by.Since); since > 15*time.Minute || since < -skew {
		return ErrSignInAgain
	}
	return nil
}
