// Package authority reads the certificates of those who sign others', from files that a
// configuration names.
package authority

import (
	"crypto/x509"
	"os"

	"polity/city"
)

// Read reads a file of certificates in PEM form. The error is that of the file, or of kind
// Invalid if there is no certificate in it.
func Read(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, city.Errorf(city.Invalid, "%s holds no certificate in PEM form", path)
	}
	return pool, nil
}
