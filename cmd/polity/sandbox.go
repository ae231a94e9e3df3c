package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// sandboxCommand tells a person who types what polity says to itself; main hands
// such a start to sandbox.Stage before any command is looked at.
func sandboxCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "sandbox-exec",
		Short:              "How polity starts a decoder or native worker; of no use by hand",
		Example:            "  (started by polity itself)",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("sandbox-exec is started by polity itself, to give up every right before it becomes a decoder")}
		},
	}
}
