// Package casetest is a city for tests and benchmarks of cases: its log, both bodies'
// devices, sealed footage, and a hub that serves the interface of docs/formats/case.md.
package casetest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof/prooftest"
	"polity/ledger/roster/rostertest"
	"polity/recording/fmp4"
	"polity/recording/recordtest"
	"polity/recording/root"
	"polity/recording/segment"
	"polity/recording/share"
	casefile "polity/release/case"
	"polity/release/custodian"
	"polity/release/token"
)

// Times of the city: footage of an afternoon, asked for the next morning.
var (
	Filmed = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)
	Asked  = time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC)
)

// Passphrase is every device's.
const Passphrase = "correct horse battery"

// Class is the footage's.
const Class city.Slug = "short"

// World is a city.
type World struct {
	*rostertest.City

	Log     *prooftest.Log
	Devices map[share.Body]*custodian.Device
	Films   map[city.Slug][]*Film

	t    testing.TB
	dir  string
	keys [2]map[canonical.Day]share.EpochKey
	seen map[share.Body]tlog.Tree
	work int
}

// Film is a sealed segment as it lies on a recorder's disk.
type Film struct {
	Header  *segment.Header
	Trailer *segment.Trailer
	File    string // in the city's folder
	Size    int64
}

// Name is as recorders have it.
func (f *Film) Name() string {
	return fmt.Sprintf("%s-%010d.seg", f.Header.Start.UTC().Format("20060102T150405.000Z"), f.Header.Sequence)
}

// record is a body's share record.
func (f *Film) record(t testing.TB, body share.Body) []byte {
	n := len(f.Header.Bytes())
	from := int64(n)
	if body == share.Ombudsman {
		from += share.SealedSize
	}
	sealed := make([]byte, share.SealedSize)
	file, err := os.Open(f.File)
	must(t, err)
	defer file.Close()
	_, err = file.ReadAt(sealed, from)
	must(t, err)
	return append(bytes.Clone(f.Header.Bytes()), sealed...)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// New makes a city in a folder, with keys of both bodies for the days of its footage in
// the log.
func New(t testing.TB, dir string) *World { return NewWith(t, dir, 2) }

// NewWith makes a city whose passphrases cost so much: log2 of scrypt's N; 0: age's own.
func NewWith(t testing.TB, dir string, work int) *World {
	t.Helper()
	people := rostertest.New("case")
	w := &World{
		City: people, Log: &prooftest.Log{City: people}, Devices: map[share.Body]*custodian.Device{}, Films: map[city.Slug][]*Film{},
		t: t, dir: dir, seen: map[share.Body]tlog.Tree{}, work: work,
	}
	for i, body := range share.Bodies {
		w.keys[i] = map[canonical.Day]share.EpochKey{}
		id := city.Slug(body) + "-1"
		d, err := custodian.Init(custodian.Setup{
			Dir: filepath.Join(dir, string(id)), Anchor: custodian.FileAnchor(filepath.Join(dir, string(id)+".anchor")), Body: body, Device: id,
			Name: "helsinki.example/" + string(id), Passphrase: Passphrase, Seed: people.Devices[id].Key.Seed(), WorkFactor: w.work,
		})
		must(t, err)
		t.Cleanup(d.Close)
		must(t, d.Adopt(people.Roster.File(), people.Roster.Words()))
		from := canonical.Day(Filmed.AddDate(0, 0, -1).Format(time.DateOnly))
		_, err = d.MakeKeys(Class, from, 4)
		must(t, err)
		var b bytes.Buffer
		_, _, err = d.Publish(&b, from)
		must(t, err)
		list, err := custodian.Statements(&b)
		must(t, err)
		for _, e := range list {
			w.Log.Append(e)
			k, err := share.NewEpochKey(body, Class, string(e.(*entry.EpochKey).Day), e.(*entry.EpochKey).Key) //nolint:forcetypeassert // it publishes nothing else
			must(t, err)
			w.keys[i][e.(*entry.EpochKey).Day] = k //nolint:forcetypeassert // as above
		}
		w.Devices[body] = d
	}
	return w
}

// Office makes the folder of the police's machine, unlocked and with the roster.
func (w *World) Office() *casefile.Office {
	w.t.Helper()
	o, err := casefile.Init(casefile.Setup{
		Dir: filepath.Join(w.dir, "office"), Office: "police", Device: "police-1", Name: "helsinki.example/police-1",
		Passphrase: Passphrase, Seed: w.City.Devices["police-1"].Key.Seed(), WorkFactor: w.work,
	})
	must(w.t, err)
	must(w.t, o.Adopt(w.Roster.File(), w.Roster.Words()))
	return o
}

// Draft asks for cameras in the hour of the footage.
func (w *World) Draft(hub string, cameras ...city.Slug) *casefile.Draft {
	return &casefile.Draft{
		Format: casefile.DraftFormat, Hub: hub, Purpose: "missing-person", Cameras: cameras, From: canonical.At(Filmed), To: canonical.At(Filmed.Add(time.Hour)),
		Order: "HEL 2026-012345", Case: "POL 2026/77", Expires: canonical.At(Asked.Add(48 * time.Hour)), DetailsPublicOn: "2027-06-01",
	}
}

// Recorder signs the city's footage.
var Recorder = recordtest.Recorder(1)

// Seal seals units, which begin with a key, as the camera's next segment. A gap before it
// is named where gap says so.
func (w *World) Seal(camera city.Slug, start time.Time, gap segment.Gap, units []*fmp4.Unit) *Film {
	w.t.Helper()
	return w.SealTo(w.Keys(canonical.Day(share.Day(start))), camera, start, gap, units)
}

// Keys are both bodies' epoch keys of a day.
func (w *World) Keys(day canonical.Day) [2]share.EpochKey {
	return [2]share.EpochKey{w.keys[0][day], w.keys[1][day]}
}

// SealTo is Seal by a recorder that has these epoch keys.
func (w *World) SealTo(keys [2]share.EpochKey, camera city.Slug, start time.Time, gap segment.Gap, units []*fmp4.Unit) *Film {
	w.t.Helper()
	h := segment.Header{Media: segment.H264, Domain: w.Roster.Domain, Camera: camera, Class: Class, Sequence: 1, Start: start, Gap: gap, GapStart: start}
	if units[0].Codec == fmp4.H265 {
		h.Media = segment.H265
	}
	if list := w.Films[camera]; len(list) > 0 {
		last := list[len(list)-1]
		h.Sequence, h.Previous = last.Header.Sequence+1, last.Trailer.Hash()
		if gap != segment.None {
			h.GapStart = last.Trailer.End
		}
	} else if gap != segment.None {
		h.GapStart = start.Add(-time.Hour)
	}
	dir := filepath.Join(w.dir, "recorder", string(camera))
	must(w.t, os.MkdirAll(dir, 0o700))
	file, err := os.CreateTemp(dir, "*")
	must(w.t, err)
	out, err := segment.Seal(file, h, keys, Recorder)
	must(w.t, err)
	must(w.t, Mux(out, units))
	trailer, err := out.Close(start.Add(time.Duration(len(units))*time.Second/rate), uint32(len(units)))
	must(w.t, err)
	must(w.t, file.Close())
	f := &Film{Header: out.Header, Trailer: trailer, Size: out.Size()}
	f.File = filepath.Join(dir, f.Name())
	must(w.t, os.Rename(file.Name(), f.File))
	w.Films[camera] = append(w.Films[camera], f)
	return f
}

// Mux writes units, which begin with a key, as recorders do.
func Mux(to io.Writer, units []*fmp4.Unit) error {
	sets, ok := fmp4.SetsOf(units[0])
	if !ok {
		return city.Errorf(city.Invalid, "a film that does not begin with a key")
	}
	m, err := fmp4.NewMuxer(to, units[0].Codec, sets)
	if err != nil {
		return err
	}
	var order fmp4.Order
	times := make([][2]int64, len(units))
	for i, u := range units {
		times[i][0], times[i][1] = order.Decode(u)
	}
	for i, u := range units {
		duration := int64(fmp4.TimeScale / rate)
		if i+1 < len(units) {
			duration = times[i+1][0] - times[i][0]
		}
		if err := m.Add(u, times[i][0], times[i][1], duration); err != nil {
			return err
		}
	}
	return m.Close()
}

// rate is how many pictures a second films have.
const rate = 25

// Shoot seals a short film again and again until a time, back to back.
func (w *World) Shoot(camera city.Slug, from, to time.Time, units []*fmp4.Unit) {
	w.t.Helper()
	for at := from; at.Before(to); {
		f := w.Seal(camera, at, segment.None, units)
		at = f.Trailer.End
	}
}

// LogHour puts the hour of a camera into the log, with its registration before.
func (w *World) LogHour(camera city.Slug, hour time.Time) {
	w.t.Helper()
	w.Log.Append(&entry.Registration{
		At: canonical.At(hour), Camera: camera, Class: Class, Edge: "edge-1", FootageHours: 72, From: canonical.At(Filmed.AddDate(-1, 0, 0)), Recorder: canonical.Bytes(Recorder.Public()),
		State: "registered", Until: canonical.At(Filmed.AddDate(1, 0, 0)),
	})
	h := root.Hour{Domain: w.Roster.Domain, Camera: camera, Hour: hour}
	var leaves []root.Hash
	for _, f := range w.Films[camera] {
		if f.Header.Start.Truncate(time.Hour).Equal(hour) {
			leaves = append(leaves, f.Trailer.Hash())
		}
	}
	h.Count, h.Root = uint64(len(leaves)), root.Of(leaves)
	signature, err := h.Sign(Recorder)
	must(w.t, err)
	w.Log.Append(&entry.Segments{
		Camera: camera, Count: int64(h.Count), Domain: h.Domain, Hour: canonical.At(hour), Recorder: canonical.Bytes(Recorder.Public()), Root: h.Root, Signature: signature,
	})
}

// Lists are the segment hashes of a camera's hours that a time touches.
func (w *World) Lists(camera city.Slug, from, to time.Time) (lists []root.List) {
	for hour := from.Truncate(time.Hour); hour.Before(to); hour = hour.Add(time.Hour) {
		l := root.List{Hour: hour}
		for _, f := range w.Films[camera] {
			if f.Header.Start.Truncate(time.Hour).Equal(hour) {
				l.Segments = append(l.Segments, f.Trailer.Hash())
			}
		}
		if len(l.Segments) > 0 {
			lists = append(lists, l)
		}
	}
	return lists
}

// Approve has a body's device answer a request file.
func (w *World) Approve(body share.Body, request []byte) []byte {
	w.t.Helper()
	r, err := w.Devices[body].Examine(bytes.NewReader(request))
	must(w.t, err)
	var out bytes.Buffer
	_, err = w.Devices[body].Approve(r, r.Code(), &out)
	must(w.t, err)
	return out.Bytes()
}

// Refuse has a body's device refuse a request file.
func (w *World) Refuse(body share.Body, request []byte) []byte {
	w.t.Helper()
	r, err := w.Devices[body].Examine(bytes.NewReader(request))
	must(w.t, err)
	var out bytes.Buffer
	_, err = w.Devices[body].Refuse(r, "scope-too-wide", &out)
	must(w.t, err)
	return out.Bytes()
}

// Opened is a case of cameras whose files were carried, with both approvals and each
// segment.
func (w *World) Opened(cameras ...city.Slug) (*casefile.Case, *casefile.Shelf) {
	w.t.Helper()
	c, err := w.Office().New(w.Draft("", cameras...), Asked)
	must(w.t, err)
	text, err := c.Submission()
	must(w.t, err)
	s, err := token.ParseSubmission(text)
	must(w.t, err)
	h := NewHub(w)
	h.token, h.sent = c.Token, s
	h.append("requested", c.Token)
	for _, body := range share.Bodies {
		request, err := h.Request(body)
		must(w.t, err)
		_, err = c.TakeAnswer(bytes.NewReader(w.Approve(body, request)))
		must(w.t, err)
	}
	_, err = c.Opening(Asked)
	must(w.t, err)
	shelf, err := c.Shelf()
	must(w.t, err)
	w.t.Cleanup(shelf.Close)
	problems, err := shelf.Import([]string{filepath.Join(w.dir, "recorder")}, nil)
	must(w.t, err)
	if len(problems) > 0 {
		w.t.Fatalf("%q", problems)
	}
	return c, shelf
}

// Replace puts the police's key into the city's next roster, which the bodies' devices take.
func (w *World) Replace(key string) {
	w.t.Helper()
	plain := w.Plain()
	plain.Version++
	plain.Officers[0].Devices[0].Key = key
	signed, err := w.Roster.Next(w.Sign(plain))
	must(w.t, err)
	w.Roster = signed
	for _, d := range w.Devices {
		must(w.t, d.Adopt(signed.File(), ""))
	}
}
