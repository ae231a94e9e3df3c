package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/services/power"
	"polity/services/power/grid"
	"polity/services/power/outage"
)

func powerOutageCommand() *cobra.Command {
	var format string
	var open []string
	var metered bool
	cmd := &cobra.Command{
		Use:   "outage FILE REPORTS",
		Short: "Say what most probably failed, from last gasps, calls and breakers",
		Long: `Weighs what meters and residents say and names the lines that most probably are
open, how sure that is, what else it could be, and who does not fit. The network must
be radial. REPORTS is a CSV file of lines "load,says", of which says is one of

  gasp     the meter sent its last gasp
  answers  the meter answers
  silent   it has a meter, and nothing came of it
  call     a resident says that the light is out
  power    a resident says that there is power`,
		Example: `  polity power outage feeder.dss reports.csv
  polity power outage feeder.dss reports.csv --all-metered --open line.sw3
  printf "load,says\nload.a,gasp\nload.a,call\n" | polity power outage feeder.dss -`,
		Args: networkAnd("a file of reports (- for standard input)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textCSVOrJSON(format); err != nil {
				return err
			}
			net, err := power.Read(args[0])
			if err != nil {
				return err
			}
			for _, name := range open {
				i, err := lineNamed(net, name)
				if err != nil {
					return err
				}
				net.Lines[i].SetClosed(false)
			}
			in, called, err := openInput(cmd, args[1])
			if err != nil {
				return err
			}
			defer in.Close()
			evidence, err := readReports(in, called, net)
			if err != nil {
				return err
			}
			if metered {
				evidence.Metered = func(int) bool { return true }
			}
			picture, err := outage.Infer(net, *evidence)
			if err != nil {
				return err
			}
			return printOutages(cmd.OutOrStdout(), net, picture, format)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&open, "open", nil, "lines whose breaker reports itself open")
	f.BoolVar(&metered, "all-metered", false, "every load has a meter that sends last gasps: silence counts")
	f.StringVar(&format, "format", "text", "text, csv or json")
	return cmd
}

// readReports reads lines of a load and what is said there. A first line "load,says"
// is a heading.
func readReports(in io.Reader, name string, net *grid.Network) (*outage.Evidence, error) {
	loads := map[string]int{}
	for i := range net.Loads {
		loads[strings.ToLower(net.Loads[i].Name)] = i
	}
	table := csv.NewReader(io.LimitReader(in, 64<<20))
	table.FieldsPerRecord, table.TrimLeadingSpace, table.Comment = 2, true, '#'
	e, silent := &outage.Evidence{}, map[int]bool{}
	for first := true; ; first = false {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %w; lines are load,says", name, err)
		}
		line, _ := table.FieldPos(0)
		load, says := strings.ToLower(strings.TrimSpace(row[0])), strings.TrimSpace(row[1])
		if first && load == "load" && says == "says" {
			continue
		}
		i, ok := loads[load]
		if !ok {
			return nil, city.Errorf(city.Invalid, "%s:%d: %s has no load %q; names are like %q", name, line, net.Name, row[0], anyLoad(net))
		}
		r := outage.Report{Load: i}
		switch says {
		case "silent":
			silent[i] = true
			continue
		case "gasp":
			r.Dark = true
		case "call":
			r.Dark, r.Call = true, true
		case "power":
			r.Call = true
		case "answers":
		default:
			return nil, city.Errorf(city.Invalid, "%s:%d: %q is none of gasp, answers, silent, call, power", name, line, says)
		}
		e.Reports = append(e.Reports, r)
	}
	if len(e.Reports) == 0 && len(silent) == 0 {
		return nil, city.Errorf(city.Invalid, "%s: no reports; lines are load,says", name)
	}
	e.Metered = func(l int) bool { return silent[l] }
	return e, nil
}

func anyLoad(net *grid.Network) string {
	if len(net.Loads) == 0 {
		return "none"
	}
	return net.Loads[0].Name
}

type outageRow struct {
	Line        string   `json:"line"`
	Probability float64  `json:"probability"`
	Customers   int      `json:"customers"`
	Loads       []string `json:"loads"`
	Others      []string `json:"could_also_be"`
	Against     []string `json:"reports_against"`
	Reason      string   `json:"reason"`
}

func printOutages(w io.Writer, net *grid.Network, p *outage.Picture, format string) error {
	rows := []outageRow{}
	for _, o := range p.Outages {
		row := outageRow{net.Lines[o.Line].Name, o.Probability, o.Customers, []string{}, []string{}, loadsOf(net, o.Against), o.Reason}
		for _, l := range o.Loads {
			row.Loads = append(row.Loads, net.Loads[l].Name)
		}
		for _, c := range o.Others {
			row.Others = append(row.Others, fmt.Sprintf("%s (%.0f%%)", net.Lines[c.Line].Name, 100*c.Probability))
		}
		rows = append(rows, row)
	}
	stray := loadsOf(net, p.Stray)
	switch format {
	case "json":
		return encode(w, map[string]any{"outages": rows, "stray_reports": stray})
	case "csv":
		header := []string{"line", "probability", "customers", "loads", "could_also_be", "reports_against"}
		return printCSV(w, header, len(rows), func(i int) []string {
			r := rows[i]
			return []string{r.Line, decimal(r.Probability), strconv.Itoa(r.Customers), strings.Join(r.Loads, " "), strings.Join(r.Others, "; "), strings.Join(r.Against, " ")}
		})
	}
	if len(rows) == 0 {
		fmt.Fprintln(w, "Most probably nothing is open that is not known to be.")
	}
	for _, r := range rows {
		fmt.Fprintf(w, "%s: %d customers dark (%d loads)\n  %s\n", r.Line, r.Customers, len(r.Loads), r.Reason)
		if len(r.Others) > 0 {
			fmt.Fprintf(w, "  it could also be: %s\n", strings.Join(r.Others, ", "))
		}
		if len(r.Against) > 0 {
			fmt.Fprintf(w, "  does not fit: %s\n", strings.Join(r.Against, ", "))
		}
	}
	if len(stray) > 0 {
		fmt.Fprintf(w, "dark by themselves, or meters that lie: %s\n", strings.Join(stray, ", "))
	}
	return nil
}

func loadsOf(net *grid.Network, reports []outage.Report) []string {
	out := []string{}
	for _, r := range reports {
		out = append(out, net.Loads[r.Load].Name)
	}
	return out
}
