package docket

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/share"
	"polity/release/token"
)

// Answer takes a body's answer to a case: checks it, keeps its file, and appends its
// entry to the log. It is on disk when Answer returns nil; the same file again changes
// nothing. Of each body one answer counts, and a refusal is final: errors of kind Conflict
// say what came before, those of kind Invalid what is wrong with the file.
func (d *Docket) Answer(ctx context.Context, id canonical.Hash, from io.Reader) (err error) {
	f, err := os.CreateTemp(filepath.Join(d.cfg.Path, partsDir), "*.part")
	if err != nil {
		return city.Errorf(city.Unavailable, "keep the answer: %w", err)
	}
	defer func() {
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	said, sum, headers, err := d.readAnswer(f, from)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	c, _, err := d.now(ctx, id)
	if err != nil {
		return err
	}
	body, err := d.mine(ctx, c, said)
	if err != nil {
		return err
	}
	before, err := d.answers(ctx, id)
	if err != nil {
		return err
	}
	for _, k := range before {
		if k.body == body && k.sum == sum && k.logged >= 0 {
			return nil
		}
	}
	if err := d.fits(ctx, c, body, said, sum, before); err != nil {
		return err
	}
	if err := d.areOffered(ctx, c, body, headers); err != nil {
		return err
	}
	return d.keep(ctx, c, body, said, sum, f.Name(), before)
}

// readAnswer writes an answer down and checks all that can be without its case.
func (d *Docket) readAnswer(f *os.File, from io.Reader) (said entry.Signed, sum [32]byte, headers map[canonical.Hash]bool, err error) {
	headers = map[canonical.Hash]bool{}
	limited := io.LimitReader(from, token.MaxFile+1)
	said, sum, err = token.ReadAnswer(io.TeeReader(limited, f), &d.cfg.Roster().Roster, func(s token.Share) error {
		if headers[s.Header] {
			return city.Errorf(city.Invalid, "the answer has two shares of one segment")
		}
		headers[s.Header] = true
		return nil
	})
	if err != nil {
		return nil, sum, nil, err
	}
	return said, sum, headers, f.Sync()
}

// mine says whose answer it is, if it is one to this case.
func (d *Docket) mine(ctx context.Context, c *Case, said entry.Signed) (share.Body, error) {
	var id canonical.Hash
	var at canonical.Time
	var body share.Body
	switch e := said.(type) {
	case *entry.ReleaseApproved:
		id, at, body = e.Token, e.At, share.Body(e.Body)
	case *entry.ReleaseRefused:
		id, at, body = e.Token, e.At, share.Body(e.Body)
	default:
		return "", city.Errorf(city.Invalid, "this is no answer to a case: its entry is of type %s", entry.TypeOf(said))
	}
	if id != c.ID {
		if _, err := d.row(ctx, id); err == nil {
			return "", city.Errorf(city.Conflict, "this is the answer of %s to the case %s, not to %s: upload it there", body, token.Code(id), c.Code)
		}
		return "", city.Errorf(city.Conflict, "this is the answer of %s to a case %s, which this hub does not have; here is %s", body, token.Code(id), c.Code)
	}
	switch {
	case !c.Public:
		return "", city.Errorf(city.Conflict, "the token %s is not public yet: nobody can have answered it", c.Code)
	case at.Time().After(c.Expires):
		return "", city.Errorf(city.Invalid, "%s answered at %s, after the token %s expired", body, at, c.Code)
	}
	return body, nil
}

// fits holds an answer to what the body said before, here or in the log.
func (d *Docket) fits(ctx context.Context, c *Case, body share.Body, said entry.Signed, sum [32]byte, before []kept) error {
	for _, k := range before {
		if k.body == body && k.sum == sum {
			return nil // stored, and not in the log yet
		}
	}
	a := c.Answers[body]
	if a.State == Waiting {
		return nil
	}
	when := a.At.Format(time.DateTime)
	if a.State == Refused {
		if same, err := d.same(ctx, c, a, said); err == nil && same {
			return nil
		}
		return city.Errorf(city.Conflict, "%s refused the case %s on %s: %s. That is final; the office has to make a new token", body, c.Code, when, a.Reason)
	}
	if a.Words != "" {
		return city.Errorf(city.Conflict, "%s approved the case %s on %s, with the file %s; this is another one, and changes nothing", body, c.Code, when, a.Words)
	}
	same, err := d.same(ctx, c, a, said)
	if err == nil && !same {
		err = city.Errorf(city.Conflict, "%s has published another approval of the case %s in the log, on %s: upload the file that belongs to it", body, c.Code, when)
	}
	return err
}

// same says whether an entry is the one that the log has of a body.
func (d *Docket) same(ctx context.Context, c *Case, a Answer, said entry.Signed) (bool, error) {
	text, err := entry.Encode(said)
	if err != nil {
		return false, err
	}
	var logged []byte
	if a.Index < 0 {
		return false, nil
	}
	err = d.db.QueryRowContext(ctx, "SELECT entry FROM said WHERE token = ? AND logged = ?", c.ID[:], a.Index).Scan(&logged)
	return bytes.Equal(text, logged), kind(err)
}

// areOffered checks that an answer is about segments that the body was asked for.
func (d *Docket) areOffered(ctx context.Context, c *Case, body share.Body, headers map[canonical.Hash]bool) error {
	left := len(headers)
	err := d.each(ctx, "SELECT header FROM offered WHERE ask = ? AND body = ?", []any{c.ID[:], string(body)}, func(scan func(...any) error) error {
		var h []byte
		if err := scan(&h); err != nil {
			return err
		}
		if headers[canonical.Hash(h)] {
			left--
		}
		return nil
	})
	if err == nil && left > 0 {
		err = city.Errorf(city.Invalid, "%d shares of the answer are of segments that no request of the case %s to %s had: fetch the request again and have that answered", left, c.Code, body)
	}
	return err
}

// keep makes an answer durable: first its file, then that there is one, then the log has
// it. After a crash in between the same answer is taken again, or is there already.
func (d *Docket) keep(ctx context.Context, c *Case, body share.Body, said entry.Signed, sum [32]byte, part string, before []kept) error {
	for _, k := range before {
		if k.body == body && k.sum == sum { // stored before a crash
			_, err := d.appendAnswer(ctx, c.ID, string(body), k.entry)
			return err
		}
	}
	if err := d.cfg.Log.Check(said); err != nil {
		return err
	}
	text, err := entry.Encode(said)
	if err != nil {
		return err
	}
	if err := errors.Join(os.Rename(part, d.answerFile(c.ID, body, sum)), syncDir(filepath.Join(d.cfg.Path, answersDir))); err != nil {
		return city.Errorf(city.Unavailable, "keep the answer: %w", err)
	}
	if err := d.at("answer kept"); err != nil {
		return err
	}
	// One that is here already is then not the one that counts by the log.
	_, err = d.db.ExecContext(ctx, `INSERT INTO answer (ask, body, sum, entry, received) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (ask, body) DO UPDATE SET sum = excluded.sum, entry = excluded.entry, received = excluded.received, logged = NULL`, c.ID[:], string(body), sum[:], text, d.cfg.Now().UnixMilli())
	if err != nil {
		return kind(err)
	}
	if err := d.at("answer stored"); err != nil {
		return err
	}
	_, err = d.appendAnswer(ctx, c.ID, string(body), said)
	return err
}

func (d *Docket) answerFile(id canonical.Hash, body share.Body, sum [32]byte) string {
	return filepath.Join(d.cfg.Path, answersDir, answerName(id, body, sum))
}

func answerName(id canonical.Hash, body share.Body, sum [32]byte) string {
	return hex.EncodeToString(id[:]) + "-" + string(body) + "-" + hex.EncodeToString(sum[:8]) + ".answer"
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// sweep removes files that a crash left: half-written ones, and answers of which nothing
// was stored.
func (d *Docket) sweep(ctx context.Context) error {
	known := map[string]bool{}
	err := d.each(ctx, "SELECT ask, body, sum FROM answer", nil, func(scan func(...any) error) error {
		var id, sum []byte
		var body share.Body
		if err := scan(&id, &body, &sum); err != nil {
			return err
		}
		known[answerName(canonical.Hash(id), body, [32]byte(sum))] = true
		return nil
	})
	if err != nil {
		return err
	}
	for _, dir := range []string{partsDir, answersDir} {
		files, err := os.ReadDir(filepath.Join(d.cfg.Path, dir))
		if err != nil {
			return err
		}
		for _, f := range files {
			if !known[f.Name()] {
				if err := os.Remove(filepath.Join(d.cfg.Path, dir, f.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
