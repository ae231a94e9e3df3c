package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"

	"polity/city"
)

const signLabel = "polity/bundle/v1\n"

// line is one of SHA256SUMS.
type line struct {
	name string
	sum  [32]byte
}

func writeSums(list []line) []byte {
	var b bytes.Buffer
	for _, l := range list {
		fmt.Fprintf(&b, "%x  %s\n", l.sum, l.name)
	}
	return b.Bytes()
}

// parseSums reads SHA256SUMS. The error is of kind Invalid.
func parseSums(b []byte) (list []line, err error) {
	rest := string(b)
	for n := 1; rest != ""; n++ {
		text, after, whole := strings.Cut(rest, "\n")
		rest = after
		hash, name, ok := strings.Cut(text, "  ")
		sum, err := hex.DecodeString(hash)
		if !whole || !ok || err != nil || len(sum) != 32 || hash != strings.ToLower(hash) {
			return nil, city.Errorf(city.Invalid, "line %d of %s is not 64 hexadecimal digits, two spaces and a name", n, sumsName)
		}
		if _, err := memberOf(name); err != nil {
			return nil, city.Errorf(city.Invalid, "line %d of %s: %w", n, sumsName, err)
		}
		if len(list) > 0 && name <= list[len(list)-1].name {
			return nil, city.Errorf(city.Invalid, "line %d of %s: %s stands twice or out of order", n, sumsName, name)
		}
		if len(list) == MaxMembers {
			return nil, city.Errorf(city.TooLarge, "%s names more than %d files", sumsName, MaxMembers)
		}
		list = append(list, line{name, [32]byte(sum)})
	}
	if len(list) == 0 {
		return nil, city.Errorf(city.Invalid, "%s names no file", sumsName)
	}
	return list, nil
}

func signed(sums []byte) []byte { return append([]byte(signLabel), sums...) }

// pemOf is a public key for other tools (RFC 8410).
func pemOf(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("office's key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
