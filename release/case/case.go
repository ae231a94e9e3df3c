package casefile

import (
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/recording/share"
	"polity/release/token"
)

// Names in a case's folder.
const (
	keyFile        = "key.age"
	tokenFile      = "token.entry"
	submissionFile = "submission.json"
	hubFile        = "hub"
	openedFile     = "opened.entry"
	detailsFile    = "details.entry"
	notesFile      = "notes"
	viewsFile      = "views.log"
	lockFile       = "lock"
	requestsDir    = "requests"
	answersDir     = "answers"
	proofsDir      = "proofs"
	segmentsDir    = "segments"
	hoursDir       = "hours"
)

const (
	keyFormat = "polity-case-key/1"
	maxKey    = 64 << 10
	maxEntry  = 8 << 10
)

// Case is a case's folder. What it decrypts or signs needs Unlock.
type Case struct {
	Token   *entry.ReleaseRequested
	Hub     string         // its address; empty where files are carried
	Details *token.Details // nil before Unlock

	office *Office
	dir    string
	roster *roster.Roster
	seed   canonical.Hash
	key    hpke.PrivateKey
	lock   *os.File
}

// secret is what key.age holds.
type secret struct {
	Details *token.Details `json:"details"`
	Format  string         `json:"format"`
	Seed    canonical.Hash `json:"seed"`
}

// New makes the case of a draft: its key, its token, its submission. The office is
// unlocked and in the roster. The case stands in the folder as a whole or not at all.
func (o *Office) New(d *Draft, now time.Time) (*Case, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := d.late(now); err != nil {
		return nil, err
	}
	if err := o.Listed(); err != nil {
		return nil, err
	}
	if o.id == nil {
		return nil, city.Errorf(city.Forbidden, "a passphrase is needed")
	}
	c := &Case{office: o, roster: &o.newest().Roster, Hub: strings.TrimSuffix(d.Hub, "/")}
	_, _ = rand.Read(c.seed[:]) // never fails: the program ends first
	var err error
	if c.key, err = share.Kem().NewPrivateKey(c.seed[:]); err != nil {
		return nil, err
	}
	c.Token, c.Details, err = token.New(c.roster, token.Ask{
		Office: o.about.Body, Device: o.about.Device, Purpose: d.Purpose, Order: d.Order, Case: d.Case, Cameras: d.Cameras,
		From: d.From.Time(), To: d.To.Time(), Expires: d.Expires.Time(), PublicOn: d.DetailsPublicOn, CaseKey: c.key.PublicKey().Bytes(),
	}, o.id.Private())
	if err != nil {
		return nil, err
	}
	submission, err := token.Submit(c.roster, c.Token, c.Details)
	if err != nil {
		return nil, err
	}
	if _, err := submission.Token(c.roster, now); err != nil { // what the hub would say
		return nil, err
	}
	c.dir = filepath.Join(o.dir, casesDir, c.Code())
	return c, c.write(submission)
}

// write makes the folder beside its place and moves it there.
func (c *Case) write(s *token.Submission) (err error) {
	h, err := c.office.id.Hybrid()
	if err != nil {
		return err
	}
	text, err := canonical.Encode(&secret{c.Details, keyFormat, c.seed})
	if err != nil {
		return err
	}
	defer clear(text)
	sealed, err := token.Seal(text, h.Recipient())
	if err != nil {
		return err
	}
	said, err := entry.Encode(c.Token)
	if err != nil {
		return err
	}
	sent, err := s.Encode()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(c.dir); !errors.Is(err, fs.ErrNotExist) {
		return city.Errorf(city.Conflict, "there is a case %s already; make the token anew", c.Code())
	}
	dir, err := os.MkdirTemp(filepath.Dir(c.dir), ".new-")
	if err != nil {
		return fmt.Errorf("make the case's folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	for _, sub := range []string{requestsDir, answersDir, proofsDir, segmentsDir} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return fmt.Errorf("make the case's folder: %w", err)
		}
	}
	for name, b := range map[string][]byte{keyFile: sealed, tokenFile: said, submissionFile: sent, hubFile: []byte(c.Hub + "\n")} {
		if err := durable.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
	}
	if err := os.Rename(dir, c.dir); err != nil {
		return fmt.Errorf("make the case's folder: %w", err)
	}
	return durable.SyncDir(filepath.Dir(c.dir))
}

// Case opens a case by its code, or by the beginning of it that no other has. It stays
// locked.
func (o *Office) Case(code string) (*Case, error) {
	if _, err := o.Roster(); err != nil {
		return nil, err
	}
	codes, err := o.Codes()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range codes {
		if name == code {
			found = []string{name}
			break
		}
		if code != "" && strings.HasPrefix(name, code) {
			found = append(found, name)
		}
	}
	switch {
	case len(found) == 0:
		return nil, city.Errorf(city.NotFound, "this machine has no case %.40q; 'polity case list' names them", code)
	case len(found) > 1:
		return nil, city.Errorf(city.Invalid, "%q begins the codes of %s; type more of it", code, strings.Join(found, " and "))
	}
	c := &Case{office: o, roster: &o.newest().Roster, dir: filepath.Join(o.dir, casesDir, found[0])}
	said, err := readFile(filepath.Join(c.dir, tokenFile), maxEntry)
	if err != nil {
		return nil, err
	}
	e, err := entry.Decode(said)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", tokenFile, err)
	}
	var ok bool
	if c.Token, ok = e.(*entry.ReleaseRequested); !ok {
		return nil, city.Errorf(city.Invalid, "%s holds an entry of type %s", tokenFile, entry.TypeOf(e))
	}
	hub, err := readFile(filepath.Join(c.dir, hubFile), 4<<10)
	if err != nil {
		return nil, err
	}
	c.Hub = strings.TrimSpace(string(hub))
	return c, checkHub(c.Hub)
}

// Unlock opens the key of the case. The office is unlocked.
func (c *Case) Unlock() error {
	if c.office.id == nil {
		return city.Errorf(city.Forbidden, "a passphrase is needed")
	}
	sealed, err := readFile(filepath.Join(c.dir, keyFile), maxKey)
	if err != nil {
		return err
	}
	h, err := c.office.id.Hybrid()
	if err != nil {
		return err
	}
	text, err := token.Unseal(sealed, maxKey, h)
	if err != nil {
		return city.Errorf(city.KindOf(err), "%s: it is of another machine or was damaged: %w", keyFile, err)
	}
	defer clear(text)
	s := new(secret)
	if err := canonical.Decode(text, s); err != nil || s.Format != keyFormat || s.Details == nil {
		return city.Errorf(city.Invalid, "%s is of another release", keyFile) // nothing of it is told
	}
	if err := s.Details.Opens(c.Token); err != nil {
		return city.Errorf(city.Invalid, "%s does not belong to this token: %w", keyFile, err)
	}
	key, err := share.Kem().NewPrivateKey(s.Seed[:])
	if err != nil {
		return err
	}
	if string(key.PublicKey().Bytes()) != string(c.Token.CaseKey) {
		return city.Errorf(city.Invalid, "the key of the case is not the one that the token names")
	}
	c.Details, c.seed, c.key = s.Details, s.Seed, key
	return nil
}

// Hold lets one process at a time change the case. It is let go by Close.
func (c *Case) Hold() error {
	f, err := os.OpenFile(filepath.Join(c.dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the case: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(city.Errorf(city.Conflict, "another program has the case %s open; end it first", c.Code()), f.Close())
	}
	c.lock = f
	return nil
}

// Close lets the case go and forgets its key, as far as a program in Go can.
func (c *Case) Close() {
	c.seed, c.key = canonical.Hash{}, nil
	if c.lock != nil {
		_ = c.lock.Close()
		c.lock = nil
	}
}

// Code is what people call the case.
func (c *Case) Code() string { return token.Code(c.Token.ID) }

// Dir is its folder.
func (c *Case) Dir() string { return c.dir }

func (c *Case) path(name ...string) string { return filepath.Join(append([]string{c.dir}, name...)...) }

// Submission is the file that goes to the hub.
func (c *Case) Submission() ([]byte, error) {
	return readFile(c.path(submissionFile), token.MaxSubmission)
}
