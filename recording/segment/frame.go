package segment

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"hash/crc32"
	"reflect"

	"polity/city"
	"polity/recording/share"
)

const (
	chunk     = 64 << 10 // bytes of plaintext
	tagSize   = 16
	lengths   = 4
	checkSize = 4
	fullFrame = lengths + chunk + tagSize + checkSize
)

// MaxSize is the most bytes that a segment's file may have.
const MaxSize = 256 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameCheck is the check of frame number n, whose length and ciphertext are b.
func frameCheck(n uint64, b []byte) uint32 {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], n)
	return crc32.Update(crc32.Checksum(number[:], castagnoli), castagnoli, b)
}

func nonce(n uint64, last bool) (b [12]byte) {
	binary.BigEndian.PutUint64(b[3:], n)
	if last {
		b[11] = 1
	}
	return b
}

// aead is AES-256-GCM whose expanded key can be wiped.
type aead struct {
	block cipher.Block
	cipher.AEAD
}

func newAEAD(k *share.Key) (aead, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return aead{}, err
	}
	gcm, err := cipher.NewGCM(block)
	return aead{block, gcm}, err
}

// wipe overwrites the round keys, the first of which are the key itself. The standard
// library offers no way to; both of its structs hold them by value.
func (a *aead) wipe() {
	for _, v := range []any{a.block, a.AEAD} {
		if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && !p.IsNil() {
			p.Elem().SetZero()
		}
	}
	*a = aead{}
}

// frameLength reads a frame's length and holds it to what is possible.
func frameLength(b []byte, n uint64) (int, error) {
	length := binary.BigEndian.Uint32(b)
	if length <= tagSize || length > chunk+tagSize {
		return 0, city.Errorf(city.Invalid, "chunk %d has an impossible length of %d bytes: the segment was damaged", n, length)
	}
	return int(length), nil
}
