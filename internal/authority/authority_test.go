package authority_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/city"
	"polity/internal/authority"
)

func TestFilesWithoutCertificates(t *testing.T) {
	if _, err := authority.Read(filepath.Join(t.TempDir(), "none.pem")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for name, text := range map[string]string{"empty": "", "a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "broken": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		path := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := authority.Read(path); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), path+" holds no certificate") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
