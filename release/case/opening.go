package casefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/recording/share"
	"polity/release/token"
)

// Statement is an entry that this machine signed, with its bytes.
type Statement struct {
	Entry entry.Signed
	Bytes []byte
}

// kept reads an entry that was signed before. The error is of kind NotFound where none was.
func (c *Case) kept(name string) (*Statement, error) {
	b, err := readFile(c.path(name), maxEntry)
	if err != nil {
		return nil, err
	}
	e, err := token.SignedEntry(b)
	if err == nil {
		err = entry.Verify(e, c.roster)
	}
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
	}
	return &Statement{e, b}, nil
}

// keep signs an entry and writes it down before anybody gets it.
func (c *Case) keep(name string, e entry.Signed) (*Statement, error) {
	if err := c.office.sign(e); err != nil {
		return nil, err
	}
	b, err := entry.Encode(e)
	if err != nil {
		return nil, err
	}
	return &Statement{e, b}, durable.WriteFile(c.path(name), b, 0o600)
}

// Opening signs the entry release-opened, once: later calls give the same. Both approvals
// are here.
func (c *Case) Opening(now time.Time) (*Statement, error) {
	s, err := c.kept(openedFile)
	if err == nil {
		if o, ok := s.Entry.(*entry.ReleaseOpened); !ok || o.Token != c.Token.ID {
			return nil, city.Errorf(city.Invalid, "%s is not of this case", openedFile)
		}
		return s, nil
	}
	if city.KindOf(err) != city.NotFound {
		return nil, err
	}
	k, err := c.keys()
	if err != nil {
		return nil, err
	}
	defer k.close()
	n := k.count()
	if n == 0 {
		return nil, city.Errorf(city.NotFound, "there is no segment of which both bodies gave a share: nothing can be opened. %s", k.why())
	}
	return c.keep(openedFile, &entry.ReleaseOpened{At: canonical.At(now), Body: c.office.about.Body, Device: c.office.about.Device, Segments: n, Token: c.Token.ID})
}

// Opened says whether the opening was signed.
func (c *Case) Opened() bool {
	_, err := os.Lstat(c.path(openedFile))
	return err == nil
}

// why tells what became of the shares, in words.
func (k *keys) why() string {
	var words []string
	for _, a := range k.both {
		text := fmt.Sprintf("%s: %d shares", a.Body, a.Shares)
		for s := token.NoKey; s <= token.Destroyed; s++ {
			if n := a.States[s]; n > 0 {
				text = fmt.Sprintf("%s, %d %s", text, n, s)
			}
		}
		words = append(words, text)
	}
	return strings.Join(words, ". ")
}

// entries are the case's entries that a log may hold, by the names of their proofs.
func (c *Case) entries() (map[string][]byte, error) {
	list := map[string][]byte{}
	said, err := readFile(c.path(tokenFile), maxEntry)
	if err != nil {
		return nil, err
	}
	list["requested"] = said
	answers, err := c.Answers()
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		if a == nil {
			continue
		}
		a.Close()
		if list[string(a.Body)], err = entry.Encode(a.Entry()); err != nil {
			return nil, err
		}
	}
	for name, file := range map[string]string{"opened": openedFile, "details": detailsFile} {
		s, err := c.kept(file)
		if err == nil {
			list[name] = s.Bytes
		} else if city.KindOf(err) != city.NotFound {
			return nil, err
		}
	}
	return list, nil
}

// TakeProofs keeps those proof files that are of the case's entries, after each was
// checked: quorum, inclusion, and that the log does not contradict what this machine saw.
// It returns the names that are proven now.
func (c *Case) TakeProofs(files [][]byte) (taken []string, err error) {
	ours, err := c.entries()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		p, err := proof.ParseInclusion(f)
		if err != nil {
			return taken, err
		}
		for name, b := range ours {
			if string(b) != string(p.Entry) {
				continue
			}
			if err := c.prove(name, p); err != nil {
				return taken, fmt.Errorf("proof of %s: %w", name, err)
			}
			taken = append(taken, name)
		}
	}
	return taken, nil
}

func (c *Case) prove(name string, p *proof.Inclusion) error {
	if _, err := c.office.see(p.Checkpoint); err != nil {
		return err
	}
	if _, _, err := p.Check(c.roster); err != nil {
		return err
	}
	return durable.WriteFile(c.path(proofsDir, name+".proof"), p.Marshal(), 0o600)
}

// Proof is a proof that is kept, checked anew. The error is of kind NotFound where there
// is none.
func (c *Case) Proof(name string) (*proof.Inclusion, entry.Entry, error) {
	b, err := readFile(c.path(proofsDir, name+".proof"), proof.MaxSize)
	if err != nil {
		return nil, nil, err
	}
	p, err := proof.ParseInclusion(b)
	if err != nil {
		return nil, nil, err
	}
	e, _, err := p.Check(c.roster)
	return p, e, err
}

// Proofs are all proof files that are kept, by name.
func (c *Case) Proofs() (map[string][]byte, error) {
	list, err := os.ReadDir(c.path(proofsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, d := range list {
		name, ok := strings.CutSuffix(d.Name(), ".proof")
		if !ok {
			continue
		}
		if all[name], err = readFile(c.path(proofsDir, d.Name()), proof.MaxSize); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Fetch brings what the hub has of the case: answers that are not here yet and proofs.
// What came is named in words.
func (c *Case) Fetch(ctx context.Context, h Hub) (came []string, err error) {
	if err := c.Follow(ctx, h); err != nil {
		return nil, err
	}
	st, err := h.State(ctx, c.Token.ID)
	if err != nil {
		return nil, err
	}
	granted := true // until both approvals are public, the hub hands over neither
	for _, body := range share.Bodies {
		granted = granted && st.Answers[body].State == "approved" && st.Answers[body].Public
	}
	for _, body := range share.Bodies {
		if a, err := c.answer(body); err == nil {
			a.Close()
			continue
		} else if city.KindOf(err) != city.NotFound {
			return came, err
		}
		a, err := c.fetchAnswer(ctx, h, body)
		if k := city.KindOf(err); err != nil && !granted && (k == city.NotFound || k == city.Forbidden) {
			continue
		}
		if err != nil {
			return came, err
		}
		came = append(came, fmt.Sprintf("the answer of %s (%s)", body, a.Words()))
	}
	files, err := h.Proofs(ctx, c.Token.ID)
	if err != nil {
		if city.KindOf(err) == city.NotFound {
			return came, nil
		}
		return came, err
	}
	taken, err := c.TakeProofs(files)
	for _, name := range taken {
		came = append(came, "proof of "+name)
	}
	return came, err
}

func (c *Case) fetchAnswer(ctx context.Context, h Hub, body share.Body) (*Answer, error) {
	f, err := os.CreateTemp(c.path(answersDir), ".fetch-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
	if err := h.Answer(ctx, c.Token.ID, body, f); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	a, err := c.TakeAnswer(f)
	if err == nil && a.Body != body {
		err = city.Errorf(city.Invalid, "the hub gave an answer of %s as one of %s", a.Body, body)
	}
	return a, err
}

// FetchRequest brings the request file to a body and returns its words.
func (c *Case) FetchRequest(ctx context.Context, h Hub, body share.Body) (path, words string, err error) {
	dir := c.path(requestsDir)
	f, err := os.CreateTemp(dir, ".fetch-*")
	if err != nil {
		return "", "", err
	}
	defer func() { _ = errors.Join(f.Close(), ignoreMissing(os.Remove(f.Name()))) }()
	if err := h.Request(ctx, c.Token.ID, body, f); err != nil {
		return "", "", err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return "", "", err
	}
	if _, err := requestSum(f, body); err != nil {
		return "", "", err
	}
	path = c.path(requestsDir, string(body)+".bin")
	if err := errors.Join(f.Sync(), os.Rename(f.Name(), path), durable.SyncDir(dir)); err != nil {
		return "", "", fmt.Errorf("keep the request: %w", err)
	}
	return c.Request(body)
}
