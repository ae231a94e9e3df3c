package webpush

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

var errUnreadable = errors.New("the push message cannot be read with this key")

// Decrypt reads what Encrypt made, as a browser does.
func Decrypt(receiver *ecdh.PrivateKey, auth, body []byte) ([]byte, error) {
	if len(body) < headSize+tagSize+1 || body[saltSize+4] != 65 || binary.BigEndian.Uint32(body[saltSize:]) < uint32(len(body)-headSize) {
		return nil, errUnreadable
	}
	salt, own, sealed := body[:saltSize], body[saltSize+5:headSize], body[headSize:]
	sender, err := ecdh.P256().NewPublicKey(own)
	if err != nil {
		return nil, errUnreadable
	}
	shared, err := receiver.ECDH(sender)
	if err != nil {
		return nil, errUnreadable
	}
	gcm, nonce, err := contentKey(shared, auth, receiver.PublicKey().Bytes(), own, salt)
	if err != nil {
		return nil, err
	}
	record, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, errUnreadable
	}
	plain, ok := bytes.CutSuffix(bytes.TrimRight(record, "\x00"), []byte{2})
	if !ok {
		return nil, errUnreadable
	}
	return plain, nil
}

// contentKey derives the key and nonce of the one record: RFC 8291, section 3.4 and
// RFC 8188, sections 2.2 and 2.3.
func contentKey(shared, auth, receiver, sender, salt []byte) (cipher.AEAD, []byte, error) {
	ikm, err := hkdf.Key(sha256.New, shared, auth, "WebPush: info\x00"+string(receiver)+string(sender), 32)
	if err != nil {
		return nil, nil, err
	}
	prk, err := hkdf.Extract(sha256.New, ikm, salt)
	if err != nil {
		return nil, nil, err
	}
	key, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, nil, err
	}
	nonce, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	gcm, err := cipher.NewGCM(block)
	return gcm, nonce, err
}
