package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"polity/city"
)

// local0 is a front with a new local authority.
func local0(t *testing.T, now *clock, hosts ...string) (*Front, *x509.Certificate, Config) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "authority")
	ca, err := NewAuthority(folder, "Helsinki", hosts, now.at)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Authority: &Local{Folder: folder, Hosts: hosts}}
	f, err := Open(c, Deps{Listen: "0.0.0.0:443", Now: now.now})
	if err != nil {
		t.Fatal(err)
	}
	return f, ca, c
}

func TestALocalAuthority(t *testing.T) {
	now := &clock{time.Now()}
	f, ca, c := local0(t, now, "hub.city.example")
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	res, err := over(t, f, &tls.Config{RootCAs: roots, ServerName: "hub.city.example"})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if _, err := over(t, f, &tls.Config{RootCAs: roots, ServerName: "elsewhere.example"}); err == nil {
		t.Error("the hub passes for another host")
	}
	for name, want := range map[string]os.FileMode{".": 0o700, authorityKey: 0o600, hubFile: 0o600, AuthorityFile: 0o644} {
		info, err := os.Stat(filepath.Join(c.Authority.Folder, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
	text, _ := os.ReadFile(filepath.Join(c.Authority.Folder, AuthorityFile))
	if strings.Contains(string(text), "PRIVATE") {
		t.Error("what goes to everyone's devices holds a key")
	}
	if _, err := NewAuthority(c.Authority.Folder, "Helsinki", []string{"hub.city.example"}, now.at); city.KindOf(err) != city.Conflict {
		t.Errorf("a second authority in the same folder: %v", err)
	}
}

// TestAStolenAuthoritySignsForNobodyElse signs with its key as a thief would.
func TestAStolenAuthoritySignsForNobodyElse(t *testing.T) {
	now := &clock{time.Now()}
	_, ca, c := local0(t, now, "hub.city.example")
	a, err := openAuthority(*c.Authority)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		forged x509.Certificate
		as     x509.VerifyOptions
		good   bool
	}{
		"the hub":             {x509.Certificate{DNSNames: []string{"hub.city.example"}}, x509.VerifyOptions{DNSName: "hub.city.example"}, true},
		"a bank":              {x509.Certificate{DNSNames: []string{"bank.example"}}, x509.VerifyOptions{DNSName: "bank.example"}, false},
		"the hub and a bank":  {x509.Certificate{DNSNames: []string{"hub.city.example", "bank.example"}}, x509.VerifyOptions{DNSName: "bank.example"}, false},
		"the city's own site": {x509.Certificate{DNSNames: []string{"city.example"}}, x509.VerifyOptions{DNSName: "city.example"}, false},
		"an address":          {x509.Certificate{IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}}, x509.VerifyOptions{DNSName: "10.0.0.1"}, false},
		"an IPv6 address":     {x509.Certificate{IPAddresses: []net.IP{net.ParseIP("2001:db8::1")}}, x509.VerifyOptions{DNSName: "2001:db8::1"}, false},
		"a program's maker":   {x509.Certificate{DNSNames: []string{"hub.city.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, false},
		"a mail's writer":     {x509.Certificate{EmailAddresses: []string{"mayor@city.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}, x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}, false},
	} {
		forged := &c.forged
		forged.SerialNumber, forged.NotBefore, forged.NotAfter = big.NewInt(7), now.at.Add(-time.Hour), now.at.Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, forged, ca, key.Public(), a.key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		c.as.Roots = x509.NewCertPool()
		c.as.Roots.AddCert(ca)
		if _, err := cert.Verify(c.as); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nor can it make another authority.
	sub := &x509.Certificate{SerialNumber: big.NewInt(8), NotBefore: now.at.Add(-time.Hour), NotAfter: now.at.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, sub, ca, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	middle, _ := x509.ParseCertificate(der)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(9), NotBefore: now.at.Add(-time.Hour), NotAfter: now.at.Add(time.Hour), DNSNames: []string{"hub.city.example"}}
	der, err = x509.CreateCertificate(rand.Reader, leaf, middle, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := x509.ParseCertificate(der)
	as := x509.VerifyOptions{DNSName: "hub.city.example", Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	as.Roots.AddCert(ca)
	as.Intermediates.AddCert(middle)
	if _, err := end.Verify(as); err == nil {
		t.Error("an authority under it counts")
	}
}

func TestTheCertificateRenewsItself(t *testing.T) {
	now := &clock{time.Now()}
	f, ca, c := local0(t, now, "hub.city.example")
	first := shown(t, f)
	if life := first.NotAfter.Sub(now.at).Round(time.Hour); life != 90*24*time.Hour {
		t.Errorf("it lasts %v", life)
	}
	again, err := Open(c, Deps{Listen: "0.0.0.0:443", Now: now.now})
	if err != nil || !shown(t, again).Equal(first) {
		t.Errorf("another certificate after a restart, %v", err)
	}
	now.at = now.at.Add(59 * 24 * time.Hour)
	if _ = f.look(); !shown(t, f).Equal(first) {
		t.Error("renewed long before its end")
	}
	now.at = now.at.Add(2 * 24 * time.Hour)
	if err := f.look(); err != nil || shown(t, f).Equal(first) || shown(t, f).CheckSignatureFrom(ca) != nil {
		t.Errorf("not renewed thirty days before its end: %v", err)
	}
	second := shown(t, f)
	if again, err = Open(c, Deps{Listen: "0.0.0.0:443", Now: now.now}); err != nil || !shown(t, again).Equal(second) {
		t.Errorf("the new one was not kept: %v", err)
	}
	// A clock that stood at 1970 and is set right.
	now.at = time.Unix(0, 0)
	_ = f.look()
	now.at = time.Now()
	if err := f.look(); err != nil || valid(shown(t, f), now.at) != nil {
		t.Errorf("after the clock was set right: %v", err)
	}
	// Near the authority's own end its certificates end with it, and after it nothing
	// counts.
	now.at = ca.NotAfter.Add(-24 * time.Hour)
	if err := f.look(); err != nil || shown(t, f).NotAfter.After(ca.NotAfter) || valid(shown(t, f), now.at) != nil {
		t.Errorf("a day before the authority's end: %v until %v", err, shown(t, f).NotAfter)
	}
	last := shown(t, f)
	if err := f.look(); err != nil || !shown(t, f).Equal(last) {
		t.Errorf("a new one with each look: %v", err)
	}
	now.at = ca.NotAfter.Add(time.Hour)
	if err := f.look(); err == nil || !strings.Contains(err.Error(), "polity hub init") {
		t.Errorf("after the authority's end: %v", err)
	}
}

func TestAuthoritiesThatAreWrong(t *testing.T) {
	now := &clock{time.Now()}
	for want, change := range map[string]func(c *Local){
		"is not there":     func(c *Local) { c.Folder += "/elsewhere" },
		"may not sign for": func(c *Local) { c.Hosts = []string{"other.city.example"} },
		"chmod 600":        func(c *Local) { _ = os.Chmod(filepath.Join(c.Folder, authorityKey), 0o640) },
		"is no certificate of": func(c *Local) {
			cert, key := made(t, t.TempDir(), now.at, now.at.Add(time.Hour), "x")
			move(t, cert, c.Folder, AuthorityFile)
			move(t, key, c.Folder, authorityKey)
		},
		"does not match": func(c *Local) {
			_, key := made(t, t.TempDir(), now.at, now.at.Add(time.Hour), "x")
			move(t, key, c.Folder, authorityKey)
		},
		"authority.key is not":  func(c *Local) { _ = os.Remove(filepath.Join(c.Folder, authorityKey)) },
		"failed to find any PE": func(c *Local) { put(t, filepath.Join(c.Folder, AuthorityFile), "nothing", 0o644) },
	} {
		_, _, c := local0(t, now, "hub.city.example")
		change(c.Authority)
		if _, err := Open(c, Deps{Listen: "0.0.0.0:443", Now: now.now}); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	// What is broken beside it is made anew.
	f, _, c := local0(t, now, "hub.city.example")
	first := shown(t, f)
	put(t, filepath.Join(c.Authority.Folder, hubFile), "broken", 0o600)
	if f, err := Open(c, Deps{Listen: "0.0.0.0:443", Now: now.now}); err != nil || shown(t, f).Equal(first) {
		t.Errorf("with a broken certificate: %v", err)
	}
	// Looking writes nothing, whoever looks.
	if err := os.Remove(filepath.Join(c.Authority.Folder, hubFile)); err != nil {
		t.Fatal(err)
	}
	if words, err := Inspect(c, "0.0.0.0:443", now.at); err != nil || !strings.Contains(words, "hub.city.example") {
		t.Errorf("inspected: %q, %v", words, err)
	}
	if _, err := os.Stat(filepath.Join(c.Authority.Folder, hubFile)); err == nil {
		t.Error("looking wrote a certificate")
	}
	for _, hosts := range [][]string{nil, {"192.0.2.1"}, {"Hub.city.example"}, {"hub.city.example:443"}, {"*.city.example"}, {"https://hub.city.example"}, {"hub..example"}, {"a", "a"}, {""}, {strings.Repeat("a.", 130) + "b"}, {"-a.example"}} {
		if _, err := NewAuthority(t.TempDir(), "Helsinki", hosts, now.at); city.KindOf(err) != city.Invalid {
			t.Errorf("for %q: %v", hosts, err)
		}
	}
}

func move(t *testing.T, from, folder, name string) {
	t.Helper()
	if err := os.Rename(from, filepath.Join(folder, name)); err != nil {
		t.Fatal(err)
	}
}

func TestFingerprintsInWords(t *testing.T) {
	// Examples of Wilkerson's proposal: IPv4 addresses as two words.
	for address, want := range map[string]string{"127.0.0.1": "lusab babad", "63.84.220.193": "gutih tugad", "12.110.110.204": "budov kuras"} {
		ip := net.ParseIP(address).To4()
		if got := proquint(uint16(ip[0])<<8|uint16(ip[1])) + " " + proquint(uint16(ip[2])<<8|uint16(ip[3])); got != want {
			t.Errorf("%s is %q, want %q", address, got, want)
		}
	}
	_, ca, _ := local0(t, &clock{time.Now()}, "hub.city.example")
	hexa, words := Fingerprint(ca)
	if !regexp.MustCompile(`^([b-z][aiou][b-z][aiou][b-z] ){7}[b-z][aiou][b-z][aiou][b-z]$`).MatchString(words) {
		t.Errorf("in words it is %q", words)
	}
	if b, err := hex.DecodeString(strings.ReplaceAll(hexa, ":", "")); err != nil || len(b) != 32 {
		t.Errorf("it is %q, %v", hexa, err)
	}
	_, other, _ := local0(t, &clock{time.Now()}, "hub.city.example")
	if _, same := Fingerprint(other); same == words {
		t.Error("two authorities have the same words")
	}
}
