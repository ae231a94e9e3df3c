package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/hub"
)

func hubCommand() *cobra.Command {
	var flags serviceFlags
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Run the city's centre: its data and its pages",
		Long: `Runs the section "hub" of the configuration until it is stopped: it takes what the
edges have stored into the city's data and serves the pages. Until sign-in exists,
live scenes with marks, the editor and the system page are shown on this machine
only; everyone else sees what is public.`,
		Example: `  polity hub --config /etc/polity/polity.yaml
  polity hub --config city.yaml --log json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig(flags.config)
			if err != nil {
				return err
			}
			if c.Hub == nil {
				return city.Errorf(city.Invalid, "%s has no section hub", flags.config)
			}
			log, err := newLogger(cmd, flags.log, flags.level)
			if err != nil {
				return err
			}
			return hub.Run(cmd.Context(), *c.Hub, hub.Deps{Log: log, Ready: func(s hub.Started) {
				fmt.Fprintf(cmd.OutOrStdout(), "the hub runs; its pages are at %s\n", s.Address)
			}})
		},
	}
	flags.add(cmd)
	return cmd
}
