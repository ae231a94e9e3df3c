package order

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"polity/city"
)

const columns = `number, id, revision, desk, state, kind, task, asset, lon, lat, place, priority, due,
	person, crew, assigned, source_from, source_key, source_service, source_reason, source_level, made, changed, given, closed`

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

type scanner interface{ Scan(into ...any) error }

func scanOrder(s scanner) (*Order, error) {
	var o Order
	var lon, lat sql.NullFloat64
	var due, given, closed sql.NullInt64
	var made, changed int64
	if err := s.Scan(&o.Number, &o.ID, &o.Revision, &o.Desk, &o.State, &o.Kind, &o.Task, &o.Asset, &lon, &lat, &o.Where, &o.Priority, &due,
		&o.Assigned.Person, &o.Assigned.Crew, &o.Assigned.Name, &o.Source.From, &o.Source.Key, &o.Source.Service, &o.Source.Reason, &o.Source.Level,
		&made, &changed, &given, &closed); err != nil {
		return nil, err
	}
	if lon.Valid && lat.Valid {
		o.Place = &city.Point{Lon: lon.Float64, Lat: lat.Float64}
	}
	o.Made, o.Changed = seconds(made), seconds(changed)
	o.Due, o.Given, o.Closed = maybe(due), maybe(given), maybe(closed)
	return &o, nil
}

func seconds(s int64) time.Time { return time.Unix(s, 0).UTC() }

func maybe(s sql.NullInt64) *time.Time {
	if !s.Valid {
		return nil
	}
	t := seconds(s.Int64)
	return &t
}

func unix(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.Unix()
}

// byID returns an order with its timeline and photos, or nil.
func byID(ctx context.Context, q querier, id string) (*Order, error) {
	o, err := scanOrder(q.QueryRowContext(ctx, "SELECT "+columns+" FROM work_order WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return o, readParts(ctx, q, o)
}

func byNumber(ctx context.Context, q querier, number int64) (*Order, error) {
	o, err := scanOrder(q.QueryRowContext(ctx, "SELECT "+columns+" FROM work_order WHERE number = ?", number))
	if err != nil {
		return nil, err
	}
	return o, readParts(ctx, q, o)
}

func readParts(ctx context.Context, q querier, o *Order) error {
	rows, err := q.QueryContext(ctx, "SELECT at, told, who, name, what, state, reason, text FROM entry WHERE number = ? ORDER BY n", o.Number)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e Entry
		var at int64
		var told sql.NullInt64
		if err := rows.Scan(&at, &told, &e.Who, &e.Name, &e.What, &e.State, &e.Reason, &e.Text); err != nil {
			return err
		}
		e.At, e.Told = seconds(at), maybe(told)
		o.Timeline = append(o.Timeline, e)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	photos, err := q.QueryContext(ctx, "SELECT id, stage, at, width, height FROM photo WHERE number = ? ORDER BY at, rowid", o.Number)
	if err != nil {
		return err
	}
	defer photos.Close()
	for photos.Next() {
		var p Photo
		var at int64
		if err := photos.Scan(&p.ID, &p.Stage, &at, &p.Width, &p.Height); err != nil {
			return err
		}
		p.At = seconds(at)
		o.Photos = append(o.Photos, p)
	}
	return photos.Err()
}

func insertOrder(ctx context.Context, q querier, o *Order) error {
	lon, lat := lonLat(o.Place)
	r, err := q.ExecContext(ctx, `INSERT INTO work_order (id, revision, desk, state, kind, task, asset, lon, lat, place, priority, due,
		person, crew, assigned, source_from, source_key, source_service, source_reason, source_level, made, changed, given, closed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		o.ID, o.Revision, o.Desk, o.State, o.Kind, o.Task, o.Asset, lon, lat, o.Where, o.Priority, unix(o.Due),
		o.Assigned.Person, o.Assigned.Crew, o.Assigned.Name, o.Source.From, o.Source.Key, o.Source.Service, o.Source.Reason, o.Source.Level,
		o.Made.Unix(), o.Changed.Unix(), unix(o.Given), unix(o.Closed))
	if err != nil {
		return err
	}
	o.Number, err = r.LastInsertId()
	return err
}

func updateOrder(ctx context.Context, q querier, o *Order) error {
	lon, lat := lonLat(o.Place)
	_, err := q.ExecContext(ctx, `UPDATE work_order SET revision = ?, state = ?, kind = ?, task = ?, asset = ?, lon = ?, lat = ?, place = ?, priority = ?, due = ?,
		person = ?, crew = ?, assigned = ?, changed = ?, given = ?, closed = ? WHERE number = ?`,
		o.Revision, o.State, o.Kind, o.Task, o.Asset, lon, lat, o.Where, o.Priority, unix(o.Due),
		o.Assigned.Person, o.Assigned.Crew, o.Assigned.Name, o.Changed.Unix(), unix(o.Given), unix(o.Closed), o.Number)
	return err
}

func lonLat(p *city.Point) (lon, lat any) {
	if p == nil {
		return nil, nil
	}
	return p.Lon, p.Lat
}

// insertEntries writes what the timeline has from the entry first on.
func insertEntries(ctx context.Context, q querier, o *Order, first int) error {
	for n := first; n < len(o.Timeline); n++ {
		e := &o.Timeline[n]
		if _, err := q.ExecContext(ctx, "INSERT INTO entry (number, n, at, told, who, name, what, state, reason, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			o.Number, n, e.At.Unix(), unix(e.Told), e.Who, e.Name, e.What, e.State, e.Reason, e.Text); err != nil {
			return err
		}
	}
	return nil
}
