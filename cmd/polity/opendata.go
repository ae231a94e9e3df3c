package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/opendata"
)

func opendataCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "opendata",
		Short: "Look after published data: list it, verify its files, ask for a correction",
		Long: `A hub publishes open data as files in its data folder (docs/formats/opendata.md). A file
that was published never changes, unless it is corrected.`,
		Example: `  polity opendata list --data /var/lib/polity/hub
  polity opendata verify --data /var/lib/polity/hub`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(opendataListCommand(), opendataVerifyCommand(), opendataCorrectCommand())
	return cmd
}

// opendataFolder adds the flag that names the hub's data folder.
func opendataFolder(cmd *cobra.Command) func() (string, error) {
	var data string
	cmd.Flags().StringVar(&data, "data", "", "the hub's data folder")
	return func() (string, error) {
		if data == "" {
			return "", city.Errorf(city.Invalid, "name the hub's data folder with --data")
		}
		return filepath.Join(data, "opendata"), nil
	}
}

func opendataListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list --data FOLDER", Short: "List what is published",
		Long:    "A line per set: its id, how many days and months, from and to, how many corrections.",
		Example: "  polity opendata list --data /var/lib/polity/hub",
		Args:    cobra.NoArgs,
	}
	folder := opendataFolder(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := folder()
		if err != nil {
			return err
		}
		list, err := opendata.List(dir)
		if err != nil {
			return err
		}
		for _, x := range list {
			corrections, span := 0, "nothing yet"
			for _, d := range x.Days {
				corrections += len(d.Corrections)
			}
			if n := len(x.Days); n > 0 {
				span = x.Days[0].Name + " to " + x.Days[n-1].Name
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %d days, %d months, %d corrections\n", x.Set, span, len(x.Days), len(x.Month), corrections)
		}
		return nil
	}
	return cmd
}

func opendataVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify --data FOLDER", Short: "Compare published files with their digests",
		Example: "  polity opendata verify --data /var/lib/polity/hub",
		Args:    cobra.NoArgs,
	}
	folder := opendataFolder(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := folder()
		if err != nil {
			return err
		}
		files, err := opendata.Verify(dir)
		fmt.Fprintf(cmd.OutOrStdout(), "%d files are as they were published.\n", files)
		return err
	}
	return cmd
}

func opendataCorrectCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "correct --data FOLDER --reason WHY SET DAY", Short: "Have a day published anew, with a reason that everyone reads",
		Long: `Leaves a request in the hub's data folder. The hub, when it runs, writes the day's files
from what it holds now, keeps the digest of the bytes before and the reason in the set's
index, and does the same with the month. Counts of cameras do not change: what was said
of them stays, so that nothing can be subtracted from it.`,
		Example: `  polity opendata correct --data /var/lib/polity/hub --reason "a sensor sent feet" flood-monitoring 2026-11-29`,
		Args:    cobra.ExactArgs(2),
	}
	folder := opendataFolder(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, in a sentence for everyone")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := folder()
		if err != nil {
			return err
		}
		if err := opendata.Ask(dir, opendata.Request{Set: city.Slug(args[0]), Day: args[1], Reason: reason}); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "The hub corrects %s of %s within a minute, if it runs.\n", args[1], args[0])
		return nil
	}
	return cmd
}
