package directory

import (
	"fmt"
	"slices"

	"polity/access"
	"polity/city"
)

// Result is somebody whom the directory signed in, and what their groups give.
type Result struct {
	// Issuer and Subject together are who somebody is, for ever.
	Issuer, Subject string
	Name            string // as colleagues know them; may be empty, may change
	// Roles are empty for somebody in none of the groups that the configuration names:
	// whatever they had before is to end.
	Roles   []access.Role
	Body    city.Slug
	Areas   []city.Slug
	Cameras []city.Slug
}

// alone refuses the role it together with anything else: who administers does not see,
// and with the directory alone to ask, no second person would look at the two together.
func alone(roles []access.Role, areas, cameras []city.Slug) error {
	if !slices.Contains(roles, access.IT) {
		return nil
	}
	for _, r := range roles {
		if r != access.IT {
			return fmt.Errorf("the roles it and %s exclude each other: who administers the system has no other task in it", r)
		}
	}
	if len(areas)+len(cameras) > 0 {
		return fmt.Errorf("the role it goes together with no area and no camera: who administers the system does not look")
	}
	return nil
}

// give fills in what the groups give together. The error, of kind Forbidden, is for the
// one who signs in.
func (c Config) give(r *Result, groups []string) error {
	for _, g := range c.Groups {
		if !slices.Contains(groups, g.Group) {
			continue
		}
		if r.Body != "" && r.Body != g.Body {
			return city.Errorf(city.Forbidden, "%s has you in groups of two bodies, %s and %s, and Polity cannot say for which you look; ask whoever keeps the groups to take you out of one", c.Name, r.Body, g.Body)
		}
		r.Body = g.Body
		r.Roles = append(r.Roles, g.Roles...)
		r.Areas = append(r.Areas, g.Areas...)
		r.Cameras = append(r.Cameras, g.Cameras...)
	}
	r.Roles, r.Areas, r.Cameras = unique(r.Roles), unique(r.Areas), unique(r.Cameras)
	if err := alone(r.Roles, r.Areas, r.Cameras); err != nil {
		return city.Errorf(city.Forbidden, "%s has you in groups that do not go together: %w; ask whoever keeps the groups to take you out of one", c.Name, err)
	}
	return nil
}

func unique[T ~string](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}
