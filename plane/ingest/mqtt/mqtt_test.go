package mqtt_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/crypto/bcrypt"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/mqtt"
	"polity/plane/sqlite"
)

const air = `
name: air
topic: air/{device}/up
entity: {type: AirQualityObserved, id: "urn:ngsi-ld:AirQualityObserved:{device}"}
time: {path: ts, format: unix}
attributes:
  - {name: temperature, path: t, unit: CEL, min: -60, max: 60}
`

const plain = `
name: level
topic: level/{device}
payload: number
entity: {type: WaterLevel, id: "urn:ngsi-ld:WaterLevel:{device}"}
attributes: [{name: level, unit: MTR}]
`

// faulty is a store that can be away, before or after it has committed.
type faulty struct {
	plane.Store
	mu           sync.Mutex
	before, late error
}

func (f *faulty) fail(before, late error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.late = before, late
}

func (f *faulty) Write(ctx context.Context, b *plane.Batch) (plane.Result, error) {
	f.mu.Lock()
	before, late := f.before, f.late
	f.mu.Unlock()
	if before != nil {
		return plane.Result{}, before
	}
	r, err := f.Store.Write(ctx, b)
	return r, errors.Join(err, late)
}

var errAway = city.Errorf(city.Unavailable, "the database is away")

// town is an intake over a store in a temporary folder.
type town struct {
	t      *testing.T
	store  *faulty
	intake *ingest.Intake
}

func newTown(t *testing.T, dir string) *town {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &town{t: t, store: &faulty{Store: s}}
	w.intake = open(t, w.store)
	return w
}

func open(t testing.TB, s plane.Store) *ingest.Intake {
	t.Helper()
	a, err := mapping.Read("air.yaml", []byte(air))
	if err != nil {
		t.Fatal(err)
	}
	b, err := mapping.Read("level.yaml", []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	set, err := mapping.NewSet(a, b)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ingest.Open(context.Background(), ingest.Config{Store: s, Mappings: set})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// devices are two with the passwords one and two; their hashes are cheap.
func devices(t testing.TB) []mqtt.Device {
	t.Helper()
	hash := func(password string) string {
		b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return []mqtt.Device{{Name: "a-1", Password: hash("one"), Prefix: "air/a-1/"}, {Name: "all", Password: hash("two"), Prefix: "level/"}}
}

func (w *town) broker(listen string) *mqtt.Broker {
	w.t.Helper()
	b, err := mqtt.Start(mqtt.BrokerConfig{Listen: listen, Devices: devices(w.t), Taker: w.intake, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = b.Close() })
	return b
}

func (w *town) history(id string) (values []float64) {
	w.t.Helper()
	if err := w.store.History(w.t.Context(), plane.HistoryQuery{Key: plane.Key{ID: id}}, func(o plane.Observation) error {
		values = append(values, o.Value)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return values
}

const a1 = "urn:ngsi-ld:AirQualityObserved:a-1"

func reading(ago time.Duration, v float64) string {
	return fmt.Sprintf(`{"ts": %d, "t": %g}`, time.Now().Add(-ago).Unix(), v)
}

// eventually waits for a condition; what never comes fails after a minute.
func eventually(t *testing.T, what string, is func() bool, more ...func() string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			for _, m := range more {
				t.Error(m())
			}
			t.Fatalf("never: %s", what)
		}
	}
}

// device connects a device as most do it: MQTT 3.1.1, a session that is kept.
func device(t *testing.T, address, name, password string) (paho.Client, error) {
	t.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + address).SetClientID(name).SetUsername(name).SetPassword(password).
		SetCleanSession(false).SetMaxReconnectInterval(50 * time.Millisecond).SetConnectTimeout(20 * time.Second)
	c := paho.NewClient(o)
	token := c.Connect()
	if !token.WaitTimeout(30 * time.Second) {
		t.Fatal("no answer to the connection")
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c, token.Error()
}

func TestAMessageIsCommittedBeforeItIsAcknowledged(t *testing.T) {
	w := newTown(t, t.TempDir())
	b := w.broker("127.0.0.1:0")
	c, err := device(t, b.Address(), "a-1", "one")
	if err != nil {
		t.Fatal(err)
	}
	for qos := byte(1); qos <= 2; qos++ {
		token := c.Publish("air/a-1/up", qos, true, reading(time.Duration(qos)*time.Minute, 20))
		if !token.WaitTimeout(time.Minute) || token.Error() != nil {
			t.Fatalf("%v", token.Error())
		}
		if h := w.history(a1); len(h) != int(qos) { // at once: no waiting
			t.Errorf("acknowledged, and %d observations are there", len(h))
		}
	}
	c.Publish("air/a-1/up", 0, false, reading(0, 20))
	eventually(t, "a message of quality 0 arrives", func() bool { return len(w.history(a1)) == 3 })
}

func TestWhileTheStoreIsAwayNothingIsAcknowledgedAndNothingLost(t *testing.T) {
	w := newTown(t, t.TempDir())
	b := w.broker("127.0.0.1:0")
	messages := make([]string, 5)
	for n := range messages {
		messages[n] = reading(time.Duration(n)*time.Minute, float64(n))
	}
	for try, failing := range [][2]error{{errAway, nil}, {errAway, nil}, {nil, errAway}} { // the last commits, and nobody is told
		w.store.fail(failing[0], failing[1])
		d := dial(t, b.Address(), "a-1", "one")
		for n, m := range messages {
			d.publish(uint16(n+1), "air/a-1/up", m, try > 0)
		}
		if err := d.acknowledged(1); err == nil {
			t.Fatal("a message is acknowledged that may not be stored")
		}
	}
	w.store.fail(nil, nil)
	d := dial(t, b.Address(), "a-1", "one")
	for n, m := range messages {
		d.publish(uint16(n+1), "air/a-1/up", m, true)
		d.must(uint16(n + 1))
	}
	if h := w.history(a1); len(h) != 5 {
		t.Errorf("%v", h)
	}
	if n := b.Stats().Unstored; n != 3 {
		t.Errorf("%d are counted", n)
	}
}

func TestWhoMayPublishWhere(t *testing.T) {
	w := newTown(t, t.TempDir())
	b := w.broker("127.0.0.1:0")
	for name, password := range map[string]string{"a-1": "two", "all": "", "nobody": "one"} {
		if _, err := device(t, b.Address(), name, password); err == nil {
			t.Errorf("%q gets in with %q", name, password)
		}
	}
	if n := b.Stats().Denied; n < 3 {
		t.Errorf("%d are counted", n)
	}
	c, err := device(t, b.Address(), "all", "two")
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"air/a-1/up", "air/all/up", "levels/x", "level/", "$SYS/x"} {
		c.Publish(topic, 0, false, reading(0, 20))
	}
	token := c.Subscribe("#", 1, func(paho.Client, paho.Message) { t.Error("a device hears others") })
	token.WaitTimeout(time.Minute)
	if s, ok := token.(*paho.SubscribeToken); ok && s.Result()["#"] < 0x80 {
		t.Errorf("a device may subscribe: %v", s.Result())
	}
	if token := c.Publish("level/w", 1, false, "1.5"); !token.WaitTimeout(time.Minute) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	if h := w.history("urn:ngsi-ld:WaterLevel:w"); len(h) != 1 {
		t.Errorf("under its own prefix: %v", h)
	}
	if h := w.history(a1); len(h) != 0 {
		t.Errorf("a device speaks for another: %v", h)
	}
	if b.Stats().Foreign < 4 {
		t.Errorf("%+v", b.Stats())
	}
}

func TestNoDeviceTakesOverAnothersSession(t *testing.T) {
	w := newTown(t, t.TempDir())
	b := w.broker("127.0.0.1:0")
	c, err := device(t, b.Address(), "a-1", "one")
	if err != nil {
		t.Fatal(err)
	}
	o := paho.NewClientOptions().AddBroker("tcp://" + b.Address()).SetClientID("a-1").SetUsername("all").SetPassword("two")
	thief := paho.NewClient(o)
	if token := thief.Connect(); !token.WaitTimeout(time.Minute) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	defer thief.Disconnect(0)
	if token := c.Publish("air/a-1/up", 1, false, reading(0, 20)); !token.WaitTimeout(time.Minute) || token.Error() != nil || !c.IsConnectionOpen() {
		t.Errorf("%v", token.Error())
	}
	if n := b.Stats().Clients; n != 2 {
		t.Errorf("%d are connected", n)
	}
}

func TestGarbageAndHugePayloads(t *testing.T) {
	w := newTown(t, t.TempDir())
	b := w.broker("127.0.0.1:0")
	c, err := device(t, b.Address(), "a-1", "one")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "garbage", "\xff\x00", strings.Repeat("[", 100_000), `{"t": 1}`, `{"ts": 0, "t": 1}`} {
		if token := c.Publish("air/a-1/up", 1, false, body); !token.WaitTimeout(time.Minute) || token.Error() != nil {
			t.Fatalf("%.20q: %v", body, token.Error()) // acknowledged: sending it again would not help
		}
	}
	huge := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + b.Address()).SetUsername("a-1").SetPassword("one").SetAutoReconnect(false))
	if token := huge.Connect(); !token.WaitTimeout(time.Minute) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	huge.Publish("air/a-1/up", 1, false, bytes.Repeat([]byte("x"), 1<<20))
	eventually(t, "who sends too much is cut off", func() bool { return !huge.IsConnectionOpen() })
	raw, err := net.Dial("tcp", b.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := raw.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n, err := raw.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes for who does not speak MQTT", n)
	}
	if token := c.Publish("air/a-1/up", 1, false, reading(0, 20)); !token.WaitTimeout(time.Minute) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	if h := w.history(a1); len(h) != 1 {
		t.Errorf("%v", h)
	}
	if twins := w.intake.Twins(); len(twins) != 1 || twins[0].Rejected != 6 || twins[0].Taken != 1 {
		t.Errorf("%+v", twins)
	}
}

// debian runs Debian's client against the broker.
func debian(t *testing.T, b *mqtt.Broker, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath("mosquitto_pub") //nolint:misspell // its name
	if err != nil {
		t.Skip("mosquitto_pub is not installed (Debian's mosquitto-clients; setup/setup test gets it)") //nolint:misspell // its name
	}
	host, port, err := net.SplitHostPort(b.Address())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	return exec.CommandContext(ctx, path, append([]string{"-h", host, "-p", port, "-q", "1"}, args...)...).CombinedOutput()
}

func TestDebiansClientPublishes(t *testing.T) {
	w := newTown(t, t.TempDir())
	b := w.broker("127.0.0.1:0")
	for i, version := range []string{"mqttv311", "mqttv5"} {
		out, err := debian(t, b, "-V", version, "-u", "a-1", "-P", "one", "-t", "air/a-1/up", "-r", "-m", reading(time.Duration(i)*time.Minute, 21.5))
		if err != nil {
			t.Fatalf("%s: %v: %s", version, err, out)
		}
		if h := w.history(a1); len(h) != i+1 || h[i] != 21.5 {
			t.Errorf("%s: %v", version, h)
		}
		if out, err := debian(t, b, "-V", version, "-u", "a-1", "-P", "wrong", "-t", "air/a-1/up", "-m", reading(0, 1)); err == nil {
			t.Errorf("%s: a wrong password: %s", version, out)
		}
	}
	if out, _ := debian(t, b, "-V", "mqttv5", "-u", "a-1", "-P", "one", "-t", "air/a-1/up", "-m", "garbage"); !bytes.Contains(out, []byte("153")) && !bytes.Contains(out, []byte("Payload format invalid")) {
		t.Errorf("of a refused message MQTT 5 is told: %s", out)
	}
	if h := w.history(a1); len(h) != 2 {
		t.Errorf("%v", h)
	}
	e, err := w.store.Entity(t.Context(), plane.Key{ID: a1})
	if err != nil || string(e.Attribute("temperature").Value) != "21.5" || e.Attribute("temperature").Unit != "CEL" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestTLS(t *testing.T) {
	w := newTown(t, t.TempDir())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hub"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := mqtt.Start(mqtt.BrokerConfig{
		Listen: "127.0.0.1:0", Devices: devices(t), Taker: w.intake, Log: slog.New(slog.DiscardHandler),
		TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(leaf)
	for _, trusted := range []bool{true, false} {
		cfg := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		if !trusted {
			cfg.RootCAs = x509.NewCertPool()
		}
		c := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + b.Address()).SetUsername("a-1").SetPassword("one").SetTLSConfig(cfg))
		token := c.Connect()
		if !token.WaitTimeout(time.Minute) || (token.Error() == nil) != trusted {
			t.Fatalf("trusted %v: %v", trusted, token.Error())
		}
		if trusted {
			if token := c.Publish("air/a-1/up", 1, false, reading(0, 20)); !token.WaitTimeout(time.Minute) || token.Error() != nil {
				t.Fatal(token.Error())
			}
			c.Disconnect(0)
		}
	}
	if _, err := device(t, b.Address(), "a-1", "one"); err == nil {
		t.Error("it speaks without TLS too")
	}
	if h := w.history(a1); len(h) != 1 {
		t.Errorf("%v", h)
	}
}

func TestDevicesThatCannotBe(t *testing.T) {
	good := devices(t)[0]
	for want, change := range map[string]func(*mqtt.Device){
		"bcrypt":           func(d *mqtt.Device) { d.Password = "one" },
		"no device's name": func(d *mqtt.Device) { d.Name = "a/1" },
		"ends with a slash": func(d *mqtt.Device) {
			d.Prefix = "air"
		},
		"topic's beginning": func(d *mqtt.Device) { d.Prefix = "+/" },
	} {
		d := good
		change(&d)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", d, err)
		}
	}
	if err := mqtt.CheckDevices([]mqtt.Device{good, good}); err == nil {
		t.Error("twice")
	}
	if _, err := mqtt.ReadDevices("d.yaml", []byte("devices:\n  - {name: a, pasword: x}\n")); err == nil || !strings.Contains(err.Error(), `d.yaml:2: unknown key "pasword"; did you mean "password"?`) {
		t.Errorf("%v", err)
	}
}

// dying is a store that ends the program in the middle of a commit.
type dying struct {
	plane.Store
	after bool
}

func (d *dying) Write(ctx context.Context, b *plane.Batch) (plane.Result, error) {
	if !d.after {
		os.Exit(7)
	}
	defer os.Exit(7)
	return d.Store.Write(ctx, b)
}

// TestMain also is the broker that TestKilledBetweenCommitAndAcknowledgement kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BROKER_THAT_DIES"); dir != "" {
		t := &fatal{}
		s, err := sqlite.Open(context.Background(), filepath.Join(dir, "city.db"), sqlite.Config{})
		if err != nil {
			t.Fatal(err)
		}
		k := open(t, &dying{s, os.Getenv("AFTER") != ""})
		b, err := mqtt.Start(mqtt.BrokerConfig{Listen: os.Getenv("LISTEN"), Devices: devices(t), Taker: k, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(b.Address())
		time.Sleep(2 * time.Minute)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// fatal is a testing.TB of a program that is no test.
type fatal struct{ testing.TB }

func (*fatal) Helper() {}
func (*fatal) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

func TestKilledBetweenCommitAndAcknowledgement(t *testing.T) {
	for _, after := range []string{"", "1"} {
		dir := t.TempDir()
		self := exec.CommandContext(t.Context(), os.Args[0])
		self.Env = append(os.Environ(), "BROKER_THAT_DIES="+dir, "AFTER="+after, "LISTEN=127.0.0.1:0")
		out, err := self.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		self.Stderr = os.Stderr
		if err := self.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 100)
		n, err := out.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		address := strings.TrimSpace(string(line[:n]))
		// Without a time of its own: only the repetition itself says that it is one.
		d := dial(t, address, "all", "two")
		d.publish(7, "level/w", "1.5", false)
		if err := d.acknowledged(7); err == nil {
			t.Fatal("acknowledged by a broker that died before")
		}
		if err := self.Wait(); self.ProcessState.ExitCode() != 7 {
			t.Fatalf("the broker ended otherwise: %v", err)
		}
		w := newTown(t, dir)
		if n := len(w.history("urn:ngsi-ld:WaterLevel:w")); n != len(after) {
			t.Errorf("%d observations after the crash", n)
		}
		d = dial(t, w.broker("127.0.0.1:0").Address(), "all", "two")
		d.publish(7, "level/w", "1.5", true)
		d.must(7)
		if h := w.history("urn:ngsi-ld:WaterLevel:w"); len(h) != 1 {
			t.Errorf("killed after the commit %q: %v", after, h)
		}
	}
}

// BenchmarkBroker: messages of quality of service 1, committed one by one, of 16
// devices at once.
func BenchmarkBroker(b *testing.B) {
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "city.db"), sqlite.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	broker, err := mqtt.Start(mqtt.BrokerConfig{Listen: "127.0.0.1:0", Devices: devices(b), Taker: open(b, s), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer broker.Close()
	var left atomic.Int64
	left.Store(int64(b.N))
	var work sync.WaitGroup
	b.ResetTimer()
	for n := range 16 {
		work.Go(func() {
			c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + broker.Address()).SetClientID(fmt.Sprint(n)).SetUsername("all").SetPassword("two"))
			if token := c.Connect(); !token.Wait() || token.Error() != nil {
				b.Error(token.Error())
				return
			}
			defer c.Disconnect(0)
			for left.Add(-1) >= 0 {
				if token := c.Publish(fmt.Sprintf("level/w-%d", n), 1, false, "1.5"); !token.Wait() || token.Error() != nil {
					b.Error(token.Error())
				}
			}
		})
	}
	work.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
