package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/hub"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	casefile "polity/release/case"
	"polity/release/custodian"
	"polity/release/token"
)

func carryCommand() *cobra.Command {
	c := &carrying{}
	cmd := &cobra.Command{
		Use:   "carry",
		Short: "Fetch what a body's device audits or holds, and bring its answers",
		Long: `A device of the court or the ombudsman is never online: files go to it on a stick, and its
answers come back on one. Those of a case are carried with 'polity case', statements with
'polity record submit'; here are audits and holds. What is in these files only the body can
open. A token of a person who watches cases (audits) or of an evidence officer (holds) stands in
` + tokenVariable + `.`,
		Example: `  polity carry audit court --out court.audit
  polity carry answer court-audit.answer`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&c.hub.text, "hub", "", "address of the hub's pages (default: as the configuration says, or "+usualHub+")")
	cmd.PersistentFlags().StringVar(&c.hub.config, "config", "", "the hub's configuration (default "+usualConfig+", where that is)")
	cmd.AddCommand(c.auditCommand(), c.holdCommand(), c.answerCommand())
	return cmd
}

type carrying struct{ hub hubAddress }

// carryTime is how long a file may take, which edges are asked for.
const carryTime = 30 * time.Minute

// send asks the hub, and gives what it answers to take.
func (c *carrying) send(cmd *cobra.Command, method, path string, query url.Values, body io.Reader, take func(io.Reader) error) error {
	if err := c.hub.find(); err != nil {
		return err
	}
	u, err := url.Parse(c.hub.text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usageError{fmt.Errorf("--hub %q is no address such as %s", c.hub.text, usualHub)}
	}
	u = u.JoinPath(path)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(cmd.Context(), method, u.String(), body)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/octet-stream")
	}
	if c.hub.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.hub.token)
	}
	a, err := (&http.Client{Timeout: carryTime}).Do(r)
	if err != nil {
		return city.Errorf(city.Unavailable, "no hub answers at %s: is it running? Name another address with --hub: %w", c.hub.text, err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK && a.StatusCode != http.StatusCreated {
		text, err := io.ReadAll(io.LimitReader(a.Body, 64<<10))
		if err != nil {
			return err
		}
		return c.hub.refusal(u, a, text)
	}
	return take(a.Body)
}

// file writes what the hub answers into a new file, and tells its words.
func (c *carrying) file(cmd *cobra.Command, out string, kind token.Kind, method, path string, query url.Values, body io.Reader) error {
	if out == "" {
		return usageError{errors.New("name the file to write with --out")}
	}
	var words string
	err := c.send(cmd, method, path, query, body, func(in io.Reader) error {
		return custodian.WriteNew(out, func(w io.Writer) error {
			f, err := token.Open(io.TeeReader(in, w), kind)
			for err == nil {
				_, _, err = f.Next()
			}
			if !errors.Is(err, io.EOF) {
				return err
			}
			words = token.Words(f.Sum())
			return nil
		})
	})
	if err != nil {
		return err
	}
	tell(cmd.OutOrStdout(), []custodian.Line{{Label: "File", Text: out}, {Label: "Words", Text: words}})
	return nil
}

func (c *carrying) auditCommand() *cobra.Command {
	var out, day string
	var shares int
	cmd := &cobra.Command{
		Use: "audit BODY", Short: "Fetch shares for a body to try, of a day that is over", Args: exactlyOne("body"),
		Long: `Which shares these are, the public log decides when the day is over: whoever keeps the
recordings could not choose (docs/formats/docket.md). The body's device opens each, compares it with
what the recorder committed to, and shows it to nobody: 'polity custodian audit'. Audit at least as
often as the shortest class of retention.`,
		Example: "  polity carry audit ombudsman --day 2026-12-01 --shares 100 --out ombudsman.audit",
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.Flags().StringVar(&day, "day", "", "the day, such as 2026-12-01 (default yesterday, UTC)")
	cmd.Flags().IntVar(&shares, "shares", 50, "how many shares")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		query := url.Values{"shares": {strconv.Itoa(shares)}}
		if day != "" {
			if err := canonical.Day(day).Check(); err != nil {
				return usageError{err}
			}
			query.Set("day", day)
		}
		return c.file(cmd, out, token.Audit, http.MethodGet, hub.AuditsPath+"/"+url.PathEscape(args[0]), query, nil)
	}
	return cmd
}

func (c *carrying) holdCommand() *cobra.Command {
	var out string
	var rosters []string
	cmd := &cobra.Command{
		Use: "hold DRAFT BODY", Short: "Ask a body to hold what a draft names beyond its retention",
		Long: `The draft is that of a case (case.json): cameras, times, and the references of order and case, which go to
the bodies encrypted. Its purpose and days are not used. Ask both bodies: one alone holds half.
Nobody gets footage by this.`,
		Example: "  polity carry hold case.json court --roster city.roster --out court.hold",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{errors.New("name the draft and the body: court or ombudsman")}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.Flags().StringArrayVar(&rosters, "roster", nil, "the city's roster, which you trust, then those that follow it (may be given again)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(rosters) == 0 {
			return usageError{errors.New("name the city's roster with --roster: the details are encrypted to the devices in it")}
		}
		text, err := os.ReadFile(args[0])
		if err != nil {
			return usageError{err}
		}
		draft, err := casefile.ParseDraft(text)
		if err != nil {
			return err
		}
		r, err := readRosters(rosters)
		if err != nil {
			return err
		}
		d, err := token.HoldDetails(draft.Order, draft.Case, draft.Cameras, draft.From.Time(), draft.To.Time())
		if err != nil {
			return err
		}
		s, err := token.SubmitHold(&r.Roster, d)
		if err != nil {
			return err
		}
		b, err := s.Encode()
		if err != nil {
			return err
		}
		return c.file(cmd, out, token.HoldAsked, http.MethodPost, hub.HoldsPath+"/"+url.PathEscape(args[1]), nil, bytes.NewReader(b))
	}
	return cmd
}

func (c *carrying) answerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "answer FILE", Short: "Bring a body's answer to an audit or a hold", Args: exactlyOne("file"),
		Long:    `Its entry goes to the public log. The same file again changes nothing.`,
		Example: "  polity carry answer court-audit.answer",
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return usageError{err}
			}
			defer f.Close()
			path, err := answerPath(f)
			if err != nil {
				return err
			}
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return err
			}
			return c.send(cmd, http.MethodPost, path, nil, f, func(in io.Reader) error {
				text, err := io.ReadAll(io.LimitReader(in, 64<<10))
				fmt.Fprintf(cmd.OutOrStdout(), "It is in the public log: %s\n", strings.TrimSpace(string(text)))
				return err
			})
		},
	}
}

// answerPath finds where an answer goes by the entry in it, before anything is sent.
func answerPath(r io.Reader) (string, error) {
	f, err := token.Open(r, token.Answer)
	if err != nil {
		return "", err
	}
	path := ""
	for {
		t, b, err := f.Next()
		if errors.Is(err, io.EOF) && path != "" {
			return path, nil
		}
		if errors.Is(err, io.EOF) {
			return "", city.Errorf(city.Invalid, "the answer has no entry for the log")
		}
		if err != nil {
			return "", err
		}
		if t != token.Entry {
			continue
		}
		e, err := token.SignedEntry(b)
		if err != nil {
			return "", err
		}
		switch e.(type) {
		case *entry.Audit:
			path = hub.AuditsPath
		case *entry.Hold:
			path = hub.HoldsPath
		default:
			return "", city.Errorf(city.Invalid, "this is the answer to a case: bring it with 'polity case answers'")
		}
	}
}
