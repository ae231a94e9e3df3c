package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"polity/city"
	"polity/internal/durable"
	"polity/register"
)

func cameraCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "camera",
		Short: "Register cameras: no camera runs without a signed entry",
		Example: `  polity camera key --name helsinki.example/cameras --out city.key
  polity camera register --key city.key --camera square --edge edge-1 ...
  polity camera entry square.entry --city-key city.key.pub`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(cameraKeyCommand(), cameraRegisterCommand(), cameraEntryCommand())
	return cmd
}

func cameraKeyCommand() *cobra.Command {
	var pair keyPair
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make the city's key that signs register entries",
		Long: `Makes an Ed25519 key pair. FILE gets the private key, for the office that decides
about cameras and nobody else; FILE.pub gets the line that edges and hubs have in
city_keys. With --encrypt the private key is locked by a passphrase.`,
		Example: `  polity camera key --name helsinki.example/cameras --out city.key --encrypt`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return pair.make(cmd)
		},
	}
	pair.add(cmd, "the office's domain, such as helsinki.example/cameras", "city.key")
	return cmd
}

func cameraRegisterCommand() *cobra.Command {
	var d draft
	var key, passphraseFile, out string
	var ask, replace bool
	cmd := &cobra.Command{
		Use:   "register",
		Short: "Write and sign a camera's register entry",
		Long: `Writes what was decided about one camera, signs it with the city's key, and says
it in words. The entry's file, CAMERA.entry, belongs into the folder "register" of
the edge that runs the camera and of the hub; the form is docs/formats/register.md.
What is not given as a flag is asked for when there is a terminal.`,
		Example: `  polity camera register --key city.key --camera square --edge edge-1 \
    --title "Market square, east side" --purpose "Keep the tram tracks free." \
    --sees "The square between the fountain and the tram stop." \
    --lon 24.9521 --lat 60.1695 --heading 140 --field 70 --reach 60 \
    --body "City of Helsinki" --decision "HEL 2026-012345" --decided-on 2026-11-02 \
    --events crowding,stopped --crowd-at-least 20 --until 2027-11-22`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ask = ask || term.IsTerminal(int(os.Stdin.Fd()))
			entry, err := d.entry(cmd, ask, time.Now())
			if err != nil {
				return err
			}
			file, err := os.ReadFile(key)
			if err != nil {
				return city.Errorf(city.Invalid, "the city's key: %w; 'polity camera key' makes one", err)
			}
			signer, err := register.ReadKey(file, func() (string, error) {
				return passphrase(cmd, passphraseFile, "Passphrase of "+key+": ")
			})
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			signed, err := register.Sign(entry, signer)
			if err != nil {
				return err
			}
			path := filepath.Join(out, string(entry.Camera)+".entry")
			write := writeNew
			if replace {
				write = durable.WriteFile
			}
			if err := write(path, signed, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\nSigned by %s (%08x) and written to %s.\n", entry.Words(), signer.Name(), signer.KeyHash(), path)
			return nil
		},
	}
	d.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&key, "key", "city.key", "the city's private key")
	f.StringVar(&passphraseFile, "passphrase-file", "", "read the key's passphrase from this file in place of the terminal")
	f.StringVar(&out, "out", ".", "folder for CAMERA.entry")
	f.BoolVar(&replace, "replace", false, "replace an entry that is there")
	f.BoolVar(&ask, "ask", false, "ask for what is not given although standard input is no terminal")
	return cmd
}

func cameraEntryCommand() *cobra.Command {
	var keys []string
	var camera, edgeName, at string
	cmd := &cobra.Command{
		Use:   "entry FILE",
		Short: "Check a register entry and say it in words",
		Long: `Checks a register entry as an edge would: its form, its signature, when it is
valid, and with --camera and --edge for whom. It says the entry in words, or the one
reason for which it is refused (exit status 1).`,
		Example: `  polity camera entry square.entry --city-key city.key.pub
  polity camera entry square.entry --city-key city.key.pub --edge edge-1 --at 2027-01-01T00:00:00Z`,
		Args: exactlyOne("entry"),
		RunE: func(cmd *cobra.Command, args []string) error {
			trusted, err := cityKeys(keys)
			if err != nil {
				return err
			}
			now := time.Now()
			if at != "" {
				if now, err = time.Parse(time.RFC3339, at); err != nil {
					return usageError{fmt.Errorf("--at %q: write a time such as 2027-01-01T00:00:00Z", at)}
				}
			}
			file, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			signed, err := trusted.Open(file)
			if err == nil {
				wantCamera, wantEdge := signed.Camera, signed.Edge
				if camera != "" {
					wantCamera = city.Slug(camera)
				}
				if edgeName != "" {
					wantEdge = city.Slug(edgeName)
				}
				err = signed.For(wantCamera, wantEdge, now)
			}
			if err != nil {
				return fmt.Errorf("%s is refused, %s: %w", args[0], register.ReasonOf(err), err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\nSigned by %s; it is valid at %s.\n", signed.Words(), signed.Key, now.UTC().Format(time.RFC3339))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&keys, "city-key", nil, "public key, or a file that holds it; may be given more than once")
	f.StringVar(&camera, "camera", "", "the camera that it must be for")
	f.StringVar(&edgeName, "edge", "", "the edge that it must be for")
	f.StringVar(&at, "at", "", "check for this time in place of now")
	return cmd
}

// cityKeys takes public keys, or files that hold one.
func cityKeys(list []string) (register.Keys, error) {
	if len(list) == 0 {
		return register.Keys{}, usageError{fmt.Errorf("give the city's public key with --city-key: without it nobody can say who signed")}
	}
	var texts []string
	for _, text := range list {
		if b, err := os.ReadFile(text); err == nil {
			text = strings.TrimSpace(string(b))
		}
		texts = append(texts, text)
	}
	return register.ParseKeys(texts)
}
