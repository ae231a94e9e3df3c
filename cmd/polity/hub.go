package main

import (
	"fmt"
	"os"
	"runtime/debug"

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
edges have stored into the city's data and serves the pages. Whoever signed in sees
what their task needs, everyone else what is public. As long as nobody is enrolled it
prints the code of the first administrator. 'polity hub init' makes a new hub.`,
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
			keepHeapSmall()
			log, err := newLogger(cmd, flags.log, flags.level)
			if err != nil {
				return err
			}
			return hub.Run(cmd.Context(), *c.Hub, hub.Deps{Log: log, Version: Version, Services: modules, Ready: func(s hub.Started) {
				pages := s.Address
				if known := c.Hub.Access.Origin; known != "" {
					pages = known // as browsers know it, where it listens on all addresses
				}
				fmt.Fprintf(cmd.OutOrStdout(), "the hub runs; its pages are at %s\n", pages)
				if f := s.First; f != nil {
					fmt.Fprintf(cmd.OutOrStdout(), "nobody can sign in yet; the first administrator enrols at %s with this code, until %s:\n  %s\n", f.At, f.Until.Local().Format("15:04"), f.Code)
				}
			}})
		},
	}
	flags.add(cmd)
	cmd.AddCommand(hubInitCommand(), hubRecoverCommand())
	return cmd
}

// garbage is how much may be allocated before it is collected, per cent of what is in use.
// A hub with a hundred thousand sensors has some 40 to 60 MB in use, and for moments twice
// that, when somebody asks for many entities at once. Of 20, 30 and 50 per cent, 30 was the
// most with which it stayed small, and the least that cost nothing that could be measured.
const garbage = 30

// keepHeapSmall sets that, unless who starts the program has (GOGC).
func keepHeapSmall() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}
