// Package accounttest signs people in without a browser: an authenticator and a browser
// made of software, for tests of whatever asks who somebody is.
package accounttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// Authenticator makes and uses passkeys (WebAuthn Level 3, section 6): ES256, attestation
// none. The zero value is an honest one; its fields make it a bad one.
type Authenticator struct {
	Origin     string // what the browser says of itself; empty: the one that Browser has
	RPID       string // in place of the one that it is asked for
	Unverified bool   // nobody showed a finger, face or PIN
	Absent     bool   // nobody touched it
	Synced     bool   // between devices: it counts nothing
	CrossFrame bool   // the page was within another site's

	keys []*key
}

type key struct {
	id      []byte
	rp      string
	user    []byte
	private *ecdsa.PrivateKey
	counter uint32
}

// Copy is the same authenticator again, with the counters of this moment: what somebody has
// who copied it.
func (a *Authenticator) Copy() *Authenticator {
	other := *a
	other.keys = nil
	for _, k := range a.keys {
		same := *k
		other.keys = append(other.keys, &same)
	}
	return &other
}

// Flags of authenticator data (WebAuthn Level 3, section 6.1).
const (
	userPresent  = 0x01
	userVerified = 0x04
	backupAble   = 0x08
	backedUp     = 0x10
	attested     = 0x40
)

func (a *Authenticator) data(rp string, counter uint32, flags byte) []byte {
	if a.RPID != "" {
		rp = a.RPID
	}
	if !a.Absent {
		flags |= userPresent
	}
	if !a.Unverified {
		flags |= userVerified
	}
	if a.Synced {
		flags |= backupAble | backedUp
	}
	sum := sha256.Sum256([]byte(rp))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), counter)
}

func (a *Authenticator) client(what, challenge string) ([]byte, error) {
	return json.Marshal(map[string]any{"type": what, "challenge": challenge, "origin": a.Origin, "crossOrigin": a.CrossFrame})
}

var encoding = base64.RawURLEncoding

// Create answers the options of navigator.credentials.create, {"publicKey": {...}}, with
// the credential's JSON.
func (a *Authenticator) Create(options []byte) ([]byte, error) {
	var o struct {
		PublicKey struct {
			RP   struct{ ID string }
			User struct{ ID string }

			Challenge          string
			ExcludeCredentials []struct{ ID string }
		}
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	for _, x := range o.PublicKey.ExcludeCredentials {
		for _, k := range a.keys {
			if encoding.EncodeToString(k.id) == x.ID {
				return nil, errors.New("InvalidStateError: this authenticator has a passkey here already")
			}
		}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	k := &key{id: make([]byte, 32), rp: o.PublicKey.RP.ID, private: private}
	_, _ = rand.Read(k.id)
	if k.user, err = encoding.DecodeString(o.PublicKey.User.ID); err != nil {
		return nil, err
	}
	a.keys = append(a.keys, k)

	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	public, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:],
	})
	if err != nil {
		return nil, err
	}
	data := append(a.data(k.rp, 0, attested), make([]byte, 16)...) // no AAGUID: attestation none
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(k.id))), k.id...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": append(data, public...)})
	if err != nil {
		return nil, err
	}
	client, err := a.client("webauthn.create", o.PublicKey.Challenge)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"id": encoding.EncodeToString(k.id), "rawId": encoding.EncodeToString(k.id), "type": "public-key",
		"authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": encoding.EncodeToString(client), "attestationObject": encoding.EncodeToString(object), "transports": []string{"internal"},
		},
	})
}

// Get answers the options of navigator.credentials.get, {"publicKey": {...}}, with the
// credential's JSON, by the passkey that was made last for the site.
func (a *Authenticator) Get(options []byte) ([]byte, error) {
	var o struct {
		PublicKey struct{ Challenge, RPID string }
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	var k *key
	for _, x := range a.keys {
		if x.rp == o.PublicKey.RPID {
			k = x
		}
	}
	if k == nil {
		return nil, errors.New("NotAllowedError: this authenticator has no passkey here")
	}
	if !a.Synced {
		k.counter++
	}
	client, err := a.client("webauthn.get", o.PublicKey.Challenge)
	if err != nil {
		return nil, err
	}
	data, clientHash := a.data(k.rp, k.counter, 0), sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte(nil), data...), clientHash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, sum[:])
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"id": encoding.EncodeToString(k.id), "rawId": encoding.EncodeToString(k.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": encoding.EncodeToString(client), "authenticatorData": encoding.EncodeToString(data),
			"signature": encoding.EncodeToString(signature), "userHandle": encoding.EncodeToString(k.user),
		},
	})
}
