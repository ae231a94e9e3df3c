package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/ledger/canonical"
	"polity/release/bundle"
	"polity/release/token"
)

func verifyReleaseCommand() *cobra.Command {
	var rosters []string
	var log string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "release TOKEN",
		Short: "Follow one opening through the public log",
		Long: `Reads and checks a whole public log (docs/formats/ledger.md), a copy in a folder or from its
address, and tells one release's story: who asked, which body approved or refused, when it
was opened, whether its details are public or should be. TOKEN is the release's id or its
code of two words.`,
		Example: `  polity verify release gutih-tugad --log https://helsinki.example/log --roster helsinki.roster
  polity verify release gutih-tugad --log copy-of-the-log --roster helsinki.roster --json`,
		Args: exactlyOne("token"),
	}
	cmd.Flags().StringArrayVar(&rosters, "roster", nil, "the city's roster, then those that follow it (may be given again)")
	cmd.Flags().StringVar(&log, "log", "", "folder or address of the public log")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object: id, code, status, lines, wrong")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(rosters) == 0 || log == "" {
			return usageError{fmt.Errorf("name the city's roster with --roster, and its log with --log")}
		}
		first, err := readRosters(rosters)
		if err != nil {
			return err
		}
		source, err := logSource(log)
		if err != nil {
			return err
		}
		f, err := bundle.Follow(cmd.Context(), source, first, wantedToken(args[0]), progress[int64](cmd.ErrOrStderr(), "entries checked"))
		if err != nil {
			return err
		}
		if len(f.Log.Problems) > 0 {
			return sayLog(cmd.OutOrStdout(), f.Log)
		}
		if len(f.Stories) == 0 {
			return city.Errorf(city.NotFound, "the log, which is right, has no request with the token %.60q: check its spelling, or ask again when the request is public", args[0])
		}
		return sayReleases(cmd.OutOrStdout(), f, asJSON)
	}
	return cmd
}

// wantedToken compares ids with what a person typed: an id or a code.
func wantedToken(typed string) func(canonical.Hash) bool {
	var id canonical.Hash
	if id.UnmarshalText([]byte(typed)) == nil {
		return func(h canonical.Hash) bool { return h == id }
	}
	return func(h canonical.Hash) bool { return token.SameCode(h, typed) }
}

func sayReleases(w io.Writer, f *bundle.Followed, asJSON bool) error {
	bad := 0
	for _, s := range f.Stories {
		wrong := s.Wrong(f.Log)
		bad += len(wrong)
		if asJSON {
			if err := sayReleaseJSON(w, f, s, wrong); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "Release %s in the log %s, as cosigned %s: %s\n", token.Code(s.Token), f.Log.Checkpoint.Origin, f.Log.Checkpoint.Time.Format("2006-01-02 15:04:05 UTC"), s.Status(f.Log))
		fmt.Fprintf(w, "  %-10s %s\n", "id", s.Token)
		for _, l := range s.Lines(f.Log) {
			fmt.Fprintf(w, "  %-10s %s\n", l[0], l[1])
		}
		for _, what := range wrong {
			fmt.Fprintf(w, "  %-10s %s\n", "wrong", what)
		}
	}
	if bad > 0 {
		return city.Errorf(city.Internal, "the release is not as it has to be in %s", numberOf(bad, "point"))
	}
	return nil
}

func sayReleaseJSON(w io.Writer, f *bundle.Followed, s *bundle.Story, wrong []string) error {
	type line struct {
		What string `json:"what"`
		Told string `json:"told"`
	}
	out := struct {
		ID     canonical.Hash `json:"id"`
		Code   string         `json:"code"`
		Status bundle.Status  `json:"status"`
		AsOf   canonical.Time `json:"as_of"`
		Lines  []line         `json:"lines"`
		Wrong  []string       `json:"wrong"`
	}{s.Token, token.Code(s.Token), s.Status(f.Log), canonical.At(f.Log.Checkpoint.Time), nil, append([]string{}, wrong...)}
	for _, l := range s.Lines(f.Log) {
		out.Lines = append(out.Lines, line{l[0], l[1]})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
