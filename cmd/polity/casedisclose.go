package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"polity/ledger/canonical"
	casefile "polity/release/case"
)

func (s *caseState) discloseCommand() *cobra.Command {
	var out, extend string
	cmd := &cobra.Command{
		Use: "disclose CASE", Short: "Make the details of an opening public, or put that off in public", Args: exactlyOne("case"),
		Long: `The entry opens the commitments of the token: cameras, times, the references of order and
case. It is due on the day that the token names, 12 months after its expiry at most; either
body can publish it too, and monitors name what is overdue. With --extend it signs an entry
that names a later day, which is public itself.`,
		Example: `  polity case disclose lusab-babad
  polity case disclose lusab-babad --extend 2027-09-01 --out extended.statements`,
	}
	cmd.Flags().StringVar(&out, "out", "", "write the entry to this file in place of sending it")
	cmd.Flags().StringVar(&extend, "extend", "", "a later day on which the details become public, such as 2027-09-01")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.with(cmd, args[0], func(_ *casefile.Office, c *casefile.Case) error {
			if extend != "" {
				st, err := c.Extend(canonical.Day(extend), time.Now())
				if err != nil {
					return err
				}
				return publish(cmd, c, st, out, "Put off until "+extend)
			}
			st, err := c.Disclose(time.Now())
			if err != nil {
				return err
			}
			if day := c.Token.DetailsPublicOn; time.Now().Before(day.Time()) {
				fmt.Fprintf(cmd.ErrOrStderr(), "They are due on %s; this makes them public now.\n", day)
			}
			return publish(cmd, c, st, out, "Disclosed")
		})
	}
	return cmd
}
