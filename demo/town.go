package demo

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"polity/city"
	"polity/edge"
	"polity/internal/durable"
	"polity/register"
	"polity/spine"
)

// town is the folder with everything that the demo keeps.
type town struct {
	dir    string
	unlock func()
	fresh  bool // made by this start

	cityKey  string // public half
	edgeKey  string // public half
	password string // of the camera
}

func (t *town) path(parts ...string) string {
	return filepath.Join(append([]string{t.dir}, parts...)...)
}

// openTown makes what is missing in the folder: keys, the camera's password, and its
// signed entry. Only one demo at a time uses it.
func openTown(dir string, now time.Time) (t *town, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	t = &town{dir: dir}
	for _, sub := range []string{"", "keys", "register"} {
		if err := os.MkdirAll(t.path(sub), 0o700); err != nil {
			return nil, city.Errorf(city.Invalid, "the demo cannot keep its data in %s: %w; name another folder with --data", dir, err)
		}
	}
	if err := t.lock(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			t.unlock()
		}
	}()
	if err := errors.Join(t.readKeys(), t.readPassword()); err != nil {
		return nil, err
	}
	return t, t.readEntry(now)
}

func (t *town) lock() error {
	f, err := os.OpenFile(t.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return city.Errorf(city.Invalid, "the demo cannot keep its data in %s: %w; name another folder with --data", t.dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return city.Errorf(city.Unavailable, "another demo runs with the data in %s; stop it, or name another folder with --data", t.dir)
	}
	t.unlock = func() { f.Close() }
	if err := os.Remove(t.path(addressFile)); err != nil && !errors.Is(err, os.ErrNotExist) { // of one that was killed
		t.unlock()
		return err
	}
	return nil
}

// readKeys reads the city's and the edge's key, or makes them. The public half of
// the city's is written first: where the private one is, both are.
func (t *town) readKeys() error {
	public := t.path("keys", "city.key.pub")
	if _, err := t.secret("city.key", func() (string, error) {
		private, text, err := register.NewKey("helsinki.example/demo")
		if err != nil {
			return "", err
		}
		return private, durable.WriteFile(public, []byte(text+"\n"), 0o644)
	}); err != nil {
		return err
	}
	b, err := os.ReadFile(public)
	if err != nil {
		return fmt.Errorf("%w; remove the folder %s to begin anew", err, t.dir)
	}
	t.cityKey = strings.TrimSpace(string(b))
	seed, err := t.secret("edge.key", func() (string, error) {
		seed, _, err := spine.NewKey()
		return seed, err
	})
	if err != nil {
		return err
	}
	if t.edgeKey, err = spine.PublicKey(seed); err != nil {
		return fmt.Errorf("%s: %w; remove the folder %s to begin anew", t.path("keys", "edge.key"), err, t.dir)
	}
	return nil
}

func (t *town) readPassword() (err error) {
	t.password, err = t.secret("square.password", func() (string, error) { return rand.Text(), nil })
	return err
}

// secret reads a file of one line that only its owner may read, and makes it the
// first time.
func (t *town) secret(name string, make func() (string, error)) (string, error) {
	path := t.path("keys", name)
	b, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	text, err := make()
	if err != nil {
		return "", err
	}
	t.fresh = true
	return text, durable.WriteFile(path, []byte(text+"\n"), 0o600)
}

// readEntry checks the camera's entry as the edge will, and signs one when there is
// none that holds for some time to come.
func (t *town) readEntry(now time.Time) error {
	keys, err := register.ParseKeys([]string{t.cityKey})
	if err != nil {
		return err
	}
	recorder, err := edge.RecorderKey(edge.Config{Data: t.path("edge")})
	if err != nil {
		return err
	}
	decided := decision(now, recorder)
	folder := register.Folder{Dir: t.path("register"), Keys: keys}
	if signed, err := folder.Load(cameraName); err == nil && signed.For(cameraName, edgeName, now) == nil && signed.Until.Sub(now) > renewal &&
		signed.Retention == decided.Retention && signed.Class == decided.Class && bytes.Equal(signed.Recorder, decided.Recorder) {
		return nil
	}
	file, err := os.ReadFile(t.path("keys", "city.key"))
	if err != nil {
		return err
	}
	signer, err := register.ReadKey(file, nil)
	if err != nil {
		return err
	}
	signed, err := register.Sign(decided, signer)
	if err != nil {
		return err
	}
	return durable.WriteFile(t.path("register", cameraName+".entry"), signed, 0o644)
}
