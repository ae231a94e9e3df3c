package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"polity/access"
	"polity/access/policy"
	"polity/city"
)

// explanation is a request as a command line gives it.
type explanation struct {
	accessPlace
	roles, areas, cameras, scope, in []string
	purpose                          string
	program, loopback                bool
}

func accessExplainCommand() *cobra.Command {
	var e explanation
	cmd := &cobra.Command{
		Use:   "explain [USER] ACTION [THING]",
		Short: "Say why somebody may do something, or may not",
		Long: `Says yes or no with the reason, who asks with which rights, and every policy that was
looked at. USER is a person's ID or name in the hub of --config, or "public". Without
USER, --role, --area, --camera and --purpose describe somebody, --program with --scope a
program. 'polity access explain public list' lists actions. THING is camera:NAME,
service:NAME, person:ID or city; left out, the city; a bare name is of the sort that the
action is done to.`,
		Example: `  polity access explain --config /etc/polity/polity.yaml "Maja Berg" look-live camera:market
  polity access explain --role traffic-operator look-live camera:market
  polity access explain --role safety-operator --area centre --in centre --purpose incident look-live market
  polity access explain --program --scope read-data read-data
  polity access explain public see-counts market`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 3 {
				return usageError{fmt.Errorf("name [USER], ACTION and [THING]; see '%s --help'", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd, args) },
	}
	f := cmd.Flags()
	e.flag(cmd)
	f.StringSliceVar(&e.roles, "role", nil, "role of somebody; may be repeated")
	f.StringSliceVar(&e.areas, "area", nil, "area that they were given; \"city\" is all of it")
	f.StringSliceVar(&e.cameras, "camera", nil, "camera that they were given")
	f.StringVar(&e.purpose, "purpose", "", "purpose that was stated")
	f.BoolVar(&e.program, "program", false, "a program asks, with a token")
	f.StringSliceVar(&e.scope, "scope", nil, "action in the token's scope")
	f.StringSliceVar(&e.in, "in", nil, "area that the camera is in, beside those of the configuration")
	f.BoolVar(&e.loopback, "loopback", false, "asked on the hub's machine itself")
	return cmd
}

func (e *explanation) run(cmd *cobra.Command, args []string) error {
	if args[len(args)-1] == "list" {
		return listActions(cmd.OutOrStdout())
	}
	// ACTION is the first word that is one; a user in front of it is not described.
	at := slices.IndexFunc(args, func(a string) bool { return access.Action(a).Known() })
	if at < 0 || at > 1 || len(args) > at+2 {
		return usageError{fmt.Errorf("no action in %q; 'polity access explain public list' lists them", args)}
	}
	described := e.program || len(e.roles)+len(e.areas)+len(e.cameras)+len(e.scope) > 0
	switch {
	case at == 1 && described:
		return usageError{errors.New("either name a user or describe one with --role, --area, --camera, --program and --scope")}
	case at == 0 && !described:
		return usageError{errors.New("name a user, or \"public\", or describe one with --role; see 'polity access explain --help'")}
	}
	s, where, err := e.policies()
	if err != nil {
		return err
	}
	var who access.Who
	switch {
	case at == 0:
		who, err = e.described()
	case args[0] != "public":
		who, err = e.known(cmd, args[0])
	}
	if err != nil {
		return err
	}
	if e.purpose != "" {
		who.Purpose = city.Slug(e.purpose)
		if !slices.Contains(s.Purposes(), who.Purpose) {
			return usageError{fmt.Errorf("%q is no purpose; there are %v", e.purpose, s.Purposes())}
		}
	}
	do, thing := access.Action(args[at]), ""
	if len(args) > at+1 {
		thing = args[at+1]
	}
	on, err := e.thing(do, thing)
	if err != nil {
		return err
	}
	return e.print(cmd.OutOrStdout(), s, where, who, do, on)
}

// described is somebody made of flags.
func (e *explanation) described() (access.Who, error) {
	who := access.Who{Kind: access.Person, ID: "described", Name: "Somebody"}
	if e.program {
		if len(e.roles)+len(e.areas)+len(e.cameras) > 0 {
			return who, usageError{errors.New("a program has no roles, areas and cameras; give --scope")}
		}
		who.Kind, who.Name = access.Program, "A program"
	} else if len(e.scope) > 0 {
		return who, usageError{errors.New("only a program has a scope; add --program")}
	}
	for _, r := range e.roles {
		if !access.Role(r).Known() {
			return who, usageError{fmt.Errorf("%q is no role; there are %v", r, access.Roles())}
		}
		who.Roles = append(who.Roles, access.Role(r))
	}
	for _, a := range e.scope {
		if !access.Action(a).Known() {
			return who, usageError{fmt.Errorf("%q is no action; 'polity access explain public list' lists them", a)}
		}
		who.Scope = append(who.Scope, access.Action(a))
	}
	var err error
	if who.Areas, err = names(e.areas); err != nil {
		return who, err
	}
	who.Cameras, err = names(e.cameras)
	return who, err
}

// known is somebody from the hub's accounts.
func (e *explanation) known(cmd *cobra.Command, user string) (_ access.Who, err error) {
	if e.hub == nil {
		return access.Who{}, usageError{fmt.Errorf("to know who %q is, name the hub's configuration with --config, or describe somebody with --role", user)}
	}
	r, err := e.people(cmd.Context())
	if err != nil {
		return access.Who{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	p, err := somebody(cmd.Context(), r, user)
	if err != nil {
		return access.Who{}, err
	}
	if !p.Disabled.IsZero() {
		return access.Who{}, city.Errorf(city.Conflict, "the account of %s (%s) is closed since %s: nobody can sign in with it", p.Name, p.ID, p.Disabled.Format("2006-01-02"))
	}
	return access.Who{Kind: access.Person, ID: p.ID, Name: p.Name, Body: p.Body, Roles: p.Roles, Areas: p.Areas, Cameras: p.Cameras, Door: p.Origin == "door"}, nil
}

func names(list []string) ([]city.Slug, error) {
	var out []city.Slug
	for _, n := range list {
		if err := city.Slug(n).Check(); err != nil {
			return nil, usageError{err}
		}
		out = append(out, city.Slug(n))
	}
	return out, nil
}

// thing is what something is done to.
func (e *explanation) thing(do access.Action, text string) (access.Thing, error) {
	want := policy.KindOf(do)
	kind, name, ok := strings.Cut(text, ":")
	if !ok {
		kind, name = strings.ToLower(string(want)), text
		if text == "city" || text == "" {
			kind, name = "city", ""
		}
	}
	on := access.Thing{Kind: map[string]access.ThingKind{"city": access.TheCity, "camera": access.ACamera, "service": access.AService, "person": access.APerson}[kind], ID: name}
	if on.Kind == "" {
		return on, usageError{fmt.Errorf("%q is no thing; name camera:NAME, service:NAME, person:ID or city", text)}
	}
	if on.Kind != want {
		return on, usageError{fmt.Errorf("%s is done to a %s; name %s:NAME", do, strings.ToLower(string(want)), strings.ToLower(string(want)))}
	}
	if on.Kind == access.AService && !slices.Contains(access.Desks(), city.Slug(name)) {
		return on, usageError{fmt.Errorf("%q is no service; there are %v", name, access.Desks())}
	}
	if on.Kind != access.ACamera {
		return on, nil
	}
	if err := city.Slug(name).Check(); err != nil {
		return on, usageError{err}
	}
	areas, err := names(e.in)
	if err != nil {
		return on, err
	}
	on.In = areas
	if e.hub != nil {
		for _, a := range e.hub.Access.Areas {
			if slices.Contains(a.Cameras, city.Slug(name)) {
				on.In = append(on.In, a.Name)
			}
		}
	}
	return on, nil
}

func (e *explanation) print(to io.Writer, s *policy.Source, where string, who access.Who, do access.Action, on access.Thing) error {
	at := access.Circumstances{Loopback: e.loopback}
	d := s.Decide(who, do, on, at)
	answer := "No."
	switch {
	case d.Allowed:
		answer = "Yes."
	case d.Purpose:
		answer = "Not yet."
	}
	fmt.Fprintf(to, "%s %s\n\n", answer, d.Why)
	fmt.Fprintf(to, "who     %s\n", describe(who))
	fmt.Fprintf(to, "action  %s: %s\n", do, policy.Words(do))
	fmt.Fprintf(to, "thing   %s\n", describeThing(on))
	fmt.Fprintf(to, "by      %s\n", where)
	if s.Differs != nil {
		fmt.Fprintf(to, "beware  %v\n", s.Differs)
	}
	if d.Purpose && who.Purpose == "" { // what is looked at once a purpose is stated
		who.Purpose = s.Purposes()[0]
	}
	fmt.Fprint(to, "\nPolicies about this:\n")
	for _, c := range s.Consider(who, do, on, at) {
		does, holds := "permits", "no "
		if c.Forbids {
			does = "forbids"
		}
		if c.Holds {
			holds = "yes"
		}
		fmt.Fprintf(to, "  %s  %s  %s (%s:%d)\n                %s\n", holds, does, c.ID, c.File, c.Line, c.Reason)
		if c.Error != "" {
			fmt.Fprintf(to, "                could not be evaluated: %s\n", c.Error)
		}
	}
	_, err := fmt.Fprint(to, "\nyes: the policy holds for this request"+map[bool]string{true: ", once a purpose is stated"}[d.Purpose]+". One that forbids wins over all that permit; where none permits, the answer is no.\n")
	return err
}

func describe(who access.Who) string {
	list := func(name string, values []string) string {
		if len(values) == 0 {
			return ""
		}
		return "; " + name + " " + strings.Join(values, ", ")
	}
	switch who.Kind {
	case access.Public:
		return "the public, not signed in"
	case access.Program:
		return who.Name + list("with scope", words(who.Scope))
	}
	text := who.Name
	if who.ID != "described" {
		text += " (" + who.ID + "), of " + string(who.Body)
	}
	if len(who.Roles) == 0 {
		text += "; without a role"
	}
	text += list("role", words(who.Roles)) + list("areas", words(who.Areas)) + list("cameras", words(who.Cameras))
	if who.Purpose != "" {
		text += "; purpose " + string(who.Purpose)
	}
	if who.Door {
		text += "; through the demo's door"
	}
	return text
}

func describeThing(on access.Thing) string {
	switch on.Kind {
	case access.TheCity:
		return "the city"
	case access.ACamera:
		if len(on.In) == 0 {
			return "camera " + on.ID + ", in no area but the whole city"
		}
		return "camera " + on.ID + ", in " + strings.Join(words(on.In), ", ")
	}
	return strings.ToLower(string(on.Kind)) + " " + on.ID
}

func words[T ~string](list []T) []string {
	var out []string
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

func listActions(to io.Writer) error {
	for _, a := range access.Actions() {
		if _, err := fmt.Fprintf(to, "%-15s %-8s %s\n", a, strings.ToLower(string(policy.KindOf(a))), policy.Words(a)); err != nil {
			return err
		}
	}
	return nil
}
