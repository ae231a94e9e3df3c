package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"polity/hub"
	"polity/room/notice"
)

func noticesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notices",
		Short: "See how notices of alerts reach desks and people, try a channel, send again",
		Long: `Alerts of the control room are told by webhook, mail, web push and MQTT
(docs/formats/notices.md). What was tried too often is given up and kept for a while as a
dead letter. These commands ask a hub that runs: on this machine with --config, elsewhere
with --hub and a token in POLITY_TOKEN. People's own channels are shown as counts.`,
		Example: `  polity notices list --config /etc/polity/polity.yaml
  polity notices test water-duty
  polity notices replay --receiver water-duty`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var at hubAddress
	at.add(cmd, hub.NoticesPath)
	cmd.AddCommand(noticesListCommand(&at), noticesTestCommand(&at), noticesDeadCommand(&at),
		noticesOrderCommand(&at, "replay", "Send again what was given up", "Put back"),
		noticesOrderCommand(&at, "drop", "Forget for good what was given up", "Dropped"))
	return cmd
}

func noticesListCommand(at *hubAddress) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List channels and how they do",
		Long: `Lists the channels of desks, then people's browsers and mailboxes together: how many
attempts were made and failed, what waits, what is held back because the channel has had
its messages of this minute, and what was given up.`,
		Example: `  polity notices list
  polity notices list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all notice.Channels
			if err := at.ask(cmd.Context(), http.MethodGet, "", nil, nil, &all); err != nil {
				return err
			}
			return printed(cmd, asJSON, all, func(w io.Writer) {
				fmt.Fprintln(w, "CHANNEL\tKIND\tTO\tSENT\tFAILED\tWAITING\tHELD BACK\tDEAD\tDROPPED\tLAST SUCCESS\tLAST FAILURE")
				for _, c := range all.Channels {
					name, to, failure := c.Name, c.To, ""
					if name == "" {
						name, to = "(people's)", plural(c.Receivers, "receiver")+" on shift"
					}
					if c.Failing > 0 {
						failure = whenOf(c.LastFailure) + ": " + oneLine(c.Reason)
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", name, c.Kind, to, c.Sent, c.Failed, c.Waiting, c.HeldBack, c.Dead, c.Dropped, whenOf(c.LastSuccess), failure)
				}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func noticesTestCommand(at *hubAddress) *cobra.Command {
	return &cobra.Command{
		Use:     "test CHANNEL",
		Short:   "Send a test to a channel and say what its receivers answered",
		Long:    "Sends a message that says it is a test, at once and past everything that waits. It ends with an error if a receiver did not take it.",
		Example: "  polity notices test water-duty",
		Args:    exactlyOne("channel"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := at.ask(cmd.Context(), http.MethodPost, "/test", nil, notice.Order{Channel: args[0]}, &struct{}{}); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s took the test.\n", args[0])
			return nil
		},
	}
}

func noticesDeadCommand(at *hubAddress) *cobra.Command {
	var asJSON bool
	var receiver string
	var limit int
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List what was given up, the oldest first",
		Long:  "Lists notices that were tried too often. They are kept for a week; 'replay' sends them again.",
		Example: `  polity notices dead
  polity notices dead --receiver water-duty --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return usageError{errors.New("--limit is 1 at least")}
			}
			all := notice.Letters{Letters: []notice.Letter{}}
			for len(all.Letters) < limit {
				q := url.Values{"after": {strconv.FormatInt(all.Next, 10)}, "limit": {strconv.Itoa(min(limit-len(all.Letters), 500))}}
				if receiver != "" {
					q.Set("receiver", receiver)
				}
				var page notice.Letters
				if err := at.ask(cmd.Context(), http.MethodGet, "/dead", q, nil, &page); err != nil {
					return err
				}
				all.Letters, all.Next = append(all.Letters, page.Letters...), page.Next
				if page.Next == 0 {
					break
				}
			}
			return printed(cmd, asJSON, all, func(w io.Writer) {
				if len(all.Letters) == 0 {
					fmt.Fprintln(w, "There are none.")
					return
				}
				fmt.Fprintln(w, "NUMBER\tMADE\tDIED\tATTEMPTS\tRECEIVER\tREASON\t")
				for _, l := range all.Letters {
					fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\n", l.Number, whenOf(&l.Made), whenOf(&l.Died), l.Attempts, l.Receiver, oneLine(l.Reason), oneLine(string(l.Message)))
				}
				if all.Next != 0 {
					fmt.Fprintln(w, "There are more; see --limit.")
				}
			})
		},
	}
	cmd.Flags().StringVar(&receiver, "receiver", "", "only those of this receiver of a desk: CHANNEL, or CHANNEL/MAILBOX")
	cmd.Flags().IntVar(&limit, "limit", 100, "so many at most")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func noticesOrderCommand(at *hubAddress, verb, short, done string) *cobra.Command {
	var o notice.Order
	cmd := &cobra.Command{
		Use:   verb,
		Short: short,
		Long:  short + ": one by its number, those of one receiver of a desk, or all. The numbers are those of 'polity notices dead'.",
		Example: fmt.Sprintf(`  polity notices %[1]s --number 42
  polity notices %[1]s --receiver water-duty
  polity notices %[1]s --all`, verb),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := 0
			for _, name := range []string{"number", "receiver", "all"} {
				if cmd.Flags().Changed(name) {
					given++
				}
			}
			if given != 1 {
				return usageError{fmt.Errorf("say which: --number, --receiver or --all; see '%s --help'", cmd.CommandPath())}
			}
			var answer notice.Ordered
			if err := at.ask(cmd.Context(), http.MethodPost, "/"+verb, nil, &o, &answer); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s.\n", done, plural(int(answer.Letters), "notice"))
			return nil
		},
	}
	cmd.Flags().Int64Var(&o.Number, "number", 0, "the one with this number")
	cmd.Flags().StringVar(&o.Receiver, "receiver", "", "those of this receiver")
	cmd.Flags().BoolVar(&o.All, "all", false, "all of them")
	return cmd
}
