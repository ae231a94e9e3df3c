package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
)

// Format is the version of details that this package reads and writes.
const Format = "polity-details/1"

// Bounds of one token.
const (
	MaxCameras = 64
	MaxHours   = 168
	maxDetails = 16 << 10 // bytes of JSON
)

// Details open a token's commitments. Both bodies' devices read them; others only when
// they are published.
type Details struct {
	Cameras []city.Slug     `json:"cameras"` // rising
	Case    entry.Reference `json:"case"`
	Format  string          `json:"format"`
	From    canonical.Time  `json:"from"` // included
	Order   entry.Reference `json:"order"`
	Salts   entry.Salts     `json:"salts"`
	To      canonical.Time  `json:"to"` // excluded
	Token   canonical.Hash  `json:"token"`
}

// Ask is what an officer asks for.
type Ask struct {
	Office, Device city.Slug
	Purpose        entry.Word
	Order, Case    entry.Reference
	Cameras        []city.Slug
	From, To       time.Time
	Expires        time.Time
	PublicOn       canonical.Day // of the details
	CaseKey        []byte        // public half, 1216 bytes
}

// New makes a token for one city's log, signed by the office's device, and its details
// with fresh salts. Errors of kind Invalid say what may not be asked.
func New(r *roster.Roster, a Ask, key ed25519.PrivateKey) (*entry.ReleaseRequested, *Details, error) {
	d := &Details{
		Cameras: slices.Compact(slices.Sorted(slices.Values(a.Cameras))), Case: a.Case, Format: Format,
		From: canonical.At(a.From), Order: a.Order, To: canonical.At(a.To),
	}
	d.salt()
	if err := d.check(); err != nil {
		return nil, nil, err
	}
	e := &entry.ReleaseRequested{
		Body: a.Office, CamerasCount: int64(len(d.Cameras)), CaseKey: a.CaseKey, Cases: 1, Commitments: d.Commitments(),
		DetailsPublicOn: a.PublicOn, Device: a.Device, Expires: canonical.At(a.Expires), HoursCount: d.Hours(), Purpose: a.Purpose,
	}
	var err error
	if e.ID, err = ID(r, e); err != nil {
		return nil, nil, err
	}
	d.Token = e.ID
	if err := entry.Sign(e, key); err != nil {
		return nil, nil, err
	}
	return e, d, nil
}

// HoldDetails are details of a hold: nobody asks for footage, so there is no token.
func HoldDetails(order, of entry.Reference, cameras []city.Slug, from, to time.Time) (*Details, error) {
	d := &Details{
		Cameras: slices.Compact(slices.Sorted(slices.Values(cameras))), Case: of, Format: Format,
		From: canonical.At(from), Order: order, To: canonical.At(to),
	}
	d.salt()
	return d, d.check()
}

func (d *Details) salt() {
	for _, s := range []*canonical.Hash{&d.Salts.Cameras, &d.Salts.Case, &d.Salts.Order, &d.Salts.Times} {
		_, _ = rand.Read(s[:]) // never fails: the program ends first
	}
}

// HoldID is the id of a hold, by its public key.
func HoldID(r *roster.Roster, key []byte) canonical.Hash {
	return canonical.Sum("hold", []byte(r.Domain), []byte(r.Log.Origin), key)
}

// ID is the id that a token has to have in the log of a roster.
func ID(r *roster.Roster, e *entry.ReleaseRequested) (canonical.Hash, error) {
	bare := *e
	bare.ID, bare.Signature, bare.Type, bare.V = canonical.Hash{}, nil, entry.TypeOf(e), 1
	text, err := canonical.Encode(&bare)
	if err != nil {
		return canonical.Hash{}, err
	}
	return canonical.Sum("release-token", []byte(r.Domain), []byte(r.Log.Origin), text), nil
}

// Commitments are those that these details open.
func (d *Details) Commitments() entry.Commitments {
	return entry.Commitments{
		Cameras: canonical.Commit(d.Salts.Cameras, d.cameras()),
		Case:    canonical.Commit(d.Salts.Case, []byte(d.Case)),
		Order:   canonical.Commit(d.Salts.Order, []byte(d.Order)),
		Times:   canonical.Commit(d.Salts.Times, []byte(d.From+"/"+d.To)),
	}
}

func (d *Details) cameras() []byte {
	var b []byte
	for _, c := range d.Cameras {
		b = append(append(b, c...), '\n')
	}
	return b
}

// Hours counts the hours begun between from and to.
func (d *Details) Hours() int64 {
	return int64((d.To.Time().Sub(d.From.Time()) + time.Hour - 1) / time.Hour)
}

// Lead is how long before the asked time a segment may start whose pictures reach into it:
// a recorder begins a new one after that (recording/recorder, MaxLength). Of each camera one
// such segment is asked for, the last.
const Lead = 12 * time.Second

// Leads says whether a segment that starts then begins before the asked time.
func (d *Details) Leads(start time.Time) bool { return start.Before(d.From.Time()) }

// Holds says whether a segment of that camera and start is asked for.
func (d *Details) Holds(camera city.Slug, start time.Time) error {
	if _, ok := slices.BinarySearch(d.Cameras, camera); !ok {
		return city.Errorf(city.Forbidden, "camera %s is none of those that the token asks for", camera)
	}
	if start.Before(d.From.Time().Add(-Lead)) || !start.Before(d.To.Time()) {
		return city.Errorf(city.Forbidden, "a segment of %s starts at %s; the token asks for %s to %s", camera, start.UTC().Format(time.RFC3339), d.From, d.To)
	}
	return nil
}

func (d *Details) check() error {
	if d.Format != Format {
		return city.Errorf(city.Invalid, "details: format is %.40q; this version reads %s", d.Format, Format)
	}
	if err := d.checkScope(); err != nil {
		return city.Errorf(city.Invalid, "details: %w", err)
	}
	for name, err := range map[string]error{"case": d.Case.Check(), "order": d.Order.Check()} {
		if err != nil {
			return city.Errorf(city.Invalid, "details: %s: %w", name, err)
		}
	}
	return nil
}

// checkScope checks cameras and times.
func (d *Details) checkScope() error {
	if n := len(d.Cameras); n < 1 || n > MaxCameras {
		return city.Errorf(city.Invalid, "%d cameras; 1 to %d may be asked for with one token", n, MaxCameras)
	}
	for i, c := range d.Cameras {
		if err := c.Check(); err != nil {
			return city.Errorf(city.Invalid, "camera: %w", err)
		}
		if i > 0 && c <= d.Cameras[i-1] {
			return city.Errorf(city.Invalid, "cameras must rise, each once")
		}
	}
	for name, err := range map[string]error{"from": d.From.Check(), "to": d.To.Check()} {
		if err != nil {
			return city.Errorf(city.Invalid, "%s: %w", name, err)
		}
	}
	if !d.From.Time().Before(d.To.Time()) || d.Hours() > MaxHours {
		return city.Errorf(city.Invalid, "%s to %s; up to %d hours may be asked for with one token", d.From, d.To, MaxHours)
	}
	return nil
}

// Opens checks that details are those of a token: id, counts and all four commitments.
// The error is of kind Invalid and names the first that does not fit.
func (d *Details) Opens(e *entry.ReleaseRequested) error {
	if err := d.check(); err != nil {
		return err
	}
	c := d.Commitments()
	switch {
	case d.Token != e.ID:
		return city.Errorf(city.Invalid, "the details are of another token")
	case c.Cameras != e.Commitments.Cameras || int64(len(d.Cameras)) != e.CamerasCount:
		return city.Errorf(city.Invalid, "the cameras in the details are not those that the token commits to")
	case c.Times != e.Commitments.Times || d.Hours() != e.HoursCount:
		return city.Errorf(city.Invalid, "the times in the details are not those that the token commits to")
	case c.Order != e.Commitments.Order:
		return city.Errorf(city.Invalid, "the order in the details is not the one that the token commits to")
	case c.Case != e.Commitments.Case:
		return city.Errorf(city.Invalid, "the case in the details is not the one that the token commits to")
	}
	return nil
}

// Names are the cameras as a person reads them.
func (d *Details) Names() string {
	names := make([]string, len(d.Cameras))
	for i, c := range d.Cameras {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}
