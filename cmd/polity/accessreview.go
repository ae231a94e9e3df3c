package main

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"polity/access/account"
	"polity/access/policy"
	"polity/city"
)

func accessReviewCommand() *cobra.Command {
	var place accessPlace
	var format string
	var people, numbers bool
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Print who may see and do what, for a council",
		Long: `Prints a table of everything that can be seen or done, with a column for the public,
for each role and for programs. With --numbers also how many people of each body have
which role, from the hub of --config; with --people everybody by name, with areas and
cameras.`,
		Example: `  polity access review
  polity access review --config /etc/polity/polity.yaml --numbers
  polity access review --format csv > review.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (people || numbers) && place.config == "" {
				return usageError{errors.New("people are in a hub: name its configuration with --config")}
			}
			if people && numbers {
				return usageError{errors.New("choose one of --people and --numbers")}
			}
			s, where, err := place.policies()
			if err != nil {
				return err
			}
			to := cmd.OutOrStdout()
			if people || numbers {
				return printPeople(cmd, &place, to, format, people)
			}
			table := policy.Review(s.Policies)
			switch format {
			case "csv":
				return table.WriteCSV(to)
			case "markdown":
				return table.WriteMarkdown(to)
			case "text":
				fmt.Fprintf(to, "Who may do what, by %s.\n", where)
				if s.Differs != nil {
					fmt.Fprintf(to, "Beware: %v.\n", s.Differs)
				}
				fmt.Fprintln(to)
				return table.WriteText(to)
			}
			return badFormat(format)
		},
	}
	place.flag(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text, csv or markdown")
	cmd.Flags().BoolVar(&numbers, "numbers", false, "print how many people have which role")
	cmd.Flags().BoolVar(&people, "people", false, "print everybody with their roles")
	return cmd
}

func badFormat(format string) error {
	return usageError{fmt.Errorf("%q is no format; choose text, csv or markdown", format)}
}

func printPeople(cmd *cobra.Command, place *accessPlace, to io.Writer, format string, named bool) (err error) {
	r, err := place.people(cmd.Context())
	if city.KindOf(err) == city.NotFound {
		return city.Errorf(city.NotFound, "no hub with this configuration has started yet, so that there are no people: %w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	all, err := r.People(cmd.Context())
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(p account.Person) bool { return !p.Disabled.IsZero() })
	if named {
		return writeRows(to, format, everybody(all))
	}
	return writeRows(to, format, byRole(all))
}

// everybody is a row for each person.
func everybody(all []account.Person) [][]string {
	rows := [][]string{{"name", "ID", "body", "roles", "areas", "cameras", "invited by"}}
	for _, p := range all {
		rows = append(rows, []string{
			p.Name, p.ID, string(p.Body), strings.Join(words(p.Roles), " "),
			strings.Join(words(p.Areas), " "), strings.Join(words(p.Cameras), " "), p.InvitedBy,
		})
	}
	return rows
}

// byRole is a row for each role in each body.
func byRole(all []account.Person) [][]string {
	type key struct{ role, body string }
	n := map[key]int{}
	for _, p := range all {
		for _, r := range p.Roles {
			n[key{policy.RoleWords(r), string(p.Body)}]++
		}
		if len(p.Roles) == 0 {
			n[key{"(no role)", string(p.Body)}]++
		}
	}
	var keys []key
	for k := range n {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.body, b.body)) })
	rows := [][]string{{"role", "body", "people"}}
	for _, k := range keys {
		rows = append(rows, []string{k.role, k.body, fmt.Sprint(n[k])})
	}
	return rows
}

// writeRows writes rows, of which the first is the head.
func writeRows(to io.Writer, format string, rows [][]string) error {
	switch format {
	case "csv":
		return csv.NewWriter(to).WriteAll(rows)
	case "markdown":
		for i, row := range rows {
			for j := range row {
				row[j] = strings.ReplaceAll(row[j], "|", `\|`)
			}
			fmt.Fprintf(to, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				fmt.Fprintf(to, "|%s\n", strings.Repeat(" --- |", len(row)))
			}
		}
		return nil
	case "text":
		w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
		for i, row := range rows {
			line := strings.Join(row, "\t")
			if i == 0 {
				line = strings.ToUpper(line)
			}
			fmt.Fprintln(w, line)
		}
		return w.Flush()
	}
	return badFormat(format)
}
