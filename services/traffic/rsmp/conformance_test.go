package rsmp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas loads RSMP Nordic's published schemas from $POLITY_RSMP_SCHEMAS, or from
// where the reference data lies beside the project.
func schemas(t *testing.T) (compile func(path string) *jsonschema.Schema) {
	t.Helper()
	dir := os.Getenv("POLITY_RSMP_SCHEMAS")
	if dir == "" {
		dir = "../../../../shared/data/rsmp/schemas"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "core")); err != nil {
		t.Skipf("RSMP's published schemas are not at %s; name their folder in POLITY_RSMP_SCHEMAS", dir)
	}
	return func(path string) *jsonschema.Schema {
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft7)
		c.UseLoader(loader{})
		c.UseRegexpEngine(rubyPattern)
		s, err := c.Compile("file://" + filepath.ToSlash(filepath.Join(dir, path)))
		if err != nil {
			t.Fatalf("compile %s: %v", path, err)
		}
		return s
	}
}

// loader reads schema files. Some write a union of types as the one string "string,
// null", which no draft of JSON Schema knows; it is read as what it means.
type loader struct{}

func (loader) Load(url string) (any, error) {
	text, err := os.ReadFile(strings.TrimPrefix(url, "file://"))
	if err != nil {
		return nil, err
	}
	text = bytes.ReplaceAll(text, []byte(`"string, null"`), []byte(`["string", "null"]`))
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// rubyPattern reads patterns as Ruby prints them, which ECMA 262 does not know. One
// that only Ruby can run matches nothing here: a message that needed it would fail.
func rubyPattern(text string) (jsonschema.Regexp, error) {
	if _, rest, found := strings.Cut(text, "(?<item>"); found { // a group that is called again
		item, _, _ := strings.Cut(rest, ")(")
		text = strings.ReplaceAll(text, `\g<item>`, strings.TrimSuffix(item, ")"))
	}
	re, err := regexp.Compile(strings.ReplaceAll(text, "(?-mix:", "(?:"))
	if err != nil {
		return nothing(text), nil //nolint:nilerr // see above
	}
	return re, nil
}

type nothing string

func (nothing) MatchString(string) bool { return false }
func (n nothing) String() string        { return string(n) }

// TestConformance validates every message that both ends send, in a conversation with
// wishes, refusals, alarms and a break, against every version of the core schema that
// is spoken and the schema for traffic light controllers.
func TestConformance(t *testing.T) {
	compile := schemas(t)
	checks := map[string]*jsonschema.Schema{}
	for _, v := range versions {
		checks["core "+v] = compile("core/" + v + "/rsmp.json")
	}
	for _, v := range []string{"1.1.0", "1.2.1"} {
		checks["tlc "+v] = compile("tlc/" + v + "/rsmp.json")
	}
	var said []string
	synctest.Test(t, func(t *testing.T) {
		b, seen, _ := timed(t)
		b.sup.Events.Logics = func(string, string, time.Time) {}
		stop := b.run()
		time.Sleep(10 * time.Second)
		r := change(b, 3)
		if _, err := b.sup.Retime("crossroads", r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		b.note(func() {
			if !seen.InEffect(&r) {
				t.Errorf("%+v", seen)
			}
		})
		for _, p := range []Priority{{ID: "bus-1", Group: "V1", Level: 7, Arrives: 9, Vehicle: "bus"}, {ID: "bus-1", Level: 7, Cancel: true}} {
			if err := b.sup.Prioritise("crossroads", &p); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			if err := b.sup.Wish("crossroads", b.site.n.Junctions[0].Stages[0].Groups); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		b.sup.Code = "guessed"
		if err := b.sup.Wish("crossroads", 0); err != nil {
			t.Fatal(err)
		}
		b.site.Raise(Alarm{Component: "crossroads", Code: "A0101", Active: true, At: time.Now()})
		time.Sleep(2 * time.Minute)
		b.note(func() { b.down = true; b.cut() })
		time.Sleep(time.Minute)
		b.site.Raise(Alarm{Component: "crossroads", Code: "A0101", At: time.Now()})
		b.note(func() { b.down = false })
		time.Sleep(2 * time.Minute)
		stop()
		said = b.tape.messages()
	})
	kinds := map[Kind]int{}
	for _, text := range said {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var m Message
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		kinds[m.Kind]++
		for name, schema := range checks {
			if err := schema.Validate(value); err != nil {
				t.Fatalf("%s: %s\n%v", name, text, err)
			}
		}
	}
	for _, k := range []Kind{KindVersion, KindWatchdog, KindAck, KindNotAck, KindAggregatedStatus, KindAlarm, KindCommandRequest, KindCommandResponse, KindStatusSubscribe, KindStatusUpdate} {
		if kinds[k] == 0 {
			t.Errorf("the conversation had no %s", k)
		}
	}
	t.Logf("%d messages valid under %d schemas: %v", len(said), len(checks), kinds)
}

// TestOverTLS: a site with a certificate of the city's authority is attended, one
// without is not.
func TestOverTLS(t *testing.T) {
	pool, cert := authority(t)
	b := newBench(t)
	connected := make(chan bool, 10)
	b.sup.Events = Events{Connected: func(_ string, up bool, _ string) { connected <- up }}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.sup.Serve(b.ctx, l) }()
	stranger, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "polity"})
	if err == nil {
		// TLS 1.3 tells the client of the refusal only when it reads.
		if _, err = stranger.Read(make([]byte, 1)); err == nil {
			t.Error("a stranger was heard")
		}
		stranger.Close()
	}
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: "polity", Certificates: []tls.Certificate{cert}}}
	conn, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = b.site.talk(b.ctx, conn) }() // ends with the test
	if up := <-connected; !up {
		t.Error("the site's connection broke off")
	}
	b.stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the supervisor ended with %v", err)
	}
}

// authority makes a certificate that is its own authority.
func authority(t *testing.T) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"polity"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return pool, tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}
