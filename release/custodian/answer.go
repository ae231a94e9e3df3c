package custodian

import (
	"fmt"
	"io"
	"runtime"
	"sync"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/share"
	"polity/release/token"
)

// Answered is what an answer says.
type Answered struct {
	Entry  entry.Signed
	Sum    [32]byte              // of the file
	States map[token.State]int64 // how many shares of each
}

// Words are the answer file's, to compare with whoever receives it.
func (a *Answered) Words() string { return token.Words(a.Sum) }

// Approve answers a request with this body's shares, resealed to the case. The person
// typed the token's code. That the token was used is on disk before the first key is;
// a second time gives the same shares again and another entry. After an error w holds
// nothing that counts.
func (d *Device) Approve(req *Request, typed string, w io.Writer) (*Answered, error) {
	if err := d.ready(); err != nil {
		return nil, err
	}
	if !token.SameCode(req.Token.ID, typed) {
		return nil, city.Errorf(city.Forbidden, "what was typed is not the token's code; nothing was approved")
	}
	to, err := share.Kem().NewPublicKey(req.Token.CaseKey)
	if err != nil {
		return nil, refusef(Token, "the case key is no key of MLKEM768-X25519")
	}
	u := d.state.use(req.Token.ID)
	u.Approved++
	u.Last = req.Time
	if err := d.save(); err != nil {
		return nil, err
	}
	out := token.CreateAnswer(w)
	answered := &Answered{States: map[token.State]int64{}}
	err = d.each(req, func(r record) token.Share {
		s := token.Share{Header: r.header.Hash()}
		s.Sealed, s.State = d.rewrap(r, func(k *share.Key) ([]byte, error) {
			return share.SealTo(to, share.Target{Purpose: share.Case, ID: req.Token.ID, Body: d.state.Body, Header: s.Header}, k)
		})
		return s
	}, func(s token.Share) error {
		answered.States[s.State]++
		return out.Add(s)
	})
	if err != nil {
		return nil, err
	}
	if err := d.at("rewrapped"); err != nil {
		return nil, err
	}
	e := &entry.ReleaseApproved{At: canonical.At(req.Time), Body: city.Slug(d.state.Body), Count: out.Count, Device: d.state.Device, Shares: out.Shares(), Token: req.Token.ID}
	if err := entry.Sign(e, d.id.Private()); err != nil {
		return nil, err
	}
	answered.Entry = e
	answered.Sum, err = out.Close(e)
	return answered, err
}

// Reasons are the words that a refusal may give.
var Reasons = []entry.Word{"no-order", "not-competent", "order-unclear", "scope-too-wide", "other"}

// Refuse answers a request with a refusal. It needs a request that passed the checks;
// one that did not is answered by the error itself.
func (d *Device) Refuse(req *Request, reason entry.Word, w io.Writer) (*Answered, error) {
	if err := d.ready(); err != nil {
		return nil, err
	}
	e := &entry.ReleaseRefused{At: canonical.At(req.Time), Body: city.Slug(d.state.Body), Device: d.state.Device, Reason: reason, Token: req.Token.ID}
	if err := entry.Sign(e, d.id.Private()); err != nil {
		return nil, err
	}
	u := d.state.use(req.Token.ID)
	u.Refused++
	u.Last = req.Time
	if err := d.save(); err != nil {
		return nil, err
	}
	sum, err := token.CreateAnswer(w).Close(e)
	return &Answered{Entry: e, Sum: sum}, err
}

// each checks every share record of a request once more, works on it with all
// processors, and hands the results on in order.
func (d *Device) each(req *Request, work func(record) token.Share, done func(token.Share) error) error {
	p := newPipe(func(t token.Tag, b []byte) (token.Share, error) {
		r, err := d.inScope(req, t, b)
		if err != nil {
			return token.Share{}, err
		}
		return work(r), nil
	}, done)
	if err := d.again(req, p.put); err != nil {
		return err
	}
	return p.flush()
}

// rewrap opens a share and hands it to seal. The state says why it could not.
func (d *Device) rewrap(r record, seal func(*share.Key) ([]byte, error)) ([]byte, token.State) {
	i := 0
	if d.state.Body == share.Ombudsman {
		i = 1
	}
	opened, state := d.openShare(r, i)
	if state != token.Right {
		return nil, state
	}
	defer opened.Wipe()
	if seal == nil {
		return nil, token.Right
	}
	again, err := seal(&opened)
	if err != nil {
		return nil, token.NotOpened
	}
	return again, token.Right
}

func (d *Device) openShare(r record, i int) (k share.Key, s token.State) {
	h := r.header
	if r.hold != nil {
		key, err := share.Kem().NewPrivateKey(r.hold.Seed[:])
		if err != nil {
			return k, token.NoKey
		}
		target := share.Target{Purpose: share.Hold, ID: r.hold.ID, Body: d.state.Body, Header: h.Hash()}
		if k, err = share.OpenRewrapped(key, target, r.sealed, h.Commitments[i]); err != nil {
			return k, wrongness(err)
		}
		return k, token.Right
	}
	at, ok := d.find(h.Class, canonical.Day(h.Day()))
	if !ok {
		if g := d.gone(h.Class, canonical.Day(h.Day())); g != nil && g.ID == canonical.Hash(h.EpochKeys[i]) {
			return k, token.Destroyed
		}
		return k, token.NoKey
	}
	key, err := d.state.Keys[at].private()
	if err != nil || share.EpochKeyID(d.state.Body, h.Class, h.Day(), key.PublicKey().Bytes()) != h.EpochKeys[i] {
		return k, token.NoKey
	}
	// The commitment is checked here, so that the two kinds of wrong can be told apart.
	if k, err = share.Open(key, h.Context(i), r.sealed, h.Commitments[i]); err != nil {
		return k, wrongness(err)
	}
	return k, token.Right
}

// pipe works on share records with all processors and keeps their order. put and
// flush are called by one goroutine.
type pipe struct {
	work func(t token.Tag, record []byte) (token.Share, error)
	done func(token.Share) error
	tags []token.Tag
	held [][]byte
}

func newPipe(work func(token.Tag, []byte) (token.Share, error), done func(token.Share) error) *pipe {
	return &pipe{work: work, done: done}
}

const batch = 64

func (p *pipe) put(t token.Tag, record []byte) error {
	p.tags = append(p.tags, t)
	p.held = append(p.held, append([]byte(nil), record...))
	if len(p.held) < batch {
		return nil
	}
	return p.flush()
}

func (p *pipe) flush() error {
	shares, errs := make([]token.Share, len(p.held)), make([]error, len(p.held))
	var wait sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), len(p.held))
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(p.held); i += workers {
				shares[i], errs[i] = p.work(p.tags[i], p.held[i])
			}
		})
	}
	wait.Wait()
	for i := range shares {
		if errs[i] != nil {
			return errs[i]
		}
		if err := p.done(shares[i]); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	p.tags, p.held = p.tags[:0], p.held[:0]
	return nil
}
