package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/city"
)

func TestLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if _, err := Line(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	for text, want := range map[string]string{"abc": "abc", " abc \r\n": "abc", "": "", "\n": "", "a\nb": ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Line(path)
		if got != want || (err == nil) != (want != "") || err != nil && city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}
