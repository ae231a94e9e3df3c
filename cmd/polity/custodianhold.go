package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/custodian"
)

func (s *custodianState) holdCommand() *cobra.Command {
	var out, code, reason, until string
	cmd := &cobra.Command{
		Use: "hold REQUEST", Short: "Keep named shares beyond their retention, without opening them", Args: exactlyOne("request to hold"),
		Long: `For an appeal or a complaint: the shares are resealed to a key that this body's devices
keep until the day given. Nobody sees footage; it opens for a request that is logged
later, and with the other body's shares. The hold shows in the public log.`,
		Example: "  polity custodian hold hold.bin --reason appeal --until 2027-03-01 --out held.bin",
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cmd.Flags().StringVar(&code, "code", "", "the code, if nobody is to be asked")
	cmd.Flags().StringVar(&reason, "reason", "", "appeal, complaint, data-subject or proceedings")
	cmd.Flags().StringVar(&until, "until", "", "last day of the hold")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if out == "" || until == "" || reason == "" {
			return usageError{fmt.Errorf("name the file to write with --out, the last day with --until and the reason with --reason")}
		}
		f, err := os.Open(args[0])
		if err != nil {
			return usageError{err}
		}
		defer f.Close()
		return s.with(cmd, func(d *custodian.Device) error {
			h, err := d.ExamineHold(f)
			if err != nil {
				return err
			}
			tell(cmd.OutOrStdout(), d.DescribeHold(h))
			if code == "" {
				if code, err = askLine(cmd, fmt.Sprintf("\nType the code %s to hold these shares, anything else to leave: ", h.Code())); err != nil {
					return err
				}
			}
			var a *custodian.Answered
			err = custodian.WriteNew(out, func(w io.Writer) (err error) {
				a, err = d.Hold(h, code, entry.Word(reason), canonical.Day(until), w)
				return err
			})
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout())
			tell(cmd.OutOrStdout(), custodian.DescribeAnswer(a))
			return nil
		})
	}
	return cmd
}
