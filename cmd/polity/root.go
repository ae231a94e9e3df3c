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

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "polity",
		Short: "A city's cameras, sensors and services, as an open society can accept them",
		Long: `Polity runs a city's cameras, sensors and services. Pictures leave a camera
without people in them; anyone can check that.`,
		Example: `  polity demo                    a city of its own on http://127.0.0.1:8080
  polity config check city.yaml  is this configuration right?`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, c.CommandPath())}
	})
	cmd.AddCommand(cameraCommand(), cameraProcessCommand(), configCommand(), demoCommand(), edgeCommand(), hubCommand(), powerCommand(), sceneCommand(), versionCommand(), sandboxCommand(), trafficCommand(), wasteCommand())
	explainArgs(cmd)
	return cmd
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
