package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"polity/city"
	"polity/release/custodian"
)

// custodianState is what every command of custodian needs.
type custodianState struct {
	dir, anchor, passphraseFile string
	file                        string // of the anchor, where there is no TPM
}

func custodianCommand() *cobra.Command {
	s := &custodianState{}
	cmd := &cobra.Command{
		Use:   "custodian",
		Short: "The device of a court or an ombudsman: epoch keys, requests, audits; never online",
		Long: `Footage is sealed to two bodies. This is the device of one of them, on a machine that is
never online: it makes the epoch keys that recorders seal to, shows what an office asks
for, checks by itself that the request stands in the public log, and answers it or not
(docs/formats/token.md). Files come and go on a USB stick; compare their words by voice.

The state folder is encrypted with a passphrase. The anchor, in the machine's TPM or in a
file outside of the folder that is never in a backup, changes each time: without it, the
folder is noise, and a copy or an older state of it cannot be used.`,
		Example: `  polity custodian init --body court --device court-1 --name helsinki.example/court-1
  polity custodian roster city.roster
  polity custodian keys make --class short --days 90
  polity custodian keys publish --out keys.statements
  polity custodian show request.bin
  polity custodian approve request.bin --out answer.bin
  polity custodian serve`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	cmd.PersistentFlags().StringVar(&s.dir, "state", filepath.Join(home, ".polity-custodian"), "folder of the device's state")
	s.file = filepath.Join(home, ".polity-custodian-anchor")
	cmd.PersistentFlags().StringVar(&s.anchor, "anchor", "auto", "tpm, a file outside of the state folder and of every backup, or auto: the TPM if there is one, else "+s.file)
	cmd.PersistentFlags().StringVar(&s.passphraseFile, "passphrase-file", "", "file with the passphrase in its first line; otherwise it is asked for")
	cmd.AddCommand(s.initCommand(), s.rosterCommand(), s.keysCommand(), s.statusCommand(), s.showCommand(), s.approveCommand(), s.refuseCommand(), s.holdCommand(), s.discloseCommand(), s.auditCommand(), s.destroyCommand(), s.serveCommand())
	return cmd
}

// theAnchor finds the anchor. A device that began with a file goes on with it.
func (s *custodianState) theAnchor() (custodian.Anchor, error) {
	switch s.anchor {
	case "tpm":
		return custodian.TPMAnchor()
	case "auto":
		if _, err := os.Stat(s.file); err == nil {
			return custodian.FileAnchor(s.file), nil
		}
		if !custodian.HasTPM() {
			return custodian.FileAnchor(s.file), nil
		}
		return custodian.TPMAnchor()
	}
	return custodian.FileAnchor(s.anchor), nil
}

// passphrase asks for the passphrase, twice where it is a new one.
func (s *custodianState) passphrase(cmd *cobra.Command, fresh bool) (string, error) {
	if s.passphraseFile != "" {
		b, err := os.ReadFile(s.passphraseFile)
		if err != nil {
			return "", usageError{err}
		}
		line, _, _ := strings.Cut(string(b), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", usageError{errors.New("there is no terminal to ask for the passphrase; name a file with --passphrase-file")}
	}
	read := func(prompt string) (string, error) {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		return string(b), err
	}
	first, err := read("Passphrase: ")
	if err != nil || !fresh {
		return first, err
	}
	second, err := read("Once more: ")
	if err == nil && first != second {
		err = usageError{errors.New("the two passphrases differ")}
	}
	return first, err
}

// with unlocks the device and runs do.
func (s *custodianState) with(cmd *cobra.Command, do func(*custodian.Device) error) error {
	p, err := s.passphrase(cmd, false)
	if err != nil {
		return err
	}
	anchor, err := s.theAnchor()
	if err != nil {
		return err
	}
	d, err := custodian.Unlock(s.dir, anchor, p)
	if err != nil {
		return err
	}
	defer d.Close()
	return do(d)
}

func tell(w io.Writer, lines []custodian.Line) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(t, "%s\t%s\n", l.Label, l.Text)
	}
	_ = t.Flush()
}

func (s *custodianState) initCommand() *cobra.Command {
	var body, device, name string
	var work int
	cmd := &cobra.Command{
		Use: "init", Short: "Begin a device: its key, its state folder, its anchor",
		Long: `It makes the device's key and prints the public half, which the holders of the city's root
keys put into the roster. The anchor is in the machine's TPM where it has one. Otherwise it
is a file (software), and a copy of this machine's whole disk is a copy of the device: encrypt
the disk and keep the machine locked away.`,
		Example: `  polity custodian init --body court --device court-1 --name helsinki.example/court-1`,
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&body, "body", "", "court or ombudsman")
	cmd.Flags().StringVar(&device, "device", "", "the device's id in the roster, such as court-1")
	cmd.Flags().StringVar(&name, "name", "", "name of its key, such as helsinki.example/court-1")
	cmd.Flags().IntVar(&work, "work-factor", 0, "log2 of scrypt's N; 0: age's own")
	if err := cmd.Flags().MarkHidden("work-factor"); err != nil { // for trials: a low one makes the passphrase easy to guess
		panic(err)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := s.passphrase(cmd, true)
		if err != nil {
			return err
		}
		anchor, err := s.theAnchor()
		if err != nil {
			return err
		}
		d, err := custodian.Init(custodian.Setup{Dir: s.dir, Anchor: anchor, Body: bodyOf(body), Device: city.Slug(device), Name: name, Passphrase: p, WorkFactor: work})
		if err != nil {
			return err
		}
		defer d.Close()
		key, err := d.Key()
		if err != nil {
			return err
		}
		tell(cmd.OutOrStdout(), []custodian.Line{{Label: "State", Text: s.dir}, {Label: "Anchor", Text: anchor.Kind()}, {Label: "Key for the roster", Text: key}})
		return nil
	}
	return cmd
}

func (s *custodianState) rosterCommand() *cobra.Command {
	return takeRosterCommand("custodian", func(cmd *cobra.Command, file []byte, words func() (string, error)) error {
		return s.with(cmd, func(d *custodian.Device) error {
			st, err := d.Status(time.Now())
			if err != nil {
				return err
			}
			typed := ""
			if st.Roster == 0 {
				if typed, err = words(); err != nil {
					return err
				}
			}
			if err := d.Adopt(file, typed); err != nil {
				return err
			}
			if st, err = d.Status(time.Now()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Roster %d of %s is taken: this device is %s of %s.\n", st.Roster, st.City, st.Device, st.Title)
			return nil
		})
	})
}

func (s *custodianState) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Keys left, the log as last seen, audits", Args: cobra.NoArgs,
		Example: "  polity custodian status",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd, func(d *custodian.Device) error {
				st, err := d.Status(time.Now())
				if err != nil {
					return err
				}
				tell(cmd.OutOrStdout(), statusLines(st))
				return nil
			})
		},
	}
}

func statusLines(st custodian.Status) []custodian.Line {
	lines := []custodian.Line{{Label: "Device", Text: fmt.Sprintf("%s of %s", st.Device, st.Body)}, {Label: "Key", Text: st.Key}, {Label: "Anchor", Text: st.Anchor}}
	if st.Roster == 0 {
		return append(lines, custodian.Line{Label: "Roster", Text: "none yet; 'polity custodian roster' takes one"})
	}
	lines = append(lines, custodian.Line{Label: "Roster", Text: fmt.Sprintf("%d of %s (%s)", st.Roster, st.City, st.Title)})
	seen := "never"
	if st.Seen.Size > 0 {
		seen = fmt.Sprintf("%d entries, %s", st.Seen.Size, st.Seen.Time.Format("2006-01-02 15:04 UTC"))
	}
	lines = append(lines, custodian.Line{Label: "Log last seen", Text: seen})
	for _, c := range st.Classes {
		text := fmt.Sprintf("%d days of keys left", c.Left)
		if c.Left < 30 {
			text += ": make more, recording stops at none"
		}
		lines = append(lines, custodian.Line{Label: "Class " + string(c.Class), Text: text})
	}
	lines = append(lines, custodian.Line{Label: "Due to be destroyed", Text: fmt.Sprint(st.Due)})
	last := "none yet"
	if n := len(st.Audits); n > 0 {
		a := st.Audits[n-1]
		last = fmt.Sprintf("%s: %d checked, %d wrong", a.Week, a.Checked, a.Wrong)
	}
	return append(lines, custodian.Line{Label: "Last audit", Text: last})
}
