package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/release/bundle"
)

func verifyBundleCommand() *cobra.Command {
	var rosters []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bundle FILE|FOLDER",
		Short: "Check what was handed over of an opening: film, proofs, record",
		Long: `Checks a bundle (docs/formats/bundle.md), a file or the folder that it was unpacked to,
without a network and without a key: that each file is to the byte what the office's device
signed; that request, both approvals and opening stand in the public log, in their order;
that the recordings' sealed segments are the recorder's and stand in the log; that cameras
and hours are no more than what was asked for; that the films are as the record says.

Each line says what is right, what is wrong, or what stays open: what no bundle can prove of
itself. Trust begins with the roster: give the one that you have, or compare the words that
are printed.`,
		Example: `  polity verify bundle case.zip --roster helsinki.roster
  polity verify bundle case.zip --json`,
		Args: exactlyOne("bundle"),
	}
	cmd.Flags().StringArrayVar(&rosters, "roster", nil, "a roster of the city that you trust, then those that follow it (may be given again)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object: right, findings (state, where, what), record")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		trusted, err := readRosters(rosters)
		if err != nil {
			return err
		}
		r, err := bundle.Verify(cmd.Context(), args[0], bundle.Options{Trusted: trusted, Progress: progress[int64](cmd.ErrOrStderr(), "bytes read")})
		switch {
		case city.KindOf(err) == city.NotFound:
			return usageError{err}
		case err != nil:
			return err
		case asJSON:
			err = sayBundleJSON(cmd.OutOrStdout(), r)
		default:
			sayBundle(cmd.OutOrStdout(), r)
		}
		if err == nil && !r.Right() {
			err = city.Errorf(city.Internal, "the bundle does not hold: do not rely on it, and ask whoever gave it to you for another copy")
		}
		return err
	}
	return cmd
}

func sayBundle(w io.Writer, r *bundle.Report) {
	for _, f := range r.Findings {
		where := ""
		if f.Where != "" {
			where = f.Where + ": "
		}
		fmt.Fprintf(w, "%-6s %s%s\n", f.State, where, f.What)
	}
	if r.Right() {
		fmt.Fprintln(w, "Nothing is wrong with this bundle. What stays open is named above.")
	}
}

func sayBundleJSON(w io.Writer, r *bundle.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Right    bool             `json:"right"`
		Findings []bundle.Finding `json:"findings"`
		Words    string           `json:"roster_words"`
		Record   *bundle.Record   `json:"record"`
	}{r.Right(), r.Findings, r.Words, r.Record})
}
