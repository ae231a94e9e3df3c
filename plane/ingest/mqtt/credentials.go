package mqtt

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/plane/ingest/mapping"
)

// Device is one that may connect to the broker, or a gateway that speaks for several.
type Device struct {
	Name     string `yaml:"name"`     // its user name
	Password string `yaml:"password"` // bcrypt, as 'polity ingest secret' prints it
	// Prefix begins every topic that it may publish to; empty: NAME/. It ends with a
	// slash.
	Prefix string `yaml:"prefix"`
}

// prefix is what its topics begin with.
func (d Device) prefix() string {
	if d.Prefix == "" {
		return d.Name + "/"
	}
	return d.Prefix
}

// maxBcryptCost keeps one sign-in from taking minutes of a processor.
const maxBcryptCost = 14

// Check reports what is wrong with a device's entry.
func (d Device) Check() error {
	if err := mapping.CheckDevice(d.Name); err != nil {
		return err
	}
	cost, err := bcrypt.Cost([]byte(d.Password))
	switch {
	case err != nil:
		return city.Errorf(city.Invalid, "device %s: the password is not a bcrypt hash; 'polity ingest secret' prints one", d.Name)
	case cost > maxBcryptCost:
		return city.Errorf(city.Invalid, "device %s: the password's bcrypt cost is %d; at most %d", d.Name, cost, maxBcryptCost)
	case !strings.HasSuffix(d.prefix(), "/") || len(d.prefix()) < 2 || strings.ContainsAny(d.prefix(), "+#$\x00"):
		return city.Errorf(city.Invalid, "device %s: the prefix %q is not a topic's beginning that ends with a slash, such as air/%s/", d.Name, d.Prefix, d.Name)
	}
	return nil
}

// CheckDevices reports what is wrong with a list.
func CheckDevices(list []Device) error {
	seen := map[string]bool{}
	for _, d := range list {
		if err := d.Check(); err != nil {
			return err
		}
		if seen[d.Name] {
			return city.Errorf(city.Invalid, "the device %s stands there twice", d.Name)
		}
		seen[d.Name] = true
	}
	return nil
}

// ReadDevices reads a file of them: a list under the key devices.
func ReadDevices(name string, text []byte) ([]Device, error) {
	var f struct {
		Devices []Device `yaml:"devices"`
	}
	if err := strictyaml.Decode(name, text, &f); err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	if err := CheckDevices(f.Devices); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
	}
	return f.Devices, nil
}

// credentials checks passwords. One that was right is remembered by a keyed digest, so
// that a thousand devices can come back at once.
type credentials struct {
	devices map[string]Device
	key     [32]byte
	turns   chan struct{} // passwords being computed

	mu    sync.Mutex
	right map[string][32]byte
}

func newCredentials(list []Device) *credentials {
	c := &credentials{devices: map[string]Device{}, turns: make(chan struct{}, 2), right: map[string][32]byte{}}
	_, _ = rand.Read(c.key[:]) // never fails (crypto/rand)
	for _, d := range list {
		c.devices[d.Name] = d
	}
	return c
}

func (c *credentials) check(name string, password []byte) bool {
	d, ok := c.devices[name]
	if !ok || len(password) == 0 || len(password) > 72 { // 72: what bcrypt looks at
		return false
	}
	h := hmac.New(sha256.New, c.key[:])
	h.Write([]byte(name + "\x00"))
	h.Write(password)
	digest := [32]byte(h.Sum(nil))
	c.mu.Lock()
	known := c.right[name]
	c.mu.Unlock()
	if hmac.Equal(known[:], digest[:]) {
		return true
	}
	c.turns <- struct{}{}
	err := bcrypt.CompareHashAndPassword([]byte(d.Password), password)
	<-c.turns
	if err != nil {
		return false
	}
	c.mu.Lock()
	c.right[name] = digest
	c.mu.Unlock()
	return true
}

// may says whether a device may publish to a topic.
func (c *credentials) may(name, topic string) bool {
	d, ok := c.devices[name]
	return ok && strings.HasPrefix(topic, d.prefix()) && len(topic) > len(d.prefix())
}

// Hash makes the hash of a password for Device.Password.
func Hash(password string) (string, error) {
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	return string(b), err
}
