package custodian

import (
	"bytes"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/entry"
	"polity/release/token"
)

// Either body makes the details public when their day has come by the log, long after the
// request could be answered.
func TestDisclose(t *testing.T) {
	w := newWorld(t)
	f := w.film("square", filmed)
	court := w.devices["court-1"]
	r := w.request(court, w.ask(), f)
	file := r.file(t)
	_, err := court.ExamineDisclosure(file, nil)
	refused(t, err, Expiry) // months too early
	due := time.Date(2027, 6, 1, 8, 0, 0, 0, time.UTC)
	fresh := w.pub.Inclusion(r.index, w.pub.Checkpoint(due, 0, 1))
	read := func(d *Device, b *bytes.Reader, fresh []byte) error {
		_, err := b.Seek(0, 0)
		w.must(nil, err)
		_, err = d.ExamineDisclosure(b, fresh)
		return err
	}
	early := w.pub.Inclusion(r.index, w.pub.Checkpoint(due.AddDate(0, 0, -1), 0, 1))
	refused(t, read(court, file, early), Expiry)
	refused(t, read(court, file, w.pub.Inclusion(r.index, w.pub.Checkpoint(due, 0))), Quorum)
	refused(t, read(court, file, w.pub.Inclusion(0, w.pub.Checkpoint(due, 0, 1))), Token)
	refused(t, read(w.devices["ombudsman-1"], file, fresh), File)
	other := w.request(court, w.ask(), f)
	refused(t, read(court, file, w.pub.Inclusion(other.index, w.pub.Checkpoint(due, 0, 1))), Commitments)
	fresh = w.pub.Inclusion(r.index, w.pub.Checkpoint(due, 0, 1))
	w.must(file.Seek(0, 0))
	v, err := court.ExamineDisclosure(file, fresh)
	w.must(v, err)
	var out bytes.Buffer
	if _, _, err := court.Disclose(v, "another", &out); city.KindOf(err) != city.Forbidden || out.Len() > 0 {
		t.Errorf("disclosed without the code: %v", err)
	}
	_, _, err = court.Disclose(v, token.Code(v.Token.ID), &out)
	w.must(nil, err)
	list, err := Statements(&out)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	e := list[0].(*entry.ReleaseDetails)
	if err := entry.Verify(e, &w.Roster.Roster); err != nil || e.Body != "court" || e.Order != "HEL 2026-012345" || e.Token != r.entry.ID || e.At.Time() != due {
		t.Errorf("%+v, %v", e, err)
	}
	// With the salts anyone finds the token's commitments again.
	d := token.Details{Cameras: e.Cameras, Case: e.Case, Format: token.Format, From: e.From, Order: e.Order, Salts: *e.Salts, To: e.To, Token: e.Token}
	if err := d.Opens(r.entry); err != nil {
		t.Error(err)
	}
}
