package custodian

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/roster"
	"polity/recording/share"
	"polity/release/token"
)

// minPassphrase is the least number of characters of a passphrase.
const minPassphrase = 12

const maxIdentity = 16 << 10

// identity is what the passphrase protects.
type identity struct {
	Name  string          `json:"name"` // of the device's key, such as helsinki.example/court-1
	Key   canonical.Bytes `json:"key"`  // seed of the Ed25519 key
	Age   string          `json:"age"`  // of a post-quantum hybrid
	Vault canonical.Hash  `json:"vault"`
}

func newIdentity(name string, seed []byte) (*identity, error) {
	if seed == nil {
		seed = make([]byte, ed25519.SeedSize)
		_, _ = rand.Read(seed) // never fails: the program ends first
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	i := &identity{Name: name, Key: seed, Age: hybrid.String()}
	_, _ = rand.Read(i.Vault[:]) // never fails: the program ends first
	return i, nil
}

func (i *identity) private() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(i.Key) }

// public is the device's key as a roster has it.
func (i *identity) public() (string, error) {
	k, err := note.NewEd25519VerifierKey(i.Name, i.private().Public().(ed25519.PublicKey)) //nolint:forcetypeassert // documented to be one
	if err != nil {
		return "", city.Errorf(city.Invalid, "the name of the device's key, %.80q: %w", i.Name, err)
	}
	_, err = roster.ParseKey(k)
	return k, err
}

func (i *identity) seal(passphrase string, work int) ([]byte, error) {
	if len([]rune(passphrase)) < minPassphrase {
		return nil, city.Errorf(city.Invalid, "the passphrase needs %d characters or more: whoever takes the machine may try billions", minPassphrase)
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	if work > 0 {
		to.SetWorkFactor(work)
	}
	text, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return token.Seal(text, to)
}

func openIdentity(sealed []byte, passphrase string) (*identity, error) {
	if passphrase == "" {
		return nil, city.Errorf(city.Forbidden, "a passphrase is needed")
	}
	by, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	text, err := token.Unseal(sealed, maxIdentity, by)
	if err != nil {
		if city.KindOf(err) == city.Forbidden || bytes.Contains(sealed[:min(len(sealed), 200)], []byte("-> scrypt ")) {
			return nil, city.Errorf(city.Forbidden, "the passphrase is wrong, or identity.age was damaged; nothing was changed")
		}
		return nil, city.Errorf(city.Invalid, "identity.age: %w", err)
	}
	defer clear(text)
	i := new(identity)
	if err := json.Unmarshal(text, i); err != nil || len(i.Key) != ed25519.SeedSize {
		return nil, city.Errorf(city.Invalid, "identity.age is of another release")
	}
	return i, nil
}

// Card names a device to the body's other one, which gives it the epoch keys.
type Card struct {
	Body      share.Body
	Device    city.Slug
	Recipient string // of age
	Signature []byte
}

const cardFormat = "polity-card/1"

func (c *Card) message() []byte {
	return canonical.Fields("card", []byte(cardFormat), []byte(c.Body), []byte(c.Device), []byte(c.Recipient))
}

// Marshal writes the card: a line for each part.
func (c *Card) Marshal() []byte {
	return []byte(strings.Join([]string{cardFormat, string(c.Body), string(c.Device), c.Recipient, base64.RawURLEncoding.EncodeToString(c.Signature)}, "\n") + "\n")
}

// ParseCard reads a card and checks its signature under a roster. The error is of kind
// Invalid.
func ParseCard(b []byte, r *roster.Roster) (*Card, error) {
	lines := strings.Split(string(b), "\n")
	if len(b) > maxIdentity || len(lines) != 6 || lines[0] != cardFormat || lines[5] != "" {
		return nil, city.Errorf(city.Invalid, "this is no card of a device: it has five lines and begins with %s", cardFormat)
	}
	c := &Card{Body: share.Body(lines[1]), Device: city.Slug(lines[2]), Recipient: lines[3]}
	var err error
	if c.Signature, err = base64.RawURLEncoding.Strict().DecodeString(lines[4]); err != nil {
		return nil, city.Errorf(city.Invalid, "the card's signature is no base64url")
	}
	key, err := r.Device(city.Slug(c.Body), c.Device)
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(key, c.message(), c.Signature) {
		return nil, city.Errorf(city.Invalid, "the card was not signed by the device %s of the roster", c.Device)
	}
	return c, nil
}

// readSmall reads a file that people carry and that is small.
func readSmall(r io.Reader, most int64, what string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	if int64(len(b)) > most {
		return nil, city.Errorf(city.TooLarge, "the %s has more than %d bytes", what, most)
	}
	return b, nil
}
