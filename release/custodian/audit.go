package custodian

import (
	"io"
	"strings"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/token"
)

// wrongness tells the two errors of share.Open apart.
func wrongness(err error) token.State {
	if strings.Contains(err.Error(), "commits to") {
		return token.Wrong
	}
	return token.NotOpened
}

// Finding is a share that an audit found wrong.
type Finding struct {
	Camera   city.Slug
	Sequence uint64
	Start    string
	State    token.State
}

// Audit opens each share of an audit file with this body's epoch keys, holds it against
// its segment's commitment, and shows it to nobody. It writes an answer with the entry
// for the log and the state of each share. Shares of segments past their retention
// are not counted.
func (d *Device) Audit(file io.ReadSeeker, w io.Writer) (*Answered, []Finding, error) {
	if err := d.ready(); err != nil {
		return nil, nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	p, sum, err := readParts(file, token.Audit, nil)
	if err != nil {
		return nil, nil, refuse(File, err)
	}
	if err := d.forUs(p); err != nil {
		return nil, nil, err
	}
	if _, err := d.prove(p, d.see); err != nil {
		return nil, nil, err
	}
	at := d.state.Seen.Time
	out := token.CreateAnswer(w)
	answered := &Answered{States: map[token.State]int64{}}
	var found []Finding
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	_, again, err := readParts(file, token.Audit, func(_ token.Tag, b []byte) error {
		h, sealed, err := token.Unpack(b, d.state.Body)
		if err != nil {
			return err
		}
		if h.Domain != d.roster.Domain || !at.Before(d.due(h.Class, canonical.Day(h.Day()))) {
			return nil
		}
		_, state := d.rewrap(record{header: h, sealed: sealed}, nil)
		answered.States[state]++
		if state != token.Right {
			found = append(found, Finding{h.Camera, h.Sequence, h.Start.Format("2006-01-02 15:04:05Z"), state})
		}
		return nil
	})
	if err != nil || again != sum {
		return nil, nil, refusef(File, "the audit file is damaged or was changed while it was read: %v", err)
	}
	var checked int64
	for _, n := range answered.States {
		checked += n
	}
	if checked == 0 {
		return nil, nil, city.Errorf(city.Invalid, "the audit file holds no share that is within its retention: nothing was checked")
	}
	wrong := checked - answered.States[token.Right]
	e := &entry.Audit{At: canonical.At(at), Body: city.Slug(d.state.Body), Checked: checked, Device: d.state.Device, Week: canonical.WeekOf(at), Wrong: wrong}
	if err := entry.Sign(e, d.id.Private()); err != nil {
		return nil, nil, err
	}
	d.state.Audits = append(d.state.Audits, Audited{Week: e.Week, Checked: checked, Wrong: wrong})
	if err := d.save(); err != nil {
		return nil, nil, err
	}
	answered.Entry = e
	answered.Sum, err = out.Close(e)
	return answered, found, err
}
