package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/hub"
	"polity/plane"
	"polity/plane/backend"
	"polity/plane/retention"
)

func dataRetentionCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "retention --config FILE",
		Short: "Say how long history is kept, and what would go now",
		Long: `Prints, for each type and attribute of which there is a history, the rule of the
configuration that holds (hub.retention), and what the hub's next run would thin out by
it: observations that become summaries of hours, hours that become days, and days that
go. What is older still goes through all of these in one run, and is counted where it
stands now. It changes nothing; the hub thins out once a day. The history of cameras is kept
as their register entries say, and is not listed.`,
		Example: `  polity data retention --config /etc/polity/polity.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c, err := readConfig(file)
			if err != nil {
				return err
			}
			if c.Hub == nil {
				return city.Errorf(city.Invalid, "%s has no section hub", file)
			}
			where := c.Hub.Store
			if where == "" {
				where = c.Hub.Data
			}
			s, err := backend.OpenExisting(cmd.Context(), where, backend.Config{})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			thinner, ok := s.(plane.Thinner)
			if !ok {
				return city.Errorf(city.Unavailable, "this store keeps all history for ever")
			}
			list, err := retention.Plan(cmd.Context(), thinner, c.Hub.Retention, time.Now(), hub.OfCamera)
			if err != nil {
				return err
			}
			return printHeld(cmd.OutOrStdout(), list)
		},
	}
	cmd.Flags().StringVar(&file, "config", "/etc/polity/polity.yaml", "configuration file")
	return cmd
}

func printHeld(to io.Writer, list []retention.Held) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(to, "There is no history.")
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TYPE\tATTRIBUTE\tSERIES\tKEPT\tOBSERVATIONS TO HOURS\tHOURS TO DAYS\tDAYS TO GO")
	var all plane.Thinned
	for _, h := range list {
		kind, kept := retention.Short(h.Type), "forever (no rule)"
		if kind == "" {
			kind = "(entity is gone)"
		}
		if h.Rule != nil {
			kept = h.Rule.String()
		}
		all.Add(h.Thinned)
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%d\n", kind, retention.Short(h.Attribute), h.Series, kept, h.Thinned.Raw, h.Thinned.Hourly, h.Thinned.Daily)
	}
	fmt.Fprintf(w, "all\t\t\t\t%d\t%d\t%d\n", all.Raw, all.Hourly, all.Daily)
	return w.Flush()
}
