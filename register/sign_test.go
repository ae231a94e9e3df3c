package register_test

import (
	"strings"
	"testing"

	"polity/register"
)

// TestABadCityKeyIsNotRepeated: it may be the private one.
func TestABadCityKeyIsNotRepeated(t *testing.T) {
	private, _, err := register.NewKey("city.example/cameras")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{strings.TrimSpace(private), "s3cret+s3cret+s3cret"} {
		if _, err := register.ParseKeys([]string{text}); err == nil || strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error is %v", err)
		}
	}
}
