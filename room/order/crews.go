package order

import (
	"context"
	"slices"

	"polity/access"
	"polity/city"
)

// Roster knows who may be given orders. It is safe for concurrent use.
type Roster interface {
	// Assignees are the persons and crews that a desk may give orders to, with their
	// names.
	Assignees(ctx context.Context, desk city.Slug) ([]Assignee, error)
	// CrewsOf are the crews that somebody works in.
	CrewsOf(who access.Who) []city.Slug
}

// CrewConfig is a crew as a configuration names it.
type CrewConfig struct {
	Name    city.Slug   `yaml:"name"`
	Title   string      `yaml:"title"`
	Desks   []city.Slug `yaml:"desks"`   // that may give it orders
	Members []string    `yaml:"members"` // accounts' ids
}

// CheckCrews reports what is wrong with a list of crews (city.Invalid).
func CheckCrews(list []CrewConfig) error {
	seen := map[city.Slug]bool{}
	for _, c := range list {
		switch {
		case c.Name.Check() != nil:
			return city.Errorf(city.Invalid, "crew: %w", c.Name.Check())
		case seen[c.Name]:
			return city.Errorf(city.Invalid, "crew %s stands twice on the list", c.Name)
		case len(c.Desks) == 0:
			return city.Errorf(city.Invalid, "crew %s: name the desks that give it orders", c.Name)
		}
		for _, d := range c.Desks {
			if Kinds(d) == nil {
				return city.Errorf(city.Invalid, "crew %s: there is no desk %q", c.Name, string(d))
			}
		}
		seen[c.Name] = true
	}
	return nil
}

// Crews is a Roster of crews from a configuration, and of persons.
type Crews struct {
	List []CrewConfig
	// Persons are those whom a desk may give orders to by themselves; nil: crews alone.
	Persons func(ctx context.Context, desk city.Slug) ([]Assignee, error)
}

// Assignees lists crews first.
func (c *Crews) Assignees(ctx context.Context, desk city.Slug) ([]Assignee, error) {
	var all []Assignee
	for _, k := range c.List {
		if slices.Contains(k.Desks, desk) {
			name := k.Title
			if name == "" {
				name = string(k.Name)
			}
			all = append(all, Assignee{Crew: k.Name, Name: name})
		}
	}
	if c.Persons == nil {
		return all, nil
	}
	persons, err := c.Persons(ctx, desk)
	return append(all, persons...), err
}

// CrewsOf lists the crews that name the person's account.
func (c *Crews) CrewsOf(who access.Who) (names []city.Slug) {
	for _, k := range c.List {
		if who.ID != "" && slices.Contains(k.Members, who.ID) {
			names = append(names, k.Name)
		}
	}
	return names
}
