package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/share"
	"polity/release/custodian"
	"polity/release/token"
)

func bodyOf(s string) share.Body { return share.Body(strings.ToLower(strings.TrimSpace(s))) }

func today() canonical.Day { return canonical.Day(time.Now().UTC().Format(time.DateOnly)) }

func (s *custodianState) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "Epoch keys: make, publish, hand to the body's other device",
		Example: `  polity custodian keys make --class short --days 90
  polity custodian keys publish --out keys.statements`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(s.keysMake(), s.keysPublish(), s.keysCard(), s.keysShare(), s.keysTake())
	return cmd
}

func (s *custodianState) keysMake() *cobra.Command {
	var class, from string
	var days int
	cmd := &cobra.Command{
		Use: "make", Short: "Make the key pairs of a class for the days ahead", Args: cobra.NoArgs,
		Long: `One device of a body makes keys, the other one takes them ('keys share', 'keys take').
Days that have a key keep it.`,
		Example: "  polity custodian keys make --class short --days 90",
	}
	cmd.Flags().StringVar(&class, "class", "", "class of retention, as in the roster")
	cmd.Flags().StringVar(&from, "from", string(today()), "first day")
	cmd.Flags().IntVar(&days, "days", 90, "how many days")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd, func(d *custodian.Device) error {
			n, err := d.MakeKeys(city.Slug(class), canonical.Day(from), days)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d key pairs made for class %s. Next: 'keys publish', and 'keys share' for the other device.\n", n, class)
			return nil
		})
	}
	return cmd
}

// produce runs a command whose result is a file that people carry.
func (s *custodianState) produce(cmd *cobra.Command, out string, do func(d *custodian.Device, w io.Writer) (said string, sum [32]byte, err error)) error {
	if out == "" {
		return usageError{fmt.Errorf("name the file to write with --out")}
	}
	return s.with(cmd, func(d *custodian.Device) error {
		var said string
		var sum [32]byte
		err := custodian.WriteNew(out, func(w io.Writer) (err error) {
			said, sum, err = do(d, w)
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s: %s\n", said, out, token.Words(sum))
		return nil
	})
}

func (s *custodianState) keysPublish() *cobra.Command {
	var out, from string
	cmd := &cobra.Command{
		Use: "publish", Short: "Write the public halves, signed, for the log", Args: cobra.NoArgs,
		Example: "  polity custodian keys publish --out keys.statements",
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.Flags().StringVar(&from, "from", string(today()), "first day")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.produce(cmd, out, func(d *custodian.Device, w io.Writer) (string, [32]byte, error) {
			n, sum, err := d.Publish(w, canonical.Day(from))
			return fmt.Sprintf("%d public halves, signed.", n), sum, err
		})
	}
	return cmd
}

func (s *custodianState) keysCard() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "card", Short: "Write this device's card, which the body's other device needs to share keys", Args: cobra.NoArgs,
		Example: "  polity custodian keys card --out court-2.card",
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if out == "" {
			return usageError{fmt.Errorf("name the file to write with --out")}
		}
		return s.with(cmd, func(d *custodian.Device) error {
			c, err := d.Card()
			if err != nil {
				return err
			}
			return custodian.WriteNew(out, func(w io.Writer) error {
				_, err := w.Write(c.Marshal())
				return err
			})
		})
	}
	return cmd
}

func (s *custodianState) keysShare() *cobra.Command {
	var out, card string
	cmd := &cobra.Command{
		Use: "share", Short: "Write the epoch keys for the body's other device, which alone can read them", Args: cobra.NoArgs,
		Example: "  polity custodian keys share --card court-2.card --out keys.bin",
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.Flags().StringVar(&card, "card", "", "card of the other device")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		b, err := os.ReadFile(card)
		if err != nil {
			return usageError{err}
		}
		return s.produce(cmd, out, func(d *custodian.Device, w io.Writer) (string, [32]byte, error) {
			n, sum, err := d.ShareKeys(w, b)
			return fmt.Sprintf("%d epoch keys for the other device. Wipe the stick afterwards.", n), sum, err
		})
	}
	return cmd
}

func (s *custodianState) keysTake() *cobra.Command {
	return &cobra.Command{
		Use: "take FILE", Short: "Take epoch keys from the body's other device", Args: exactlyOne("file"),
		Example: "  polity custodian keys take keys.bin",
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return usageError{err}
			}
			defer f.Close()
			return s.with(cmd, func(d *custodian.Device) error {
				n, err := d.TakeKeys(f)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d epoch keys taken.\n", n)
				return nil
			})
		},
	}
}

func (s *custodianState) destroyCommand() *cobra.Command {
	var out, on string
	var due bool
	cmd := &cobra.Command{
		Use: "destroy", Short: "Destroy the epoch keys of days that are past their retention", Args: cobra.NoArgs,
		Long: `A key is due at the end of its day and the hours of its class, by the time of the log as
last seen; --on says another day. What a key opened is then noise, for both bodies, in
every backup. Both devices of a body destroy. It writes signed statements for the log.

The old keys are overwritten in the anchor and the vault is written anew. A disk that
journals or levels wear may keep old blocks: that this device's disk is encrypted, and
that it is never backed up, is part of the promise.`,
		Example: "  polity custodian destroy --due --out destroyed.statements",
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.Flags().StringVar(&on, "on", "", "the day that it is, if the log was not seen for long")
	cmd.Flags().BoolVar(&due, "due", false, "destroy every key that is due")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !due {
			return usageError{fmt.Errorf("say --due to destroy the keys that are due")}
		}
		return s.produce(cmd, out, func(d *custodian.Device, w io.Writer) (string, [32]byte, error) {
			st, err := d.Status(time.Now())
			if err != nil {
				return "", [32]byte{}, err
			}
			at := st.Seen.Time
			if on != "" {
				if err := canonical.Day(on).Check(); err != nil {
					return "", [32]byte{}, usageError{err}
				}
				at = canonical.Day(on).Time()
			}
			if at.IsZero() {
				return "", [32]byte{}, city.Errorf(city.Conflict, "this device never saw the log, and does not know the day: say it with --on")
			}
			n, sum, err := d.Destroy(at, w)
			return fmt.Sprintf("%d epoch keys destroyed, as of %s.", n, at.Format(time.DateOnly)), sum, err
		})
	}
	return cmd
}
