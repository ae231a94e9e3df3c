package casefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/token"
)

// Answer is one body's answer, checked.
type Answer struct {
	Body     share.Body
	Approved *entry.ReleaseApproved // nil: refused
	Refused  *entry.ReleaseRefused
	Shares   int                   // all, whatever their state
	States   map[token.State]int64 // how many of each
	Sum      [32]byte              // of the file

	file   *os.File
	places map[canonical.Hash]place
}

// place is where the file has a segment's share.
type place struct {
	at    int64
	state token.State
}

// Words are the file's, to compare with those of the body.
func (a *Answer) Words() string { return token.Words(a.Sum) }

// Entry is what the answer says in the log.
func (a *Answer) Entry() entry.Signed {
	if a.Approved != nil {
		return a.Approved
	}
	return a.Refused
}

// Close closes the file.
func (a *Answer) Close() {
	if a != nil && a.file != nil {
		_ = a.file.Close()
	}
}

const (
	headSize    = 12     // of a carried file
	sectionSize = 5      // of what stands before a section
	shareHead   = 32 + 1 // of a rewrapped share: header hash, state
)

// readAnswer checks an answer: its form, its signature, that it is of this token. It
// remembers where each share stands.
func (c *Case) readAnswer(r io.Reader) (*Answer, error) {
	a := &Answer{States: map[token.State]int64{}, places: map[canonical.Hash]place{}}
	next := int64(headSize)
	said, sum, err := token.ReadAnswer(r, c.roster, func(s token.Share) error {
		if _, twice := a.places[s.Header]; twice {
			return city.Errorf(city.Invalid, "the answer has the share of one segment twice")
		}
		a.places[s.Header] = place{next + sectionSize + shareHead, s.State}
		next += int64(sectionSize + shareHead + len(s.Sealed))
		a.Shares++
		a.States[s.State]++
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.Sum = sum
	var id canonical.Hash
	switch e := said.(type) {
	case *entry.ReleaseApproved:
		a.Approved, a.Body, id = e, share.Body(e.Body), e.Token
	case *entry.ReleaseRefused:
		a.Refused, a.Body, id = e, share.Body(e.Body), e.Token
	default:
		return nil, city.Errorf(city.Invalid, "this is an answer of type %s, not to a request for footage", entry.TypeOf(said))
	}
	if id != c.Token.ID {
		return nil, city.Errorf(city.Invalid, "this is an answer to the request %s, not to %s", token.Code(id), c.Code())
	}
	return a, a.Body.Check()
}

// TakeAnswer checks an answer and keeps it in the case's folder. The same one again
// changes nothing; another of the same body is refused, since it would be of use
// nowhere that the first is not.
func (c *Case) TakeAnswer(r io.Reader) (*Answer, error) {
	dir := c.path(answersDir)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return nil, fmt.Errorf("keep the answer: %w", err)
	}
	defer func() { _ = errors.Join(f.Close(), ignoreMissing(os.Remove(f.Name()))) }()
	a, err := c.readAnswer(io.TeeReader(io.LimitReader(r, token.MaxFile+1), f))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, string(a.Body)+".bin")
	if before, err := c.answer(a.Body); err == nil {
		before.Close()
		if before.Sum == a.Sum {
			return a, nil
		}
		if before.Approved != nil || a.Refused != nil {
			return nil, city.Errorf(city.Conflict, "the case has another answer of %s already (%s); it stays", a.Body, before.Words())
		}
	} else if city.KindOf(err) != city.NotFound {
		return nil, err
	}
	if err := errors.Join(f.Sync(), os.Rename(f.Name(), path), durable.SyncDir(dir)); err != nil {
		return nil, fmt.Errorf("keep the answer: %w", err)
	}
	return a, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// answer opens a body's answer. The error is of kind NotFound where there is none yet.
func (c *Case) answer(body share.Body) (*Answer, error) {
	f, err := os.Open(c.path(answersDir, string(body)+".bin"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "there is no answer of %s yet", body)
	}
	if err != nil {
		return nil, err
	}
	a, err := c.readAnswer(f)
	if err == nil && a.Body != body {
		err = city.Errorf(city.Invalid, "the answer of %s is one of %s", body, a.Body)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("answer of %s: %w", body, err)
	}
	a.file = f
	return a, nil
}

// Answers are those that came so far, in the order of share.Bodies; nil where none came.
// The caller closes them.
func (c *Case) Answers() (list [2]*Answer, err error) {
	for i, body := range share.Bodies {
		if list[i], err = c.answer(body); err != nil && city.KindOf(err) != city.NotFound {
			list[0].Close()
			return list, err
		}
	}
	return list, nil
}

// keys puts keys of segments together from both answers. It may be used by many goroutines.
type keys struct {
	c    *Case
	both [2]*Answer
}

// keys opens both approvals. Errors say what is missing.
func (c *Case) keys() (*keys, error) {
	both, err := c.Answers()
	if err != nil {
		return nil, err
	}
	k := &keys{c, both}
	for i, a := range both {
		switch {
		case a == nil:
			k.close()
			return nil, city.Errorf(city.Conflict, "the answer of %s is not here yet; 'polity case answers %s' fetches or takes it", share.Bodies[i], c.Code())
		case a.Approved == nil:
			k.close()
			return nil, city.Errorf(city.Forbidden, "%s refused (%s); nothing can be opened with this token", a.Body, a.Refused.Reason)
		}
	}
	return k, nil
}

func (k *keys) close() {
	for _, a := range k.both {
		a.Close()
	}
}

// errNoShare is one body's share that is not there.
type errNoShare struct {
	body  share.Body
	state token.State
	asked bool
}

func (e *errNoShare) Error() string {
	if !e.asked {
		return fmt.Sprintf("the answer of %s has no share of it", e.body)
	}
	return fmt.Sprintf("the share of %s is %s", e.body, e.state)
}

// lacks says which body gave no share of a segment, or nil.
func (k *keys) lacks(header canonical.Hash) error {
	for _, a := range k.both {
		p, ok := a.places[header]
		if !ok || p.state != token.Right {
			return &errNoShare{a.Body, p.state, ok}
		}
	}
	return nil
}

// count is of how many segments both bodies gave a share.
func (k *keys) count() (n int64) {
	for h := range k.both[0].places {
		if k.lacks(h) == nil {
			n++
		}
	}
	return n
}

// join puts the key of a segment together and holds it to the header's commitments. The
// caller wipes it.
func (k *keys) join(h *segment.Header) (*share.Split, error) {
	header := canonical.Hash(h.Hash())
	if err := k.lacks(header); err != nil {
		return nil, err
	}
	s := &share.Split{}
	sealed := make([]byte, share.SealedSize)
	for i, half := range []*share.Key{&s.Court, &s.Ombudsman} {
		a := k.both[i]
		if _, err := a.file.ReadAt(sealed, a.places[header].at); err != nil {
			s.Wipe()
			return nil, fmt.Errorf("read the answer of %s: %w", a.Body, err)
		}
		opened, err := share.OpenRewrapped(k.c.key, share.Target{Purpose: share.Case, ID: k.c.Token.ID, Body: a.Body, Header: header}, sealed, h.Commitments[i])
		if err != nil {
			s.Wipe()
			return nil, err
		}
		*half = opened
		opened.Wipe()
	}
	s.Key = share.Join(&s.Court, &s.Ombudsman)
	if share.CommitKey(&s.Key) != h.Key {
		s.Wipe()
		return nil, city.Errorf(city.Invalid, "both shares are what the header commits to, but not their key: the recorder sealed it wrongly")
	}
	return s, nil
}

// TakeRequest keeps a request file that was carried here, or compares it with the one
// that is kept.
func (c *Case) TakeRequest(body share.Body, r io.Reader) (words string, err error) {
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(r, token.MaxFile+1)); err != nil {
		return "", err
	}
	sum, err := requestSum(bytes.NewReader(b.Bytes()), body)
	if err != nil {
		return "", err
	}
	return token.Words(sum), durable.WriteFile(c.path(requestsDir, string(body)+".bin"), b.Bytes(), 0o600)
}

// requestSum checks the form of a request file and that it is for a body.
func requestSum(r io.Reader, body share.Body) (sum [32]byte, err error) {
	f, err := token.Open(r, token.Request)
	if err != nil {
		return sum, err
	}
	for {
		t, b, err := f.Next()
		if errors.Is(err, io.EOF) {
			return f.Sum(), nil
		}
		if err != nil {
			return sum, err
		}
		if t == token.Body && string(b) != string(body) {
			return sum, city.Errorf(city.Invalid, "the request is for %.16q, not for %s", b, body)
		}
	}
}

// Request is a request file that is kept, with its words.
func (c *Case) Request(body share.Body) (path, words string, err error) {
	path = c.path(requestsDir, string(body)+".bin")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", city.Errorf(city.NotFound, "there is no request to %s yet", body)
	}
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	sum, err := requestSum(f, body)
	return path, token.Words(sum), err
}
