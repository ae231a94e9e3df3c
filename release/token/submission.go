package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"strings"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
)

// SubmissionFormat is the version of submissions that this package reads and writes.
const SubmissionFormat = "polity-submission/1"

// Bounds of a submission, in bytes.
const (
	MaxSubmission = 96 << 10
	maxSealed     = 64 << 10 // of its details, as in a request
)

// Submission is what an officer's machine sends to the hub to ask for footage. The
// scope stands in clear, since the hub has to gather the shares; the references of
// order and case are in the sealed details alone.
type Submission struct {
	Cameras []city.Slug     `json:"cameras"` // rising
	Details canonical.Bytes `json:"details"` // age file to the devices of both bodies
	Entry   canonical.Bytes `json:"entry"`   // the token's, as it is to stand in the log; empty in a request to hold
	Format  string          `json:"format"`
	From    canonical.Time  `json:"from"` // included
	To      canonical.Time  `json:"to"`   // excluded
}

// Submit makes a submission of a token and its details. Errors are of kind Invalid.
func Submit(r *roster.Roster, e *entry.ReleaseRequested, d *Details) (*Submission, error) {
	if err := d.Opens(e); err != nil {
		return nil, err
	}
	text, err := entry.Encode(e)
	if err != nil {
		return nil, err
	}
	sealed, err := Encrypt(d, r)
	if err != nil {
		return nil, err
	}
	s := &Submission{Cameras: d.Cameras, Details: sealed, Entry: text, Format: SubmissionFormat, From: d.From, To: d.To}
	return s, s.check()
}

// SubmitHold makes a submission of a request to hold: details without a token. Errors are
// of kind Invalid.
func SubmitHold(r *roster.Roster, d *Details) (*Submission, error) {
	if d.Token != (canonical.Hash{}) {
		return nil, city.Errorf(city.Invalid, "a hold has no token: these are details of a case")
	}
	sealed, err := Encrypt(d, r)
	if err != nil {
		return nil, err
	}
	s := &Submission{Cameras: d.Cameras, Details: sealed, Format: SubmissionFormat, From: d.From, To: d.To}
	return s, s.check()
}

// Encode writes the file. The error is of kind Invalid or TooLarge.
func (s *Submission) Encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	data, err := canonical.Encode(s)
	if err == nil && len(data) > MaxSubmission {
		err = tooLarge(len(data))
	}
	return data, err
}

// ParseSubmission reads a file and checks its form; Token checks the rest. The error is
// of kind Invalid or TooLarge.
func ParseSubmission(data []byte) (*Submission, error) {
	if len(data) > MaxSubmission {
		return nil, tooLarge(len(data))
	}
	s := new(Submission)
	if err := canonical.Decode(data, s); err != nil {
		return nil, city.Errorf(city.Invalid, "submission: %w", err)
	}
	return s, s.check()
}

func tooLarge(n int) error {
	return city.Errorf(city.TooLarge, "the submission has %d bytes; %d are allowed", n, MaxSubmission)
}

// scope are details without what is secret in them.
func (s *Submission) scope() *Details {
	return &Details{Cameras: s.Cameras, Format: Format, From: s.From, To: s.To}
}

// Holds says whether a segment of that camera and start is asked for.
func (s *Submission) Holds(camera city.Slug, start time.Time) error {
	return s.scope().Holds(camera, start)
}

// Leads says whether a segment that starts then begins before the asked time.
func (s *Submission) Leads(start time.Time) bool { return s.scope().Leads(start) }

func (s *Submission) check() error {
	if s.Format != SubmissionFormat {
		return city.Errorf(city.Invalid, "submission: format is %.40q; this version reads %s", s.Format, SubmissionFormat)
	}
	if err := s.scope().checkScope(); err != nil {
		return city.Errorf(city.Invalid, "submission: %w", err)
	}
	if n := len(s.Details); n > maxSealed {
		return city.Errorf(city.TooLarge, "submission: the details have %d bytes; %d are allowed", n, maxSealed)
	}
	return nil
}

// Token reads the token and checks what a body's device would: form, signature by a
// rostered device of an office, id, counts that fit the scope, that it has not expired,
// and that the details are sealed to every device of both bodies. What they say, nobody
// but those can check. The error is of kind Invalid, and says what to do.
func (s *Submission) Token(r *roster.Roster, now time.Time) (*entry.ReleaseRequested, error) {
	signed, err := SignedEntry(s.Entry)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "submission: %w", err)
	}
	e, ok := signed.(*entry.ReleaseRequested)
	if !ok {
		return nil, city.Errorf(city.Invalid, "the submission's entry is of type %s, not a token", entry.TypeOf(signed))
	}
	if !r.IsOffice(e.Body) {
		return nil, city.Errorf(city.Invalid, "%s is no office that may ask, in roster %d", e.Body, r.Version)
	}
	if err := entry.Verify(e, r); err != nil {
		return nil, city.Errorf(city.Invalid, "submission: %w", err)
	}
	id, err := ID(r, e)
	if err != nil {
		return nil, err
	}
	scope := s.scope()
	switch {
	case id != e.ID:
		return nil, city.Errorf(city.Invalid, "the token was made for another city or log than %s, or its id is wrong: make it anew with this city's roster", r.Log.Origin)
	case int64(len(s.Cameras)) != e.CamerasCount:
		return nil, city.Errorf(city.Invalid, "the submission names %d cameras, its token tells the public of %d", len(s.Cameras), e.CamerasCount)
	case scope.Hours() != e.HoursCount:
		return nil, city.Errorf(city.Invalid, "the submission's times have %d hours, its token tells the public of %d", scope.Hours(), e.HoursCount)
	case !now.Before(e.Expires.Time()):
		return nil, city.Errorf(city.Invalid, "the token expired at %s: make a new one", e.Expires)
	}
	return e, sealedToBodies(s.Details, r)
}

// SealedTo checks that the details are sealed to every device of both bodies, and to
// nobody else. The error is of kind Invalid.
func (s *Submission) SealedTo(r *roster.Roster) error { return sealedToBodies(s.Details, r) }

// sealedToBodies checks that an age file is addressed to each device of both bodies
// (age-encryption.org/v1, the stanza ssh-ed25519): one that a device cannot open would
// be found only when the file was carried there.
func sealedToBodies(sealed []byte, r *roster.Roster) error {
	b := bytes.NewReader(sealed)
	header, err := age.ExtractHeader(b)
	if err != nil {
		return city.Errorf(city.Invalid, "the submission's details are no age file, or they were cut off")
	}
	to := map[string]int{}
	for line := range strings.Lines(string(header)) {
		if rest, ok := strings.CutPrefix(line, "-> "); ok {
			f := strings.Fields(rest)
			if len(f) != 3 || f[0] != "ssh-ed25519" {
				return city.Errorf(city.Invalid, "the submission's details are sealed to somebody who is no device of a body")
			}
			to[f[1]]++
		}
	}
	for _, body := range r.Bodies {
		for _, d := range body.Devices {
			tag, err := sshTag(d.Key)
			if err != nil {
				return err
			}
			if to[tag] != 1 {
				return city.Errorf(city.Invalid, "the submission's details are not sealed to the device %s of %s in roster %d: make them anew with that roster", d.ID, body.Name, r.Version)
			}
			delete(to, tag)
		}
	}
	if len(to) > 0 {
		return city.Errorf(city.Invalid, "the submission's details are sealed to %d devices that are in no body of roster %d", len(to), r.Version)
	}
	// The payload of age has a nonce of 16 bytes and chunks with a tag of 16 each.
	if rest := len(sealed) - len(header); rest < 16+16+1 || rest > maxDetails+16+16 {
		return city.Errorf(city.Invalid, "the submission's details are cut off or longer than details may be")
	}
	return nil
}

// sshTag is how age names an SSH key in a stanza.
func sshTag(device string) (string, error) {
	key, err := roster.ParseKey(device)
	if err != nil {
		return "", err
	}
	public, err := ssh.NewPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(public.Marshal())
	return base64.RawStdEncoding.EncodeToString(sum[:4]), nil
}

// ReadSubmission reads a file of a form, from a connection.
func ReadSubmission(r io.Reader) (*Submission, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSubmission+1))
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "the submission was cut off on its way: %w; send it again", err)
	}
	return ParseSubmission(data)
}
