package city

import (
	"fmt"
	"strings"
)

// A Slug is a short name that people give to something they registered: a
// camera, an edge, a zone. It is lower-case ASCII letters, digits and single
// hyphens, begins with a letter, and has 1 to 48 characters, so that it is safe
// in a URL, a file name and a message subject without escaping.
type Slug string

const slugMax = 48

// Check reports what is wrong with s, in words for the person who typed it.
func (s Slug) Check() error {
	switch {
	case s == "":
		return Errorf(Invalid, "a name is missing")
	case len(s) > slugMax:
		return Errorf(Invalid, "name %q is longer than %d characters", string(s[:slugMax])+"…", slugMax)
	case s[0] < 'a' || s[0] > 'z':
		return Errorf(Invalid, "name %q must begin with a letter a-z", string(s))
	case strings.HasSuffix(string(s), "-") || strings.Contains(string(s), "--"):
		return Errorf(Invalid, "name %q may not end with a hyphen or hold two in a row", string(s))
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return Errorf(Invalid, "name %q may hold only a-z, 0-9 and hyphens, not %q", string(s), r)
		}
	}
	return nil
}

// UnmarshalText accepts only a valid name, so that a decoded configuration or
// message never holds another.
func (s *Slug) UnmarshalText(b []byte) error {
	v := Slug(b)
	if err := v.Check(); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	*s = v
	return nil
}
