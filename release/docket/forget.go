package docket

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"time"

	"polity/ledger/canonical"
	"polity/ledger/entry"
)

// How long what no case needs stays here. The public log keeps what it says for ever.
const (
	caseKept = 30 * 24 * time.Hour // after its details are public, or were to be
	hourKept = 40 * 24 * time.Hour // more than any footage is
)

// forget removes cases that are over: who asked for what, and the answers to it. The lock
// is held.
func (d *Docket) forget(ctx context.Context, now time.Time) error {
	type over struct {
		id    []byte
		until canonical.Day
	}
	var list []over
	err := d.each(ctx, "SELECT id, entry FROM ask WHERE logged IS NOT NULL", nil, func(scan func(...any) error) error {
		var o over
		var text []byte
		if err := scan(&o.id, &text); err != nil {
			return err
		}
		e, err := entry.Decode(text)
		if asked, ok := e.(*entry.ReleaseRequested); ok {
			o.until = asked.DetailsPublicOn
		}
		if now.After(o.until.Time().Add(caseKept)) {
			list = append(list, o)
		}
		return err
	})
	for _, o := range list {
		extended, one := d.extended(ctx, o.id, o.until)
		if one == nil && now.After(extended.Time().Add(caseKept)) {
			one = d.forgetCase(ctx, canonical.Hash(o.id))
		}
		err = errors.Join(err, one)
	}
	_, hours := d.db.ExecContext(ctx, "DELETE FROM hour WHERE start < ?", now.Add(-hourKept).UnixMilli())
	return errors.Join(err, kind(hours))
}

// extended is the last day that the log has for a token's details.
func (d *Docket) extended(ctx context.Context, id []byte, until canonical.Day) (canonical.Day, error) {
	err := d.each(ctx, "SELECT entry FROM said WHERE token = ?", []any{id}, func(scan func(...any) error) error {
		var text []byte
		if err := scan(&text); err != nil {
			return err
		}
		e, err := entry.Decode(text)
		if details, ok := e.(*entry.ReleaseDetails); ok && details.What == "extended" && details.PublicOn > until {
			until = details.PublicOn
		}
		return err
	})
	return until, err
}

// forgetCase removes a case: files after the rows that name them, so that a crash in
// between leaves files that the next start sweeps.
func (d *Docket) forgetCase(ctx context.Context, id canonical.Hash) error {
	list, err := d.answers(ctx, id)
	if err != nil {
		return err
	}
	err = d.change(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{"DELETE FROM offered WHERE ask = ?", "DELETE FROM request WHERE ask = ?", "DELETE FROM answer WHERE ask = ?", "DELETE FROM ask WHERE id = ?"} {
			if _, err := tx.ExecContext(ctx, q, id[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range list {
		if gone := os.Remove(d.answerFile(id, k.body, k.sum)); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
