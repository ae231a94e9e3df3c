package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
	"polity/ledger/roster"
	"polity/register"
)

func rosterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "roster",
		Short: "Make, sign and check the list of keys that a city's public log goes by",
		Long: `The roster (docs/formats/roster.md) says whose keys count: those of court and ombudsman, of
the log and its witnesses, of offices that may ask for a release. Three of five root keys
sign it, each on a machine of its own that is not online; three of them sign the next one.`,
		Example: `  polity roster key --name root-1.example --out root-1.key --encrypt
  polity roster example > draft.json
  polity roster make draft.json --key root-1.key --out helsinki.roster
  polity roster sign helsinki.roster --key root-2.key
  polity roster check helsinki.roster`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(rosterKeyCommand(), rosterExampleCommand(), rosterMakeCommand(), rosterSignCommand(), rosterCheckCommand())
	return cmd
}

func rosterKeyCommand() *cobra.Command {
	var pair keyPair
	cmd := &cobra.Command{
		Use: "key", Short: "Make a key: of the root, or of the log",
		Long: `Makes an Ed25519 key pair. FILE gets the private key, FILE.pub the line that goes into the
roster. With --encrypt the private key is locked by a passphrase. Witnesses make their keys
by 'polity witness key', devices of the two bodies by 'polity custodian'.`,
		Example: `  polity roster key --name root-1.example --out root-1.key --encrypt
  polity roster key --name helsinki.example/log --out log.key`,
		Args: cobra.NoArgs,
	}
	pair.add(cmd, "a name for the key; for the log's it is the log's origin", "")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if pair.out == "" {
			return usageError{fmt.Errorf("name a file for the private key with --out")}
		}
		return pair.make(cmd)
	}
	return cmd
}

func rosterExampleCommand() *cobra.Command {
	return &cobra.Command{
		Use: "example", Short: "Print a draft to fill in", Args: cobra.NoArgs,
		Long:    "Prints a draft with every member of a roster. Put in names and the public keys.",
		Example: "  polity roster example > draft.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			device := func(id city.Slug) roster.Device {
				return roster.Device{ID: id, Key: "public key of this device"}
			}
			r := roster.Roster{
				Bodies: []roster.Body{
					{Name: roster.Court, Title: "District Court", Devices: []roster.Device{device("court-1"), device("court-2")}},
					{Name: roster.Ombudsman, Title: "Ombudsman", Devices: []roster.Device{device("ombudsman-1"), device("ombudsman-2")}},
				},
				Classes: []roster.Class{{Name: "usual", Hours: 72}}, Domain: "helsinki.example", Format: roster.Format,
				Log:       roster.Log{Key: "public key of the log", Origin: "helsinki.example/log"},
				Officers:  []roster.Office{{Name: "police", Devices: []roster.Device{device("police-1")}}},
				Quorum:    2,
				Root:      strings.Split(strings.Repeat("public root key,", 5), ",")[:5],
				ValidFrom: "2026-12-01T00:00:00Z", Version: 1,
				Witnesses: []roster.Witness{{Name: "university", Key: "public key of this witness"}, {Name: "union", Key: "public key of this witness"}, {Name: "press", Key: "public key of this witness"}},
			}
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(r)
		},
	}
}

// rootKeys are the files of private keys that a command signs with.
type rootKeys struct {
	files          []string
	passphraseFile string
}

func (k *rootKeys) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&k.files, "key", nil, "file with a root key to sign with (may be given again)")
	cmd.Flags().StringVar(&k.passphraseFile, "passphrase-file", "", "read the keys' passphrase from this file in place of the terminal")
}

func (k *rootKeys) read(cmd *cobra.Command) (list []note.Signer, err error) {
	for _, name := range k.files {
		file, err := os.ReadFile(name)
		if err != nil {
			return nil, usageError{err}
		}
		key, err := register.ReadKey(file, func() (string, error) {
			return passphrase(cmd, k.passphraseFile, "Passphrase of "+name+": ")
		})
		if err != nil {
			return nil, city.Errorf(city.KindOf(err), "%s: %w", name, err)
		}
		list = append(list, key)
	}
	return list, nil
}

func rosterMakeCommand() *cobra.Command {
	var keys rootKeys
	var out string
	cmd := &cobra.Command{
		Use: "make DRAFT", Short: "Make a roster from a draft",
		Long: `Checks a draft (see 'polity roster example') and writes the roster, signed with the keys
given; others sign it on with 'polity roster sign'.`,
		Example: `  polity roster make draft.json --key root-1.key --out helsinki.roster`,
		Args:    exactlyOne("draft"),
	}
	keys.flags(cmd)
	cmd.Flags().StringVar(&out, "out", "", "file for the roster")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if out == "" {
			return usageError{fmt.Errorf("name a file for the roster with --out")}
		}
		data, err := os.ReadFile(args[0])
		if err != nil {
			return usageError{err}
		}
		r, err := roster.Draft(data)
		if err != nil {
			return err
		}
		signers, err := keys.read(cmd)
		if err != nil {
			return err
		}
		file, err := roster.Write(r, signers...)
		if err != nil {
			return err
		}
		if err := writeNew(out, file, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: roster %d of %s with %d of the 3 signatures that are needed\n", out, r.Version, r.Domain, len(signers))
		return nil
	}
	return cmd
}

func rosterSignCommand() *cobra.Command {
	var keys rootKeys
	var after string
	cmd := &cobra.Command{
		Use: "sign ROSTER", Short: "Add a signature to a roster",
		Long: `Shows what the roster says and adds signatures to the file. Check first that the words are
those which the other holders of root keys see. The next roster of a city is signed by keys of
the root before as well: name that roster with --after.`,
		Example: `  polity roster sign helsinki.roster --key root-2.key
  polity roster sign helsinki-2.roster --after helsinki.roster --key root-2.key`,
		Args: exactlyOne("roster"),
	}
	keys.flags(cmd)
	cmd.Flags().StringVar(&after, "after", "", "the roster before, if this is not the first")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(keys.files) == 0 {
			return usageError{fmt.Errorf("name a root key with --key")}
		}
		file, err := os.ReadFile(args[0])
		if err != nil {
			return usageError{err}
		}
		var before *roster.Signed
		if after != "" {
			if before, err = readRosters([]string{after}); err != nil {
				return err
			}
		}
		signers, err := keys.read(cmd)
		if err != nil {
			return err
		}
		if err := maySign(file, before, signers); err != nil {
			return err
		}
		signed, err := roster.Add(file, signers...)
		if err != nil {
			return err
		}
		if err := durable.WriteFile(args[0], signed, 0o644); err != nil {
			return err
		}
		r, err := roster.First(signed)
		if err == nil && before != nil {
			r, err = before.Next(signed)
		}
		if err != nil {
			fmt.Fprintf(cmd.OutOrStdout(), "signed; not yet complete: %v\n", err)
			return nil
		}
		sayRoster(cmd.OutOrStdout(), r)
		return nil
	}
	return cmd
}

// maySign refuses keys whose signature would make everyone refuse the roster.
func maySign(file []byte, before *roster.Signed, signers []note.Signer) error {
	r, err := roster.Unsigned(file)
	if err != nil {
		return err
	}
	for _, s := range signers {
		if !r.IsRoot(s) && (before == nil || !before.IsRoot(s)) {
			return city.Errorf(city.Invalid, "the key %s is not in the roster's root; nothing was signed. If it is in the root of the roster before, name that one with --after", s.Name())
		}
	}
	return nil
}

func rosterCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check ROSTER...", Short: "Check rosters, each against the one before",
		Long: `Checks the first roster against its own root keys, and each further one against the root of
the one before. Compare the words of the first with those that the city made public.`,
		Example: `  polity roster check helsinki.roster
  polity roster check helsinki-1.roster helsinki-2.roster`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("name one roster or more; see '%s --help'", cmd.CommandPath())}
			}
			return nil
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := readRosters(args)
		if err != nil {
			return err
		}
		sayRoster(cmd.OutOrStdout(), r)
		return nil
	}
	return cmd
}

// readRosters reads a first roster and those that follow it, and returns the last; nil: none
// was named.
func readRosters(names []string) (*roster.Signed, error) {
	list, err := roster.Read(names)
	if _, files := errors.AsType[*fs.PathError](err); files {
		return nil, usageError{err}
	}
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[len(list)-1], nil
}

func sayRoster(w io.Writer, r *roster.Signed) {
	fmt.Fprintf(w, "roster %d of %s, valid from %s\n", r.Version, r.Domain, r.ValidFrom.Time().Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(w, "  words      %s\n", r.Words())
	fmt.Fprintf(w, "  log        %s\n", r.Log.Origin)
	for _, b := range r.Bodies {
		fmt.Fprintf(w, "  %-10s %s, %s\n", b.Name, b.Title, devices(b.Devices))
	}
	for _, o := range r.Officers {
		fmt.Fprintf(w, "  may ask    %s, %s\n", o.Name, devices(o.Devices))
	}
	var names []city.Slug
	for _, x := range r.Witnesses {
		names = append(names, x.Name)
	}
	fmt.Fprintf(w, "  witnesses  %s; %d must cosign\n", wordsOf(names), r.Quorum)
	for _, c := range r.Classes {
		fmt.Fprintf(w, "  keeps      %s: %d hours\n", c.Name, c.Hours)
	}
	if r.UpdateRoot == (canonical.Hash{}) {
		fmt.Fprintln(w, "  updates    no root is named: programs cannot check updates by this roster")
	}
}

func devices(list []roster.Device) string {
	var ids []city.Slug
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return numberOf(len(list), "device") + " (" + wordsOf(ids) + ")"
}
