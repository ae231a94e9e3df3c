package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"polity/access/policy"
	"polity/city"
)

func accessPolicyCommand() *cobra.Command {
	var place accessPlace
	var schema, log bool
	cmd := &cobra.Command{
		Use:   "policy [FILE...]",
		Short: "Print the policies, or the book of their changes",
		Long: `Prints the policies that hold: the shipped files and, with --config, the city's own; all
of them, or those that are named. --schema prints the words that policies are written in,
--log the book of changes with its newest hash, to be noted elsewhere.

Policies are changed on the hub's pages, by two people: one proposes, another approves.`,
		Example: `  polity access policy charter.cedar
  polity access policy --schema
  polity access policy --log --config /etc/polity/polity.yaml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			to := cmd.OutOrStdout()
			if schema {
				_, err := fmt.Fprint(to, policy.Schema())
				return err
			}
			if log && place.config == "" {
				return usageError{errors.New("the book is a hub's: name its configuration with --config")}
			}
			s, _, err := place.policies()
			if err != nil {
				return err
			}
			if log {
				return printBook(to, s)
			}
			return printPolicies(to, s, args)
		},
	}
	place.flag(cmd)
	cmd.Flags().BoolVar(&schema, "schema", false, "print the words that policies are written in")
	cmd.Flags().BoolVar(&log, "log", false, "print the book of changes")
	cmd.AddCommand(policyCheckCommand(), policyRestoreCommand(), policyResetCommand())
	return cmd
}

func printPolicies(to io.Writer, s *policy.Source, only []string) error {
	shipped, err := policy.Shipped()
	if err != nil {
		return err
	}
	all := slices.Concat(shipped, s.Files)
	var have []string
	for _, f := range all {
		have = append(have, f.Name)
	}
	for _, name := range only {
		if !slices.Contains(have, name) {
			return usageError{fmt.Errorf("there is no file of policies %q; there are %v", name, have)}
		}
	}
	for i, f := range all {
		if len(only) > 0 && !slices.Contains(only, f.Name) {
			continue
		}
		whose := "shipped"
		if i >= len(shipped) {
			whose = "the city's own"
		}
		if _, err := fmt.Fprintf(to, "// ==== %s (%s)\n%s\n", f.Name, whose, f.Text); err != nil {
			return err
		}
	}
	return nil
}

func printBook(to io.Writer, s *policy.Source) error {
	for _, e := range s.Entries {
		by := e.By
		if by == "" {
			by = "the machine itself"
		}
		fmt.Fprintf(to, "%s  %s, by %s", e.At.Format("2006-01-02 15:04:05Z"), e, by)
		if e.Reason != "" {
			fmt.Fprintf(to, ", %s", e.Reason)
		}
		fmt.Fprintf(to, "\n    from %s\n    to   %s\n", e.Old, e.New)
	}
	if s.Differs != nil {
		fmt.Fprintf(to, "Beware: %v.\n", s.Differs)
	}
	_, err := fmt.Fprintf(to, "entries: %d, newest hash: %s\n", len(s.Entries), s.Head)
	return err
}

func policyCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Say whether files of policies could be a city's own",
		Long: `Reads files as the whole of a city's own policies and says, with file and line, what is
wrong with them: their language, their words, missing reasons, and whether they would
take from the city what it needs to govern itself.`,
		Example: `  polity access policy check hospital.cedar schools.cedar`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("name one file at least; see '%s --help'", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var files []policy.File
			for _, name := range args {
				text, err := os.ReadFile(name)
				if err != nil {
					return city.Errorf(city.Invalid, "read policies: %w", err)
				}
				files = append(files, policy.File{Name: filepath.Base(name), Text: string(text)})
			}
			p, err := policy.New(files, nil)
			if err != nil {
				return err
			}
			n := 0
			for _, r := range p.Rules() {
				if !r.Shipped {
					n++
				}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "In order: %s in %s.\n", policiesIn(n), plural(len(files), "file"))
			return err
		},
	}
}

func policiesIn(n int) string {
	if n == 1 {
		return "one policy"
	}
	return fmt.Sprintf("%d policies", n)
}

func policyRestoreCommand() *cobra.Command {
	var place accessPlace
	cmd := &cobra.Command{
		Use:   "restore --config FILE",
		Short: "Put back the policies that two people agreed to",
		Long: `Makes the folder of the city's own policies what the book of changes says, after files
were changed by hand. The hub must not run.`,
		Example: `  polity access policy restore --config /etc/polity/polity.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := place.files()
			if err != nil {
				return err
			}
			if err := policy.Restore(cfg); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is what two people agreed to.\n", cfg.Folder)
			return err
		},
	}
	place.flag(cmd)
	return cmd
}

func policyResetCommand() *cobra.Command {
	var place accessPlace
	cmd := &cobra.Command{
		Use:   "reset --config FILE",
		Short: "Put a city's own policies aside, so that the shipped ones alone hold",
		Long: `For the machine's own administrator, when the hub does not start because it does not take
the city's own policies any more, say after an update. The files are renamed to
NAME.cedar.aside, and the book of changes says for ever that this was done. The hub must
not run.`,
		Example: `  polity access policy reset --config /etc/polity/polity.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := place.files()
			if err != nil {
				return err
			}
			if err := policy.Reset(cfg); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The shipped policies alone hold; the book says so. The city's own lie in %s as *.aside.\n", cfg.Folder)
			return err
		},
	}
	place.flag(cmd)
	return cmd
}
