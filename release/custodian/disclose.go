package custodian

import (
	"errors"
	"io"
	"strconv"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/token"
)

// Disclosure is a token whose details this body may make public.
type Disclosure struct {
	Token   *entry.ReleaseRequested
	Details *token.Details
	Index   int64     // of the token in the log
	Time    time.Time // by the log: the later of the proof's and the highest seen
}

// ExamineDisclosure reads the details of a token out of a request file, once their day has
// come by the log. fresh is a proof file of the token under a newer checkpoint; nil: the
// one in the request, which may be months old. That the request is no longer to be
// answered does not matter, nor that the office's device has left the roster since. The
// error is of type *Refused.
func (d *Device) ExamineDisclosure(file io.Reader, fresh []byte) (*Disclosure, error) {
	if err := d.ready(); err != nil {
		return nil, err
	}
	p, _, err := readParts(file, token.Request, nil)
	if err != nil {
		return nil, refuse(File, err)
	}
	if err := d.forUs(p); err != nil {
		return nil, err
	}
	if fresh != nil {
		p.proof = fresh
	}
	shown, err := d.prove(p, nil)
	if refused, ok := errors.AsType[*Refused](err); ok && refused.Check == Quorum {
		refused.Err = city.Errorf(city.Forbidden, "%w; if the witnesses changed since, give a new proof of the token from the page of the public record", refused.Err)
	}
	if err != nil {
		return nil, err
	}
	e, ok := shown.said.(*entry.ReleaseRequested)
	if !ok {
		return nil, refusef(Token, "the entry of the proof is of type %s, not a token", entry.TypeOf(shown.said))
	}
	if id, err := token.ID(&shown.roster.Roster, e); err != nil || id != e.ID {
		return nil, refusef(Log, "the token was made for another city or log than %s, or its id is wrong", shown.roster.Log.Origin)
	}
	details, err := d.details(p)
	if err != nil {
		return nil, err
	}
	if err := details.Opens(e); err != nil {
		return nil, refuse(Commitments, err)
	}
	v := &Disclosure{Token: e, Details: details, Index: shown.index, Time: d.state.Seen.Time}
	if shown.point.Time.After(v.Time) {
		v.Time = shown.point.Time
	}
	if v.Time.Before(e.DetailsPublicOn.Time()) {
		return nil, refusef(Expiry, "the details become public on %s; the newest that this device knows of the log is of %s. Give a new proof of the token, or wait", e.DetailsPublicOn, v.Time.Format(time.DateOnly))
	}
	return v, nil
}

// Disclose writes the entry that makes the details public, as a file of statements for the
// log. The person typed the token's code.
func (d *Device) Disclose(v *Disclosure, typed string, w io.Writer) (entry.Signed, [32]byte, error) {
	none := [32]byte{}
	if err := d.ready(); err != nil {
		return nil, none, err
	}
	if !token.SameCode(v.Token.ID, typed) {
		return nil, none, city.Errorf(city.Forbidden, "what was typed is not the token's code; nothing is disclosed")
	}
	t := v.Details
	e := &entry.ReleaseDetails{
		At: canonical.At(v.Time), Body: city.Slug(d.state.Body), Cameras: t.Cameras, Case: t.Case, Device: d.state.Device, From: t.From, Order: t.Order,
		Salts: &entry.Salts{Cameras: t.Salts.Cameras, Case: t.Salts.Case, Order: t.Salts.Order, Times: t.Salts.Times}, To: t.To, Token: t.Token, What: "published",
	}
	if err := entry.Sign(e, d.id.Private()); err != nil {
		return nil, none, err
	}
	text, err := entry.Encode(e)
	if err != nil {
		return nil, none, err
	}
	f := token.Create(w, token.Statements)
	if err := f.Add(token.Entry, text); err != nil {
		return nil, none, err
	}
	sum, err := f.Close()
	return e, sum, err
}

// DescribeDisclosure says in plain words what becomes public.
func (d *Device) DescribeDisclosure(v *Disclosure) []Line {
	t := v.Details
	return []Line{
		{"Who asked", string(v.Token.Body)},
		{"What for", purposes[v.Token.Purpose]},
		{"Order", string(t.Order)},
		{"Case", string(t.Case)},
		{"Cameras", t.Names()},
		{"From", shown(t.From)},
		{"To", shown(t.To)},
		{"Public on", string(v.Token.DetailsPublicOn)},
		{"Time by the witnesses", v.Time.Format(moments)},
		{"Before you go on", "look in the public record whether the day was put off, and whether somebody disclosed them already; both stand under entry " + strconv.FormatInt(v.Index, 10)},
	}
}
