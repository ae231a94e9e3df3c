package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"polity/access/account"
	"polity/access/policy"
	"polity/city"
	"polity/hub"
)

func accessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "access",
		Short: "Who may do what, and why",
		Long: `Says who may do what, from the policies themselves. What they are written in and how
they change: docs/formats/policy.md. Nothing here changes what people may do, but for
'polity access policy restore' and 'reset', on the hub's own machine.`,
		Example: `  polity access explain --role traffic-operator look-live camera:market
  polity access review --format markdown`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(accessExplainCommand(), accessReviewCommand(), accessPolicyCommand(), accessMatrixCommand())
	return cmd
}

// accessPlace is where a command takes policies and people from.
type accessPlace struct {
	config string
	hub    *hub.Config // nil: there is no configuration
}

func (a *accessPlace) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.config, "config", "", "configuration file of a hub, whose own policies then count too; left out: the shipped policies alone")
}

// policies reads the policies that hold; where says which these are.
func (a *accessPlace) policies() (s *policy.Source, where string, err error) {
	if a.config == "" {
		p, err := policy.New(nil, nil)
		return &policy.Source{Policies: p}, "the shipped policies", err
	}
	cfg, err := a.files()
	if err != nil {
		return nil, "", err
	}
	s, err = policy.Look(cfg)
	if err != nil {
		return nil, "", err
	}
	where = "the shipped policies, and none of the city's own"
	if len(s.Files) > 0 {
		where = fmt.Sprintf("the shipped policies and %s of the city's own", plural(len(s.Files), "file"))
	}
	return s, where, nil
}

// files is where a configuration's policies and their book are.
func (a *accessPlace) files() (policy.Config, error) {
	if a.config == "" {
		return policy.Config{}, usageError{errors.New("name the hub's configuration with --config")}
	}
	c, err := readConfig(a.config)
	if err != nil {
		return policy.Config{}, err
	}
	if c.Hub == nil {
		return policy.Config{}, city.Errorf(city.Invalid, "%s has no section hub", a.config)
	}
	a.hub = c.Hub
	return policyFiles(c.Hub), nil
}

// policyFiles is where a hub has its policies and their book.
func policyFiles(c *hub.Config) policy.Config {
	cfg := policy.Config{Folder: c.Access.Policies, Book: filepath.Join(c.Data, "policies.jsonl"), Purposes: c.Access.Purposes}
	if cfg.Folder == "" {
		cfg.Folder = filepath.Join(c.Data, "policies")
	}
	return cfg
}

// people opens the hub's accounts to look at.
func (a *accessPlace) people(ctx context.Context) (*account.Reader, error) {
	return account.OpenReadOnly(ctx, filepath.Join(a.hub.Data, hub.AccountsFile))
}

// somebody finds a person by ID or by the whole of their name.
func somebody(ctx context.Context, r *account.Reader, user string) (account.Person, error) {
	all, err := r.People(ctx)
	if err != nil {
		return account.Person{}, err
	}
	var found []account.Person
	for _, p := range all {
		if p.ID == user {
			return p, nil
		}
		if strings.EqualFold(p.Name, user) && p.Name != "" {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return account.Person{}, city.Errorf(city.NotFound, "nobody has the ID or the name %q; 'polity access review --people' lists everybody", user)
	case 1:
		return found[0], nil
	}
	var ids []string
	for _, p := range found {
		ids = append(ids, p.ID)
	}
	return account.Person{}, city.Errorf(city.Invalid, "%d people are called %q; name one by ID: %s", len(found), user, strings.Join(ids, ", "))
}

func accessMatrixCommand() *cobra.Command {
	var place accessPlace
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Print every answer with the policies that give it",
		Long: `Prints for each action, thing and role the answer and the policies that decide, a line
each, to be compared before and after a change. 'polity access review' says the same for
people to read.`,
		Example: `  polity access matrix --config /etc/polity/polity.yaml > before.txt`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := place.policies()
			if err != nil {
				return err
			}
			return policy.Matrix(cmd.OutOrStdout(), s.Policies)
		},
	}
	place.flag(cmd)
	return cmd
}
