package spine

import (
	"strings"

	"github.com/nats-io/nkeys"

	"polity/city"
)

// NewKey makes the key pair by which the hub knows an edge (NATS nkeys, Ed25519).
// The seed is secret and stays on the edge; the public half goes into the hub's
// configuration.
func NewKey() (seed, public string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", "", err
	}
	secret, err := pair.Seed()
	if err != nil {
		return "", "", err
	}
	public, err = pair.PublicKey()
	return string(secret), public, err
}

// PublicKey returns the public half of a seed.
func PublicKey(seed string) (string, error) {
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(seed)))
	if err != nil {
		return "", city.Errorf(city.Invalid, "this is not an edge's key: it is one line that begins with SU, as 'polity edge key' writes it")
	}
	public, err := pair.PublicKey()
	if err != nil || !nkeys.IsValidPublicUserKey(public) {
		return "", city.Errorf(city.Invalid, "this is a key, but not an edge's: make one with 'polity edge key'")
	}
	return public, nil
}

// CheckPublicKey reports a text that is no edge's public key.
func CheckPublicKey(text string) error {
	if !nkeys.IsValidPublicUserKey(text) {
		return city.Errorf(city.Invalid, "%q is not an edge's public key: it begins with U and has 56 characters, as 'polity edge key' prints it", text)
	}
	return nil
}
