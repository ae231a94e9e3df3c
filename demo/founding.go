package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
	"polity/ledger/roster"
	"polity/ledger/witness"
	"polity/register"
)

// What the demo city's roster says.
const (
	domain     = "helsinki.example"
	logOrigin  = domain + "/log"
	class      = "short" // of retention
	keptHours  = 24
	office     = "police"
	rosterFile = "city.roster"
)

// witnessNames are those of the demo's witnesses; quorum of them must cosign.
var witnessNames = []city.Slug{"press", "union", "university"}

const quorum = 2

// cheap is log2 of scrypt's N for the demo's devices, 2^8 times less than a city's: their
// passphrases are printed in the terminal.
const cheap = 10

// body is one of the two, with its devices.
type body struct {
	name, title string
	dir         string
	phrase      string // passphrase of its devices
	devices     []*device
	page        *place // of the first device
}

// device is a body's machine that is never online; here it is a folder.
type device struct {
	body   *body
	id     string
	state  string // folder
	anchor string // file
}

// do is the device's command line.
func (v *device) do(args ...string) []string {
	return append([]string{"custodian", "--state", v.state, "--anchor", v.anchor, "--passphrase-file", v.body.path("passphrase")}, args...)
}

func (b *body) path(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

func (t *town) newBody(name, title string) *body {
	b := &body{name: name, title: title, dir: t.path(name), phrase: "the " + name + " of the demo"}
	for _, n := range []string{"1", "2"} {
		id := name + "-" + n
		b.devices = append(b.devices, &device{b, id, b.path(id), b.path(id + ".anchor")})
	}
	return b
}

// founding is what everything about sealed footage goes by.
type founding struct {
	fresh  bool // made by this start
	roster *roster.Signed
	bodies []*body
}

// people are those of the demo city, before their roster is read.
func (t *town) people() *founding {
	return &founding{bodies: []*body{t.newBody("court", "District Court (demo)"), t.newBody("ombudsman", "Ombudsman (demo)")}}
}

// found reads the roster, and makes it with all of its keys the first time. It is written
// last: without it nothing was founded.
func (d *demo) found(ctx context.Context) (*founding, error) {
	t := d.town
	f := t.people()
	file, err := os.ReadFile(t.path(rosterFile))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(t.path("hub", "log")); err == nil {
			return nil, city.Errorf(city.Invalid, "%s is gone and the public log is there: nobody could check it any more. Remove the folder %s to begin anew", rosterFile, t.dir)
		}
		f.fresh = true
		file, err = d.makeRoster(ctx, f)
	}
	if err != nil {
		return nil, fmt.Errorf("the demo's roster: %w", err)
	}
	if f.roster, err = roster.First(file); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w; remove the folder %s to begin anew", rosterFile, err, t.dir)
	}
	return f, t.adoptOffice(f.roster)
}

// makeRoster makes keys of the root, the log, witnesses, bodies and office, and the roster
// that names them, signed by three of the root.
func (d *demo) makeRoster(ctx context.Context, f *founding) ([]byte, error) {
	t := d.town
	for _, dir := range []string{"roots", "witnesses", "court", "ombudsman", office} { // of a start that did not come so far
		if err := errors.Join(os.RemoveAll(t.path(dir)), os.MkdirAll(t.path(dir), 0o700)); err != nil {
			return nil, err
		}
	}
	r := &roster.Roster{
		Classes: []roster.Class{{Name: class, Hours: keptHours}}, Domain: domain, Format: roster.Format, Quorum: quorum,
		ValidFrom: canonical.At(d.Now().Truncate(time.Second)), Version: 1,
	}
	var signers []note.Signer
	for i := range 5 {
		key, public, err := t.newKey(fmt.Sprintf("root-%d.%s", i+1, domain), "roots", fmt.Sprintf("root-%d.key", i+1))
		if err != nil {
			return nil, err
		}
		r.Root, signers = append(r.Root, public), append(signers, key)
	}
	_, public, err := t.newKey(logOrigin, "keys", "log.key")
	if err != nil {
		return nil, err
	}
	r.Log = roster.Log{Key: public, Origin: logOrigin}
	if r.Witnesses, err = t.newWitnesses(); err != nil {
		return nil, err
	}
	if r.Bodies, err = d.newDevices(ctx, f.bodies); err != nil {
		return nil, err
	}
	if r.Officers, err = t.newOffice(); err != nil {
		return nil, err
	}
	file, err := roster.Write(r, signers[0], signers[2], signers[4])
	if err != nil {
		return nil, err
	}
	return file, durable.WriteFile(t.path(rosterFile), file, 0o644)
}

// newKey makes an Ed25519 key, in a file that its owner alone may read.
func (t *town) newKey(name string, path ...string) (note.Signer, string, error) {
	private, public, err := register.NewKey(name)
	if err != nil {
		return nil, "", err
	}
	key, err := register.ReadKey([]byte(private), nil)
	if err != nil {
		return nil, "", err
	}
	return key, public, durable.WriteFile(t.path(path...), []byte(private+"\n"), 0o600)
}

func (t *town) newWitnesses() (list []roster.Witness, err error) {
	for _, name := range witnessNames {
		if err := os.MkdirAll(t.path("witnesses", string(name)), 0o700); err != nil {
			return nil, err
		}
		key, err := witness.Generate(string(name) + ".example/witness")
		if err != nil {
			return nil, err
		}
		if err := durable.WriteFile(t.path("witnesses", string(name), "key"), []byte(key.Secret()), 0o600); err != nil {
			return nil, err
		}
		list = append(list, roster.Witness{Name: name, Key: key.String()})
	}
	return list, nil
}

// keyLine is how a device tells its public key.
var keyLine = regexp.MustCompile(`(?m)^Key for the roster\s+(\S+)$`)

// newDevices begins the bodies' devices, at the same time.
func (d *demo) newDevices(ctx context.Context, bodies []*body) ([]roster.Body, error) {
	list, errs := make([]roster.Body, len(bodies)), make([]error, len(bodies))
	var work sync.WaitGroup
	for i, b := range bodies {
		work.Go(func() {
			list[i], errs[i] = d.newBodyDevices(ctx, b)
		})
	}
	work.Wait()
	return list, errors.Join(errs...)
}

func (d *demo) newBodyDevices(ctx context.Context, b *body) (r roster.Body, err error) {
	r = roster.Body{Name: city.Slug(b.name), Title: b.title}
	if err := durable.WriteFile(b.path("passphrase"), []byte(b.phrase+"\n"), 0o600); err != nil {
		return r, err
	}
	for _, v := range b.devices {
		said, err := d.command(ctx, v.do("init", "--body", b.name, "--device", v.id, "--name", domain+"/"+v.id, "--work-factor", strconv.Itoa(cheap))...)
		if err != nil {
			return r, err
		}
		m := keyLine.FindStringSubmatch(said)
		if m == nil {
			return r, fmt.Errorf("the device %s told no key: %s", v.id, strings.TrimSpace(said))
		}
		r.Devices = append(r.Devices, roster.Device{ID: city.Slug(v.id), Key: m[1]})
	}
	return r, nil
}
