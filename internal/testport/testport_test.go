package testport_test

import (
	"net"
	"testing"

	"polity/internal/testport"
)

func TestAnAddressIsOneTestsAlone(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		a := testport.Address(t)
		if seen[a] {
			t.Errorf("%s comes twice", a)
		}
		seen[a] = true
		for range 2 { // and once more after it was left
			l, err := net.Listen("tcp", a)
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
		}
	}
	var first string
	t.Run("a test that ends", func(t *testing.T) { first = testport.Address(t) })
	again := false
	for range 20 {
		again = again || testport.Address(t) == first
	}
	if !again {
		t.Error("what a test held is lost once it has ended")
	}
}
