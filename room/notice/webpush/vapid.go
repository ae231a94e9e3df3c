package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
)

// Signer signs as this hub towards push services (VAPID, RFC 8292).
type Signer struct {
	key     *ecdsa.PrivateKey
	public  []byte // uncompressed point
	contact string
}

var b64 = base64.RawURLEncoding

// OpenSigner reads the private key, or makes it where there is none. Contact is an
// address mailto: or https: at which a push service reaches whoever runs the hub; it may
// be empty.
func OpenSigner(path, contact string) (*Signer, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		raw, err := key.Bytes()
		if err != nil {
			return nil, err
		}
		if err := durable.WriteFile(path, []byte(b64.EncodeToString(raw)+"\n"), 0o600); err != nil {
			return nil, err
		}
		return newSigner(key, contact)
	case err != nil:
		return nil, fmt.Errorf("read the key for push services: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, city.Errorf(city.Invalid, "%s: others can read the key for push services; say chmod 600 %s", path, path)
	}
	raw, err := b64.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s is no key for push services; restore it, or remove it: people then switch push on again", path)
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s is no key for push services; restore it, or remove it: people then switch push on again", path)
	}
	return newSigner(key, contact)
}

func newSigner(key *ecdsa.PrivateKey, contact string) (*Signer, error) {
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	return &Signer{key: key, public: public, contact: contact}, nil
}

// Public is the key as browsers want it (applicationServerKey), base64url.
func (s *Signer) Public() string { return b64.EncodeToString(s.public) }

// validFor is how long a token counts; RFC 8292, section 2 allows 24 hours.
const validFor = 12 * time.Hour

// Authorization is the header of that name for a message to an endpoint.
func (s *Signer) Authorization(endpoint *url.URL, now time.Time) (string, error) {
	claims := struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		Subject  string `json:"sub,omitempty"`
	}{endpoint.Scheme + "://" + endpoint.Host, now.Add(validFor).Unix(), s.contact}
	text, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := b64.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + b64.EncodeToString(text)
	digest := sha256.Sum256([]byte(input))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64) // RFC 7518, section 3.4
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return "vapid t=" + input + "." + b64.EncodeToString(signature) + ", k=" + s.Public(), nil
}
