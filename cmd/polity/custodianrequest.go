package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"polity/ledger/entry"
	"polity/release/custodian"
	"polity/release/token"
)

// examined unlocks the device, checks a request, shows it in words, and goes on.
func (s *custodianState) examined(cmd *cobra.Command, path string, do func(*custodian.Device, *custodian.Request) error) error {
	f, err := os.Open(path)
	if err != nil {
		return usageError{err}
	}
	defer f.Close()
	return s.with(cmd, func(d *custodian.Device) error {
		r, err := d.Examine(f)
		if err != nil {
			return err
		}
		tell(cmd.OutOrStdout(), d.Describe(r, time.Now()))
		return do(d, r)
	})
}

func (s *custodianState) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show REQUEST", Short: "Check a request and say in plain words what it asks for", Args: exactlyOne("request"),
		Long: `It checks the request as formats/token.md says, and names the check that it fails. No key
is used. The highest checkpoint of the log is remembered.`,
		Example: "  polity custodian show request.bin",
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.examined(cmd, args[0], func(_ *custodian.Device, r *custodian.Request) error {
				fmt.Fprintf(cmd.OutOrStdout(), "\nEvery check passed. To approve, type its code when asked: %s\n", r.Code())
				return nil
			})
		},
	}
}

func (s *custodianState) approveCommand() *cobra.Command {
	var out, code, picture string
	cmd := &cobra.Command{
		Use: "approve REQUEST", Short: "Answer a request with this body's shares, resealed to the case", Args: exactlyOne("request"),
		Long: `It shows the request and asks for its code to be typed. The answer is of use to the case
only, and only with the other body's. Both show in the public log. Approving the same
request again gives the same shares, and shows too.`,
		Example: "  polity custodian approve request.bin --out answer.bin",
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.Flags().StringVar(&code, "code", "", "the request's code, if nobody is to be asked")
	cmd.Flags().StringVar(&picture, "qr", "", "also write the approval, without the shares, as a QR code (PNG)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.answered(cmd, args[0], out, picture, func(d *custodian.Device, r *custodian.Request, w io.Writer) (*custodian.Answered, error) {
			if code == "" {
				var err error
				if code, err = askLine(cmd, fmt.Sprintf("\nType the code %s to approve, anything else to leave: ", r.Code())); err != nil {
					return nil, err
				}
			}
			return d.Approve(r, code, w)
		})
	}
	return cmd
}

func (s *custodianState) refuseCommand() *cobra.Command {
	var out, reason, picture string
	cmd := &cobra.Command{
		Use: "refuse REQUEST", Short: "Answer a request with a refusal, which shows in the log", Args: exactlyOne("request"),
		Example: "  polity custodian refuse request.bin --reason scope-too-wide --out answer.bin",
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.Flags().StringVar(&reason, "reason", "other", "no-order, not-competent, order-unclear, scope-too-wide or other")
	cmd.Flags().StringVar(&picture, "qr", "", "also write the refusal as a QR code (PNG)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.answered(cmd, args[0], out, picture, func(d *custodian.Device, r *custodian.Request, w io.Writer) (*custodian.Answered, error) {
			return d.Refuse(r, entry.Word(reason), w)
		})
	}
	return cmd
}

func (s *custodianState) answered(cmd *cobra.Command, path, out, picture string, do func(*custodian.Device, *custodian.Request, io.Writer) (*custodian.Answered, error)) error {
	if out == "" {
		return usageError{fmt.Errorf("name the file to write with --out")}
	}
	return s.examined(cmd, path, func(d *custodian.Device, r *custodian.Request) error {
		var a *custodian.Answered
		err := custodian.WriteNew(out, func(w io.Writer) (err error) {
			a, err = do(d, r, w)
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout())
		tell(cmd.OutOrStdout(), custodian.DescribeAnswer(a))
		if picture == "" {
			return nil
		}
		png, err := custodian.QR(a.Entry)
		if err != nil {
			return err
		}
		return custodian.WriteNew(picture, func(w io.Writer) error {
			_, err := w.Write(png)
			return err
		})
	})
}

func (s *custodianState) auditCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "audit FILE", Short: "Open real shares of this body and hold them to their commitments", Args: exactlyOne("audit file"),
		Long: `Once a week. It finds a recorder that was given another epoch key, or that seals wrong
shares. Nobody sees a share, and no footage is opened.`,
		Example: "  polity custodian audit audit.bin --out audited.bin",
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return usageError{err}
		}
		defer f.Close()
		return s.produce(cmd, out, func(d *custodian.Device, w io.Writer) (string, [32]byte, error) {
			a, found, err := d.Audit(f, w)
			if err != nil {
				return "", [32]byte{}, err
			}
			for _, x := range found {
				fmt.Fprintf(cmd.OutOrStdout(), "WRONG: camera %s, segment %d of %s: the share is %s\n", x.Camera, x.Sequence, x.Start, x.State)
			}
			e := a.Entry.(*entry.Audit) //nolint:forcetypeassert // Audit says so
			return fmt.Sprintf("%d shares checked, %d right, %d wrong.", e.Checked, a.States[token.Right], e.Wrong), a.Sum, nil
		})
	}
	return cmd
}
