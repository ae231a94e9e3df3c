package access

import (
	"slices"
	"time"

	"polity/city"
)

// Kind is what sort of somebody asks.
type Kind uint8

// The kinds. The zero value is the public.
const (
	Public  Kind = iota
	Person       // signed in with a passkey or through the city's directory
	Program      // with a token
)

// Who is the one who asks. The zero value is the public.
type Who struct {
	Kind  Kind
	ID    string    // opaque and lasting, of the person or the token; empty for the public
	Name  string    // as colleagues know them
	Body  city.Slug // the organisation or department they work for
	Roles []Role
	// Areas and Cameras are where a role that looks may look; AllAreas stands for the
	// whole city. Policies read them, a role alone shows no scene.
	Areas   []city.Slug
	Cameras []city.Slug
	// Scope is what a program's token may do at most.
	Scope []Action
	// Session names the sign-in or token, so that it can be revoked; never a secret.
	Session string
	Since   time.Time // of the sign-in
	Purpose city.Slug // stated for the shift; empty: none yet
	// Door is set for whoever came through the demo's door, which asks for no passkey.
	Door bool
}

// AllAreas is the area that every camera is in.
const AllAreas city.Slug = "city"

// Has reports whether the one who asks has a role.
func (w Who) Has(r Role) bool { return slices.Contains(w.Roles, r) }
