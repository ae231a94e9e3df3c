package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"polity/release/custodian"
	"polity/release/token"
)

func (s *custodianState) discloseCommand() *cobra.Command {
	var out, code, proof string
	cmd := &cobra.Command{
		Use: "disclose REQUEST", Short: "Make the details of an opening public when their day has come", Args: exactlyOne("request"),
		Long: `The office has to make the details of an opening public on the day that its token names. When
it does not, either body can: from the request file that it was given, whatever became of the
case. The day counts by the log's witnesses; --proof brings a new proof of the token, from the
page of the public record.`,
		Example: "  polity custodian disclose request.bin --proof entry-4711.proof --out details.statements",
	}
	cmd.Flags().StringVar(&out, "out", "", "file of statements to write, for the log")
	cmd.Flags().StringVar(&proof, "proof", "", "a newer proof file of the token")
	cmd.Flags().StringVar(&code, "code", "", "the request's code, if nobody is to be asked")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if out == "" {
			return usageError{errors.New("name the file to write with --out")}
		}
		f, err := os.Open(args[0])
		if err != nil {
			return usageError{err}
		}
		defer f.Close()
		var fresh []byte
		if proof != "" {
			if fresh, err = os.ReadFile(proof); err != nil {
				return usageError{err}
			}
		}
		return s.with(cmd, func(d *custodian.Device) error {
			v, err := d.ExamineDisclosure(f, fresh)
			if err != nil {
				return err
			}
			tell(cmd.OutOrStdout(), d.DescribeDisclosure(v))
			if code == "" {
				if code, err = askLine(cmd, fmt.Sprintf("\nType the code %s to make this public, anything else to leave: ", token.Code(v.Token.ID))); err != nil {
					return err
				}
			}
			var sum [32]byte
			err = custodian.WriteNew(out, func(w io.Writer) (err error) {
				_, sum, err = d.Disclose(v, code, w)
				return err
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "\nWritten: %s (words %s). Hand it in at the page of the public record.\n", out, token.Words(sum))
			return nil
		})
	}
	return cmd
}
