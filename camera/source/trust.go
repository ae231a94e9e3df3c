package source

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"polity/city"
)

// fingerprint reads the SHA-256 of a certificate in hex, with or without colons;
// nil for none.
func fingerprint(s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
	if err != nil || len(b) != sha256.Size {
		return nil, city.Errorf(city.Invalid, "certificate: give its SHA-256 as 64 hexadecimal digits, as the camera's own page shows it")
	}
	return b, nil
}

var errCertificate = errors.New("the camera's certificate is another than the one in the configuration: somebody may sit in between")

// trust says which certificate an RTSPS camera must have.
func (s *Source) trust() *tls.Config {
	want, err := fingerprint(s.cfg.Certificate)
	if want == nil || err != nil { // New has refused what cannot be read
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // the very certificate is checked below
		VerifyConnection: func(c tls.ConnectionState) error {
			if len(c.PeerCertificates) == 0 {
				return errCertificate
			}
			if sum := sha256.Sum256(c.PeerCertificates[0].Raw); !bytes.Equal(sum[:], want) {
				return errCertificate
			}
			return nil
		},
	}
}

// explainCertificate says how to trust a camera that signs for itself.
func (s *Source) explainCertificate(err *tls.CertificateVerificationError) error {
	if len(err.UnverifiedCertificates) == 0 {
		return err
	}
	why := "no authority that this machine trusts has signed the camera's certificate"
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		why = "the camera's certificate is for another name"
	}
	sum := sha256.Sum256(err.UnverifiedCertificates[0].Raw)
	return fmt.Errorf("%s; if its SHA-256 on the camera's own page is %x, set certificate to that", why, sum)
}
