package custodian

import (
	"crypto/rand"
	"io"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/share"
	"polity/release/token"
)

// MaxHold is how many days a hold may last from now on.
const MaxHold = 366

// Holding is a request to hold that passed every check: shares outlast their retention,
// and nobody opens them.
type Holding struct {
	Request // its token is nil: nobody asks for footage
}

// Code is what a person types to agree.
func (h *Holding) Code() string { return token.Code(h.Details.Commitments().Order) }

// ExamineHold checks a request to hold as Examine does, without a token: file, roster,
// quorum, checkpoint, inclusion, commitments, scope.
func (d *Device) ExamineHold(file io.ReadSeeker) (*Holding, error) {
	if err := d.ready(); err != nil {
		return nil, err
	}
	h := &Holding{}
	h.file, h.kind, h.Before = file, token.HoldAsked, d.state.Seen
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	p, sum, err := readParts(file, token.HoldAsked, func(token.Tag, []byte) error { h.Segments++; return nil })
	if err != nil {
		return nil, refuse(File, err)
	}
	h.Sum = sum
	if err := d.forUs(p); err != nil {
		return nil, err
	}
	v, err := d.prove(p, d.see)
	if err != nil {
		return nil, err
	}
	h.Checkpoint, h.Time = v.point, d.state.Seen.Time
	if h.Details, err = d.details(p); err != nil {
		return nil, err
	}
	return h, d.checkScope(&h.Request)
}

// Hold reseals the shares of a request to a new key of this body, which its devices keep
// until the end of a day. The key is on disk before the first share is resealed to it.
func (d *Device) Hold(h *Holding, typed string, reason entry.Word, until canonical.Day, w io.Writer) (*Answered, error) {
	if err := d.ready(); err != nil {
		return nil, err
	}
	if !token.SameCode(h.Details.Commitments().Order, typed) {
		return nil, city.Errorf(city.Forbidden, "what was typed is not the code; nothing is held")
	}
	if err := until.Check(); err != nil {
		return nil, err
	}
	if end := until.Time(); end.Before(h.Time) || end.After(h.Time.AddDate(0, 0, MaxHold)) {
		return nil, city.Errorf(city.Invalid, "a hold lasts until a day within %d days from now", MaxHold)
	}
	k := held{Until: until}
	_, _ = rand.Read(k.Seed[:]) // never fails: the program ends first
	private, err := share.Kem().NewPrivateKey(k.Seed[:])
	if err != nil {
		return nil, err
	}
	public := private.PublicKey()
	k.ID = token.HoldID(&d.roster.Roster, public.Bytes())
	e := &entry.Hold{
		At: canonical.At(h.Time), Body: city.Slug(d.state.Body), CamerasCount: int64(len(h.Details.Cameras)), Commitments: h.Details.Commitments(),
		Device: d.state.Device, Hold: k.ID, HoldKey: public.Bytes(), Reason: reason, Until: until,
	}
	if err := entry.Sign(e, d.id.Private()); err != nil { // a reason that is no word is found here
		return nil, err
	}
	d.state.Holds = append(d.state.Holds, k)
	if err := d.save(); err != nil {
		return nil, err
	}
	out := token.CreateAnswer(w)
	answered := &Answered{Entry: e, States: map[token.State]int64{}}
	err = d.each(&h.Request, func(r record) token.Share {
		s := token.Share{Header: r.header.Hash()}
		s.Sealed, s.State = d.rewrap(r, func(key *share.Key) ([]byte, error) {
			return share.SealTo(public, share.Target{Purpose: share.Hold, ID: k.ID, Body: d.state.Body, Header: s.Header}, key)
		})
		return s
	}, func(s token.Share) error {
		answered.States[s.State]++
		return out.Add(s)
	})
	if err != nil {
		return nil, err
	}
	e.Count = out.Count
	if err := entry.Sign(e, d.id.Private()); err != nil {
		return nil, err
	}
	answered.Sum, err = out.Close(e)
	return answered, err
}
