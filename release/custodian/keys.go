package custodian

import (
	"cmp"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"time"

	"filippo.io/age"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/share"
	"polity/release/token"
)

// Bounds of epoch keys.
const (
	MaxDays = 400  // ahead
	maxKeys = 8192 // in a vault
)

const day = 24 * time.Hour

func order(a, b epochKey) int {
	return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Day, b.Day))
}

func (d *Device) find(class city.Slug, on canonical.Day) (int, bool) {
	return slices.BinarySearchFunc(d.state.Keys, epochKey{Class: class, Day: on}, order)
}

func (d *Device) gone(class city.Slug, on canonical.Day) *goneKey {
	for i := range d.state.Gone {
		if g := &d.state.Gone[i]; g.Class == class && g.Day == on {
			return g
		}
	}
	return nil
}

// private is the private half of a key.
func (k *epochKey) private() (hpke.PrivateKey, error) { return share.Kem().NewPrivateKey(k.Seed[:]) }

func (d *Device) keyID(k *epochKey) (id canonical.Hash, public []byte, err error) {
	p, err := k.private()
	if err != nil {
		return id, nil, err
	}
	public = p.PublicKey().Bytes()
	return share.EpochKeyID(d.state.Body, k.Class, string(k.Day), public), public, nil
}

// MakeKeys makes the epoch key pairs of a class for so many days from a day on. Days
// that have a key, or had one that was destroyed, are left as they are. It returns how
// many it made.
func (d *Device) MakeKeys(class city.Slug, from canonical.Day, days int) (made int, err error) {
	if err := d.ready(); err != nil {
		return 0, err
	}
	if _, ok := d.roster.Class(class); !ok {
		return 0, city.Errorf(city.NotFound, "the roster has no class %.48q", string(class))
	}
	if err := from.Check(); err != nil {
		return 0, err
	}
	if days < 1 || days > MaxDays {
		return 0, city.Errorf(city.Invalid, "%d days; 1 to %d", days, MaxDays)
	}
	for i := range days {
		on := canonical.Day(share.Day(from.Time().AddDate(0, 0, i)))
		at, there := d.find(class, on)
		if there || d.gone(class, on) != nil {
			continue
		}
		k := epochKey{Class: class, Day: on}
		_, _ = rand.Read(k.Seed[:]) // never fails: the program ends first
		d.state.Keys = slices.Insert(d.state.Keys, at, k)
		made++
	}
	if len(d.state.Keys) > maxKeys {
		d.broken = city.Errorf(city.TooLarge, "a device keeps %d epoch keys at most; destroy those that are due first", maxKeys)
		return 0, d.broken
	}
	if made == 0 {
		return 0, nil
	}
	return made, d.save()
}

// Publish writes the public halves of all epoch keys from a day on, signed, for the log.
// The same key gives the same entry each time.
func (d *Device) Publish(w io.Writer, from canonical.Day) (n int, sum [32]byte, err error) {
	if err := d.ready(); err != nil {
		return 0, sum, err
	}
	f := token.Create(w, token.Statements)
	for i := range d.state.Keys {
		k := &d.state.Keys[i]
		if k.Day < from {
			continue
		}
		_, public, err := d.keyID(k)
		if err != nil {
			return n, sum, err
		}
		e := &entry.EpochKey{Body: city.Slug(d.state.Body), Class: k.Class, Day: k.Day, Device: d.state.Device, Kem: "MLKEM768-X25519", Key: public}
		if err := d.statement(f, e); err != nil {
			return n, sum, err
		}
		n++
	}
	sum, err = f.Close()
	return n, sum, err
}

// statement signs an entry and adds it to a file of statements.
func (d *Device) statement(f *token.Writer, e entry.Signed) error {
	if err := entry.Sign(e, d.id.Private()); err != nil {
		return err
	}
	text, err := entry.Encode(e)
	if err != nil {
		return err
	}
	return f.Add(token.Entry, text)
}

// Statements reads a file of statements. Whoever logs them checks their signatures.
func Statements(r io.Reader) (list []entry.Signed, err error) {
	f, err := token.Open(r, token.Statements)
	if err != nil {
		return nil, err
	}
	for {
		_, b, err := f.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		e, err := token.SignedEntry(b)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
}

// Card names this device to the body's other one.
func (d *Device) Card() (*Card, error) {
	if err := d.ready(); err != nil {
		return nil, err
	}
	i, err := d.id.Hybrid()
	if err != nil {
		return nil, err
	}
	c := &Card{Body: d.state.Body, Device: d.state.Device, Recipient: i.Recipient().String()}
	c.Signature = ed25519.Sign(d.id.Private(), c.message())
	return c, nil
}

// bundle is what one device gives the body's other one.
type bundle struct {
	Body      share.Body      `json:"body"`
	Device    city.Slug       `json:"device"`
	Format    string          `json:"format"`
	Holds     []held          `json:"holds,omitempty"`
	Keys      []bundled       `json:"keys"`
	Signature canonical.Bytes `json:"signature,omitempty"`
}

type bundled struct {
	Class city.Slug      `json:"class"`
	Day   canonical.Day  `json:"day"`
	Seed  canonical.Hash `json:"seed"`
}

const bundleFormat = "polity-epoch-keys/1"

func (b *bundle) message() ([]byte, error) {
	bare := *b
	bare.Signature = nil
	text, err := canonical.Encode(&bare)
	if err != nil {
		return nil, err
	}
	return append([]byte("polity/epoch-keys/v1\n"), text...), nil
}

// ShareKeys writes this device's epoch keys for the body's other device, which the card
// names. Only that one can read them.
func (d *Device) ShareKeys(w io.Writer, card []byte) (n int, sum [32]byte, err error) {
	if err := d.ready(); err != nil {
		return 0, sum, err
	}
	c, err := ParseCard(card, &d.roster.Roster)
	if err != nil {
		return 0, sum, err
	}
	if c.Body != d.state.Body || c.Device == d.state.Device {
		return 0, sum, city.Errorf(city.Forbidden, "the card is of %s of %s; epoch keys go to another device of %s only", c.Device, c.Body, d.state.Body)
	}
	to, err := age.ParseHybridRecipient(c.Recipient)
	if err != nil {
		return 0, sum, city.Errorf(city.Invalid, "the card's recipient is no key that age reads (age1pq...)")
	}
	b := &bundle{Body: d.state.Body, Device: d.state.Device, Format: bundleFormat, Holds: d.state.Holds}
	for _, k := range d.state.Keys {
		b.Keys = append(b.Keys, bundled(k))
	}
	message, err := b.message()
	if err != nil {
		return 0, sum, err
	}
	b.Signature = ed25519.Sign(d.id.Private(), message)
	clear(message)
	text, err := canonical.Encode(b)
	if err != nil {
		return 0, sum, err
	}
	defer clear(text)
	sealed, err := token.Seal(text, to)
	if err != nil {
		return 0, sum, err
	}
	f := token.Create(w, token.EpochKeys)
	if err := errors.Join(f.Add(token.Body, []byte(d.state.Body)), f.Add(token.Secret, sealed)); err != nil {
		return 0, sum, err
	}
	sum, err = f.Close()
	return len(b.Keys), sum, err
}

// TakeKeys takes epoch keys from the body's other device. Keys that were destroyed here
// are not taken again; another key for a day that has one is refused, and then none is
// taken.
func (d *Device) TakeKeys(r io.Reader) (taken int, err error) {
	if err := d.ready(); err != nil {
		return 0, err
	}
	b, err := d.readBundle(r)
	if err != nil {
		return 0, err
	}
	keys := slices.Clone(d.state.Keys)
	for _, k := range b.Keys {
		_, known := d.roster.Class(k.Class)
		if !known || k.Day.Check() != nil {
			return 0, city.Errorf(city.Invalid, "the file has a key of an unknown class or day")
		}
		at, there := slices.BinarySearchFunc(keys, epochKey(k), order)
		switch {
		case there && keys[at].Seed != k.Seed:
			return 0, city.Errorf(city.Conflict, "both devices made a key of their own for %s, class %s; only one of them may make keys. None was taken", k.Day, k.Class)
		case there || d.gone(k.Class, k.Day) != nil:
			continue
		}
		keys = slices.Insert(keys, at, epochKey(k))
		taken++
	}
	if len(keys) > maxKeys {
		return 0, city.Errorf(city.TooLarge, "a device keeps %d epoch keys at most; destroy those that are due first", maxKeys)
	}
	d.state.Keys = keys
	for _, h := range b.Holds {
		if h.Until.Check() == nil && d.state.held(h.ID) == nil && !h.over(d.state.Seen.Time) {
			d.state.Holds = append(d.state.Holds, h)
			taken++
		}
	}
	if taken == 0 {
		return 0, nil
	}
	return taken, d.save()
}

func (d *Device) readBundle(r io.Reader) (*bundle, error) {
	f, err := token.Open(r, token.EpochKeys)
	if err != nil {
		return nil, err
	}
	var body share.Body
	var sealed []byte
	for {
		t, b, err := f.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if t == token.Body {
			body = share.Body(b)
		} else {
			sealed = slices.Clone(b)
		}
	}
	if body != d.state.Body {
		return nil, city.Errorf(city.Forbidden, "the epoch keys are of %.16q, this device is of %s", string(body), d.state.Body)
	}
	i, err := d.id.Hybrid()
	if err != nil {
		return nil, err
	}
	text, err := token.Unseal(sealed, token.MaxSecret, i)
	if err != nil {
		return nil, city.Errorf(city.KindOf(err), "epoch keys: %w", err)
	}
	defer clear(text)
	b := new(bundle)
	if err := canonical.Decode(text, b); err != nil {
		return nil, city.Errorf(city.Invalid, "the epoch keys are in no form that this release reads") // nothing of them is told
	}
	if b.Format != bundleFormat || b.Body != d.state.Body {
		return nil, city.Errorf(city.Invalid, "the epoch keys are of another release or body")
	}
	key, err := d.roster.Device(city.Slug(b.Body), b.Device)
	if err != nil {
		return nil, err
	}
	message, err := b.message()
	if err != nil {
		return nil, err
	}
	defer clear(message)
	if !ed25519.Verify(key, message, b.Signature) {
		return nil, city.Errorf(city.Forbidden, "the epoch keys were not signed by the device %s of the roster", b.Device)
	}
	return b, nil
}

// Left is how many days of epoch keys of a class there are after a day.
func (d *Device) Left(class city.Slug, after canonical.Day) (n int) {
	for _, k := range d.state.Keys {
		if k.Class == class && k.Day > after {
			n++
		}
	}
	return n
}

// due says when the key of a day and class has to be gone: the end of the day and the
// class's hours. A class that is in the roster no more is due at the day's end.
func (d *Device) due(class city.Slug, on canonical.Day) time.Time {
	c, _ := d.roster.Class(class)
	return on.Time().Add(day + time.Duration(c.Hours)*time.Hour)
}

// Due counts the epoch keys that are due at a time.
func (d *Device) Due(at time.Time) (n int) {
	for _, k := range d.state.Keys {
		if !at.Before(d.due(k.Class, k.Day)) {
			n++
		}
	}
	return n
}

// Destroy destroys the epoch keys that are due at a time, and writes a signed statement
// of each for the log; keys of holds that are over go, too. The time is the log's, or one that a person gave. Statements are
// of every destroyed key whose day is not older than 40 days, so that those of a run that
// broke off can be had again.
func (d *Device) Destroy(at time.Time, w io.Writer) (n int, sum [32]byte, err error) {
	if err := d.ready(); err != nil {
		return 0, sum, err
	}
	var keep []epochKey
	for i := range d.state.Keys {
		k := &d.state.Keys[i]
		if at.Before(d.due(k.Class, k.Day)) {
			keep = append(keep, *k)
			continue
		}
		id, _, err := d.keyID(k)
		if err != nil {
			return 0, sum, err
		}
		d.state.Gone = append(d.state.Gone, goneKey{Class: k.Class, Day: k.Day, ID: id, At: canonical.At(at), Why: "due"})
		n++
	}
	var holds []held
	for _, h := range d.state.Holds {
		if !h.over(at) {
			holds = append(holds, h)
		}
	}
	if n > 0 || len(holds) < len(d.state.Holds) {
		old := d.state.Keys
		d.state.Keys, d.state.Holds = keep, holds
		if err := d.save(); err != nil {
			return 0, sum, err
		}
		for i := range old {
			clear(old[i].Seed[:])
		}
	}
	f := token.Create(w, token.Statements)
	for _, g := range d.state.Gone {
		if g.Day.Time().Before(at.Add(-40 * day)) {
			continue
		}
		e := &entry.EpochKeyDestroyed{At: g.At, Body: city.Slug(d.state.Body), Class: g.Class, Day: g.Day, Device: d.state.Device, KeyID: g.ID, Why: entry.Word(g.Why)}
		if err := d.statement(f, e); err != nil {
			return n, sum, err
		}
	}
	sum, err = f.Close()
	return n, sum, err
}
