package program_test

import (
	"crypto/sha256"
	"os"
	"testing"

	"polity/internal/program"
)

func TestHashIsThatOfTheFile(t *testing.T) {
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := program.Hash(); err != nil || sum != sha256.Sum256(file) {
		t.Errorf("%x, %v", sum, err)
	}
}
