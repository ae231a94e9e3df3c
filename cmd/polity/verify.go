package main

import "github.com/spf13/cobra"

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check for yourself what a city published or handed over",
		Long: `Checks files that a city published or handed over. No part of the city is asked, and no
network is needed for files.`,
		Example: `  polity verify log https://helsinki.example/log --roster helsinki.roster
  polity verify bundle case.zip --roster helsinki.roster
  polity verify segment square/2026-12-01`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(verifyBundleCommand(), verifyLogCommand(), verifyProofCommand(), verifyReleaseCommand(), verifySegmentCommand())
	return cmd
}
