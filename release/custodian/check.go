package custodian

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/token"
)

// Request is a request that passed every check. No key was used for it yet.
type Request struct {
	Token      *entry.ReleaseRequested
	Details    *token.Details
	Index      int64 // of the token in the log
	Checkpoint *checkpoint.Checkpoint
	Before     Seen      // the highest checkpoint that the device had seen
	Time       time.Time // by the log
	Segments   int       // share records
	Known      Use       // what this device did with the token before
	Sum        [32]byte  // of the file

	file io.ReadSeeker
	kind token.Kind

	mu    sync.Mutex
	leads map[city.Slug]canonical.Hash // by camera: its segment that begins before the asked time
}

// lead takes a camera's one segment that may begin before the asked time.
func (r *Request) lead(h *segment.Header) error {
	if !r.Details.Leads(h.Start) {
		return nil
	}
	hash := canonical.Hash(h.Hash())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leads == nil {
		r.leads = map[city.Slug]canonical.Hash{}
	}
	if before, ok := r.leads[h.Camera]; ok && before != hash {
		return city.Errorf(city.Forbidden, "two segments of camera %s begin before %s, from when on the token asks; one can reach into that time", h.Camera, r.Details.From)
	}
	r.leads[h.Camera] = hash
	return nil
}

// Words are the file's, to compare with those of whoever sent it.
func (r *Request) Words() string { return token.Words(r.Sum) }

// Code is what a person types to agree.
func (r *Request) Code() string { return token.Code(r.Token.ID) }

// parts are the sections of a request or an audit file before its share records.
type parts struct {
	body        share.Body
	rosters     [][]byte
	consistency [][]byte
	proof       []byte
	secret      []byte
}

// readParts reads a whole file: parts, and each share record while it goes on.
func readParts(r io.Reader, kind token.Kind, each func(t token.Tag, record []byte) error) (*parts, [32]byte, error) {
	f, err := token.Open(r, kind)
	if err != nil {
		return nil, [32]byte{}, err
	}
	p := &parts{}
	for {
		t, b, err := f.Next()
		if errors.Is(err, io.EOF) {
			return p, f.Sum(), nil
		}
		if err != nil {
			return nil, [32]byte{}, err
		}
		switch t {
		case token.Body:
			p.body = share.Body(b)
		case token.Roster:
			p.rosters = append(p.rosters, slices.Clone(b))
		case token.Consistency:
			p.consistency = append(p.consistency, slices.Clone(b))
		case token.Proof:
			p.proof = slices.Clone(b)
		case token.Secret:
			p.secret = slices.Clone(b)
		default:
			if each != nil {
				if err := each(t, b); err != nil {
					return nil, [32]byte{}, err
				}
			}
		}
	}
}

// Examine checks a request in the order of formats/token.md. What it returns as an error
// of type *Refused names the check; no key was used then. The highest checkpoint is
// durable before anything else is decided.
func (d *Device) Examine(file io.ReadSeeker) (*Request, error) {
	if err := d.ready(); err != nil {
		return nil, err
	}
	req := &Request{file: file, kind: token.Request, Before: d.state.Seen}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	p, sum, err := readParts(file, token.Request, func(token.Tag, []byte) error { req.Segments++; return nil })
	if err != nil {
		return nil, refuse(File, err)
	}
	req.Sum = sum
	if err := d.forUs(p); err != nil {
		return nil, err
	}
	v, err := d.prove(p, d.see)
	if err != nil {
		return nil, err
	}
	req.Checkpoint, req.Index, req.Time = v.point, v.index, d.state.Seen.Time
	if err := d.checkToken(req, v.said, p); err != nil {
		return nil, err
	}
	if err := d.checkScope(req); err != nil {
		return nil, err
	}
	if expires := req.Token.Expires.Time(); req.Time.After(expires) {
		return nil, refusef(Expiry, "the token expired at %s; by the log's witnesses it is %s", req.Token.Expires, req.Time.Format(time.RFC3339))
	}
	id, err := token.ID(&d.roster.Roster, req.Token)
	if err != nil {
		return nil, refuse(Log, err)
	}
	if id != req.Token.ID {
		return nil, refusef(Log, "the token was made for another city or log than %s, or its id is wrong", d.roster.Log.Origin)
	}
	req.Known = Use{Token: req.Token.ID}
	for _, u := range d.state.Uses {
		if u.Token == req.Token.ID {
			req.Known = u
		}
	}
	return req, nil
}

func (d *Device) forUs(p *parts) error {
	switch {
	case p.body != d.state.Body:
		return refusef(File, "the file is for %.16q; this device is of %s", string(p.body), d.state.Body)
	case p.proof == nil:
		return refusef(File, "the file has no proof from the log")
	}
	return nil
}

// proven is what a file's proof shows.
type proven struct {
	roster *roster.Signed
	point  *checkpoint.Checkpoint
	index  int64
	said   entry.Entry
}

// prove reads a file's proof: rosters, quorum, what see says of the checkpoint (nil: nothing),
// inclusion.
func (d *Device) prove(p *parts, see func(*proven, *parts) error) (*proven, error) {
	r, err := d.rosters(p.rosters)
	if err != nil {
		return nil, refuse(Roster, err)
	}
	in, err := proof.ParseInclusion(p.proof)
	if err != nil {
		return nil, refuse(File, err)
	}
	v := &proven{roster: r, index: in.Index}
	if v.point, err = checkpoint.Open(in.Checkpoint, &r.Roster); err != nil {
		return nil, refuse(Quorum, err)
	}
	if see != nil {
		if err := see(v, p); err != nil {
			return nil, err
		}
	}
	if v.said, _, err = in.Check(&r.Roster); err != nil {
		return nil, refuse(Inclusion, err)
	}
	return v, nil
}

// see checks that a checkpoint continues the highest one seen, and remembers it.
func (d *Device) see(v *proven, p *parts) error {
	if err := d.grown(v.point, p.consistency, &v.roster.Roster); err != nil {
		return refuse(Checkpoint, err)
	}
	seen := Seen{Size: v.point.Size, Root: canonical.Hash(v.point.Root), Time: d.state.Seen.Time}
	if v.point.Time.After(seen.Time) {
		seen.Time = v.point.Time
	}
	if seen == d.state.Seen && v.roster.Version == d.roster.Version {
		return nil
	}
	d.state.Seen, d.state.Roster, d.roster = seen, v.roster.File(), v.roster
	return d.save()
}

// details decrypts the details in a file.
func (d *Device) details(p *parts) (*token.Details, error) {
	if p.secret == nil {
		return nil, refusef(Commitments, "the file has no details")
	}
	details, err := token.Decrypt(p.secret, d.id.Private())
	return details, refuse(Commitments, err)
}

// rosters goes from the device's roster through later ones.
func (d *Device) rosters(files [][]byte) (*roster.Signed, error) {
	r := d.roster
	for _, f := range files {
		if older, err := roster.Unsigned(f); err == nil && older.Version < r.Version {
			continue // other devices of the body may still need it
		}
		next, err := r.Next(f)
		if city.KindOf(err) == city.Conflict && err != nil {
			continue // the one that is known
		}
		if err != nil {
			return nil, err
		}
		r = next
	}
	return r, d.rostered(r)
}

// grown checks that a checkpoint does not contradict the highest one seen.
func (d *Device) grown(c *checkpoint.Checkpoint, proofs [][]byte, r *roster.Roster) error {
	seen := d.state.Seen
	switch {
	case seen.Size == 0:
		return nil // the first one
	case c.Size < seen.Size:
		return city.Errorf(city.Forbidden, "the checkpoint has %d entries; this device saw one with %d on %s: it is old, or the log went back", c.Size, seen.Size, seen.Time.Format(time.RFC3339))
	case c.Size == seen.Size:
		if canonical.Hash(c.Root) != seen.Root {
			return city.Errorf(city.Forbidden, "this device saw another log of %d entries: two logs are shown. Tell the witnesses", c.Size)
		}
		return nil
	}
	for _, f := range proofs {
		p, err := proof.ParseConsistency(f)
		if err != nil {
			return err
		}
		if p.From.N != seen.Size {
			continue
		}
		if canonical.Hash(p.From.Hash) != seen.Root {
			return city.Errorf(city.Forbidden, "this device saw another log of %d entries than the one that the file goes on from: two logs are shown. Tell the witnesses", seen.Size)
		}
		newer, err := p.Check(r)
		if err != nil {
			return err
		}
		if newer.Size == c.Size && newer.Root == c.Root {
			return nil
		}
	}
	return city.Errorf(city.Forbidden, "no proof that the log of %d entries begins with the %d that this device saw last; have the file made anew from the %d", c.Size, seen.Size, seen.Size)
}

// checkToken checks the token's form and signature, and that the details open it.
func (d *Device) checkToken(req *Request, said entry.Entry, p *parts) error {
	e, ok := said.(*entry.ReleaseRequested)
	if !ok {
		return refusef(Token, "the entry of the proof is of type %s, not a token", entry.TypeOf(said))
	}
	if !d.roster.IsOffice(e.Body) {
		return refusef(Token, "%s is no office that may ask", e.Body)
	}
	if err := entry.Verify(e, &d.roster.Roster); err != nil {
		return refuse(Token, err)
	}
	details, err := d.details(p)
	if err != nil {
		return err
	}
	if err := details.Opens(e); err != nil {
		return refuse(Commitments, err)
	}
	req.Token, req.Details = e, details
	return nil
}

// checkScope goes through all share records.
func (d *Device) checkScope(req *Request) error {
	return d.again(req, func(t token.Tag, record []byte) error {
		_, err := d.inScope(req, t, record)
		return err
	})
}

// record is a share record that is in scope.
type record struct {
	header *segment.Header
	sealed []byte
	hold   *held // nil: sealed to an epoch key
}

// inScope checks one share record. It runs once before a person decides, and again
// right before a key is used.
func (d *Device) inScope(req *Request, t token.Tag, b []byte) (r record, err error) {
	var hold canonical.Hash
	if t == token.Held {
		hold, r.header, r.sealed, err = token.UnpackHeld(b)
	} else {
		r.header, r.sealed, err = token.Unpack(b, d.state.Body)
	}
	if err != nil {
		return r, refuse(File, err)
	}
	h := r.header
	if h.Domain != d.roster.Domain {
		return r, refusef(Scope, "a segment of camera %s is of the city %.80s, not of %s", h.Camera, h.Domain, d.roster.Domain)
	}
	if err := req.Details.Holds(h.Camera, h.Start); err != nil {
		return r, refuse(Scope, err)
	}
	if err := req.lead(h); err != nil {
		return r, refuse(Scope, err)
	}
	if _, ok := d.roster.Class(h.Class); !ok {
		return r, refusef(Scope, "a segment of camera %s is of the class %s, which is not in the roster", h.Camera, h.Class)
	}
	if t == token.Held {
		if r.hold = d.state.held(hold); r.hold == nil || r.hold.over(req.Time) {
			return r, refusef(Scope, "a segment of camera %s is of a hold that is over, or that this device does not have", h.Camera)
		}
		return r, nil
	}
	if due := d.due(h.Class, canonical.Day(h.Day())); !req.Time.Before(due) {
		return r, refusef(Scope, "a segment of camera %s from %s is past its retention since %s", h.Camera, h.Start.Format(time.RFC3339), due.Format(time.RFC3339))
	}
	return r, nil
}

// again reads the share records of a request's file once more, and makes sure at its
// end that it is the same file.
func (d *Device) again(req *Request, each func(t token.Tag, record []byte) error) error {
	if _, err := req.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, sum, err := readParts(req.file, req.kind, each)
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		return err
	case err != nil:
		return refuse(File, err)
	case !bytes.Equal(sum[:], req.Sum[:]):
		return refusef(File, "the file was changed while it was read")
	}
	return nil
}
