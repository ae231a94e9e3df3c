package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
	"polity/internal/secretfile"
)

// Files of a local authority's folder.
const (
	AuthorityFile = "authority.crt" // its certificate, for everyone's devices
	authorityKey  = "authority.key" // 0600
	hubFile       = "hub.pem"       // the hub's certificate and key together, so that they change together; 0600
)

const (
	authorityYears = 10
	leafTime       = 90 * 24 * time.Hour
	renewBefore    = 30 * 24 * time.Hour
	backdate       = time.Hour // for devices whose clock is slow
)

// NewAuthority makes a local authority in a folder and the first certificate for its
// hosts, and returns the authority's. It signs for those hosts and their subdomains
// alone (name constraints, RFC 5280, 4.2.1.10), so that whoever steals its key can pose
// as the hub but as no other site to the people who trust it. Its key is P-256: browsers
// take no Ed25519. Nothing that is there is changed: the error is of kind Conflict then.
func NewAuthority(folder, name string, hosts []string, now time.Time) (*x509.Certificate, error) {
	if err := checkHosts(hosts); err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	for _, f := range []string{AuthorityFile, authorityKey, hubFile} {
		if _, err := os.Lstat(filepath.Join(folder, f)); err == nil {
			return nil, city.Errorf(city.Conflict, "%s is there already and was left as it is", filepath.Join(folder, f))
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{name}, CommonName: name + " hub authority"},
		NotBefore: now.Add(-backdate), NotAfter: now.AddDate(authorityYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: hosts,
		ExcludedIPRanges: []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyText, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(folder, authorityKey), keyText, 0o600); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(folder, AuthorityFile), certPEM(der), 0o644); err != nil {
		return nil, err
	}
	a, err := openAuthority(Local{Folder: folder, Hosts: hosts})
	if err != nil {
		return nil, err
	}
	if _, err := a.refresh(now); err != nil {
		return nil, err
	}
	return a.cert, nil
}

// local is a local authority and the certificate that it gave the hub.
type local struct {
	Local
	cert    *x509.Certificate
	key     crypto.Signer
	current *tls.Certificate
	look    bool // write nothing
}

func openAuthority(l Local) (*local, error) {
	a := &local{Local: l}
	certFile, keyFile := filepath.Join(l.Folder, AuthorityFile), filepath.Join(l.Folder, authorityKey)
	for _, f := range []string{certFile, keyFile} {
		if _, err := os.Stat(f); errors.Is(err, os.ErrNotExist) {
			return nil, city.Errorf(city.Invalid, "%s is not there; polity hub init makes an authority, or put its folder back from your backup", f)
		}
	}
	if err := secretfile.Check(keyFile); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", l.Folder, err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, city.Errorf(city.Invalid, "%s is no certificate of an authority", certFile)
	}
	for _, h := range l.Hosts {
		if !permits(pair.Leaf, h) {
			return nil, city.Errorf(city.Invalid, "the authority in %s may not sign for %s; polity hub init --host %s in another folder makes one that may", l.Folder, h, h)
		}
	}
	a.cert, a.key = pair.Leaf, signer
	return a, nil
}

// permits reports whether an authority may sign for a host.
func permits(ca *x509.Certificate, host string) bool {
	return len(ca.PermittedDNSDomains) == 0 || slices.ContainsFunc(ca.PermittedDNSDomains, func(d string) bool {
		return host == d || strings.HasSuffix(host, "."+strings.TrimPrefix(d, "."))
	})
}

// refresh returns a certificate that is valid for a while, a new one where need be. If a
// new one cannot be kept, it is good as long as the hub runs; the error says why.
func (a *local) refresh(now time.Time) (*tls.Certificate, error) {
	path := filepath.Join(a.Folder, hubFile)
	if a.current == nil {
		if pair, err := tls.LoadX509KeyPair(path, path); err == nil {
			a.current = &pair
		}
	}
	if a.good(now) {
		return a.current, nil
	}
	if err := valid(a.cert, now); err != nil {
		return a.current, city.Errorf(city.Invalid, "%s: %w; polity hub init in another folder makes a new authority", filepath.Join(a.Folder, AuthorityFile), err)
	}
	pair, text, err := a.sign(now)
	if err != nil {
		return a.current, err
	}
	a.current = pair
	if a.look {
		return pair, nil
	}
	return pair, durable.WriteFile(path, text, 0o600)
}

// good reports whether the certificate is of this authority, for these hosts, and long
// enough valid.
func (a *local) good(now time.Time) bool {
	if a.current == nil {
		return false
	}
	leaf := a.current.Leaf
	until := leaf.NotAfter.Add(-renewBefore)
	if !leaf.NotAfter.Before(a.cert.NotAfter) {
		until = leaf.NotAfter // the authority's own end: none could be longer
	}
	hosts := slices.Sorted(slices.Values(a.Hosts))
	names := slices.Sorted(slices.Values(leaf.DNSNames))
	return leaf.CheckSignatureFrom(a.cert) == nil && slices.Equal(hosts, names) && now.After(leaf.NotBefore) && now.Before(until)
}

func (a *local) sign(now time.Time) (*tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	until := now.Add(leafTime)
	if until.After(a.cert.NotAfter) {
		until = a.cert.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: a.Hosts[0]}, DNSNames: a.Hosts,
		NotBefore: now.Add(-backdate), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	keyText, err := keyPEM(key)
	if err != nil {
		return nil, nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, append(certPEM(der), keyText...), nil
}

// newSerial is a random serial number of 127 bits.
func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("keep the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
