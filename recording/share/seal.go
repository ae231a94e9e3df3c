package share

import (
	"crypto/hpke"
	"time"

	"polity/city"
)

// Context is what a share belongs to. A sealed share opens in its own context only.
type Context struct {
	Body     Body
	Domain   string    // the city's
	Camera   city.Slug // as registered
	Start    time.Time // of the segment, to the millisecond
	Day      string    // as DayForm
	Class    city.Slug // of retention
	EpochKey [32]byte  // id of the key it is sealed to
}

func (c *Context) info() []byte {
	return Fields("share", []byte(c.Body), []byte(c.Domain), []byte(c.Camera), Time(c.Start), []byte(c.Day), []byte(c.Class), c.EpochKey[:])
}

// Seal encrypts a share to a body's epoch key: SealedSize bytes.
func Seal(to hpke.PublicKey, c Context, s *Key) ([]byte, error) {
	return seal(to, c.info(), s)
}

// Open decrypts a sealed share and holds it against the segment's commitment. The
// errors are of kind Invalid and say which of the two failed: one that does not
// decrypt was sealed to another key or in another context, one that is not what was
// committed to is wrong.
func Open(key hpke.PrivateKey, c Context, sealed []byte, commitment [32]byte) (Key, error) {
	s, err := open(key, c.info(), sealed)
	if err != nil {
		return Key{}, city.Errorf(city.Invalid, "the share of %s for camera %s at %s cannot be opened with this epoch key: it was sealed to another key or for another segment, or it was changed",
			c.Body, c.Camera, c.Start.UTC().Format(time.RFC3339))
	}
	if Commit(c.Body, &s) != commitment {
		s.Wipe()
		return Key{}, city.Errorf(city.Invalid, "the share of %s for camera %s at %s is not the one its segment commits to: whoever sealed it sealed a wrong share",
			c.Body, c.Camera, c.Start.UTC().Format(time.RFC3339))
	}
	return s, nil
}

// Purpose is what a share is resealed for.
type Purpose string

// The purposes.
const (
	Case Purpose = "case" // to the key of a case: to be looked at
	Hold Purpose = "hold" // to a hold key: to outlast its retention, not to be looked at
)

// Target is what a resealed share is for: it opens there only.
type Target struct {
	Purpose Purpose
	ID      [32]byte // of the release token or of the hold
	Body    Body     // whose share it is
	Header  [32]byte // header hash of the segment
}

func (t *Target) check() error {
	if t.Purpose != Case && t.Purpose != Hold {
		return city.Errorf(city.Invalid, "a share is resealed for a case or a hold, not for %.32q", string(t.Purpose))
	}
	return t.Body.Check()
}

func (t *Target) info() []byte {
	return Fields("rewrapped-share", []byte(t.Purpose), t.ID[:], []byte(t.Body), t.Header[:])
}

// Rewrap opens a sealed share and seals it to the key of a case or a hold, without
// showing it to the caller.
func Rewrap(key hpke.PrivateKey, c Context, sealed []byte, commitment [32]byte, to hpke.PublicKey, t Target) ([]byte, error) {
	if t.Body != c.Body {
		return nil, city.Errorf(city.Invalid, "a share of %s cannot be resealed as one of %s", c.Body, t.Body)
	}
	s, err := Open(key, c, sealed, commitment)
	if err != nil {
		return nil, err
	}
	defer s.Wipe()
	return SealTo(to, t, &s)
}

// SealTo seals a share to the key of a case or a hold: SealedSize bytes.
func SealTo(to hpke.PublicKey, t Target, s *Key) ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return seal(to, t.info(), s)
}

// OpenRewrapped opens a resealed share with the key of the case or hold, and holds it
// against the segment's commitment. The errors are of kind Invalid.
func OpenRewrapped(key hpke.PrivateKey, t Target, sealed []byte, commitment [32]byte) (Key, error) {
	if err := t.check(); err != nil {
		return Key{}, err
	}
	s, err := open(key, t.info(), sealed)
	if err != nil {
		return Key{}, city.Errorf(city.Invalid, "the share of %s was not resealed to this key for this %s and segment, or it was changed", t.Body, t.Purpose)
	}
	if Commit(t.Body, &s) != commitment {
		s.Wipe()
		return Key{}, city.Errorf(city.Invalid, "the share that %s resealed is not the one the segment commits to", t.Body)
	}
	return s, nil
}

func seal(to hpke.PublicKey, info []byte, s *Key) ([]byte, error) {
	if to == nil || to.KEM().ID() != Kem().ID() {
		return nil, city.Errorf(city.Invalid, "shares are sealed to keys of MLKEM768-X25519 only")
	}
	return hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), info, s[:])
}

func open(key hpke.PrivateKey, info, sealed []byte) (s Key, err error) {
	if key == nil || key.KEM().ID() != Kem().ID() {
		return s, city.Errorf(city.Invalid, "shares are sealed to keys of MLKEM768-X25519 only")
	}
	if len(sealed) != SealedSize {
		return s, city.Errorf(city.Invalid, "a sealed share has %d bytes, not %d", SealedSize, len(sealed))
	}
	plain, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), info, sealed)
	if err != nil {
		return s, err
	}
	defer clear(plain)
	if len(plain) != Size {
		return s, city.Errorf(city.Invalid, "a share has %d bytes, not %d", Size, len(plain))
	}
	copy(s[:], plain)
	return s, nil
}
