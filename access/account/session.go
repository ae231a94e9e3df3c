package account

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// Session is one sign-in.
type Session struct {
	ID      string
	Person  string
	Device  string // Firefox on Linux
	Network string // 192.0.2.0/24; "this machine"
	Since   time.Time
	Seen    time.Time // last request, to the minute
	Until   time.Time // at the latest
	Purpose city.Slug
}

// sessionsMost is how many sessions one person has at once; another one ends the oldest.
const sessionsMost = 20

// SignOut ends the session of a request and takes its cookie back.
func (a *Accounts) SignOut(w http.ResponseWriter, r *http.Request) error {
	secret := a.cookie(r)
	if secret == "" {
		return nil
	}
	a.setCookie(w, "", -1)
	return a.change(r.Context(), func(c *change) error { return c.endBySecret(secret) })
}

// endBySecret ends the session that a browser had.
func (c *change) endBySecret(secret string) error {
	h := hashOf(secret)
	ids, err := c.strings("DELETE FROM session WHERE hash = ? RETURNING id", h[:])
	c.ended = append(c.ended, ids...)
	return err
}

// newSession is a sign-in of a person at the browser of a request. What that browser had
// before ends; what it sent is never taken over.
func (c *change) newSession(r *http.Request, person string) (secret string, err error) {
	if old := c.a.cookie(r); old != "" {
		if err := c.endBySecret(old); err != nil {
			return "", err
		}
	}
	ended, err := c.strings(`DELETE FROM session WHERE person = ? AND id NOT IN
		(SELECT id FROM session WHERE person = ? ORDER BY created DESC, id LIMIT ?) RETURNING id`, person, person, sessionsMost-1)
	if err != nil {
		return "", err
	}
	c.ended = append(c.ended, ended...)
	secret = random(secretLength)
	h := hashOf(secret)
	return secret, c.exec("INSERT INTO session (id, hash, person, device, network, created, seen, purpose) VALUES (?, ?, ?, ?, ?, ?, ?, '')",
		newID(sessionID), h[:], person, deviceOf(r.UserAgent()), networkOf(c.a.address(r)), millis(c.at), millis(c.at))
}

// signedIn gives the browser its session and says who it is now.
func (a *Accounts) signedIn(w http.ResponseWriter, r *http.Request, secret string) (access.Who, error) {
	h := hashOf(secret)
	l, err := a.find(r.Context(), "session", "hash", h[:])
	if err != nil {
		return access.Who{}, err
	}
	if l == nil {
		return access.Who{}, ErrPasskey // ended in between
	}
	a.limits.trust(a.address(r))
	a.setCookie(w, secret, int(a.cfg.Sessions.Most/time.Second))
	return l.who, nil
}

// Sessions returns a person's, the last used first. Everyone may see their own, role IT and
// data protection those of all.
func (a *Accounts) Sessions(ctx context.Context, person string) ([]Session, error) {
	now, list := a.now(), []Session{}
	err := a.rows(ctx, "SELECT id, person, device, network, created, seen, purpose FROM session WHERE person = ?", []any{person}, func(scan func(...any) error) error {
		var s Session
		var since, last int64
		if err := scan(&s.ID, &s.Person, &s.Device, &s.Network, &since, &last, &s.Purpose); err != nil {
			return err
		}
		l := live{from: timeOf(since), idle: a.cfg.Sessions.Idle, until: timeOf(since).Add(a.cfg.Sessions.Most), seen: a.cache.lastSeen(s.ID, last)}
		if l.valid(now) {
			s.Since, s.Until, s.Seen = l.from, l.until, timeOf(l.seen.Load()).Truncate(time.Minute)
			list = append(list, s)
		}
		return nil
	})
	slices.SortStableFunc(list, func(x, y Session) int { return y.Seen.Compare(x.Seen) })
	return list, err
}

// Revoke ends a session: one's own, or anybody's by role IT.
func (a *Accounts) Revoke(ctx context.Context, by access.Who, session string) error {
	return a.change(ctx, func(c *change) error {
		var owner string
		switch err := c.row("SELECT person FROM session WHERE id = ?", session).Scan(&owner); {
		case errors.Is(err, sql.ErrNoRows):
			return city.Errorf(city.NotFound, "there is no such session: it has ended")
		case err != nil:
			return err
		}
		if _, err := c.owns(by, owner); err != nil {
			return err
		}
		c.ended = append(c.ended, session)
		if err := c.exec("DELETE FROM session WHERE id = ?", session); err != nil {
			return err
		}
		return c.note(by.ID, DidRevokeSession, session, What{Person: owner})
	})
}

// RevokeAll ends all sessions of a person but one, if keep names one: one's own, or
// anybody's by role IT.
func (a *Accounts) RevokeAll(ctx context.Context, by access.Who, person, keep string) error {
	return a.change(ctx, func(c *change) error {
		if _, err := c.owns(by, person); err != nil {
			return err
		}
		ids, err := c.strings("DELETE FROM session WHERE person = ? AND id <> ? RETURNING id", person, keep)
		if err != nil || len(ids) == 0 {
			return err
		}
		c.ended = append(c.ended, ids...)
		return c.note(by.ID, DidRevokeSession, person, What{Kind: "all", Person: person})
	})
}

// owns is the actor on something of an owner: the owner, or role IT.
func (c *change) owns(by access.Who, owner string) (*Person, error) {
	if by.ID == owner {
		return c.actor(by)
	}
	return c.actor(by, access.IT)
}

// SetPurpose states what looks of this session are for, from the city's list. An empty one
// takes it back.
func (a *Accounts) SetPurpose(ctx context.Context, by access.Who, purpose city.Slug) error {
	if purpose != "" && !slices.ContainsFunc(a.cfg.Purposes, func(p access.Purpose) bool { return p.Name == purpose }) {
		return city.Errorf(city.Invalid, "%q is no purpose of this city: choose one of the list", purpose)
	}
	return a.change(ctx, func(c *change) error {
		p, err := c.actor(by)
		if err != nil {
			return err
		}
		n, err := c.changed("UPDATE session SET purpose = ? WHERE id = ? AND person = ?", string(purpose), by.Session, p.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return city.Errorf(city.Forbidden, "your session has ended: sign in again")
		}
		c.moved = append(c.moved, by.Session)
		return c.note(p.ID, DidPurpose, by.Session, What{Purpose: purpose})
	})
}

// Purposes is the city's list.
func (a *Accounts) Purposes() []access.Purpose { return slices.Clone(a.cfg.Purposes) }

// Bodies is the city's list of organisations and departments.
func (a *Accounts) Bodies() []Body { return slices.Clone(a.cfg.Bodies) }

// address is where a request comes from; the zero Addr where that cannot be told.
func (a *Accounts) address(r *http.Request) netip.Addr {
	if a.cfg.Address != nil {
		return a.cfg.Address(r).Unmap().WithZone("")
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// keep does what time brings: it tells of sessions that ended by themselves, writes down
// when they were last used, and clears away.
func (a *Accounts) keep() {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := 1; ; n++ {
		select {
		case <-a.closing:
			return
		case <-second.C:
		}
		a.cache.sweep(a.now())
		if n%30 == 0 {
			if err := a.flush(context.Background()); err != nil {
				a.log.Error("the last use of sessions was not written", slog.Any("error", err))
			}
		}
		if n%600 == 0 {
			a.clearAway()
		}
	}
}

// clearAway clears away what ended; a failure is tried again later.
func (a *Accounts) clearAway() {
	if err := a.clear(context.Background()); err != nil {
		a.log.Error("accounts that ended were not cleared away", slog.Any("error", err))
	}
}

// flush writes down when sessions and tokens were last used, if it changed by more than a
// moment. Without it a session ends earlier behind a restart, not later.
func (a *Accounts) flush(ctx context.Context) error {
	type use struct {
		id string
		at int64
	}
	var list []use
	a.cache.mu.RLock()
	for id, s := range a.cache.seen {
		if at := s.now.Load(); at-s.written > (20 * time.Second).Milliseconds() {
			list = append(list, use{id, at})
		}
	}
	a.cache.mu.RUnlock()
	if len(list) == 0 {
		return nil
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	tx, err := a.write.BeginTx(ctx, nil)
	if err != nil {
		return kind(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing to undo behind a commit
	for _, u := range list {
		query, at := "UPDATE session SET seen = ? WHERE id = ?", u.at
		if u.id[:1] == tokenID {
			query, at = "UPDATE token SET used = ? WHERE id = ?", dayOf(u.at)
		}
		if _, err := tx.ExecContext(ctx, query, at, u.id); err != nil {
			return kind(err)
		}
	}
	if err := tx.Commit(); err != nil {
		return kind(err)
	}
	a.cache.mu.Lock()
	defer a.cache.mu.Unlock()
	for _, u := range list {
		if s := a.cache.seen[u.id]; s != nil {
			s.written = u.at
		}
	}
	return nil
}

// dayOf is the beginning of a time's day, in milliseconds.
func dayOf(ms int64) int64 { return ms - ms%day.Milliseconds() }

// clear takes away what ended, and notes proposals to which nobody agreed in time.
func (a *Accounts) clear(ctx context.Context) error {
	if err := a.flush(ctx); err != nil {
		return err
	}
	return a.change(ctx, func(c *change) error {
		now := millis(c.at)
		lapsed, err := c.strings("DELETE FROM waiting WHERE expires <= ? RETURNING id", now)
		if err != nil {
			return err
		}
		for _, id := range lapsed {
			if err := c.note(byMachine, DidLapse, id, What{}); err != nil {
				return err
			}
		}
		ended, err := c.strings("DELETE FROM session WHERE created <= ? OR seen <= ? RETURNING id", now-a.cfg.Sessions.Most.Milliseconds(), now-a.cfg.Sessions.Idle.Milliseconds()-skew.Milliseconds())
		if err != nil {
			return err
		}
		old, err := c.strings("DELETE FROM token WHERE expires <= ? RETURNING id", now)
		c.ended = slices.Concat(ended, old)
		return errors.Join(err, c.exec("DELETE FROM code WHERE expires <= ?", now))
	})
}
