package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"polity/city"
)

// usageError is a wrong command line: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func exitCode(err error) int {
	var usage usageError
	if errors.As(err, &usage) || city.KindOf(err) == city.Invalid {
		return 2
	}
	return 1
}

func exactlyOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("name one %s; see '%s --help'", what, cmd.CommandPath())}
		}
		return nil
	}
}

// explainArgs lets every command say what to do about arguments that it does not
// take.
func explainArgs(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		explainArgs(c)
	}
	cmd.SuggestionsMinimumDistance = 2
	check := cmd.Args
	if check == nil {
		return
	}
	cmd.Args = func(c *cobra.Command, args []string) error {
		err := check(c, args)
		var usage usageError
		switch {
		case err == nil || errors.As(err, &usage):
			return err
		case !c.HasSubCommands() || len(args) == 0:
			return usageError{fmt.Errorf("%s does not take %q; see '%s --help'", c.CommandPath(), args, c.CommandPath())}
		}
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return usageError{fmt.Errorf("%s has no command %q; did you mean %q?", c.CommandPath(), args[0], near[0])}
		}
		return usageError{fmt.Errorf("%s has no command %q; see '%s --help'", c.CommandPath(), args[0], c.CommandPath())}
	}
}
