package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issuer signs certificates for a test, into files of a folder.
type issuer struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newIssuer(t *testing.T, name string) *issuer {
	t.Helper()
	a := &issuer{dir: t.TempDir()}
	a.cert, a.key = a.sign(t, name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.file = filepath.Join(a.dir, name+".pem")
	return a
}

// sign makes NAME.pem and NAME.key.
func (a *issuer) sign(t *testing.T, name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(a.dir, name+file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed, key
}

// own is what somebody who trusts an authority shows.
func (a *issuer) own(t *testing.T, name string, trusted *issuer) certificates {
	t.Helper()
	a.sign(t, name, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	return certificates{ca: trusted.file, cert: filepath.Join(a.dir, name+".pem"), key: filepath.Join(a.dir, name+".key")}
}

// args are the flags for what is set.
func (c certificates) args() []string {
	var list []string
	for _, f := range [][2]string{{"--ca", c.ca}, {"--cert", c.cert}, {"--key", c.key}} {
		if f[1] != "" {
			list = append(list, f[0], f[1])
		}
	}
	return list
}

// polityRun runs a command line and returns what it printed.
func polityRun(ctx context.Context, errs io.Writer, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(errs)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func TestStationOverTLS(t *testing.T) {
	utility, stranger := newIssuer(t, "utility"), newIssuer(t, "stranger")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := polityRun(ctx, write, append([]string{"power", "iec104", "simulate", "127.0.0.1:0", "--station", "7"}, utility.own(t, "station", utility).args()...)...)
		write.Close()
		ended <- err
	}()
	lines := bufio.NewReader(read)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, lines) //nolint:errcheck // what else it says
	address, _, _ := strings.Cut(line[strings.Index(line, "127."):], ";")

	for name, c := range map[string]struct {
		own  certificates
		want string // of the error, empty if it reads
	}{
		"known":               {utility.own(t, "hub", utility), ""},
		"a stranger's client": {stranger.own(t, "hub", utility), "certificate"},
		"another's station":   {utility.own(t, "hub2", stranger), "unknown authority"},
		"no certificate":      {certificates{ca: utility.file}, "belong together"},
		"in the clear":        {certificates{}, ""},
	} {
		out, err := polityRun(ctx, io.Discard, append([]string{"power", "iec104", "read", address, "--station", "7"}, c.own.args()...)...)
		switch {
		case name == "in the clear":
			if err == nil || strings.Contains(out, "118.5") {
				t.Errorf("%s: read %q, %v", name, out, err)
			}
		case c.want == "":
			if err != nil || !strings.Contains(out, "200,") || !strings.Contains(out, "118.5") {
				t.Errorf("%s: read %q, %v", name, out, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(out, "118.5"):
			t.Errorf("%s: read %q, %v; want %q", name, out, err, c.want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
