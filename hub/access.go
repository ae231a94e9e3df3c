package hub

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"path/filepath"

	"polity/access"
	"polity/console"
	"polity/internal/durable"
)

// Access is who may do what.
type Access struct {
	// TrustLoopback lets every program on the hub's machine read and write the city's
	// data through its interfaces without a token.
	TrustLoopback bool `yaml:"trust_loopback"`
}

// makeMachineToken writes this start's token for commands on this machine.
func (h *Hub) makeMachineToken() error {
	secret := rand.Text()
	h.machine = sha256.Sum256([]byte(secret))
	return durable.WriteFile(filepath.Join(h.cfg.Data, MachineTokenFile), []byte(secret+"\n"), 0o600)
}

// machine is who sits at the hub's own machine: until sign-in exists it may do everything.
type machine struct{}

// Who implements console.Access.
func (machine) Who(r *http.Request) (access.Who, error) {
	if !access.OnLoopback(r) {
		return access.Who{}, nil
	}
	return access.Who{Kind: access.Person, ID: "machine", Name: "this machine", Body: "city"}, nil
}

// Decide implements access.Decider.
func (machine) Decide(who access.Who, do access.Action, _ access.Thing, _ access.Circumstances) access.Decision {
	return access.Decision{Allowed: who.Kind == access.Person || do == access.ReadPublic || do == access.SignIn, Why: "Only who sits at the machine itself has this right."}
}

// noBook is for that person alone.
type noBook struct{}

// Begin implements console.Looks.
func (noBook) Begin(context.Context, console.Look) (func(), error) { return func() {}, nil }
