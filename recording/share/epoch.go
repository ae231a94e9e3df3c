package share

import (
	"context"
	"crypto/hpke"
	"time"

	"polity/city"
)

// DayForm is how a UTC day is written.
const DayForm = "2006-01-02"

// Day returns the UTC day of a moment.
func Day(t time.Time) string { return t.UTC().Format(DayForm) }

// CheckDay reports text that is no day.
func CheckDay(day string) error {
	if t, err := time.Parse(DayForm, day); err != nil || t.Format(DayForm) != day {
		return city.Errorf(city.Invalid, "day %.32q: write it as %s", day, DayForm)
	}
	return nil
}

// EpochKey is the public half of one body's key pair for one UTC day and one
// retention class.
type EpochKey struct {
	Body   Body
	Class  city.Slug
	Day    string // as DayForm
	Public hpke.PublicKey
	ID     [32]byte
}

// EpochKeyID returns the id of an epoch key whose public half has these bytes.
func EpochKeyID(body Body, class city.Slug, day string, public []byte) [32]byte {
	return Hash("epoch-key", []byte(body), []byte(class), []byte(day), public)
}

// NewEpochKey makes an epoch key from what the ledger's entry says. It says nothing
// about who signed that entry. The error is of kind Invalid.
func NewEpochKey(body Body, class city.Slug, day string, public []byte) (EpochKey, error) {
	if err := body.Check(); err != nil {
		return EpochKey{}, err
	}
	if err := class.Check(); err != nil {
		return EpochKey{}, city.Errorf(city.Invalid, "retention class: %w", err)
	}
	if err := CheckDay(day); err != nil {
		return EpochKey{}, err
	}
	if len(public) != PublicSize {
		return EpochKey{}, city.Errorf(city.Invalid, "epoch key of %s for %s: %d bytes, it must be %d", body, day, len(public), PublicSize)
	}
	key, err := Kem().NewPublicKey(public)
	if err != nil {
		return EpochKey{}, city.Errorf(city.Invalid, "epoch key of %s for %s: %w", body, day, err)
	}
	return EpochKey{Body: body, Class: class, Day: day, Public: key, ID: EpochKeyID(body, class, day, public)}, nil
}

// For reports that k is not the key of body, class and day, or that its parts do not
// belong together. It is the last check before something is sealed. The error is of
// kind Invalid.
func (k *EpochKey) For(body Body, class city.Slug, day string) error {
	switch {
	case k.Public == nil:
		return city.Errorf(city.Invalid, "epoch key of %s for %s, class %s: it has no public half", body, day, class)
	case k.Body != body:
		return city.Errorf(city.Invalid, "an epoch key of body %q was given as the key of %s", string(k.Body), body)
	case k.Class != class:
		return city.Errorf(city.Invalid, "epoch key of %s: it is of class %q, not %s", body, string(k.Class), class)
	case k.Day != day:
		return city.Errorf(city.Invalid, "epoch key of %s: it is of the day %q, not %s", body, k.Day, day)
	case k.Public.KEM().ID() != Kem().ID():
		return city.Errorf(city.Invalid, "epoch key of %s for %s: another key encapsulation (%#x) than MLKEM768-X25519", body, day, k.Public.KEM().ID())
	case k.ID != EpochKeyID(body, class, day, k.Public.Bytes()):
		return city.Errorf(city.Invalid, "epoch key of %s for %s: its id is not that of its public half", body, day)
	}
	return nil
}

// KeySource gives the epoch keys to seal to. It has checked signature and witnessed
// inclusion of each; it may be asked by many goroutines and answers without waiting
// for a network. An error of kind NotFound says that there is no such key.
type KeySource interface {
	Key(ctx context.Context, body Body, class city.Slug, day string) (EpochKey, error)
}
