package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/sums"
	"polity/plane/ingest/twin"
)

// MaxDevices bounds the devices that are known of all mappings.
const MaxDevices = 100_000

// Config is what Open needs.
type Config struct {
	Store    plane.Store
	Mappings *mapping.Set
	Refused  string           // folder for the last refused payload of each device; empty: none is kept
	Log      *slog.Logger     // nil: none
	Now      func() time.Time // nil: time.Now
}

// Intake takes messages. It is safe for concurrent use; messages of one device wait for
// one another.
type Intake struct {
	store    plane.Store
	mappings *mapping.Set
	refused  string
	log      *slog.Logger
	now      func() time.Time
	started  time.Time
	sums     *sums.Sums
	rounds   sync.Mutex // a round holds several devices; two at once could wait for each other

	mu      sync.Mutex
	devices map[deviceKey]*device
	unknown map[city.Slug]*rejection // of messages whose device is not known, by mapping
	counts  map[city.Slug]*Counts
}

type deviceKey struct {
	mapping city.Slug
	device  string
}

// device is a twin that is in use.
type device struct {
	mu      sync.Mutex
	twin    twin.Twin
	dirty   bool // the twin is not stored as it is
	refused *rejection

	// Of messages without a time of their own: the last time that one was given, and
	// the times of those of which nobody knows whether they are stored, by digest.
	last   time.Time
	unsure map[string]time.Time
}

const maxUnsure = 64

// place gives a message without a time of its own one that no other has, or the one it
// had when nobody could say whether it was stored: then storing it again changes
// nothing.
func (d *device) place(r *mapping.Reading, digest string) {
	if at, known := d.unsure[digest]; known {
		r.Move(at)
		return
	}
	if behind := d.last.Sub(r.At); behind >= 0 && behind < time.Second {
		r.Move(d.last.Add(time.Millisecond))
	}
	d.last = r.At
}

// tried remembers what came of a message that place gave a time.
func (d *device) tried(r *mapping.Reading, digest string, err error) {
	switch {
	case err == nil || city.KindOf(err) == city.Invalid:
		delete(d.unsure, digest)
	case len(d.unsure) < maxUnsure:
		if d.unsure == nil {
			d.unsure = map[string]time.Time{}
		}
		d.unsure[digest] = r.At
	}
}

// rejection is a refused message that is still to be kept.
type rejection struct {
	at      time.Time
	where   string
	why     string
	payload []byte // nil: of a household, or kept already
}

// Counts is what happened to messages since the start, of one mapping.
type Counts struct {
	Taken    uint64 // stored, or held for a sum
	Repeated uint64 // known already
	Refused  uint64
	Unstored uint64 // not acknowledged because the store was away
}

// Open begins with what is known of devices from before. Run must follow.
func Open(ctx context.Context, cfg Config) (*Intake, error) {
	k := &Intake{
		store: cfg.Store, mappings: cfg.Mappings, refused: cfg.Refused, log: cfg.Log, now: cfg.Now,
		devices: map[deviceKey]*device{}, unknown: map[city.Slug]*rejection{}, counts: map[city.Slug]*Counts{},
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if k.now == nil {
		k.now = time.Now
	}
	k.started = k.now()
	k.sums = sums.New(k.started)
	return k, k.recall(ctx)
}

// recall fetches the twins. What is no twin any more is left alone, and said.
func (k *Intake) recall(ctx context.Context) error {
	q := plane.Query{From: twin.Prefix, To: twin.Prefix + "~", Types: []string{twin.Type}, Limit: plane.MaxLimit}
	for {
		page, err := k.store.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Entities {
			q.After = e.ID
			t, err := twin.Read(e)
			if err != nil {
				k.log.Warn("what is stored of a device cannot be used; it begins anew", slog.Any("error", err))
				continue
			}
			if m := k.mappings.Named(t.Mapping); m != nil {
				t.Every, t.SilentAfter = m.Expect.Every, m.Expect.SilentAfter
				k.devices[deviceKey{t.Mapping, t.Device}] = &device{twin: t}
			}
		}
		if !page.More {
			return nil
		}
	}
}

// Mappings are those in use.
func (k *Intake) Mappings() *mapping.Set { return k.mappings }

// Take takes one message. When it returns nil, what the message says is committed, or
// was before; values of homes are held in memory until their sum is. Again says that
// the sender may have sent the message before. Errors are of kind Invalid if the
// message is refused, which is then counted and kept; sending it again does not help.
// Others are of kind Unavailable: nothing was taken, and it is to be sent again.
func (k *Intake) Take(ctx context.Context, x mapping.Message, again bool) error {
	x.Received = k.now()
	m, r, err := k.mappings.Apply(x)
	if err != nil {
		k.refuse(x, err)
		return err
	}
	d, err := k.device(m, r.Device)
	if err != nil {
		k.refuse(x, err)
		return err
	}
	repeated, err := k.take(ctx, m, r, d, x, again)
	switch {
	case city.KindOf(err) == city.Invalid:
		k.refuse(x, err)
	case err != nil:
		k.count(m.Name, func(c *Counts) { c.Unstored++ })
	case repeated:
		k.count(m.Name, func(c *Counts) { c.Repeated++ })
	default:
		k.count(m.Name, func(c *Counts) { c.Taken++ })
	}
	return err
}

func (k *Intake) take(ctx context.Context, m *mapping.Mapping, r *mapping.Reading, d *device, x mapping.Message, again bool) (repeated bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, digest := d.twin, digestOf(m, r, x)
	if again && digest != "" && digest == d.twin.Digest {
		d.twin.Repeated++
		d.dirty = true
		return true, nil
	}
	if digest != "" {
		d.place(r, digest)
		defer func() { d.tried(r, digest, err) }()
	}
	heard(&next, r, x.Received, digest)
	if m.Household {
		if err := k.sums.Add(m, r, x.Received); err != nil {
			return false, err
		}
		d.twin, d.dirty = next, true
		return false, nil
	}
	if repeated, err = k.write(ctx, &next, r); err != nil {
		return false, err
	}
	if repeated {
		next.Taken--
		next.Repeated++
	}
	d.twin, d.dirty = next, repeated
	return repeated, nil
}

// write stores a reading with its twin, in one commit.
func (k *Intake) write(ctx context.Context, next *twin.Twin, r *mapping.Reading) (repeated bool, err error) {
	before := next.State
	b := plane.Batch{Changes: append([]plane.Change{r.Change()}, next.Step(k.now(), k.started)...), Observations: r.Observations()}
	change, err := next.Change()
	if err != nil {
		return false, err
	}
	b.Changes = append(b.Changes, change)
	result, err := k.store.Write(ctx, &b)
	if err == nil {
		err = result.Err()
	}
	switch kind := city.KindOf(err); {
	case err == nil:
	case kind == city.Invalid || kind == city.TooLarge: // sending it again would end the same way
		return false, city.Errorf(city.Invalid, "%w", &mapping.Refusal{Mapping: next.Mapping, Device: next.Device, Why: "the city's data cannot hold it", Detail: err.Error()})
	default:
		return false, city.Errorf(city.Unavailable, "the message is not stored: %w", err)
	}
	if before == twin.Silent && next.State != twin.Silent {
		k.log.Info("a device is heard again", slog.String("mapping", string(next.Mapping)), slog.String("device", next.Device))
	}
	if result.Late > 0 {
		k.log.Warn("values were passed over: of their time only summaries are kept", slog.String("mapping", string(next.Mapping)), slog.String("device", next.Device), slog.Int("values", result.Late))
	}
	return len(b.Observations) > 0 && result.Added+result.Late == 0, nil
}

func (k *Intake) count(m city.Slug, change func(*Counts)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.counts[m]
	if c == nil {
		c = &Counts{}
		k.counts[m] = c
	}
	change(c)
}

// heard brings a message that is taken into the twin.
func heard(t *twin.Twin, r *mapping.Reading, now time.Time, digest string) {
	t.Taken++
	t.Heard, t.Digest, t.Last = now.UTC().Truncate(time.Millisecond), digest, twin.OK
	if r.Off != 0 {
		t.Last = twin.ClockLies
	}
	if t.Observed == nil || r.At.After(*t.Observed) {
		at := r.At
		t.Observed = &at
	}
}

// digestOf tells a repeated message without a time of its own by its content. Values of
// homes have none: a digest of so few values is the value.
func digestOf(m *mapping.Mapping, r *mapping.Reading, x mapping.Message) string {
	if r.Own || m.Household {
		return ""
	}
	h := sha256.New()
	h.Write([]byte(x.Topic + "\x00" + string(x.Route) + "\x00"))
	h.Write(x.Payload)
	return base64.RawStdEncoding.EncodeToString(h.Sum(nil)[:15])
}

// device returns what is known of a device, which may be nothing yet.
func (k *Intake) device(m *mapping.Mapping, name string) (*device, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := deviceKey{m.Name, name}
	d := k.devices[key]
	if d == nil {
		if len(k.devices) >= MaxDevices {
			return nil, city.Errorf(city.Invalid, "%w", &mapping.Refusal{Mapping: m.Name, Private: m.Household, Why: "there are too many devices"})
		}
		d = &device{twin: twin.Twin{Mapping: m.Name, Device: name, State: twin.OK, Every: m.Expect.Every, SilentAfter: m.Expect.SilentAfter}}
		k.devices[key] = d
	}
	return d, nil
}

// refuse counts a refused message and keeps it until the next round.
func (k *Intake) refuse(x mapping.Message, err error) {
	refusal := &mapping.Refusal{Why: err.Error()}
	errors.As(err, &refusal)
	k.count(refusal.Mapping, func(c *Counts) { c.Refused++ })
	kept := &rejection{at: x.Received.UTC().Truncate(time.Millisecond), where: x.Topic + string(x.Route), why: refusal.Kept()}
	if !refusal.Private {
		kept.payload = append([]byte{}, x.Payload[:min(len(x.Payload), maxKept)]...)
	}
	if m := k.mappings.Named(refusal.Mapping); m != nil && refusal.Device != "" {
		if d, err := k.device(m, refusal.Device); err == nil {
			d.reject(refusal, kept)
			return
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unknown[refusal.Mapping] = kept
}

const maxKept = 4 << 10 // bytes of a refused payload

func (d *device) reject(r *mapping.Refusal, kept *rejection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.twin.Heard, d.twin.Last = kept.at, twin.Refused
	if r.Clock {
		d.twin.Last = twin.ClockLies
	}
	d.twin.Rejected++
	d.twin.Reason, d.twin.ReasonAt = r.Why, &kept.at // no word of the device: others read it
	d.refused, d.dirty = kept, true
}
