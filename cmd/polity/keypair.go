package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"polity/internal/secretfile"
	"polity/register"
)

// keyPair makes a pair of Ed25519 keys: FILE with the private one, FILE.pub with the line that
// others need.
type keyPair struct {
	name, out, passphraseFile string
	encrypt                   bool
}

// add gives a command the flags; name says what the key's name is, out is the usual file.
func (k *keyPair) add(cmd *cobra.Command, name, out string) {
	f := cmd.Flags()
	f.StringVar(&k.name, "name", "", name)
	f.StringVar(&k.out, "out", out, "file for the private key")
	f.BoolVar(&k.encrypt, "encrypt", false, "lock the private key by a passphrase")
	f.StringVar(&k.passphraseFile, "passphrase-file", "", "read the passphrase from this file in place of the terminal")
}

func (k *keyPair) make(cmd *cobra.Command) error {
	private, public, err := register.NewKey(k.name)
	if err != nil {
		return err
	}
	file := []byte(private + "\n")
	if k.encrypt {
		words, err := newPassphrase(cmd, k.passphraseFile)
		if err != nil {
			return err
		}
		if file, err = register.Seal(private, words); err != nil {
			return err
		}
	}
	if err := writeNew(k.out, file, 0o600); err != nil {
		return err
	}
	if err := writeNew(k.out+".pub", []byte(public+"\n"), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), public)
	return err
}

// passphrase asks for one, or reads it from a file.
func passphrase(cmd *cobra.Command, file, question string) (string, error) {
	if file != "" {
		return secretfile.Line(file)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", usageError{fmt.Errorf("a passphrase is needed and there is no terminal to ask for it; give --passphrase-file")}
	}
	fmt.Fprint(cmd.ErrOrStderr(), question)
	b, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(cmd.ErrOrStderr())
	return string(b), err
}

func newPassphrase(cmd *cobra.Command, file string) (string, error) {
	words, err := passphrase(cmd, file, "New passphrase: ")
	if err != nil || file != "" {
		return words, err
	}
	again, err := passphrase(cmd, file, "The same again: ")
	if err == nil && again != words {
		err = usageError{fmt.Errorf("the two passphrases differ; nothing was written")}
	}
	return words, err
}
