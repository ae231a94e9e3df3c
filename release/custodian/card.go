package custodian

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/roster"
	"polity/recording/share"
	"polity/release/identity"
)

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
	if len(b) > identity.MaxSize || len(lines) != 6 || lines[0] != cardFormat || lines[5] != "" {
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
