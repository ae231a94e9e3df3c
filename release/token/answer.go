package token

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/recording/share"
)

// State says what became of a share.
type State byte

// The states.
const (
	Right     State = iota // rewrapped, or found right
	NoKey                  // the body has no such epoch key
	NotOpened              // the epoch key that it names does not open it
	Wrong                  // it is not what the segment commits to
	Destroyed              // the epoch key was destroyed
	states
)

// String says it in words.
func (s State) String() string {
	names := [...]string{"right", "sealed to an epoch key that this body never made", "not to be opened with the epoch key that it names", "not what its segment commits to", "of an epoch key that was destroyed"}
	if s < states {
		return names[s]
	}
	return "unknown"
}

const rewrappedSize = 32 + 1 + share.SealedSize

// Share is one of an answer.
type Share struct {
	Header canonical.Hash
	State  State
	Sealed []byte // share.SealedSize bytes where State is Right
}

func (s *Share) encode() []byte {
	b := append(make([]byte, 0, rewrappedSize), s.Header[:]...)
	return append(append(b, byte(s.State)), s.Sealed...)
}

func parseShare(b []byte) (s Share, err error) {
	if len(b) < 33 {
		return s, city.Errorf(city.Invalid, "a share of the answer is cut off")
	}
	s.Header, s.State, s.Sealed = canonical.Hash(b[:32]), State(b[32]), b[33:]
	if s.State >= states || (s.State == Right && len(s.Sealed) != share.SealedSize) || (s.State != Right && len(s.Sealed) != 0) {
		return s, city.Errorf(city.Invalid, "a share of the answer is damaged")
	}
	return s, nil
}

// AnswerWriter writes an answer: shares, then the signed entry that holds their hash.
type AnswerWriter struct {
	Count int64 // of shares that are right

	file *Writer
	sum  hash.Hash
}

// CreateAnswer begins an answer.
func CreateAnswer(w io.Writer) *AnswerWriter {
	return &AnswerWriter{file: Create(w, Answer), sum: newSum()}
}

func newSum() hash.Hash {
	h := sha256.New()
	h.Write([]byte("polity/shares/v1\n")) //nolint:errcheck // a hash never fails
	return h
}

// Add writes a share.
func (a *AnswerWriter) Add(s Share) error {
	b := s.encode()
	a.sum.Write(prefix(Rewrapped, len(b))) //nolint:errcheck // a hash never fails
	a.sum.Write(b)                         //nolint:errcheck // a hash never fails
	if s.State == Right {
		a.Count++
	}
	return a.file.Add(Rewrapped, b)
}

// Shares is the hash of the shares that were written so far.
func (a *AnswerWriter) Shares() (h canonical.Hash) {
	a.sum.Sum(h[:0])
	return h
}

// Close ends the answer with its entry, which was signed.
func (a *AnswerWriter) Close(e entry.Signed) (sum [32]byte, err error) {
	text, err := entry.Encode(e)
	if err != nil {
		return sum, err
	}
	if err := a.file.Add(Entry, text); err != nil {
		return sum, err
	}
	return a.file.Close()
}

// ReadAnswer checks an answer under a roster: its form, its entry's signature, that
// the entry is about these shares. each, if not nil, gets every share in order, before
// the entry was checked; what it gets is good until it returns. The error is of
// kind Invalid, or each's.
func ReadAnswer(r io.Reader, rost *roster.Roster, each func(Share) error) (entry.Signed, [32]byte, error) {
	none := [32]byte{}
	f, err := Open(r, Answer)
	if err != nil {
		return nil, none, err
	}
	count, sum := int64(0), newSum()
	var said entry.Signed
	for {
		t, b, err := f.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, none, err
		}
		if t == Entry {
			if said, err = SignedEntry(b); err != nil {
				return nil, none, err
			}
			continue
		}
		s, err := parseShare(b)
		if err != nil {
			return nil, none, err
		}
		sum.Write(prefix(t, len(b))) //nolint:errcheck // a hash never fails
		sum.Write(b)                 //nolint:errcheck // a hash never fails
		if s.State == Right {
			count++
		}
		if each != nil {
			if err := each(s); err != nil {
				return nil, none, err
			}
		}
	}
	if said == nil {
		return nil, none, city.Errorf(city.Invalid, "the answer has no entry for the log")
	}
	if err := entry.Verify(said, rost); err != nil {
		return nil, none, err
	}
	if err := fits(said, f.n[Rewrapped], count, canonical.Hash(sum.Sum(nil))); err != nil {
		return nil, none, err
	}
	return said, f.Sum(), nil
}

// fits holds the entry of an answer to its shares.
func fits(said entry.Signed, all int, count int64, sum canonical.Hash) error {
	switch e := said.(type) {
	case *entry.ReleaseApproved:
		if e.Count != count || e.Shares != sum {
			return city.Errorf(city.Invalid, "the shares of the answer are not those that its entry tells of")
		}
	case *entry.Hold:
		if e.Count != count {
			return city.Errorf(city.Invalid, "the shares of the hold are not as many as its entry tells of")
		}
	case *entry.ReleaseRefused, *entry.Audit:
		if all > 0 {
			return city.Errorf(city.Invalid, "an answer of type %s with shares", entry.TypeOf(said))
		}
	default:
		return city.Errorf(city.Invalid, "an entry of type %s is no answer", entry.TypeOf(said))
	}
	return nil
}

// SignedEntry reads an entry that a device signs. The signature is not checked.
func SignedEntry(b []byte) (entry.Signed, error) {
	e, err := entry.Decode(b)
	if err != nil {
		return nil, err
	}
	s, ok := e.(entry.Signed)
	if !ok {
		return nil, city.Errorf(city.Invalid, "an entry of type %s is not signed by a device", entry.TypeOf(e))
	}
	return s, nil
}
