package custodian

import (
	"bytes"
	"crypto/hpke"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof/prooftest"
	"polity/ledger/roster/rostertest"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/token"
)

// Times of the tests: footage of an afternoon, asked for the next morning.
var (
	filmed = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)
	asked  = time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC)
)

const passphrase = "correct horse battery"

// world is a city with its log, two devices of each body, and a recorder.
type world struct {
	*rostertest.City
	t       testing.TB
	dir     string
	seed    string
	pub     *prooftest.Log
	caseKey hpke.PrivateKey
	devices map[city.Slug]*Device
	seq     uint64
}

func newWorld(t *testing.T) *world { return newWorldOf(t, "custodian") }

func newWorldOf(t testing.TB, seed string) *world {
	t.Helper()
	w := &world{City: rostertest.New(seed), t: t, dir: t.TempDir(), seed: seed, devices: map[city.Slug]*Device{}}
	w.pub = &prooftest.Log{City: w.City}
	var err error
	if w.caseKey, err = share.Kem().GenerateKey(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []city.Slug{"court-1", "court-2", "ombudsman-1", "ombudsman-2"} {
		w.init(id)
	}
	for _, body := range []city.Slug{"court", "ombudsman"} {
		first, second := w.devices[body+"-1"], w.devices[body+"-2"]
		w.must(first.MakeKeys("short", "2026-11-25", 90))
		w.handKeys(first, second)
		w.publish(first)
	}
	return w
}

func (w *world) must(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) paths(id city.Slug) (dir string, anchor Anchor) {
	return filepath.Join(w.dir, string(id)), FileAnchor(filepath.Join(w.dir, string(id)+".anchor"))
}

func (w *world) init(id city.Slug) *Device {
	w.t.Helper()
	dir, anchor := w.paths(id)
	body := share.Court
	if id[0] == 'o' {
		body = share.Ombudsman
	}
	d, err := Init(Setup{
		Dir: dir, Anchor: anchor, Body: body, Device: id, Name: "helsinki.example/" + string(id),
		Passphrase: passphrase, Seed: w.Devices[id].Key.Seed(), WorkFactor: 2,
	})
	w.must(d, err)
	w.t.Cleanup(d.Close)
	w.must(nil, d.Adopt(w.Roster.File(), w.Roster.Words()))
	w.devices[id] = d
	return d
}

// reopen ends a device's process and unlocks its state anew.
func (w *world) reopen(id city.Slug) (*Device, error) {
	w.devices[id].Close()
	dir, anchor := w.paths(id)
	d, err := Unlock(dir, anchor, passphrase)
	if err == nil {
		w.devices[id] = d
		w.t.Cleanup(d.Close)
	}
	return d, err
}

func (w *world) handKeys(from, to *Device) {
	w.t.Helper()
	card, err := to.Card()
	w.must(card, err)
	var b bytes.Buffer
	_, _, err = from.ShareKeys(&b, card.Marshal())
	w.must(nil, err)
	w.must(to.TakeKeys(&b))
}

// publish logs a device's epoch keys.
func (w *world) publish(d *Device) {
	w.t.Helper()
	var b bytes.Buffer
	_, _, err := d.Publish(&b, "2026-11-25")
	w.must(nil, err)
	list, err := Statements(&b)
	w.must(nil, err)
	for _, e := range list {
		w.must(nil, entry.Verify(e, &w.Roster.Roster))
		w.log(e)
	}
}

// log appends an entry and returns its index.
func (w *world) log(e entry.Entry) int64 { return w.pub.Append(e) }

func (w *world) consistency(seen Seen, checkpoint []byte) [][]byte {
	w.t.Helper()
	return w.pub.Consistency(tlog.Tree{N: seen.Size, Hash: tlog.Hash(seen.Root)}, checkpoint)
}

// keys are the bodies' published epoch keys.
func (w *world) keys(on string) (keys [2]share.EpochKey) {
	w.t.Helper()
	for i, body := range share.Bodies {
		d := w.devices[city.Slug(body)+"-1"]
		at, ok := d.find("short", canonical.Day(on))
		if !ok {
			w.t.Fatalf("%s has no key for %s", body, on)
		}
		_, public, err := d.keyID(&d.state.Keys[at])
		w.must(nil, err)
		keys[i], err = share.NewEpochKey(body, "short", on, public)
		w.must(nil, err)
	}
	return keys
}

// film is a sealed segment as it lies on a recorder's disk.
type film struct {
	header *segment.Header
	file   []byte
}

func (f film) record(body share.Body) []byte {
	n := len(f.header.Bytes())
	if body == share.Ombudsman {
		n += share.SealedSize
	}
	return token.Pack(f.header, f.file[n:n+share.SealedSize])
}

func (w *world) film(camera city.Slug, start time.Time) film {
	w.t.Helper()
	return w.filmTo(camera, start, w.keys(share.Day(start)))
}

func (w *world) filmTo(camera city.Slug, start time.Time, keys [2]share.EpochKey) film {
	w.t.Helper()
	return w.filmIn(w.Roster.Domain, camera, start, keys)
}

func (w *world) filmIn(domain string, camera city.Slug, start time.Time, keys [2]share.EpochKey) film {
	w.t.Helper()
	w.seq++
	var b bytes.Buffer
	s, err := segment.Seal(&b, segment.Header{
		Media: segment.H264, Domain: domain, Camera: camera, Class: "short", Sequence: w.seq, Start: start, GapStart: start,
	}, keys, recordtest.Recorder(1))
	w.must(s, err)
	_, err = s.Write([]byte("pictures of " + camera))
	w.must(nil, err)
	w.must(s.Close(start.Add(6*time.Second), 150))
	return film{s.Header, b.Bytes()}
}

// ask is a request that is right.
func (w *world) ask() token.Ask {
	return token.Ask{
		Office: "police", Device: "police-1", Purpose: "serious-crime", Order: "HEL 2026-012345", Case: "POL 2026/77",
		Cameras: []city.Slug{"bridge", "square"}, From: filmed, To: filmed.Add(time.Hour), Expires: asked.Add(48 * time.Hour),
		PublicOn: "2027-06-01", CaseKey: w.caseKey.PublicKey().Bytes(),
	}
}

// requested is a token with what a request needs of it.
type requested struct {
	entry   *entry.ReleaseRequested
	details *token.Details
	index   int64
	parts   token.Parts
	records [][]byte
	kind    token.Kind
}

// request logs a token and makes the parts of a request to a device.
func (w *world) request(d *Device, a token.Ask, films ...film) *requested {
	w.t.Helper()
	e, details, err := token.New(&w.Roster.Roster, a, w.Devices["police-1"].Key)
	w.must(e, err)
	return w.requestFor(d, e, details, w.log(e), asked, films...)
}

func (w *world) requestFor(d *Device, e *entry.ReleaseRequested, details *token.Details, index int64, at time.Time, films ...film) *requested {
	w.t.Helper()
	checkpoint := w.pub.Checkpoint(at, 0, 1)
	secret, err := token.Encrypt(details, &w.Roster.Roster)
	w.must(secret, err)
	r := &requested{entry: e, details: details, index: index, kind: token.Request, parts: token.Parts{
		Body: d.state.Body, Consistency: w.consistency(d.state.Seen, checkpoint), Proof: w.pub.Inclusion(index, checkpoint), Secret: secret,
	}}
	for _, f := range films {
		r.records = append(r.records, f.record(d.state.Body))
	}
	return r
}

func (r *requested) file(t testing.TB) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	_, err := token.WriteRequest(&b, r.kind, r.parts, func(yield func([]byte, error) bool) {
		for _, one := range r.records {
			if !yield(one, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

// approve answers a request, and returns the shares by header.
func (w *world) approve(d *Device, r *requested) (map[canonical.Hash]token.Share, *Answered) {
	w.t.Helper()
	req, err := d.Examine(r.file(w.t))
	w.must(req, err)
	var out bytes.Buffer
	a, err := d.Approve(req, req.Code(), &out)
	w.must(a, err)
	return w.shares(&out), a
}

func (w *world) shares(file *bytes.Buffer) map[canonical.Hash]token.Share {
	w.t.Helper()
	all := map[canonical.Hash]token.Share{}
	_, _, err := token.ReadAnswer(bytes.NewReader(file.Bytes()), &w.Roster.Roster, func(s token.Share) error {
		s.Sealed = bytes.Clone(s.Sealed)
		all[s.Header] = s
		return nil
	})
	w.must(nil, err)
	return all
}

// open puts the key of a segment together from both bodies' answers, as a case does,
// and reads what is in it.
func (w *world) open(f film, id canonical.Hash, answers ...map[canonical.Hash]token.Share) (string, error) {
	var keys [2]share.Key
	header := canonical.Hash(f.header.Hash())
	for i, a := range answers {
		s, ok := a[header]
		if !ok || s.State != token.Right {
			return "", errors.New("no share")
		}
		var err error
		keys[i], err = share.OpenRewrapped(w.caseKey, share.Target{Purpose: share.Case, ID: id, Body: share.Bodies[i], Header: header}, s.Sealed, f.header.Commitments[i])
		if err != nil {
			return "", err
		}
	}
	key := share.Join(&keys[0], &keys[1])
	r, err := segment.Open(bytes.NewReader(f.file), int64(len(f.file)), &key, func([32]byte) bool { return true })
	if err != nil {
		return "", err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	return b.String(), err
}

// refused asserts the check that refused, and that no key was used.
func refused(t *testing.T, err error, want Check) {
	t.Helper()
	var r *Refused
	if !errors.As(err, &r) || r.Check != want {
		t.Errorf("refused by %v; want the check %q", err, want)
	}
}
