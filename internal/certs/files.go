package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"polity/city"
)

// files is a certificate that somebody else renews on the disk.
type files struct {
	cert, key string
	current   *tls.Certificate
	sum       [sha256.Size]byte // of what was read last, good or bad
}

// refresh reads the files and takes what is new. A pair that does not fit together, as
// while the two are being written, or that is not valid now, is not taken: the old one
// stays. The error tells it once.
func (f *files) refresh(now time.Time) (*tls.Certificate, error) {
	cert, err := os.ReadFile(f.cert)
	if err != nil {
		return f.current, err
	}
	if info, err := os.Stat(f.key); err == nil && info.Mode().Perm()&0o007 != 0 {
		return f.current, city.Errorf(city.Invalid, "%s can be read by everyone on this machine (mode %04o); run: chmod 600 %s", f.key, info.Mode().Perm(), f.key)
	}
	key, err := os.ReadFile(f.key)
	if err != nil {
		return f.current, err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s%s", len(cert), cert, key))
	if sum == f.sum {
		return f.current, nil
	}
	f.sum = sum
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return f.current, city.Errorf(city.Invalid, "%s and %s: %w", f.cert, f.key, err)
	}
	if err := valid(pair.Leaf, now); err != nil {
		err = city.Errorf(city.Invalid, "%s: %w; put a valid one there", f.cert, err)
		if f.current == nil {
			f.current = &pair // a warning in the browser says more than a hub that does not start
		}
		return f.current, err
	}
	f.current = &pair
	return f.current, nil
}

func valid(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate expired on %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is valid from %s on only; is this machine's clock right?", leaf.NotBefore.UTC().Format(time.DateOnly))
	}
	return nil
}
