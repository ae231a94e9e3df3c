package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"polity/access/account"
	"polity/city"
	"polity/hub"
)

func hubRecoverCommand() *cobra.Command {
	var config, person string
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Let an administrator in when none is left who could",
		Long: `Makes a code on the hub's own machine, for when no administrator can sign in any more: it
enrols a new administrator, or lets the one named by --person back in, whose old
passkeys, sessions and tokens end. It works once, within an hour; a code that was made
this way before ends.

As long as two administrators can sign in they let others back in themselves, on the page of
people. What is done here is written into the book of accounts, and every page about people
shows it for 90 days. The hub may run meanwhile. It takes the right to write the hub's
files: run it as the user that the hub runs as, or as root.`,
		Example: `  polity hub recover --config /etc/polity/polity.yaml
  polity hub recover --config city.yaml --person p3k8w2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig(config)
			if err != nil {
				return err
			}
			if c.Hub == nil {
				return city.Errorf(city.Invalid, "%s has no section hub", config)
			}
			path := filepath.Join(c.Hub.Data, hub.AccountsFile)
			if _, err := os.Stat(path); err != nil {
				return city.Errorf(city.NotFound, "there are no accounts in %s yet: start 'polity hub', which prints the code of the first administrator: %w", c.Hub.Data, err)
			}
			people, err := account.Open(cmd.Context(), account.Config{Path: path, Settings: c.Hub.Access.Settings})
			if err != nil {
				return err
			}
			defer people.Close()
			code, err := people.OfflineCode(cmd.Context(), person)
			if err != nil {
				return err
			}
			whose := "It enrols a new administrator."
			if code.For != "" {
				whose = fmt.Sprintf("It lets %s back in; their old passkeys, sessions and tokens end.", code.For)
			}
			fmt.Fprintf(cmd.OutOrStdout(), `%s

%s It works once, until %s, on the hub's page
/enrol. Every page about people shows for 90 days that it was made.
`, code.Text, whose, code.Until.Local().Format("15:04"))
			return nil
		},
	}
	cmd.Flags().StringVar(&config, "config", "/etc/polity/polity.yaml", "configuration file")
	cmd.Flags().StringVar(&person, "person", "", "name or ID of the administrator who gets back in; empty: a new one")
	return cmd
}
