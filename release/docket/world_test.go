package docket_test

import (
	"bytes"
	"context"
	"crypto/hpke"
	"io"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/root"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
	"polity/release/custodian"
	"polity/release/docket"
	"polity/release/releasetest"
	"polity/release/token"
)

const passphrase = "correct horse battery"

// world is a city with its public log and witnesses, a device of each body, an edge's
// disk, and the hub's docket. Its clock is the machine's: witnesses tell the time.
type world struct {
	*logtest.Town
	t        *testing.T
	log      *log.Log
	public   docket.Log
	devices  map[share.Body]*custodian.Device
	recorder *releasetest.Recorder
	filmed   time.Time
	caseKey  hpke.PrivateKey
	cfg      docket.Config
	docket   *docket.Docket
}

// anHourAgo is about that, and not so late in a day that the day's keys are due sooner than
// a test takes its steps.
func anHourAgo() time.Time {
	at := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	if over := at.Truncate(24 * time.Hour).Add(23*time.Hour + 30*time.Minute); at.After(over) {
		return over
	}
	return at
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Town: logtest.New(t, t.TempDir()), t: t, devices: map[share.Body]*custodian.Device{}, filmed: anHourAgo()}
	var err error
	w.log, err = log.Open(w.Config)
	w.must(err)
	t.Cleanup(func() { w.must(w.log.Close()) })
	source, err := proof.Folder(w.Config.Dir)
	w.must(err)
	w.public = struct {
		*log.Log
		proof.Source
	}{w.log, source}
	w.begins()
	keys := keySource{}
	for _, body := range share.Bodies {
		w.devices[body] = w.device(body, keys)
	}
	w.caseKey, err = share.Kem().GenerateKey()
	w.must(err)
	w.recorder = releasetest.NewRecorder(t, t.TempDir(), w.Roster.Domain, keys, time.Now())
	for _, camera := range []city.Slug{"bridge", "square"} {
		w.recorder.Record(camera, w.filmed, 4, func(i int) []byte { return []byte("pictures of " + string(camera) + string(rune('0'+i))) })
	}
	w.cfg = docket.Config{
		Path: filepath.Join(t.TempDir(), "cases"), Log: w.public, Roster: func() *roster.Signed { return w.Roster },
		Recordings: &disk{w.recorder.Store, nil},
	}
	w.open()
	return w
}

// begins has the log begin as a hub does, with its roster, and waits until that is public.
func (w *world) begins() {
	w.t.Helper()
	_, err := w.log.Append(w.t.Context(), &entry.Roster{Roster: w.Roster.File(), Version: int64(w.Roster.Version)})
	w.must(err)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s, err := w.log.State(w.t.Context())
		w.must(err)
		if s.Public > 0 {
			return
		}
	}
	w.t.Fatal("the log does not become public")
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// open opens the docket, as after a restart.
func (w *world) open() {
	w.t.Helper()
	var err error
	w.docket, err = docket.Open(w.t.Context(), w.cfg)
	w.must(err)
	d := w.docket
	w.t.Cleanup(func() { _ = d.Close() })
}

// keySource are the bodies' published epoch keys.
type keySource map[string]share.EpochKey

// Key implements share.KeySource.
func (k keySource) Key(_ context.Context, body share.Body, class city.Slug, day string) (share.EpochKey, error) {
	key, ok := k[string(body)+string(class)+day]
	if !ok {
		return key, city.Errorf(city.NotFound, "%s has no key for %s", body, day)
	}
	return key, nil
}

// device makes a body's device, with keys that are published.
func (w *world) device(body share.Body, keys keySource) *custodian.Device {
	w.t.Helper()
	id := city.Slug(body) + "-1"
	dir := w.t.TempDir()
	d, err := custodian.Init(custodian.Setup{
		Dir: filepath.Join(dir, "state"), Anchor: custodian.FileAnchor(filepath.Join(dir, "anchor")), Body: body, Device: id,
		Name: "helsinki.example/" + string(id), Passphrase: passphrase, Seed: w.Devices[id].Key.Seed(), WorkFactor: 2,
	})
	w.must(err)
	w.t.Cleanup(d.Close)
	w.must(d.Adopt(w.Roster.File(), w.Roster.Words()))
	from := canonical.Day(w.filmed.AddDate(0, 0, -1).Format(time.DateOnly))
	_, err = d.MakeKeys("short", from, 4)
	w.must(err)
	var b bytes.Buffer
	_, _, err = d.Publish(&b, from)
	w.must(err)
	list, err := custodian.Statements(&b)
	w.must(err)
	for _, e := range list {
		_, err := w.log.Append(w.t.Context(), e)
		w.must(err)
		if k, ok := e.(*entry.EpochKey); ok {
			key, err := share.NewEpochKey(body, k.Class, string(k.Day), k.Key)
			w.must(err)
			keys[string(body)+string(k.Class)+string(k.Day)] = key
		}
	}
	return d
}

// disk reads the recordings of one edge, without a hub in between.
type disk struct {
	store *store.Store
	away  error // it does not answer
}

func (d *disk) entries(camera city.Slug, from, to time.Time) (*store.Camera, []store.Entry, error) {
	if d.away != nil {
		return nil, nil, d.away
	}
	if !slices.Contains(d.store.Cameras(), camera) {
		return nil, nil, city.Errorf(city.NotFound, "there is no camera %s", camera)
	}
	c, err := d.store.Camera(camera)
	if err != nil {
		return nil, nil, err
	}
	return c, slices.DeleteFunc(c.Entries(from, to), func(e store.Entry) bool { return e.Start.Before(from) || !e.Start.Before(to) }), nil
}

// Segments implements docket.Recordings.
func (d *disk) Segments(_ context.Context, camera city.Slug, from, to time.Time) (list []docket.Segment, err error) {
	c, entries, err := d.entries(camera, from, to)
	for _, e := range entries {
		f, err := c.Open(e)
		if err != nil {
			return nil, err
		}
		h, err := segment.ReadHeader(io.NewSectionReader(f, 0, f.Size()))
		if err != nil {
			return nil, err
		}
		list = append(list, docket.Segment{Camera: camera, Name: path.Base(e.Name()), Sequence: e.Sequence, Start: e.Start, Size: e.Size, HeaderHash: h.Hash()})
		f.Close()
	}
	return list, err
}

// Shares implements docket.Recordings.
func (d *disk) Shares(_ context.Context, camera city.Slug, from, to time.Time, body share.Body) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		c, entries, err := d.entries(camera, from, to)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, e := range entries {
			f, err := c.Open(e)
			if err != nil {
				yield(nil, err)
				return
			}
			b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
			f.Close()
			h, herr := segment.ReadHeader(bytes.NewReader(b))
			if err != nil || herr != nil {
				yield(nil, city.Errorf(city.Internal, "%w, %w", err, herr))
				return
			}
			n := len(h.Bytes()) + slices.Index(share.Bodies[:], body)*share.SealedSize
			if !yield(token.Pack(h, b[n:n+share.SealedSize]), nil) {
				return
			}
		}
	}
}

// Ciphertext implements docket.Recordings.
func (d *disk) Ciphertext(_ context.Context, camera city.Slug, name string, offset int64, w io.Writer) error {
	start, sequence, err := docket.ParseName(name)
	if err != nil {
		return err
	}
	c, entries, err := d.entries(camera, start, start.Add(time.Millisecond))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Sequence == sequence {
			f, err := c.Open(e)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(w, io.NewSectionReader(f, offset, f.Size()-offset))
			return err
		}
	}
	return city.Errorf(city.NotFound, "it is not there any more")
}

// Hashes implements docket.Recordings.
func (d *disk) Hashes(_ context.Context, camera city.Slug, hour time.Time) (list []root.Hash, err error) {
	c, _, err := d.entries(camera, hour, hour.Add(time.Hour))
	if err != nil {
		return nil, err
	}
	for _, l := range c.Leaves(hour) {
		list = append(list, l.Hash)
	}
	return list, nil
}

// ask is a request that is right.
func (w *world) ask() token.Ask {
	return token.Ask{
		Office: "police", Device: "police-1", Purpose: "serious-crime", Order: "HEL 2026-012345", Case: "POL 2026/77",
		Cameras: []city.Slug{"bridge", "square"}, From: w.filmed, To: w.filmed.Add(time.Minute), Expires: time.Now().Add(48 * time.Hour),
		PublicOn: canonical.Day(time.Now().AddDate(0, 6, 0).Format(time.DateOnly)), CaseKey: w.caseKey.PublicKey().Bytes(),
	}
}

// submission is an office's.
func (w *world) submission(a token.Ask) (*token.Submission, *entry.ReleaseRequested) {
	w.t.Helper()
	e, details, err := token.New(&w.Roster.Roster, a, w.Devices["police-1"].Key)
	w.must(err)
	s, err := token.Submit(&w.Roster.Roster, e, details)
	w.must(err)
	return s, e
}

// submitted is a case whose token is public.
func (w *world) submitted() canonical.Hash {
	w.t.Helper()
	s, _ := w.submission(w.ask())
	id, err := w.docket.Submit(w.t.Context(), "aino", s)
	w.must(err)
	w.isPublic(id, func(c *docket.Case) bool { return c.Public })
	return id
}

// isPublic waits until a case is as wanted; the test's own limit ends it.
func (w *world) isPublic(id canonical.Hash, wanted func(*docket.Case) bool) *docket.Case {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		c, err := w.docket.Case(w.t.Context(), id)
		w.must(err)
		if wanted(c) {
			return c
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatal("the log does not become public")
	return nil
}

// request fetches a body's request file.
func (w *world) request(id canonical.Hash, body share.Body) []byte {
	w.t.Helper()
	var b bytes.Buffer
	sum, err := w.docket.Request(w.t.Context(), id, body, &b)
	w.must(err)
	if got := b.Bytes(); !bytes.Equal(got[len(got)-32:], sum[:]) {
		w.t.Fatal("the request has another hash than it ends with")
	}
	return b.Bytes()
}

// approve has a body's device answer a request file.
func (w *world) approve(body share.Body, file []byte) []byte {
	w.t.Helper()
	d := w.devices[body]
	r, err := d.Examine(bytes.NewReader(file))
	w.must(err)
	var b bytes.Buffer
	_, err = d.Approve(r, r.Code(), &b)
	w.must(err)
	return b.Bytes()
}

// refuse has it refused.
func (w *world) refuse(body share.Body, file []byte) []byte {
	w.t.Helper()
	d := w.devices[body]
	r, err := d.Examine(bytes.NewReader(file))
	w.must(err)
	var b bytes.Buffer
	_, err = d.Refuse(r, "no-order", &b)
	w.must(err)
	return b.Bytes()
}

// seen puts the key of a segment together from both answers, as the office does, and reads it.
func (w *world) seen(id canonical.Hash, file []byte) string {
	w.t.Helper()
	h, err := segment.ReadHeader(bytes.NewReader(file))
	w.must(err)
	var keys [2]share.Key
	for i, body := range share.Bodies {
		var answer bytes.Buffer
		w.must(w.docket.WriteAnswer(w.t.Context(), id, body, &answer))
		_, _, err := token.ReadAnswer(&answer, &w.Roster.Roster, func(s token.Share) error {
			if s.Header != h.Hash() {
				return nil
			}
			var err error
			keys[i], err = share.OpenRewrapped(w.caseKey, share.Target{Purpose: share.Case, ID: id, Body: body, Header: s.Header}, s.Sealed, h.Commitments[i])
			return err
		})
		w.must(err)
	}
	key := share.Join(&keys[0], &keys[1])
	r, err := segment.Open(bytes.NewReader(file), int64(len(file)), &key, segment.Recorders(w.recorder.Signer.Public()))
	w.must(err)
	defer r.Close()
	b, err := io.ReadAll(r)
	w.must(err)
	return string(b)
}

// entriesOf counts what the log says of a token, by type.
func (w *world) entriesOf(id canonical.Hash) map[entry.Type]int {
	w.t.Helper()
	n := map[entry.Type]int{}
	_, err := w.log.Entries(w.t.Context(), 0, func(_ int64, data []byte) error {
		e, err := entry.Decode(data)
		if err != nil {
			return err
		}
		switch e := e.(type) {
		case *entry.ReleaseRequested:
			if e.ID == id {
				n[entry.TypeOf(e)]++
			}
		case *entry.ReleaseApproved:
			if e.Token == id {
				n[entry.TypeOf(e)]++
			}
		case *entry.ReleaseRefused:
			if e.Token == id {
				n[entry.TypeOf(e)]++
			}
		}
		return nil
	})
	w.must(err)
	return n
}

func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}
