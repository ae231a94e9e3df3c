package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

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
	cmd.AddCommand(accessCommand(), cameraCommand(), cameraProcessCommand(), carryCommand(), caseCommand(), configCommand(), custodianCommand(), dataCommand(), demoCommand(), edgeCommand(), hubCommand(), ingestCommand(), looksCommand(), monitorCommand(), notificationsCommand(), noticesCommand(), opendataCommand(), powerCommand(), recordCommand(), rosterCommand(), sceneCommand(), versionCommand(), sandboxCommand(), trafficCommand(), transitCommand(), verifyCommand(), wasteCommand(), waterCommand(), witnessCommand())
	explainArgs(cmd)
	return cmd
}
