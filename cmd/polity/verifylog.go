package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/summary"
)

func verifyLogCommand() *cobra.Command {
	var rosters []string
	var quick, sum bool
	cmd := &cobra.Command{
		Use:   "log FOLDER|URL",
		Short: "Check a city's whole public log",
		Long: `Reads a public log (docs/formats/ledger.md) from its first entry to its newest checkpoint: a
copy in a folder, without a network, or from its address. It checks the form of each entry,
its signature, each hash, each roster against the one before, and that the log and a quorum
of its witnesses signed what it comes to. What is wrong is named with its place.

With --summary it prints what was opened, refused, kept and destroyed as the city's page
/record/summary.json does (docs/formats/record.md): the same bytes for the same checkpoint.

The roster is where trust begins: get it from somebody you trust, and compare its words.`,
		Example: `  polity verify log https://helsinki.example/log --roster helsinki.roster
  polity verify log copy-of-the-log --roster helsinki.roster
  polity verify log https://helsinki.example/log --roster helsinki.roster --summary > summary.json`,
		Args: exactlyOne("folder or address"),
	}
	cmd.Flags().StringArrayVar(&rosters, "roster", nil, "the city's roster, then those that follow it (may be given again)")
	cmd.Flags().BoolVar(&quick, "no-signatures", false, "leave the signatures of entries unchecked: hashes, forms and checkpoint alone")
	cmd.Flags().BoolVar(&sum, "summary", false, "print the summary of a log that is right, as JSON, in place of the report")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(rosters) == 0 {
			return usageError{fmt.Errorf("name the city's roster with --roster: without it nobody can say whose log this is")}
		}
		first, err := readRosters(rosters)
		if err != nil {
			return err
		}
		source, err := logSource(args[0])
		if err != nil {
			return err
		}
		var facts summary.Facts
		r, err := proof.Verify(cmd.Context(), source, first, proof.Options{NoSignatures: quick, Each: facts.Add, Progress: progress[int64](cmd.ErrOrStderr(), "entries checked")})
		if err != nil {
			return err
		}
		if !sum || len(r.Problems) > 0 {
			return sayLog(cmd.OutOrStdout(), r)
		}
		text, err := facts.At(r.Checkpoint).Marshal()
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
		return nil
	}
	return cmd
}

func logSource(name string) (proof.Source, error) {
	if strings.Contains(name, "://") {
		return proof.Web(name, nil)
	}
	return proof.Folder(name)
}

func sayLog(w io.Writer, r *proof.Report) error {
	for _, p := range r.Problems {
		where := ""
		if p.Index >= 0 {
			where = fmt.Sprintf("entry %d: ", p.Index)
		}
		if p.File != "" {
			where += p.File + ": "
		}
		fmt.Fprintf(w, "wrong  %s%s\n", where, p.What)
	}
	if len(r.Problems) > 0 {
		return city.Errorf(city.Internal, "the log is wrong in %s; do not rely on it, and tell the city's ombudsman and the log's witnesses", numberOf(len(r.Problems), "place"))
	}
	fmt.Fprintf(w, "The log %s holds together under roster %d. Entries: %d.\n", r.Checkpoint.Origin, r.Roster.Version, r.Entries)
	fmt.Fprintf(w, "Cosigned %s by %s.\n", r.Checkpoint.Time.Format("2006-01-02 15:04:05 UTC"), wordsOf(r.Checkpoint.Witnesses))
	for _, t := range entry.Types() {
		if n := r.Types[t]; n > 0 {
			fmt.Fprintf(w, "  %-20s %d\n", t, n)
		}
	}
	return nil
}

func wordsOf(names []city.Slug) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}

func verifyProofCommand() *cobra.Command {
	var rosters []string
	cmd := &cobra.Command{
		Use:   "proof FILE",
		Short: "Check a proof that an entry stands in the public log",
		Long: `Checks a file that somebody handed over as proof that an entry stands in the public log
(docs/formats/ledger.md), without a network, and prints the entry.`,
		Example: `  polity verify proof opening.proof --roster helsinki.roster`,
		Args:    exactlyOne("proof"),
	}
	cmd.Flags().StringArrayVar(&rosters, "roster", nil, "the city's roster, then those that follow it (may be given again)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(rosters) == 0 {
			return usageError{fmt.Errorf("name the city's roster with --roster")}
		}
		r, err := readRosters(rosters)
		if err != nil {
			return err
		}
		file, err := os.ReadFile(args[0])
		if err != nil {
			return usageError{err}
		}
		p, err := proof.ParseInclusion(file)
		if err != nil {
			return err
		}
		e, c, err := p.Check(&r.Roster)
		if err != nil {
			return err
		}
		if s, ok := e.(entry.Signed); ok {
			if err := entry.Verify(s, &r.Roster); err != nil {
				return err
			}
		}
		text, err := canonical.Encode(e)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Entry %d of %s stands in the log, as cosigned %s by %s.\n%s\n", p.Index, c.Origin,
			c.Time.Format("2006-01-02 15:04:05 UTC"), wordsOf(c.Witnesses), text)
		return nil
	}
	return cmd
}
