package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"polity/hub"
	"polity/plane/ngsild"
)

func notificationsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notifications",
		Short: "See what waits for receivers of notifications, put dead letters back",
		Long: `Who subscribed over NGSI-LD gets a notification of each change. While a receiver is
away its notifications wait on disk and are tried again; what was tried too often, or
waits behind too many, becomes a dead letter, which is kept for a while
(docs/formats/notifications.md). These commands ask a hub that runs: on this machine with
--config, by which they find its address and the token that it leaves for whoever may
read its data folder; elsewhere with --hub and a token in POLITY_TOKEN.`,
		Example: `  polity notifications list --config /etc/polity/polity.yaml
  polity notifications dead --subscription urn:ngsi-ld:Subscription:7 --bodies
  polity notifications replay --subscription urn:ngsi-ld:Subscription:7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var at hubAddress
	at.add(cmd, hub.OperationsPath)
	cmd.AddCommand(notificationsListCommand(&at), notificationsDeadCommand(&at),
		notificationsOrderCommand(&at, "replay", "Put dead letters back, before what waits", "Put back"),
		notificationsOrderCommand(&at, "drop", "Forget dead letters for good", "Dropped"))
	return cmd
}

// printed writes a table, or what it is made of as JSON.
func printed(cmd *cobra.Command, asJSON bool, of any, table func(w io.Writer)) error {
	if asJSON {
		to := json.NewEncoder(cmd.OutOrStdout())
		to.SetIndent("", "  ")
		to.SetEscapeHTML(false)
		return to.Encode(of)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

func notificationsListCommand(at *hubAddress) *cobra.Command {
	var asJSON, failing bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List subscriptions and what became of their notifications",
		Long: `Lists every subscription: whether the last attempt to deliver went well, how many were
made and failed since it was subscribed, how many notifications wait, and how many are
dead letters.`,
		Example: `  polity notifications list
  polity notifications list --failing
  polity notifications list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all ngsild.Deliveries
			if err := at.ask(cmd.Context(), http.MethodGet, "", nil, nil, &all); err != nil {
				return err
			}
			if failing {
				var some []ngsild.Delivery
				for _, d := range all.Subscriptions {
					if d.Delivery == "failed" || d.Dead > 0 {
						some = append(some, d)
					}
				}
				all.Subscriptions = append([]ngsild.Delivery{}, some...)
			}
			return printed(cmd, asJSON, all, func(w io.Writer) {
				if len(all.Subscriptions) == 0 {
					fmt.Fprintln(w, "There are none.")
					return
				}
				fmt.Fprintln(w, "SUBSCRIPTION\tSTATUS\tDELIVERY\tATTEMPTS\tFAILED\tWAITING\tDEAD\tDROPPED\tLAST SUCCESS\tRECEIVER\tLAST FAILURE")
				for _, d := range all.Subscriptions {
					delivery := d.Delivery
					if delivery == "" {
						delivery = "-"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", ofTenant(d.Tenant, d.Subscription), d.Status, delivery, d.Attempts, d.Failed, d.Waiting, d.Dead, d.Dropped, whenOf(d.Success), d.Endpoint, lastFailure(&d))
				}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&failing, "failing", false, "only those whose receiver fails, or that have dead letters")
	return cmd
}

// lastFailure is what is wrong with a receiver now.
func lastFailure(d *ngsild.Delivery) string {
	if d.Delivery != "failed" {
		return ""
	}
	return fmt.Sprintf("%s, %d in a row: %s", whenOf(d.Failure), d.InRow, oneLine(d.Reason))
}

func ofTenant(tenant, id string) string {
	if tenant == "" {
		return id
	}
	return id + " (tenant " + tenant + ")"
}

func whenOf(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// oneLine makes foreign text safe for a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

func notificationsDeadCommand(at *hubAddress) *cobra.Command {
	var asJSON, bodies bool
	var tenant, subscription string
	var limit int
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List dead letters, the oldest first",
		Long: `Lists notifications that were given up: after too many attempts, or because too many
waited. They are kept for a while; 'replay' puts them back.`,
		Example: `  polity notifications dead
  polity notifications dead --subscription urn:ngsi-ld:Subscription:7 --bodies --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return usageError{errors.New("--limit is 1 at least")}
			}
			if tenant != "" && subscription == "" {
				return usageError{errors.New("--tenant belongs to --subscription: give both")}
			}
			all := ngsild.Letters{Letters: []ngsild.Letter{}}
			for len(all.Letters) < limit {
				q := url.Values{"after": {strconv.FormatInt(all.Next, 10)}, "limit": {strconv.Itoa(min(limit-len(all.Letters), 500))}}
				if subscription != "" {
					q.Set("subscription", subscription)
					q.Set("tenant", tenant)
				}
				if bodies {
					q.Set("bodies", "true")
				}
				var page ngsild.Letters
				if err := at.ask(cmd.Context(), http.MethodGet, "/dead", q, nil, &page); err != nil {
					return err
				}
				all.Letters, all.Next = append(all.Letters, page.Letters...), page.Next
				if page.Next == 0 {
					break
				}
			}
			return printed(cmd, asJSON, all, func(w io.Writer) { sayLetters(w, &all) })
		},
	}
	cmd.Flags().StringVar(&subscription, "subscription", "", "only those of this subscription")
	cmd.Flags().StringVar(&tenant, "tenant", "", "the subscription's tenant, if it has one")
	cmd.Flags().BoolVar(&bodies, "bodies", false, "with what they say")
	cmd.Flags().IntVar(&limit, "limit", 100, "so many at most")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func sayLetters(w io.Writer, all *ngsild.Letters) {
	if len(all.Letters) == 0 {
		fmt.Fprintln(w, "There are none.")
		return
	}
	fmt.Fprintln(w, "NUMBER\tMADE\tDIED\tATTEMPTS\tSUBSCRIPTION\tREASON\t")
	for _, l := range all.Letters {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\n", l.Number, whenOf(&l.Made), whenOf(&l.Died), l.Attempts, ofTenant(l.Tenant, l.Subscription), oneLine(l.Reason), oneLine(string(l.Notification)))
	}
	if all.Next != 0 {
		fmt.Fprintln(w, "There are more; see --limit.")
	}
}

func notificationsOrderCommand(at *hubAddress, verb, short, done string) *cobra.Command {
	var o ngsild.Order
	var asJSON bool
	cmd := &cobra.Command{
		Use:   verb,
		Short: short,
		Long:  short + ": one by its number, those of one subscription, or all. The numbers are those of 'polity notifications dead'.",
		Example: fmt.Sprintf(`  polity notifications %[1]s --number 42
  polity notifications %[1]s --subscription urn:ngsi-ld:Subscription:7
  polity notifications %[1]s --all`, verb),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := 0
			for _, name := range []string{"number", "subscription", "all"} {
				if cmd.Flags().Changed(name) {
					given++
				}
			}
			if given != 1 || o.Tenant != "" && o.Subscription == "" {
				return usageError{fmt.Errorf("say which dead letters: --number, --subscription (with --tenant, if it has one), or --all; see '%s --help'", cmd.CommandPath())}
			}
			var answer ngsild.Ordered
			if err := at.ask(cmd.Context(), http.MethodPost, "/"+verb, nil, &o, &answer); err != nil {
				return err
			}
			return printed(cmd, asJSON, answer, func(w io.Writer) { fmt.Fprintf(w, "%s: %s.\n", done, plural(int(answer.Letters), "dead letter")) })
		},
	}
	cmd.Flags().Int64Var(&o.Number, "number", 0, "the one with this number")
	cmd.Flags().StringVar(&o.Subscription, "subscription", "", "those of this subscription")
	cmd.Flags().StringVar(&o.Tenant, "tenant", "", "the subscription's tenant, if it has one")
	cmd.Flags().BoolVar(&o.All, "all", false, "all of them")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
