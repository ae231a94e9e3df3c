package hub

import (
	"net/http"
	"testing"

	"polity/access"
	"polity/access/policy"
)

// nobodySignsIn has the shipped policies and no accounts.
type nobodySignsIn struct{ *policy.Policies }

func (nobodySignsIn) Who(*http.Request) (access.Who, error) { return access.Who{}, nil }

func (nobodySignsIn) Ended(string) <-chan struct{} { return nil }

func shippedOnly(t *testing.T) nobodySignsIn {
	t.Helper()
	p, err := policy.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return nobodySignsIn{p}
}
