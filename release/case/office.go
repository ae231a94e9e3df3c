// Package casefile is a release on the officer's own machine: it makes the token of a
// draft, keeps the key of the case, puts the keys of segments together from both bodies'
// answers, and decrypts in memory what is looked at (docs/formats/case.md). Plain
// footage is on no disk.
package casefile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/release/identity"
)

// Names in the office's folder.
const (
	aboutFile  = "office.json"
	rostersDir = "rosters"
	seenFile   = "seen"
	casesDir   = "cases"
)

const officeFormat = "polity-office/1"

// about is office.json.
type about struct {
	Body   city.Slug `json:"body"`
	Device city.Slug `json:"device"`
	Format string    `json:"format"`
}

// Setup is how a machine of an office begins.
type Setup struct {
	Dir        string
	Office     city.Slug // as in the roster, such as police
	Device     city.Slug // such as police-1
	Name       string    // of its key, such as helsinki.example/police-1
	Passphrase string
	Seed       []byte // of its Ed25519 key; nil: a fresh one
	WorkFactor int    // log2 of scrypt's N; 0: age's own
}

// Office is the machine's folder. What it signs needs Unlock.
type Office struct {
	dir     string
	about   about
	rosters []*roster.Signed // rising by version; none before one was adopted
	id      *identity.Identity
}

// Init makes the folder of a machine and returns it unlocked. An error leaves nothing that
// exists changed.
func Init(s Setup) (*Office, error) {
	if err := s.Office.Check(); err != nil {
		return nil, city.Errorf(city.Invalid, "office: %w", err)
	}
	if roster.IsBody(s.Office) {
		return nil, city.Errorf(city.Invalid, "%s is one of the two bodies, which answer: its device is 'polity custodian'", s.Office)
	}
	if err := s.Device.Check(); err != nil {
		return nil, city.Errorf(city.Invalid, "device: %w", err)
	}
	id, err := identity.New(s.Name, s.Seed)
	if err != nil {
		return nil, err
	}
	sealed, err := id.Seal(s.Passphrase, s.WorkFactor)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(s.Dir, identity.File)); !errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.Conflict, "%s holds an office's device already; name another folder", s.Dir)
	}
	o := &Office{dir: s.Dir, about: about{s.Office, s.Device, officeFormat}, id: id}
	text, err := json.Marshal(o.about)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, casesDir), 0o700); err != nil {
		return nil, fmt.Errorf("make the office's folder: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(s.Dir, aboutFile), text, 0o600); err != nil {
		return nil, err
	}
	return o, durable.WriteFile(filepath.Join(s.Dir, identity.File), sealed, 0o600)
}

// Open reads a machine's folder, locked.
func Open(dir string) (*Office, error) {
	text, err := readFile(filepath.Join(dir, aboutFile), 4<<10)
	if city.KindOf(err) == city.NotFound && err != nil {
		return nil, city.Errorf(city.NotFound, "%s holds no office's device; 'polity case init' makes one", dir)
	}
	if err != nil {
		return nil, err
	}
	o := &Office{dir: dir}
	if err := json.Unmarshal(text, &o.about); err != nil || o.about.Format != officeFormat {
		return nil, city.Errorf(city.Invalid, "%s is of another release: it must have the format %s", aboutFile, officeFormat)
	}
	o.rosters, err = readRosters(filepath.Join(dir, rostersDir))
	return o, err
}

const rosterSuffix = ".roster"

// readRosters reads the rosters of a folder, each the successor of the one before.
func readRosters(dir string) ([]*roster.Signed, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*"+rosterSuffix))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	var list []*roster.Signed
	for _, name := range names {
		file, err := readFile(name, roster.MaxSize)
		if err != nil {
			return nil, err
		}
		var r *roster.Signed
		if len(list) == 0 {
			r, err = roster.First(file)
		} else {
			r, err = list[len(list)-1].Next(file)
		}
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// newest is the newest roster, or nil.
func (o *Office) newest() *roster.Signed {
	if len(o.rosters) == 0 {
		return nil
	}
	return o.rosters[len(o.rosters)-1]
}

// Rosters are the city's since the first that this machine has.
func (o *Office) Rosters() []*roster.Signed { return slices.Clone(o.rosters) }

// Unlock opens the device's keys. The error is of kind Forbidden where the passphrase is
// wrong.
func (o *Office) Unlock(passphrase string) error {
	sealed, err := readFile(filepath.Join(o.dir, identity.File), identity.MaxSize)
	if err != nil {
		return err
	}
	o.id, err = identity.Open(sealed, passphrase)
	return err
}

// Key is the device's public key for the roster. The office is unlocked.
func (o *Office) Key() (string, error) { return o.id.Public() }

// Dir is the machine's folder.
func (o *Office) Dir() string { return o.dir }

// Name is the office's and its device's.
func (o *Office) Name() (office, device city.Slug) { return o.about.Body, o.about.Device }

// Roster is the city's, as far as it was adopted.
func (o *Office) Roster() (*roster.Signed, error) {
	r := o.newest()
	if r == nil {
		return nil, city.Errorf(city.NotFound, "this machine has no roster yet; 'polity case roster FILE' takes the city's")
	}
	return r, nil
}

// Adopt takes the city's first roster, whose words a person compared with those that the
// holders of root keys told them; or a later one, which needs none.
func (o *Office) Adopt(file []byte, words string) error {
	var r *roster.Signed
	var err error
	if len(o.rosters) == 0 {
		if r, err = roster.First(file); err == nil && strings.Join(strings.Fields(words), "") != strings.ReplaceAll(r.Words(), " ", "") {
			err = city.Errorf(city.Forbidden, "the words are not those of this roster; ask the holders of the root keys again")
		}
	} else {
		r, err = o.newest().Next(file)
	}
	if err != nil {
		return err
	}
	dir := filepath.Join(o.dir, rostersDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, strconv.Itoa(r.Version)+rosterSuffix), r.File(), 0o600); err != nil {
		return err
	}
	o.rosters = append(o.rosters, r)
	return nil
}

// mostRosters is how many rosters are taken at once.
const mostRosters = 256

// Follow takes the rosters that follow the newest one here, as the hub gives them: each is
// signed by the root of the one before. It returns how many came. One that does not follow
// is refused, with all behind it.
func (o *Office) Follow(ctx context.Context, h Hub) (came int, err error) {
	for ; came < mostRosters; came++ {
		r, err := o.Roster()
		if err != nil {
			return came, err
		}
		file, err := h.Roster(ctx, r.Version+1)
		if err != nil {
			if city.KindOf(err) == city.NotFound {
				err = nil
			}
			return came, err
		}
		if err := o.Adopt(file, ""); err != nil {
			return came, city.Errorf(city.Forbidden, "the hub gives a roster %d that does not follow roster %d, which this machine has: ask the holders of the root keys, and trust neither: %w", r.Version+1, r.Version, err)
		}
	}
	return came, nil
}

// Follow has the case go by the newest roster that the hub can show to follow the one here.
func (c *Case) Follow(ctx context.Context, h Hub) error {
	_, err := c.office.Follow(ctx, h)
	c.roster = &c.office.newest().Roster
	return err
}

// Listed says whether the roster has this device with this key.
func (o *Office) Listed() error {
	r, err := o.Roster()
	if err != nil {
		return err
	}
	if !r.IsOffice(o.about.Body) {
		return city.Errorf(city.Forbidden, "%s is no office that may ask, in roster %d", o.about.Body, r.Version)
	}
	key, err := r.Device(o.about.Body, o.about.Device)
	if err != nil {
		return city.Errorf(city.Forbidden, "this machine is not in the roster yet: have the holders of the root keys add its key ('polity case init' printed it): %w", err)
	}
	if o.id != nil && !key.Equal(o.id.Private().Public()) {
		return city.Errorf(city.Forbidden, "roster %d has another key for %s than this machine's", r.Version, o.about.Device)
	}
	return nil
}

// sign signs an entry as the office's device.
func (o *Office) sign(e entry.Signed) error {
	if o.id == nil {
		return city.Errorf(city.Forbidden, "a passphrase is needed")
	}
	return entry.Sign(e, o.id.Private())
}

// see checks a checkpoint, and that it does not contradict the highest one that this
// machine saw: of the same size it has the same root. A larger one is remembered.
func (o *Office) see(file []byte) (*checkpoint.Checkpoint, error) {
	r, err := o.Roster()
	if err != nil {
		return nil, err
	}
	c, err := checkpoint.Open(file, &r.Roster)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(o.dir, seenFile)
	before, err := readFile(path, checkpoint.MaxSize)
	if err != nil && city.KindOf(err) != city.NotFound {
		return nil, err
	}
	if err == nil {
		if last, err := checkpoint.OpenUncosigned(before, &r.Roster); err == nil {
			switch {
			case c.Size == last.Size && c.Root != last.Root:
				return nil, city.Errorf(city.Forbidden, "this machine saw another log of %d entries: two logs are shown. Tell the witnesses", c.Size)
			case c.Size <= last.Size:
				return c, nil
			}
		}
	}
	return c, durable.WriteFile(path, file, 0o600)
}

// Codes are the cases of this machine, by their codes.
func (o *Office) Codes() ([]string, error) {
	list, err := os.ReadDir(filepath.Join(o.dir, casesDir))
	if err != nil {
		return nil, fmt.Errorf("read the office's folder: %w", err)
	}
	var codes []string
	for _, d := range list {
		if d.IsDir() && !strings.HasPrefix(d.Name(), ".") {
			codes = append(codes, d.Name())
		}
	}
	return codes, nil
}

// readFile reads a file of at most so many bytes. The error is of kind NotFound where
// there is none.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "there is no file %s", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(b)) > most {
		return nil, city.Errorf(city.TooLarge, "%s has more than %d bytes", path, most)
	}
	return b, nil
}
