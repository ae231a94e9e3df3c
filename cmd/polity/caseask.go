package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/recording/share"
	casefile "polity/release/case"
	"polity/release/custodian"
	"polity/release/token"
)

func (s *caseState) newCommand() *cobra.Command {
	return &cobra.Command{
		Use: "new DRAFT", Short: "Make the case of a draft: its key, its token, its submission", Args: exactlyOne("draft"),
		Long: `The draft is what the page New case writes in the browser (case.json). Nothing of it is sent;
the hub that it names is asked for later rosters, each of which the one before signed. The
references of order and case stay on this machine, and go to the two bodies encrypted.`,
		Example: "  polity case new case.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return usageError{err}
			}
			d, err := casefile.ParseDraft(b)
			if err != nil {
				return err
			}
			o, err := s.unlocked(cmd)
			if err != nil {
				return err
			}
			if d.Hub != "" {
				if err := followRosters(cmd, o, d.Hub); err != nil {
					return err
				}
			}
			c, err := o.New(d, time.Now())
			if err != nil {
				return err
			}
			defer c.Close()
			next := "polity case submit " + c.Code()
			if c.Hub == "" {
				next += " --out submission.json"
			}
			tell(cmd.OutOrStdout(), []custodian.Line{
				{Label: "Case", Text: c.Code()},
				{Label: "Token", Text: c.Token.ID.String()},
				{Label: "Public at once", Text: fmt.Sprintf("%s asks, for %s, %s", c.Token.Body, c.Token.Purpose, scopeWords(c.Token.CamerasCount, c.Token.HoursCount))},
				{Label: "Public on " + string(c.Token.DetailsPublicOn), Text: "cameras, times, order and case"},
				{Label: "Folder", Text: c.Dir()},
				{Label: "Next", Text: next},
			})
			return nil
		},
	}
}

// followRosters takes later rosters from a hub. One that does not answer is told of only.
func followRosters(cmd *cobra.Command, o *casefile.Office, address string) error {
	h, err := casefile.Web(address, os.Getenv(tokenVariable))
	if err != nil {
		return err
	}
	n, err := o.Follow(cmd.Context(), h)
	if n > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "The hub had %s, and each follows the one before.\n", numberOf(n, "later roster"))
	}
	if err != nil && city.KindOf(err) == city.Unavailable {
		fmt.Fprintln(cmd.ErrOrStderr(), "Whether there are later rosters is not known:", err)
		return nil
	}
	return err
}

func (s *caseState) submitCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "submit CASE", Short: "Ask: hand the submission to the hub, or write it for an upload", Args: exactlyOne("case"),
		Long: `The hub appends the request to the public log. Handing in the same again changes nothing.
With --out it writes the file, to be handed in on the page Cases.`,
		Example: "  polity case submit lusab-babad",
	}
	cmd.Flags().StringVar(&out, "out", "", "write the submission to this file in place of sending it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := s.find(args[0])
		if err != nil {
			return err
		}
		b, err := c.Submission()
		if err != nil {
			return err
		}
		if out != "" {
			if err := custodian.WriteNew(out, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is written: hand it in on the page Cases.\n", out)
			return nil
		}
		if c.Hub == "" {
			return usageError{errors.New("this case has no hub: name a file with --out")}
		}
		h, err := hubOf(c)
		if err != nil {
			return err
		}
		if err := h.Submit(cmd.Context(), b); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Handed in. When a quorum of witnesses has signed it, 'polity case requests %s' fetches the files for both bodies.\n", c.Code())
		return nil
	}
	return cmd
}

func (s *caseState) requestsCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "requests CASE", Short: "Fetch the request files to both bodies, and their words", Args: exactlyOne("case"),
		Long: `Copy the files onto sticks and hand them to court and ombudsman. Each body's device checks
its file by itself; the words are compared by voice. The hub makes the files anew each time:
hand over the newest.`,
		Example: "  polity case requests lusab-babad --out /media/stick",
	}
	cmd.Flags().StringVar(&out, "out", "", "folder to copy both files to, such as a stick")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := s.find(args[0])
		if err != nil {
			return err
		}
		h, err := hubOf(c)
		if err != nil {
			return err
		}
		var lines []custodian.Line
		for _, body := range share.Bodies {
			path, words, err := c.FetchRequest(cmd.Context(), h, body)
			if err != nil {
				return err
			}
			if out != "" {
				b, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				path = fmt.Sprintf("%s/request-%s-%s.bin", out, c.Code(), body)
				if err := custodian.WriteNew(path, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
					return err
				}
			}
			lines = append(lines, custodian.Line{Label: "For " + string(body), Text: path}, custodian.Line{Label: "Its words", Text: words})
		}
		tell(cmd.OutOrStdout(), lines)
		return nil
	}
	return cmd
}

func (s *caseState) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status CASE", Short: "How far a case is: here, and at the hub", Args: exactlyOne("case"),
		Example: "  polity case status lusab-babad",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.find(args[0])
			if err != nil {
				return err
			}
			t := c.Token
			here, err := whereItStands(c)
			if err != nil {
				return err
			}
			lines := []custodian.Line{
				{Label: "Case", Text: c.Code()},
				{Label: "Token", Text: t.ID.String()},
				{Label: "Asks for", Text: fmt.Sprintf("%s, for %s", scopeWords(t.CamerasCount, t.HoursCount), t.Purpose)},
				{Label: "Bodies may answer until", Text: string(t.Expires)},
				{Label: "Details public on", Text: string(t.DetailsPublicOn)},
				{Label: "Here", Text: here},
			}
			tell(cmd.OutOrStdout(), append(lines, atTheHub(cmd, c)...))
			return nil
		},
	}
}

// atTheHub is what the hub says of a case; a hub that does not answer is no error.
func atTheHub(cmd *cobra.Command, c *casefile.Case) []custodian.Line {
	if c.Hub == "" {
		return []custodian.Line{{Label: "Hub", Text: "none: files are carried"}}
	}
	h, err := hubOf(c)
	if err != nil {
		return []custodian.Line{{Label: "Hub", Text: err.Error()}}
	}
	st, err := h.State(cmd.Context(), c.Token.ID)
	if err != nil {
		return []custodian.Line{{Label: "Hub", Text: err.Error()}}
	}
	logged := "in the log, waits for the witnesses"
	if st.Public {
		logged = "public"
		if st.Index != nil {
			logged = fmt.Sprintf("public, entry %d of the log", *st.Index)
		}
	}
	lines := []custodian.Line{{Label: "Request", Text: logged}}
	for _, body := range share.Bodies {
		a := st.Answers[body]
		words := a.State
		if a.Reason != "" {
			words += " (" + a.Reason + ")"
		}
		if a.State != "waiting" && a.State != "" && !a.Public {
			words += ", waits for the witnesses"
		}
		lines = append(lines, custodian.Line{Label: "Hub: " + string(body), Text: words})
	}
	return lines
}

func (s *caseState) answersCommand() *cobra.Command {
	return &cobra.Command{
		Use: "answers CASE [FILE...]", Short: "Take answers that came by stick, or fetch them from the hub",
		Long: `Each answer is checked: signature of the body's device, that it is to this request, that its
shares are those of its entry. One that came by stick is handed in at the hub too, so that it
stands in the public log.`,
		Example: `  polity case answers lusab-babad /media/stick/answer.bin
  polity case answers lusab-babad`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("name the case; see '%s --help'", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.find(args[0])
			if err != nil {
				return err
			}
			if err := c.Hold(); err != nil {
				return err
			}
			defer c.Close()
			var h casefile.Hub
			if c.Hub != "" {
				if h, err = hubOf(c); err != nil {
					return err
				}
			}
			for _, file := range args[1:] {
				if err := takeAnswer(cmd, c, h, file); err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
			}
			if h != nil {
				came, err := c.Fetch(cmd.Context(), h)
				for _, what := range came {
					fmt.Fprintln(cmd.OutOrStdout(), "Fetched:", what)
				}
				if err != nil && (len(args) == 1 || city.KindOf(err) != city.Unavailable) {
					return err
				}
			}
			return sayAnswers(cmd.OutOrStdout(), c)
		},
	}
}

func takeAnswer(cmd *cobra.Command, c *casefile.Case, h casefile.Hub, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return usageError{err}
	}
	a, err := c.TakeAnswer(bytes.NewReader(b))
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Taken: the answer of %s (%s)\n", a.Body, a.Words())
	if h == nil {
		return nil
	}
	err = h.SendAnswer(cmd.Context(), c.Token.ID, bytes.NewReader(b))
	switch {
	case err != nil && city.KindOf(err) == city.Unavailable:
		fmt.Fprintf(cmd.ErrOrStderr(), "It is kept here, and not at the hub yet: %v\n", err)
		return nil
	case err != nil:
		return fmt.Errorf("it is kept here; %w", err)
	}
	fmt.Fprintln(cmd.OutOrStdout(), "Handed in at the hub.")
	return nil
}

func sayAnswers(w io.Writer, c *casefile.Case) error {
	answers, err := c.Answers()
	if err != nil {
		return err
	}
	var lines []custodian.Line
	both := true
	for i, a := range answers {
		both = both && a != nil && a.Approved != nil
		text := "has not answered"
		if a != nil {
			text = "refused"
			if a.Approved != nil {
				text = fmt.Sprintf("approved: %s", numberOf(int(a.States[token.Right]), "share"))
				for st := token.NoKey; st <= token.Destroyed; st++ {
					if n := a.States[st]; n > 0 {
						text += fmt.Sprintf(", %d %s", n, st)
					}
				}
			}
			text += "; words " + a.Words()
		}
		lines = append(lines, custodian.Line{Label: string(share.Bodies[i]), Text: text})
		a.Close()
	}
	if both {
		lines = append(lines, custodian.Line{Label: "Next", Text: "polity case open " + c.Code()})
	}
	tell(w, lines)
	return nil
}
