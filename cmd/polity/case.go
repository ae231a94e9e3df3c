package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/internal/sandbox"
	"polity/recording/share"
	casefile "polity/release/case"
	"polity/release/custodian"
	"polity/release/token"
)

// caseState is what every command of case needs.
type caseState struct {
	dir, passphraseFile string
}

func caseCommand() *cobra.Command {
	s := &caseState{}
	cmd := &cobra.Command{
		Use:   "case",
		Short: "The officer's own machine: ask for footage, open it, look at it, export it",
		Long: `Footage is sealed to two bodies, and opens only for a case that both approved. This is the
machine of the office that asks. It makes the key of the case and the token that stands in the
public log, puts both bodies' answers together, and plays the footage on loopback: it stays
encrypted on disk, and is decrypted in memory as it is looked at (docs/formats/case.md).

A case is called by its code, or the beginning of it. Everything goes by files as well as by
the hub. The hub asks for an API token of the officer's account in POLITY_TOKEN.`,
		Example: `  polity case init --body police --device police-1 --name helsinki.example/police-1
  polity case roster city.roster
  polity case new case.json
  polity case submit lusab-babad
  polity case requests lusab-babad
  polity case open lusab-babad
  polity case play lusab-babad
  polity case export lusab-babad --out bundle`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	cmd.PersistentFlags().StringVar(&s.dir, "office", filepath.Join(home, ".polity-case"), "folder of this machine's office")
	cmd.PersistentFlags().StringVar(&s.passphraseFile, "passphrase-file", "", "file with the passphrase in its first line; otherwise it is asked for")
	cmd.AddCommand(s.initCommand(), s.rosterCommand(), s.newCommand(), s.listCommand(), s.submitCommand(), s.requestsCommand(), s.statusCommand(), s.answersCommand(),
		s.openCommand(), s.playCommand(), s.exportCommand(), s.checkCommand(), s.discloseCommand())
	return cmd
}

// unlocked opens the office with its passphrase.
func (s *caseState) unlocked(cmd *cobra.Command) (*casefile.Office, error) {
	o, err := casefile.Open(s.dir)
	if err != nil {
		return nil, err
	}
	p, err := (&custodianState{passphraseFile: s.passphraseFile}).passphrase(cmd, false)
	if err != nil {
		return nil, err
	}
	return o, o.Unlock(p)
}

// find opens a case, locked.
func (s *caseState) find(code string) (*casefile.Case, error) {
	o, err := casefile.Open(s.dir)
	if err != nil {
		return nil, err
	}
	return o.Case(code)
}

// with unlocks a case for this process alone and runs do.
func (s *caseState) with(cmd *cobra.Command, code string, do func(*casefile.Office, *casefile.Case) error) error {
	o, err := s.unlocked(cmd)
	if err != nil {
		return err
	}
	c, err := o.Case(code)
	if err != nil {
		return err
	}
	if err := c.Hold(); err != nil {
		return err
	}
	defer c.Close()
	if err := sandbox.Harden(); err != nil { // the key of the case and pictures are in this memory
		return err
	}
	if err := c.Unlock(); err != nil {
		return err
	}
	return do(o, c)
}

// hubOf is the hub of a case.
func hubOf(c *casefile.Case) (casefile.Hub, error) {
	return casefile.Web(c.Hub, os.Getenv(tokenVariable))
}

func (s *caseState) initCommand() *cobra.Command {
	var body, device, name string
	var work int
	cmd := &cobra.Command{
		Use: "init", Short: "Begin this machine: the office's device key and its folder",
		Long: `It makes the key of the office's device and prints the public half, which the holders of the
city's root keys put into the roster. Whoever has the folder and the passphrase is that device.`,
		Example: `  polity case init --body police --device police-1 --name helsinki.example/police-1`,
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&body, "body", "", "the office's name in the roster, such as police")
	cmd.Flags().StringVar(&device, "device", "", "the device's id in the roster, such as police-1")
	cmd.Flags().StringVar(&name, "name", "", "name of its key, such as helsinki.example/police-1")
	cmd.Flags().IntVar(&work, "work-factor", 0, "log2 of scrypt's N; 0: age's own")
	if err := cmd.Flags().MarkHidden("work-factor"); err != nil { // for trials: a low one makes the passphrase easy to guess
		panic(err)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := (&custodianState{passphraseFile: s.passphraseFile}).passphrase(cmd, true)
		if err != nil {
			return err
		}
		o, err := casefile.Init(casefile.Setup{Dir: s.dir, Office: city.Slug(body), Device: city.Slug(device), Name: name, Passphrase: p, WorkFactor: work})
		if err != nil {
			return err
		}
		key, err := o.Key()
		if err != nil {
			return err
		}
		tell(cmd.OutOrStdout(), []custodian.Line{{Label: "Folder", Text: s.dir}, {Label: "Key for the roster", Text: key}})
		return nil
	}
	return cmd
}

func (s *caseState) rosterCommand() *cobra.Command {
	return takeRosterCommand("case", func(cmd *cobra.Command, file []byte, words func() (string, error)) error {
		o, err := casefile.Open(s.dir)
		if err != nil {
			return err
		}
		typed := ""
		if len(o.Rosters()) == 0 {
			if typed, err = words(); err != nil {
				return err
			}
		}
		if err := o.Adopt(file, typed); err != nil {
			return err
		}
		r, err := o.Roster()
		if err != nil {
			return err
		}
		office, device := o.Name()
		fmt.Fprintf(cmd.OutOrStdout(), "Roster %d of %s is taken.\n", r.Version, r.Domain)
		if err := o.Listed(); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "This machine is %s of %s.\n", device, office)
		return nil
	})
}

func (s *caseState) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "The cases of this machine", Args: cobra.NoArgs,
		Example: "  polity case list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := casefile.Open(s.dir)
			if err != nil {
				return err
			}
			codes, err := o.Codes()
			if err != nil {
				return err
			}
			if len(codes) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "No case yet. 'polity case new DRAFT' makes one of a draft, which the page New case writes.")
				return nil
			}
			var lines []custodian.Line
			for _, code := range codes {
				c, err := o.Case(code)
				if err != nil {
					return err
				}
				words, err := whereItStands(c)
				if err != nil {
					return err
				}
				lines = append(lines, custodian.Line{Label: code, Text: fmt.Sprintf("%s, until %s: %s", scopeWords(c.Token.CamerasCount, c.Token.HoursCount), c.Token.Expires, words)})
			}
			tell(cmd.OutOrStdout(), lines)
			return nil
		},
	}
}

// whereItStands says how far a case is, as far as this machine knows.
func whereItStands(c *casefile.Case) (string, error) {
	answers, err := c.Answers()
	if err != nil {
		return "", err
	}
	var parts []string
	for i, a := range answers {
		parts = append(parts, answerWords(share.Bodies[i], a))
		a.Close()
	}
	if c.Opened() {
		parts = append(parts, "opened")
	}
	return strings.Join(parts, ", "), nil
}

func answerWords(body share.Body, a *casefile.Answer) string {
	switch {
	case a == nil:
		return string(body) + " has not answered"
	case a.Approved != nil:
		return string(body) + " approved"
	}
	return fmt.Sprintf("%s refused (%s)", body, a.Refused.Reason)
}

// writeStatement writes an entry as a file to be carried to the log.
func writeStatement(path string, st *casefile.Statement) error {
	return custodian.WriteNew(path, func(w io.Writer) error {
		f := token.Create(w, token.Statements)
		if err := f.Add(token.Entry, st.Bytes); err != nil {
			return err
		}
		_, err := f.Close()
		return err
	})
}

// publish hands an entry to the hub, or writes it for somebody to carry.
func publish(cmd *cobra.Command, c *casefile.Case, st *casefile.Statement, out, what string) error {
	if out != "" {
		if err := writeStatement(out, st); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: hand in %s at the page of the public record, or by 'polity record submit'.\n", what, out)
		return nil
	}
	if c.Hub == "" {
		return usageError{errors.New("this case has no hub: name a file with --out, to be carried to the log")}
	}
	h, err := hubOf(c)
	if err != nil {
		return err
	}
	if err := h.Publish(cmd.Context(), st.Bytes); err != nil {
		if city.KindOf(err) == city.Unavailable {
			return fmt.Errorf("%w; or write it with --out, to be carried", err)
		}
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: in the public log.\n", what)
	return nil
}

// scopeWords is how much a token asks for.
func scopeWords(cameras, hours int64) string {
	return plural(int(cameras), "camera") + ", " + plural(int(hours), "hour") + " begun"
}
