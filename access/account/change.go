package account

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"polity/access"
	"polity/city"
)

// change is one commit.
type change struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	a   *Accounts
	tx  *sql.Tx
	at  time.Time
	// touched lists the people whose sessions and tokens are to be looked at again.
	touched []string
	// moved lists sessions whose purpose is another now.
	moved []string
	// ended lists sessions and tokens that are no more.
	ended []string
}

// change runs do in one commit, and then tells whoever waits for the end of a session. An
// error changes nothing.
func (a *Accounts) change(ctx context.Context, do func(c *change) error) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	select {
	case <-a.closing:
		return city.Errorf(city.Unavailable, "the accounts are closed")
	default:
	}
	// What has begun ends whether or not who asked is still there.
	ctx = context.WithoutCancel(ctx)
	tx, err := a.write.BeginTx(ctx, nil)
	if err != nil {
		return kind(err)
	}
	c := &change{ctx: ctx, a: a, tx: tx, at: a.now()}
	if err := do(c); err != nil {
		return kind(errors.Join(err, undone(tx.Rollback())))
	}
	if err := c.fault("COMMIT"); err != nil {
		return kind(errors.Join(err, undone(tx.Rollback())))
	}
	if err := tx.Commit(); err != nil {
		return kind(errors.Join(err, undone(tx.Rollback())))
	}
	a.cache.changed(c.touched, c.moved, c.ended)
	return nil
}

// undone passes over a rollback that the database has done itself, as of a full disk.
func undone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	if city.KindOf(kind(err)) == city.Internal {
		return nil
	}
	return err
}

func (c *change) fault(statement string) error {
	if c.a.fault == nil {
		return nil
	}
	return c.a.fault(statement)
}

func (c *change) exec(query string, args ...any) error {
	_, err := c.changed(query, args...)
	return err
}

// changed runs a statement and says how many rows it changed.
func (c *change) changed(query string, args ...any) (int64, error) {
	if err := c.fault(query); err != nil {
		return 0, err
	}
	res, err := c.tx.ExecContext(c.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c *change) row(query string, args ...any) *sql.Row {
	return c.tx.QueryRowContext(c.ctx, query, args...)
}

// strings reads one column.
func (c *change) strings(query string, args ...any) ([]string, error) {
	if err := c.fault(query); err != nil {
		return nil, err
	}
	rows, err := c.tx.QueryContext(c.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// actor is the person who asks, as the store knows them now: whoever lost a role a moment
// ago has lost it here. They need one of the roles, if any are given.
func (c *change) actor(by access.Who, roles ...access.Role) (*Person, error) {
	if by.Kind != access.Person || by.ID == "" {
		return nil, city.Errorf(city.Forbidden, "only a person who is signed in may do this")
	}
	p, err := c.person(by.ID)
	switch {
	case city.KindOf(err) == city.NotFound:
		return nil, city.Errorf(city.Forbidden, "your account is not there any more")
	case err != nil:
		return nil, err
	case !p.Disabled.IsZero():
		return nil, city.Errorf(city.Forbidden, "your account is closed")
	case p.Origin == FromDoor && len(roles) > 0:
		return nil, city.Errorf(city.Forbidden, "who came through the demo's door changes no accounts")
	case len(roles) > 0 && !p.has(roles...):
		return nil, city.Errorf(city.Forbidden, "this needs the role %s", words(roles))
	}
	return p, nil
}

func words(roles []access.Role) string {
	list := make([]string, len(roles))
	for i, r := range roles {
		list[i] = string(r)
	}
	return strings.Join(list, " or ")
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
