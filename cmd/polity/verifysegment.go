package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"polity/recording/segment"
	"polity/recording/verify"
)

func verifySegmentCommand() *cobra.Command {
	var recorders []string
	var hours bool
	cmd := &cobra.Command{
		Use:   "segment FILE|FOLDER...",
		Short: "Check sealed recordings without opening them",
		Long: `Checks sealed segments (docs/formats/segment.md) without any key and without a network:
that each is to the byte what its recorder signed, and that none of a camera's is missing
between the first and the last. Times without recording are listed with the reason that the
recorder gave. It stops at the first segment that is wrong and says how.

With --recorder it also checks that it was one of these recorders; their keys stand in the
public log. With --hours it prints the hash of each whole hour as the public log has it.`,
		Example: `  polity verify segment square/2026-12-01
  polity verify segment --recorder 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29 --hours square`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("name files or folders of segments; see '%s --help'", cmd.CommandPath())}
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&recorders, "recorder", nil, "public key of a recorder of the city, 64 hexadecimal digits (may be given again)")
	cmd.Flags().BoolVar(&hours, "hours", false, "print each whole hour's hash, to be compared with the public log")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		trust, err := recordersOf(recorders)
		if err != nil {
			return err
		}
		cameras, err := verify.Files(args, trust, progress[int](cmd.ErrOrStderr(), "segments checked"))
		if err != nil {
			return err
		}
		for _, c := range cameras {
			sayCamera(cmd.OutOrStdout(), c, hours, len(recorders) > 0)
		}
		return nil
	}
	return cmd
}

// recordersOf trusts the keys given; without any, each key.
func recordersOf(keys []string) (segment.Trust, error) {
	if len(keys) == 0 {
		return func([32]byte) bool { return true }, nil
	}
	var known []ed25519.PublicKey
	for _, text := range keys {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != ed25519.PublicKeySize {
			return nil, usageError{fmt.Errorf("--recorder %.80q: a recorder's key has 64 hexadecimal digits", text)}
		}
		known = append(known, b)
	}
	return segment.Recorders(known...), nil
}

func sayCamera(w io.Writer, c *verify.Camera, hours, known bool) {
	const form = "2006-01-02 15:04:05"
	fmt.Fprintf(w, "camera %s of %s: %s, %.1f MiB, none missing\n", c.Camera, c.Domain, numberOf(c.Segments, "segment"), float64(c.Bytes)/(1<<20))
	fmt.Fprintf(w, "  from     %s to %s UTC\n", c.From.Format(form), c.To.Format(form))
	if c.Cut > 0 {
		fmt.Fprintf(w, "  cut off  %s, when power or disk was lost\n", numberOf(c.Cut, "segment"))
	}
	for _, g := range c.Gaps {
		fmt.Fprintf(w, "  gap      %s to %s: %s\n", g.Start.Format(form), g.End.Format(form), g.Reason)
	}
	var keys []string
	for key := range c.Recorders {
		keys = append(keys, hex.EncodeToString(key[:]))
	}
	slices.Sort(keys)
	for _, key := range keys {
		fmt.Fprintf(w, "  signed   by recorder %s\n", key)
	}
	if !known {
		fmt.Fprintln(w, "  Whether that is a recorder of the city was not checked: give its key with --recorder.")
	}
	if hours {
		for _, h := range c.Hours {
			fmt.Fprintf(w, "  hour     %s  %s, %s, root %x\n", h.Hour.Format("2006-01-02 15h"), numberOf(int(h.Count), "segment"), numberOf(int(h.Gaps), "gap"), h.Root)
		}
	}
}

func numberOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
