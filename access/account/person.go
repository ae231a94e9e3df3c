package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"polity/city"
)

// Origin is how somebody signs in.
type Origin string

// The origins.
const (
	FromPasskey   Origin = "passkey"
	FromDirectory Origin = "directory" // rights are the directory's
	FromDoor      Origin = "door"      // the demo's
)

// Person is somebody's account.
type Person struct {
	ID   string
	Name string // empty when it was forgotten
	Rights
	Origin    Origin
	InvitedBy string // a person's ID, or "machine" or "directory"
	Created   time.Time
	Disabled  time.Time // zero: no
	Passkeys  int       // those that are not blocked
}

// Reader is accounts to look at.
type Reader struct{ read *sql.DB }

// Close closes the file.
func (r *Reader) Close() error { return r.read.Close() }

const personColumns = `id, name, body, roles, areas, cameras, origin, invited_by, created, coalesce(disabled, 0),
	(SELECT count(*) FROM passkey WHERE person = person.id AND blocked IS NULL)`

func scanPerson(scan func(...any) error) (*Person, error) {
	var p Person
	var roles, areas, cameras string
	var created, disabled int64
	if err := scan(&p.ID, &p.Name, &p.Body, &roles, &areas, &cameras, &p.Origin, &p.InvitedBy, &created, &disabled, &p.Passkeys); err != nil {
		return nil, err
	}
	if err := errors.Join(json.Unmarshal([]byte(roles), &p.Roles), json.Unmarshal([]byte(areas), &p.Areas), json.Unmarshal([]byte(cameras), &p.Cameras)); err != nil {
		return nil, city.Errorf(city.Internal, "the account %s cannot be read, restore the file from a backup: %w", p.ID, err)
	}
	p.Created = timeOf(created)
	if disabled != 0 {
		p.Disabled = timeOf(disabled)
	}
	return &p, nil
}

func noPerson() error { return city.Errorf(city.NotFound, "there is no such person") }

// People returns everybody, by name.
func (r *Reader) People(ctx context.Context) ([]Person, error) {
	list := []Person{}
	err := r.rows(ctx, "SELECT "+personColumns+" FROM person ORDER BY name, id", nil, func(scan func(...any) error) error {
		p, err := scanPerson(scan)
		if err == nil {
			list = append(list, *p)
		}
		return err
	})
	return list, err
}

// Person returns one; an error of kind NotFound: there is none.
func (r *Reader) Person(ctx context.Context, id string) (Person, error) {
	p, err := scanPerson(r.read.QueryRowContext(ctx, "SELECT "+personColumns+" FROM person WHERE id = ?", id).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Person{}, noPerson()
	case err != nil:
		return Person{}, kind(err)
	}
	return *p, nil
}

// rows calls each with every row.
func (r *Reader) rows(ctx context.Context, query string, args []any, each func(scan func(...any) error) error) error {
	rows, err := r.read.QueryContext(ctx, query, args...)
	if err != nil {
		return kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return kind(err)
		}
	}
	return kind(rows.Err())
}

func (c *change) person(id string) (*Person, error) {
	p, err := scanPerson(c.row("SELECT "+personColumns+" FROM person WHERE id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noPerson()
	}
	return p, err
}

func (c *change) addPerson(p *Person, issuer, subject any) error {
	return c.exec("INSERT INTO person (id, name, body, roles, areas, cameras, origin, issuer, subject, invited_by, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		p.ID, p.Name, string(p.Body), array(p.Roles), array(p.Areas), array(p.Cameras), string(p.Origin), issuer, subject, p.InvitedBy, millis(c.at))
}

// setRights gives a person what r says and has their sessions and tokens looked at again.
func (c *change) setRights(id string, r *Rights) error {
	c.touched = append(c.touched, id)
	return c.exec("UPDATE person SET body = ?, roles = ?, areas = ?, cameras = ? WHERE id = ?", string(r.Body), array(r.Roles), array(r.Areas), array(r.Cameras), id)
}

func array[T ~string](list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings alone
	}
	return string(b)
}
