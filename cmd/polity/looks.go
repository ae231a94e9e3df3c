package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"polity/access/look"
)

func looksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "looks",
		Short: "Check the book of who looked through which camera, and copy it",
		Long: `Whoever looks through a camera or into a service's raw data stands in the hub's book of
looks before anything is shown (docs/formats/looks.md). Counts of each day are public, at
/looks; details are for auditor and data protection officer.`,
		Example: `  polity looks verify chain.jsonl
  polity looks verify --earlier chain-of-march.jsonl chain.jsonl
  polity looks export --data /var/lib/polity/hub --details looks-2026`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(looksVerifyCommand(), looksExportCommand())
	return cmd
}

func looksVerifyCommand() *cobra.Command {
	var earlier string
	cmd := &cobra.Command{
		Use: "verify FILE|FOLDER", Short: "Check that public counts hold together, and that they are those of the details",
		Long: `Given a file from /looks/chain.jsonl it checks the counts: every line against the one
before, every day against its counts. Given a folder, such as that of an export or the
hub's own looks/, it also checks the details: against the hashes and roots that were
published, and every count against the looks that it counts. It stops at the first line
that is wrong and names it.`,
		Example: `  polity looks verify chain.jsonl
  polity looks verify --earlier chain-of-march.jsonl chain.jsonl
  polity looks verify /var/lib/polity/hub/looks`,
		Args: exactlyOne("file or folder"),
	}
	cmd.Flags().StringVar(&earlier, "earlier", "", "a copy of the chain from before, which must still be there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var before []byte
		if earlier != "" {
			var err error
			if before, err = os.ReadFile(earlier); err != nil {
				return usageError{err}
			}
		}
		r, err := look.Verify(args[0], before)
		if err != nil {
			return err
		}
		verified(cmd.OutOrStdout(), r)
		return nil
	}
	return cmd
}

// verified says what was found in order.
func verified(w io.Writer, r look.Report) {
	if r.Days == 0 {
		fmt.Fprintln(w, "No day has been published yet.")
	} else {
		fmt.Fprintf(w, "%d days from %s to %s with %d looks hold together.\n", r.Days, r.First, r.Last, r.Looks)
	}
	if r.Compared > 0 {
		fmt.Fprintf(w, "The counts of %d days are those of their details.\n", r.Compared)
	}
	if r.Quiet > 0 && r.Compared > 0 {
		fmt.Fprintf(w, "%d days have no details, and no looks.\n", r.Quiet)
	}
	if r.Removed > 0 {
		fmt.Fprintf(w, "Details of %d days are not kept any more, as the book says.\n", r.Removed)
	}
	if r.Open != "" {
		fmt.Fprintf(w, "Details of %s follow on; that day is not published yet.\n", r.Open)
	}
	for _, name := range r.Beside {
		fmt.Fprintf(w, "%s: a line that was not written to its end when the machine stopped.\n", name)
	}
}

func looksExportCommand() *cobra.Command {
	var data string
	var details bool
	cmd := &cobra.Command{
		Use: "export --data FOLDER [--details] OUT", Short: "Copy the book of looks into a new folder, and check the copy",
		Example: `  polity looks export --data /var/lib/polity/hub looks-for-everyone
  polity looks export --data /var/lib/polity/hub --details looks-for-the-auditor`,
		Args: exactlyOne("folder to write into"),
	}
	cmd.Flags().StringVar(&data, "data", "", "the hub's data folder")
	cmd.Flags().BoolVar(&details, "details", false, "who looked, too: for the auditor alone")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if data == "" {
			return usageError{fmt.Errorf("name the hub's data folder with --data; see '%s --help'", cmd.CommandPath())}
		}
		r, err := look.Export(filepath.Join(data, "looks"), args[0], details)
		if err != nil {
			return err
		}
		verified(cmd.OutOrStdout(), r)
		return nil
	}
	return cmd
}
