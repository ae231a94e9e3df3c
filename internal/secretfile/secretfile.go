// Package secretfile reads files that nobody but their owner may read.
package secretfile

import (
	"os"
	"strings"

	"polity/city"
)

// Check refuses a file that others can read: Invalid, with what to do.
func Check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return city.Errorf(city.Invalid, "%s can be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

// Read returns what is in it.
func Read(path string) ([]byte, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Line returns the one line that is in it, without space around.
func Line(path string) (string, error) {
	b, err := Read(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	if text == "" || strings.ContainsAny(text, "\n\r") {
		return "", city.Errorf(city.Invalid, "%s does not hold one line", path)
	}
	return text, nil
}
