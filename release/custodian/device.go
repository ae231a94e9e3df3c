package custodian

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/roster"
	"polity/recording/share"
	"polity/release/identity"
)

// Names in the state folder.
const (
	vaultFile = "vault"
	lockFile  = "lock"
)

// Device is a body's device with its state unlocked. It is used by one goroutine.
type Device struct {
	dir    string
	anchor Anchor
	id     *identity.Identity
	state  *state
	roster *roster.Signed // nil before one was adopted
	slot   slot
	lock   *os.File

	// step is called with the name of each step of a change; an error is a crash there.
	step func(name string) error
	// broken is set when a change did not end: the state in memory no longer counts.
	broken error
}

// Setup is how a device begins.
type Setup struct {
	Dir        string // state folder, made here
	Anchor     Anchor
	Body       share.Body
	Device     city.Slug
	Name       string // of its key, such as helsinki.example/court-1
	Passphrase string
	Seed       []byte // of its Ed25519 key; nil: a fresh one
	WorkFactor int    // log2 of scrypt's N; 0: age's own
}

// Init makes the state of a new device. An error leaves nothing that exists changed.
func Init(s Setup) (*Device, error) {
	if err := s.Body.Check(); err != nil {
		return nil, err
	}
	if err := s.Device.Check(); err != nil {
		return nil, city.Errorf(city.Invalid, "device: %w", err)
	}
	if a, ok := s.Anchor.(fileAnchor); ok && inside(a.path, s.Dir) {
		return nil, city.Errorf(city.Invalid, "the anchor %s lies in the state folder: whoever copies the one has the other; name a file elsewhere", a.path)
	}
	id, err := identity.New(s.Name, s.Seed)
	if err != nil {
		return nil, err
	}
	sealed, err := id.Seal(s.Passphrase, s.WorkFactor)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	for _, name := range []string{identity.File, vaultFile} {
		if _, err := os.Lstat(filepath.Join(s.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return nil, city.Errorf(city.Conflict, "%s holds a device already; name another folder", s.Dir)
		}
	}
	d := &Device{dir: s.Dir, anchor: s.Anchor, id: id, state: &state{Body: s.Body, Device: s.Device}, slot: slot{counter: 1}}
	if err := d.hold(); err != nil {
		return nil, err
	}
	_, _ = rand.Read(d.slot.secret[:]) // never fails: the program ends first
	if err := d.first(sealed); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// inside says whether a file lies in a folder or below it.
func inside(path, dir string) bool {
	a, err1 := filepath.Abs(path)
	b, err2 := filepath.Abs(dir)
	if err := errors.Join(err1, err2); err != nil {
		return true // the working folder is gone: nothing is to be begun here
	}
	rel, err := filepath.Rel(b, a)
	return err != nil || (rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)))
}

// first writes anchor, vault and identity of a new device. The identity comes last: a
// folder without one holds no device.
func (d *Device) first(sealed []byte) error {
	maker, ok := d.anchor.(interface{ create(slot) error })
	if !ok {
		return city.Errorf(city.Invalid, "this anchor cannot begin a device")
	}
	if err := maker.create(d.slot); err != nil {
		return err
	}
	vault, err := sealVault(d.state, d.id.Vault, d.slot)
	if err == nil {
		err = durable.WriteFile(filepath.Join(d.dir, vaultFile), vault, 0o600)
	}
	if err == nil {
		err = durable.WriteFile(filepath.Join(d.dir, identity.File), sealed, 0o600)
	}
	if err != nil {
		return errors.Join(err, d.anchor.remove())
	}
	return nil
}

// hold lets one process at a time have the state.
func (d *Device) hold() error {
	f, err := os.OpenFile(filepath.Join(d.dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the state folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil { //nolint:gosec // a file descriptor fits
		return errors.Join(city.Errorf(city.Conflict, "another program has the state folder %s open; end it first", d.dir), f.Close())
	}
	d.lock = f
	return nil
}

// Unlock opens a device's state. An error of kind Forbidden: the passphrase is wrong.
// Of kind Conflict: the state is an old or foreign copy, or in use. Nothing is lost.
func Unlock(dir string, anchor Anchor, passphrase string) (*Device, error) {
	sealed, err := readState(dir, identity.File, identity.MaxSize)
	if err != nil {
		return nil, err
	}
	d := &Device{dir: dir, anchor: anchor}
	if d.id, err = identity.Open(sealed, passphrase); err != nil {
		return nil, err
	}
	if err := d.hold(); err != nil {
		return nil, err
	}
	if err := d.load(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func readState(dir, name string, most int64) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, name)) //nolint:gosec // the caller's own folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "%s holds no device; 'polity custodian init' makes one", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	return readSmall(f, most, name)
}

func (d *Device) load() error {
	vault, err := readState(d.dir, vaultFile, maxVault)
	if err != nil {
		return err
	}
	counter, err := vaultCounter(vault)
	if err != nil {
		return err
	}
	now, next, err := d.anchor.load()
	if city.KindOf(err) == city.NotFound {
		return city.Errorf(city.Conflict, "this state has no anchor on this machine: it is a copy, or the machine was lost; use the body's other device and have the root take this one off the roster (%w)", err)
	}
	if err != nil {
		return err
	}
	switch {
	case counter == now.counter:
		d.slot = now
	case next != nil && counter == next.counter: // it ended between vault and anchor
		d.slot = *next
	default:
		newest := now.counter
		if next != nil {
			newest = next.counter
		}
		return city.Errorf(city.Conflict, "this state is of change %d, the anchor of change %d: it is a copy or comes from a backup, and cannot be used any more", counter, newest)
	}
	if d.state, err = openVault(vault, d.id.Vault, d.slot); err != nil {
		return err
	}
	if next != nil {
		if err := d.anchor.finish(d.slot.counter); err != nil {
			return err
		}
	}
	if len(d.state.Roster) > 0 {
		if d.roster, err = roster.First(d.state.Roster); err != nil {
			return city.Errorf(city.Internal, "the roster in the vault: %w", err)
		}
	}
	return nil
}

// save makes a change durable. After an error the device is to be unlocked anew: which
// of both states counts, the disk says.
func (d *Device) save() (err error) {
	if d.broken != nil {
		return d.broken
	}
	defer func() {
		if err != nil {
			d.broken = fmt.Errorf("the state could not be written; unlock the device again: %w", err)
			err = d.broken
		}
	}()
	next := slot{counter: d.slot.counter + 1}
	_, _ = rand.Read(next.secret[:]) // never fails: the program ends first
	vault, err := sealVault(d.state, d.id.Vault, next)
	if err != nil {
		return err
	}
	if err := d.at("anchor"); err != nil {
		return err
	}
	if err := d.anchor.begin(next); err != nil {
		return err
	}
	if err := d.at("vault"); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(d.dir, vaultFile), vault, 0o600); err != nil {
		return err
	}
	if err := d.at("finish"); err != nil {
		return err
	}
	if err := d.anchor.finish(next.counter); err != nil {
		return err
	}
	d.slot = next
	return d.at("saved")
}

func (d *Device) at(step string) error {
	if d.step == nil {
		return nil
	}
	return d.step(step)
}

// Close wipes keys, as far as a program in Go can, and lets others have the state.
func (d *Device) Close() {
	if d.state != nil {
		for i := range d.state.Keys {
			clear(d.state.Keys[i].Seed[:])
		}
		for i := range d.state.Holds {
			clear(d.state.Holds[i].Seed[:])
		}
	}
	if d.id != nil {
		clear(d.id.Key)
		clear(d.id.Vault[:])
	}
	clear(d.slot.secret[:])
	d.broken = city.Errorf(city.Internal, "the device is locked")
	if d.lock != nil {
		_ = d.lock.Close()
	}
}

// Key is the device's public key for the roster.
func (d *Device) Key() (string, error) { return d.id.Public() }

// Adopt takes the city's first roster, whose words a person compared with those that
// the holders of root keys told them; or a later one, which needs none.
func (d *Device) Adopt(file []byte, words string) error {
	if d.broken != nil {
		return d.broken
	}
	var next *roster.Signed
	var err error
	if d.roster == nil {
		if next, err = roster.First(file); err != nil {
			return err
		}
		if strings.Join(strings.Fields(strings.ToLower(words)), " ") != next.Words() {
			return city.Errorf(city.Invalid, "the words that were typed are not those of this roster (%s); ask the holders of the root keys", next.Words())
		}
	} else if next, err = d.roster.Next(file); err != nil {
		return err
	}
	if err := d.rostered(next); err != nil {
		return err
	}
	d.roster, d.state.Roster = next, next.File()
	return d.save()
}

// rostered reports a roster in which this device does not stand with its own key.
func (d *Device) rostered(r *roster.Signed) error {
	key, err := r.Device(city.Slug(d.state.Body), d.state.Device)
	if err != nil {
		return city.Errorf(city.Invalid, "this device is not in the roster: %w", err)
	}
	if !key.Equal(d.id.Private().Public()) {
		return city.Errorf(city.Invalid, "the roster has another key for %s than this device's", d.state.Device)
	}
	return nil
}

func (d *Device) ready() error {
	switch {
	case d.broken != nil:
		return d.broken
	case d.roster == nil:
		return city.Errorf(city.Conflict, "this device has no roster yet; 'polity custodian roster' takes one")
	}
	return d.rostered(d.roster)
}
