package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/internal/certs"
	"polity/internal/durable"
	"polity/internal/secretfile"
	"polity/ledger/roster"
	"polity/ledger/witness"
)

type witnessFlags struct {
	key, state, second, listen, cert, certKey, log, level string
	logs, rosters, public                                 []string
	withParent                                            bool
}

func witnessCommand() *cobra.Command {
	var f witnessFlags
	cmd := &cobra.Command{
		Use:   "witness",
		Short: "Cosign a city's public log, as an organisation of your own",
		Long: `A witness signs what a public log says of itself only if that provably continues what it
said before. Readers ask for the signatures of several witnesses, so that nobody can be
shown a log of their own. Any organisation can run one, on a small machine that is always
on; it speaks C2SP tlog-witness, reads no entry and needs no other part of Polity.

Make a key, give what it prints to those who sign the roster, and start with the roster
that they send back. Never run two witnesses with one key, and keep the folder of --state
out of backups: docs/formats/witness.md says why.`,
		Example: `  polity witness key --name ngo.example/witness /etc/polity/witness.key
  polity witness --key /etc/polity/witness.key --state /var/lib/polity/witness \
      --roster helsinki.roster --public https://helsinki.example/log
  polity witness --key witness.key --state state --second /mnt/other/state \
      --log example.com/log+1b7e2a9c+AfB... --listen 0.0.0.0:8443 --cert cert.pem --cert-key cert.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWitness(cmd, f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.key, "key", "", "file with this witness's key, from 'polity witness key'")
	fl.StringVar(&f.state, "state", "", "folder for what it remembers; no other witness may use it")
	fl.StringVar(&f.second, "second", "", "a second such folder on another disk, in case the first is put back from a backup")
	fl.StringArrayVar(&f.rosters, "roster", nil, "a city's roster: its log is witnessed (may be given again)")
	fl.StringArrayVar(&f.logs, "log", nil, "key of a log to witness, ORIGIN+HASH+BASE64 (may be given again)")
	fl.StringArrayVar(&f.public, "public", nil, "address of a log as everyone reads it, to find there what this witness cosigned (may be given again)")
	fl.StringVar(&f.listen, "listen", "127.0.0.1:8095", "address to listen on")
	fl.StringVar(&f.cert, "cert", "", "file with a certificate, PEM: serve HTTPS; it is read again when it changes")
	fl.StringVar(&f.certKey, "cert-key", "", "file with its private key, PEM")
	fl.StringVar(&f.log, "log-form", "text", "form of the program's own log: text or json")
	fl.StringVar(&f.level, "log-level", "info", "least level of that log: debug, info, warn or error")
	fl.BoolVar(&f.withParent, "with-parent", false, "stop when standard input ends: whoever holds its other end is gone")
	cmd.AddCommand(witnessKeyCommand())
	return cmd
}

func runWitness(cmd *cobra.Command, f witnessFlags) error {
	if f.key == "" || f.state == "" {
		return usageError{fmt.Errorf("--key and --state are needed; see '%s --help'", cmd.CommandPath())}
	}
	log, err := newLogger(cmd, f.log, f.level)
	if err != nil {
		return err
	}
	key, err := readWitnessKey(f.key)
	if err != nil {
		return err
	}
	logs, err := witnessedLogs(f.logs, f.rosters)
	if err != nil {
		return err
	}
	var encrypted *tls.Config
	if f.cert != "" || f.certKey != "" {
		front, err := certs.Open(certs.Config{CertFile: f.cert, KeyFile: f.certKey}, certs.Deps{Listen: f.listen, Log: log})
		if err != nil {
			return err
		}
		go front.Run(cmd.Context())
		encrypted = front.TLS()
	}
	ctx := cmd.Context()
	if f.withParent {
		ctx = whileRead(ctx, cmd.InOrStdin())
	}
	return witness.Run(ctx, witness.Config{
		Key: key, Logs: logs, Folder: f.state, Second: f.second, Listen: f.listen, TLS: encrypted, Public: f.public, Log: log, Clock: witness.SystemClock(),
		Ready: func(address string) {
			fmt.Fprintf(cmd.OutOrStdout(), "witness %s runs on %s\n", key.Name(), address)
		},
	})
}

// readSecret reads a file that a flag named. A file that cannot be read is wrong usage.
func readSecret(file string) ([]byte, error) {
	text, err := secretfile.Read(file)
	if err != nil && city.KindOf(err) == city.Internal {
		return nil, usageError{err}
	}
	return text, err
}

func readWitnessKey(file string) (*witness.Signer, error) {
	text, err := readSecret(file)
	if err != nil {
		return nil, err
	}
	key, err := witness.ParseSigner(string(text))
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", file, err)
	}
	return key, nil
}

// witnessedLogs are the logs of keys and rosters.
func witnessedLogs(keys, rosters []string) (logs []note.Verifier, err error) {
	for _, file := range rosters {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, usageError{err}
		}
		r, err := roster.First(text)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %w", file, err)
		}
		keys = append(keys, r.Log.Key)
	}
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%.80q is no key of a log in the form ORIGIN+HASH+BASE64", k)
		}
		logs = append(logs, v)
	}
	return logs, nil
}

func witnessKeyCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "key --name NAME FILE", Short: "Make the key of a witness",
		Long: `Writes a new private key into a file that does not exist yet, readable by you alone, and
prints the public key for rosters. The name is a URL without its scheme that tells people
who runs the witness; it need not lead anywhere.`,
		Example: `  polity witness key --name ngo.example/witness /etc/polity/witness.key`,
		Args:    exactlyOne("file"),
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the witness, such as ngo.example/witness")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if name == "" {
			return usageError{fmt.Errorf("--name is needed; see '%s --help'", cmd.CommandPath())}
		}
		if _, err := os.Lstat(args[0]); !errors.Is(err, fs.ErrNotExist) {
			return city.Errorf(city.Invalid, "%s exists; a key is never overwritten: name another file", args[0])
		}
		key, err := witness.Generate(name)
		if err != nil {
			return err
		}
		if err := durable.WriteFile(args[0], []byte(key.Secret()), 0o600); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n", key)
		fmt.Fprintf(cmd.ErrOrStderr(), "The private key is in %s, made %s. Keep it on this machine alone.\n", args[0], time.Now().UTC().Format(time.DateOnly))
		return nil
	}
	return cmd
}
