package service

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/plane"
)

// Module is a kind of service, as the program lists it.
type Module struct {
	Name city.Slug
	// New makes the service out of its part of the configuration (YAML; empty: its
	// defaults). Errors say which line is wrong, and what to do.
	New func(config []byte, d Deps) (Service, error)
	// Check says what is wrong with that part, and opens no file that it names. Nil: New alone does.
	Check func(config []byte) error
}

// Find returns the module of a name among those that a program has.
func Find(modules []Module, name city.Slug) (Module, error) {
	var known []string
	for _, m := range modules {
		if m.Name == name {
			return m, nil
		}
		known = append(known, string(m.Name))
	}
	hint := ""
	if near := strictyaml.Nearest(string(name), known); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return Module{}, city.Errorf(city.Invalid, "hub.services.%s: there is no such service; there are: %s%s", name, strings.Join(known, ", "), hint)
}

// Service is a running service. What it knows, it writes into the city's data; what its
// pages show besides, they ask it by methods of its own.
type Service interface {
	// Run works until ctx ends, and returns nil then. After an error it is begun again,
	// later and later.
	Run(ctx context.Context) error
	// State says how it is now. It answers at once.
	State() State
}

// Health is how well a service is.
type Health string

// How well.
const (
	Well    Health = "well"
	Trouble Health = "trouble" // it works, and somebody should look
	Stopped Health = "stopped" // it does not work
)

// State is how a service is, in one line of a page.
type State struct {
	Health    Health
	Message   string // key of the page's texts, below services.NAME.
	Values    []any  // name, value, name, value: what stands in the message
	Simulated bool   // what it works on is made up
	At        time.Time
}

// Deps is what a service is given. It has nothing else: no device, no network of its own
// choosing, no other service.
type Deps struct {
	Data      plane.Store
	Decisions Decisions // of this service alone
	Orders    Orders    // the same; nil: the city keeps no work orders
	Dir       string    // a folder of its own; made by whoever first needs it
	Log       *slog.Logger
	Now       func() time.Time
}

// Proposal is a decision with what a person needs to answer it (docs/formats/decisions.md).
type Proposal struct {
	Decision
	Do     string          `json:"do"`               // what is to be done: one sentence
	Effect string          `json:"effect,omitempty"` // what it is expected to change
	Until  time.Time       `json:"until"`            // nobody can agree after it
	Detail json.RawMessage `json:"detail,omitempty"` // for the service alone, at most MaxDetail
}

// MaxDetail is the most that the detail of a decision may have, in bytes.
const MaxDetail = 64 << 10

// Due is what a service has to do now.
type Due struct {
	Proposal
	Undo bool   // a person overrode it
	By   string // name of the person who agreed, or who overrode it; empty: a program, inside registered limits
}

// Decisions is a service's way to act. What it acknowledges is on disk.
type Decisions interface {
	// Propose puts a decision before people; a bounded one is due at once. The same one
	// again changes nothing; another one under its id is a Conflict.
	Propose(ctx context.Context, p Proposal) error
	// Withdraw ends one that is moot, with the reason. One that was answered stays: Conflict.
	Withdraw(ctx context.Context, id, reason string) error
	// Due returns what was accepted and not applied, or overridden and not reverted, the
	// oldest first.
	Due(ctx context.Context) ([]Due, error)
	// Done tells that what was due is done. If a person overrode it meanwhile, it is due
	// again, to be undone.
	Done(ctx context.Context, d Due) error
	// Failed tells that it could not be done, and why.
	Failed(ctx context.Context, d Due, reason string) error
	// Changed is closed at the next change of any decision of this service.
	Changed() <-chan struct{}
}
