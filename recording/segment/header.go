// Package segment is the sealed form of a few seconds of one camera: header, shares of
// the key, encrypted body and trailer, as docs/formats/segment.md has them byte by byte.
//
// [Seal] writes one while pictures come and keeps nothing that could open it. [Scan]
// checks one without a key, [Open] reads it with one, [Chain] checks that none of a
// camera's segments is missing, [Mend] makes a whole file of what a loss of power left.
package segment

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"polity/city"
	"polity/recording/share"
)

// Version is the one version of the format that this package knows.
const Version = 1

const (
	headerMark = "POLSEG\r\n"
	prefix     = 12   // mark, version, length
	maxHeader  = 2048 // bytes after the prefix
	suite      = 1
	signLabel  = "polity/segment-header/v1\n"
)

// Media is what a body holds.
type Media uint8

// The media. Sound is never among them.
const (
	H264 Media = 1 // fMP4 with H.264
	H265 Media = 2 // fMP4 with H.265
)

// Header says what a segment is. It is signed, and names what opens it.
type Header struct {
	Media    Media
	Domain   string    // the city's name, as in the roster
	Camera   city.Slug // as in the register
	Class    city.Slug // of retention
	Sequence uint64    // counts the camera's segments from 1
	Start    time.Time // of the first picture, to the millisecond, UTC
	Gap      Gap       // why nothing was recorded from GapStart to Start
	GapStart time.Time // Start where nothing is missing
	Previous [32]byte  // segment hash of the one before; zeros in the first

	EpochKeys   [2][32]byte // ids, in the order of share.Bodies
	Commitments [2][32]byte // to the shares
	Key         [32]byte    // commitment to the key
	Seals       [2][32]byte // SHA-256 of the sealed shares
	Recorder    [32]byte    // Ed25519 public key

	raw []byte // as in the file, with the signature
}

// Day is the UTC day of the segment and of its epoch keys.
func (h *Header) Day() string { return share.Day(h.Start) }

// Hash returns the header hash. The header was read or signed.
func (h *Header) Hash() [32]byte { return share.Hash("segment-header", h.raw) }

// Bytes returns the header as it stands in a file. The caller does not change them.
func (h *Header) Bytes() []byte { return h.raw }

// Context returns what the i-th body's share is sealed to.
func (h *Header) Context(i int) share.Context {
	return share.Context{
		Body: share.Bodies[i], Domain: h.Domain, Camera: h.Camera, Start: h.Start, Day: h.Day(), Class: h.Class, EpochKey: h.EpochKeys[i],
	}
}

var (
	earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Check reports what no header may say. The error is of kind Invalid.
func (h *Header) Check() error {
	if err := h.Camera.Check(); err != nil {
		return city.Errorf(city.Invalid, "camera: %w", err)
	}
	if err := h.Class.Check(); err != nil {
		return city.Errorf(city.Invalid, "retention class: %w", err)
	}
	if err := checkDomain(h.Domain); err != nil {
		return err
	}
	switch {
	case h.Media != H264 && h.Media != H265:
		return city.Errorf(city.Invalid, "media %d: there are H.264 (1) and H.265 (2)", h.Media)
	case h.Sequence == 0:
		return city.Errorf(city.Invalid, "the sequence counts from 1")
	case h.Start.Before(earliest) || !h.Start.Before(latest):
		return city.Errorf(city.Invalid, "start in the year %d: the clock is wrong", h.Start.UTC().Year())
	case h.Gap >= gaps:
		return city.Errorf(city.Invalid, "gap reason %d is not known to this release", h.Gap)
	case h.GapStart.After(h.Start) || h.GapStart.Before(earliest):
		return city.Errorf(city.Invalid, "a gap before the segment starts at %s, after the segment or before there were any", h.GapStart.UTC().Format(time.RFC3339))
	case h.Gap == None && !h.GapStart.Equal(h.Start):
		return city.Errorf(city.Invalid, "a gap without a reason")
	}
	return nil
}

func checkDomain(s string) error {
	if s == "" || len(s) > 253 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return city.Errorf(city.Invalid, "domain %.64q: a DNS name in small letters, up to 253 characters", s)
	}
	return nil
}

// sign encodes and signs the header.
func (h *Header) sign(by Signer) error {
	h.Start, h.GapStart = h.Start.UTC().Truncate(time.Millisecond), h.GapStart.UTC().Truncate(time.Millisecond)
	if err := h.Check(); err != nil {
		return err
	}
	copy(h.Recorder[:], by.Public())
	b := append(make([]byte, 0, 1024), headerMark...)
	b = binary.BigEndian.AppendUint16(b, Version)
	b = append(b, 0, 0, suite, byte(h.Media))
	for _, s := range []string{h.Domain, string(h.Camera), string(h.Class)} {
		b = append(append(b, byte(len(s))), s...)
	}
	b = append(b, h.Day()...)
	b = binary.BigEndian.AppendUint64(b, h.Sequence)
	b = append(b, share.Time(h.Start)...)
	b = append(append(b, byte(h.Gap)), share.Time(h.GapStart)...)
	for _, f := range h.hashes() {
		b = append(b, f[:]...)
	}
	binary.BigEndian.PutUint16(b[10:], uint16(len(b)-prefix+ed25519.SignatureSize))
	signature, err := signed(by, signLabel, b)
	if err != nil {
		return err
	}
	h.raw = append(b, signature...)
	return nil
}

// hashes are the fields of 32 bytes in order.
func (h *Header) hashes() []*[32]byte {
	return []*[32]byte{
		&h.Previous, &h.EpochKeys[0], &h.EpochKeys[1], &h.Commitments[0], &h.Commitments[1], &h.Key, &h.Seals[0], &h.Seals[1], &h.Recorder,
	}
}

// ReadHeader reads a header off r and no byte more, and checks its form and signature;
// whether its recorder is to be trusted is the caller's to say. Errors of kind Invalid
// say what is wrong.
func ReadHeader(r io.Reader) (*Header, error) {
	b := make([]byte, prefix, prefix+maxHeader)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, short(err, "the header")
	}
	if string(b[:8]) != headerMark {
		return nil, city.Errorf(city.Invalid, "this is no sealed segment: it does not begin with its mark")
	}
	if v := binary.BigEndian.Uint16(b[8:]); v != Version {
		return nil, city.Errorf(city.Invalid, "a segment of version %d; this release reads version %d: use a newer release", v, Version)
	}
	n := int(binary.BigEndian.Uint16(b[10:]))
	if n < ed25519.SignatureSize || n > maxHeader {
		return nil, city.Errorf(city.Invalid, "a header of %d bytes: it was damaged", n)
	}
	b = b[:prefix+n]
	if _, err := io.ReadFull(r, b[prefix:]); err != nil {
		return nil, short(err, "the header")
	}
	h := &Header{raw: b}
	if err := h.parse(b[prefix : len(b)-ed25519.SignatureSize]); err != nil {
		return nil, err
	}
	if !verified(h.Recorder[:], signLabel, b) {
		return nil, city.Errorf(city.Invalid, "the header's signature does not hold: it was changed or damaged")
	}
	return h, nil
}

func (h *Header) parse(b []byte) error {
	d := decoder{b: b}
	if s := d.byte(); s != suite && d.err == nil {
		return city.Errorf(city.Invalid, "cipher suite %d; this release knows suite %d only: use a newer release", s, suite)
	}
	h.Media = Media(d.byte())
	h.Domain, h.Camera, h.Class = d.text(), city.Slug(d.text()), city.Slug(d.text())
	day := string(d.take(len(share.DayForm)))
	h.Sequence = d.uint64()
	h.Start = d.time()
	h.Gap, h.GapStart = Gap(d.byte()), d.time()
	for _, f := range h.hashes() {
		copy(f[:], d.take(32))
	}
	switch {
	case d.err != nil:
		return d.err
	case len(d.b) > 0:
		return city.Errorf(city.Invalid, "the header has %d bytes too many: it was damaged", len(d.b))
	}
	if err := h.Check(); err != nil {
		return city.Errorf(city.Invalid, "header: %w", err)
	}
	if day != h.Day() {
		return city.Errorf(city.Invalid, "the header names the day %.16q, its start lies in %s", day, h.Day())
	}
	return nil
}

// decoder takes fields off b. After an error it gives zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) take(n int) []byte {
	if d.err == nil && len(d.b) < n {
		d.err = city.Errorf(city.Invalid, "the header ends within a field: it was damaged")
	}
	if d.err != nil {
		return make([]byte, n)
	}
	f := d.b[:n]
	d.b = d.b[n:]
	return f
}

func (d *decoder) byte() byte      { return d.take(1)[0] }
func (d *decoder) text() string    { return string(d.take(int(d.byte()))) }
func (d *decoder) uint64() uint64  { return binary.BigEndian.Uint64(d.take(8)) }
func (d *decoder) time() time.Time { return time.UnixMilli(int64(d.uint64())).UTC() }

// short says of a file that ends too early where it does.
func short(err error, where string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // io.ReadFull gives these as they are
		return city.Errorf(city.Invalid, "the segment is cut short: it ends within %s", where)
	}
	return fmt.Errorf("read segment: %s: %w", where, err)
}
