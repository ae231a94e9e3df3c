package docket

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/token"
)

// ahead is how much later than now the footage may end that is asked for: clocks differ.
const ahead = 2 * time.Minute

// Submit takes a submission to the log, and returns the token's id. It is on disk and
// appended when Submit returns nil; the same submission again changes nothing. What a
// body's device would refuse is refused here, as far as anyone but the bodies can tell;
// errors say what to do.
func (d *Docket) Submit(ctx context.Context, account string, s *token.Submission) (canonical.Hash, error) {
	none := canonical.Hash{}
	file, err := s.Encode()
	if err != nil {
		return none, err
	}
	e, err := s.Token(&d.cfg.Roster().Roster, d.cfg.Now())
	if err != nil {
		return none, err
	}
	if to := s.To.Time(); to.After(d.cfg.Now().Add(ahead)) {
		return none, city.Errorf(city.Invalid, "the footage that is asked for ends at %s, which is still to come: ask when that time is over", s.To)
	}
	if err := d.cfg.Log.Check(e); err != nil {
		return none, err
	}
	if _, err := d.row(ctx, e.ID); city.KindOf(err) == city.NotFound && err != nil {
		if err := d.gatherable(ctx, s); err != nil {
			return none, err
		}
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	before, err := d.row(ctx, e.ID)
	switch {
	case err == nil && before.logged >= 0:
		return e.ID, d.again(ctx, before, s, file)
	case err == nil:
		_, err := d.appendAsk(ctx, e.ID, before.token)
		return e.ID, err
	case city.KindOf(err) != city.NotFound:
		return none, err
	}
	text, err := entry.Encode(e)
	if err != nil {
		return none, err
	}
	_, err = d.db.ExecContext(ctx, "INSERT INTO ask (id, account, received, submission, entry) VALUES (?, ?, ?, ?, ?)",
		e.ID[:], account, d.cfg.Now().UnixMilli(), file, text)
	if err != nil {
		return none, kind(err)
	}
	if err := d.at("ask stored"); err != nil {
		return none, err
	}
	_, err = d.appendAsk(ctx, e.ID, e)
	return e.ID, err
}

// again takes a submission that came before. Its details may be sealed anew, for devices
// that are new in the roster, as long as nobody answered.
func (d *Docket) again(ctx context.Context, before *row, s *token.Submission, file []byte) error {
	if bytes.Equal(file, before.file) {
		return nil
	}
	old := *before.submission
	old.Details = s.Details
	if same, err := old.Encode(); err != nil || !bytes.Equal(same, file) {
		return city.Errorf(city.Conflict, "the case %s was submitted before, with another scope", token.Code(before.id))
	}
	c, _, err := d.now(ctx, before.id)
	if err != nil {
		return err
	}
	if len(c.waiting()) < 2 {
		return city.Errorf(city.Conflict, "the case %s was submitted before, with other details, and a body has answered", c.Code)
	}
	return d.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE ask SET submission = ? WHERE id = ?", file, before.id[:])
		return err
	})
}

// gatherable says whether there is anything to gather, and not too much. An edge that
// does not answer now may do so later.
func (d *Docket) gatherable(ctx context.Context, s *token.Submission) error {
	n, all := 0, true
	for _, camera := range s.Cameras {
		from := s.From.Time().Add(-token.Lead)
		list, err := d.cfg.Recordings.Segments(ctx, camera, from, s.To.Time())
		switch city.KindOf(err) {
		case city.NotFound:
			return city.Errorf(city.Invalid, "the submission asks for camera %s: %w", camera, err)
		case city.Unavailable:
			all = false
			continue
		}
		if err == nil {
			list, err = d.withHeld(ctx, camera, from, s.To.Time(), list)
		}
		if err != nil {
			return err
		}
		if n += len(list); n > token.MaxRecords {
			return city.Errorf(city.TooLarge, "the submission asks for %d segments; %d fit into a request: ask for fewer cameras or a shorter time with one token", n, token.MaxRecords)
		}
	}
	if n == 0 && all {
		return city.Errorf(city.NotFound, "of these cameras nothing is recorded in that time, or its time is over: there is nothing to ask for")
	}
	return nil
}
