package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/services/power"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

func powerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "power",
		Short: "Distribution networks: power flow, restoration, losses, outages, lighting",
		Long: `Works on distribution networks in files: OpenDSS scripts (.dss), pandapower's
JSON (.json), MATPOWER cases (.m) and CIM models (.xml, or a .zip of CGMES profiles).`,
		Example: `  polity power flow feeder.dss             voltages, flows and losses
  polity power check feeder.dss            what looks wrong in it, with file and line
  polity power reconfigure feeder.dss      the configuration that loses least
  polity power settings feeder.dss         the taps and capacitor steps that lose least
  polity power restore feeder.dss --fault line.l12   what to switch after a fault
  polity power hosting feeder.dss          how much sun each bus can take
  polity power outage feeder.dss reports.csv         what failed, by meters and calls
  polity power curtail feeder.dss rules.yaml         whom registered rules limit
  polity power iec104 decode frames.hex    what substations say
  polity power lights groups.yaml          when street lamps burn
  polity power sheet verify order.sheet.txt --key sheets.key   whether a printed order is real`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		powerFlowCommand(), powerCheckCommand(), powerReconfigureCommand(), powerSettingsCommand(), powerRestoreCommand(), powerHostingCommand(),
		powerOutageCommand(), powerCurtailCommand(), powerIEC104Command(), powerLightsCommand(), powerSheetCommand(),
	)
	return cmd
}

func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("one network file is needed, %d were given", len(args))}
	}
	return nil
}

// networkAnd is for commands that take a network file and one file more.
func networkAnd(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 2 {
			return usageError{fmt.Errorf("a network file and %s are needed, %d were given", what, len(args))}
		}
		return nil
	}
}

// textCSVOrJSON checks --format where these are the choices.
func textCSVOrJSON(format string) error {
	switch format {
	case "text", "csv", "json":
		return nil
	}
	return usageError{fmt.Errorf("--format %q is none of text, csv, json", format)}
}

// openInput opens a file, or standard input for "-", and says what to call it.
func openInput(cmd *cobra.Command, name string) (in io.ReadCloser, called string, err error) {
	if name == "-" {
		return io.NopCloser(cmd.InOrStdin()), "standard input", nil
	}
	file, err := os.Open(name)
	return file, name, err
}

func powerFlowCommand() *cobra.Command {
	var format, table, method string
	var holdTaps, despiteFaults bool
	cmd := &cobra.Command{
		Use:   "flow FILE",
		Short: "Solve the power flow of a network and print voltages, flows and losses",
		Long: `Solves the power flow and lets voltage regulators and capacitor controls act
until they are content. Without a solution it prints nothing and fails, and so it does
where something is wrong in the file: 'polity power check FILE' says what.`,
		Example: `  polity power flow feeder.dss                       a summary
  polity power flow feeder.dss --format csv           voltages of all nodes
  polity power flow feeder.dss --format csv --table branches
  polity power flow grid.json --format json > result.json`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			options := flow.Options{HoldTaps: holdTaps}
			switch method {
			case "auto":
			case "sweep":
				options.Method = flow.Sweep
			case "newton":
				options.Method = flow.Newton
			default:
				return usageError{fmt.Errorf("--method %q is none of auto, sweep, newton", method)}
			}
			net, err := power.Read(args[0])
			if err != nil {
				return err
			}
			faults := warnOfNetwork(cmd.ErrOrStderr(), net)
			if faults > 0 && !despiteFaults {
				return city.Errorf(city.Invalid, "%s: %d faults, see above: a result would be one of another network. Mend them, or say --despite-faults", args[0], faults)
			}
			solver, err := flow.New(net, options)
			if err != nil {
				return city.Errorf(city.Invalid, "%w", err)
			}
			result, err := solver.Solve()
			if err != nil {
				return err
			}
			warnOfResult(cmd.ErrOrStderr(), net, result)
			return printFlow(cmd.OutOrStdout(), result, format, table)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, csv or json")
	cmd.Flags().StringVar(&table, "table", "nodes", "with csv: nodes or branches")
	cmd.Flags().StringVar(&method, "method", "auto", "auto, sweep (backward/forward) or newton (current injection)")
	cmd.Flags().BoolVar(&despiteFaults, "despite-faults", false, "solve what can be solved of a file with faults")
	cmd.Flags().BoolVar(&holdTaps, "hold-taps", false, "leave regulators and capacitors as the file sets them")
	return cmd
}

// warnOfNetwork prints what the reader should know before a result, and counts faults.
func warnOfNetwork(w io.Writer, net *grid.Network) (faults int) {
	for _, note := range net.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	for _, p := range net.Check() {
		if p.Severity > grid.Remark {
			fmt.Fprintln(w, p)
		}
		if p.Severity == grid.Fault {
			faults++
		}
	}
	return faults
}

// collapsed is the voltage (per unit) below which no distribution network works: a unit is
// wrong, most often.
const collapsed = 0.7

// warnOfResult prints what the reader should know besides the result.
func warnOfResult(w io.Writer, net *grid.Network, r *flow.Result) {
	if r.Hunting {
		fmt.Fprintf(w, "warning: regulators were still out of band after %d steps\n", r.ControlSteps)
	}
	low, _, at, _ := r.Extreme()
	if low >= collapsed {
		return
	}
	var most float64
	var worst grid.Element
	r.Branches(func(b *flow.Branch) {
		if loss := real(b.Losses()); b.Kind != grid.ShuntKind && loss > most {
			most, worst = loss, b.Element
		}
	})
	rated := 0.0
	for i := range net.Loads {
		if l := &net.Loads[i]; !l.OutOfService {
			rated += real(l.S)
		}
	}
	name, from := net.Describe(worst)
	fmt.Fprintf(w, "%s: warning: %s: bus %s has %.1f%% of its nominal voltage, and loads draw %.4g kW where they are rated %.4g: no network works so. Most is lost in this element, %.4g kW: are its length, its impedance and the loads' powers in the units that the file takes them for?\n",
		from, name, net.Buses[at.Bus].Name, 100*low, real(r.Supplied())/1000, rated/1000, most/1000)
}

func powerCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what looks wrong in a network file",
		Long: `Names wrong or missing phases, zero impedances, loops, islands without a source
and quantities that look like another unit, each with its element, file and line.
Fails when something is wrong that a power flow cannot do without.`,
		Example: "  polity power check feeder.dss",
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			net, err := power.Read(args[0])
			if err != nil {
				return err
			}
			problems := net.Check()
			if asJSON {
				if problems == nil {
					problems = []grid.Problem{}
				}
				return encode(cmd.OutOrStdout(), problems)
			}
			faults := 0
			for _, p := range problems {
				fmt.Fprintln(cmd.OutOrStdout(), p)
				if p.Severity == grid.Fault {
					faults++
				}
			}
			if faults > 0 {
				return city.Errorf(city.Invalid, "%s: %d faults", args[0], faults)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d buses, %d lines, %d transformers, %d loads: %d remarks and warnings, no faults\n",
				net.Name, len(net.Buses), len(net.Lines), len(net.Transformers), len(net.Loads), len(problems))
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the problems as JSON")
	return cmd
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// flowNode is a row of the table of voltages.
type flowNode struct {
	Bus     string  `json:"bus"`
	Node    int     `json:"node"`
	KV      float64 `json:"kv"`
	Degrees float64 `json:"degrees"`
	PerUnit float64 `json:"pu"`
}

// flowBranch is a row of the table of flows, one per terminal.
type flowBranch struct {
	Element  string  `json:"element"`
	Terminal int     `json:"terminal"`
	Bus      string  `json:"bus"`
	KW       float64 `json:"kw"`
	Kvar     float64 `json:"kvar"`
	Amperes  float64 `json:"amperes"`
	Loading  float64 `json:"loading_percent"` // of what it carries for ever; 0 where that is not known
	LossKW   float64 `json:"loss_kw"`
}

// flowReport is what --format json prints.
type flowReport struct {
	Network      string         `json:"network"`
	Method       string         `json:"method"`
	Iterations   int            `json:"iterations"`
	ControlSteps int            `json:"control_steps"`
	LossKW       float64        `json:"loss_kw"`
	LossKvar     float64        `json:"loss_kvar"`
	LoadKW       float64        `json:"load_kw"`
	LoadKvar     float64        `json:"load_kvar"`
	Taps         map[string]int `json:"taps,omitempty"`
	Nodes        []flowNode     `json:"nodes"`
	Branches     []flowBranch   `json:"branches"`
}

func report(r *flow.Result) flowReport {
	net, top := r.Network(), r.Topology()
	loss, load := r.Losses()/1000, r.Supplied()/1000
	out := flowReport{
		Network: net.Name, Method: r.Method.String(), Iterations: r.Iterations, ControlSteps: r.ControlSteps, LossKW: real(loss), LossKvar: imag(loss),
		LoadKW: real(load), LoadKvar: imag(load), Taps: map[string]int{}, Nodes: []flowNode{}, Branches: []flowBranch{},
	}
	for _, g := range net.Regulators {
		out.Taps[g.Name] = net.Transformers[g.Transformer].Windings[g.TapWinding].Position()
	}
	for v, node := range top.Nodes {
		if !top.Live[v] {
			continue
		}
		u := r.Voltage(v)
		out.Nodes = append(out.Nodes, flowNode{net.Buses[node.Bus].Name, node.Number, cmplx.Abs(u) / 1000, cmplx.Phase(u) * 180 / math.Pi, r.PerUnit(v)})
	}
	r.Branches(func(b *flow.Branch) {
		name, _ := net.Describe(b.Element)
		buses := net.BusesOf(b.Element)
		for t, bus := range buses {
			row := flowBranch{Element: name, Terminal: t + 1, Bus: net.Buses[bus].Name, KW: real(b.Power[t]) / 1000, Kvar: imag(b.Power[t]) / 1000}
			for _, i := range b.Current[t] {
				row.Amperes = max(row.Amperes, cmplx.Abs(i))
			}
			if t == 0 {
				row.LossKW, row.Loading = real(b.Losses())/1000, 100*r.Loading(b)
			}
			out.Branches = append(out.Branches, row)
		}
	})
	return out
}

func printFlow(w io.Writer, r *flow.Result, format, table string) error {
	out := report(r)
	switch {
	case format == "json":
		return encode(w, out)
	case format == "csv" && table == "nodes":
		return printCSV(w, []string{"bus", "node", "kv", "degrees", "pu"}, len(out.Nodes), func(i int) []string {
			n := out.Nodes[i]
			return []string{n.Bus, strconv.Itoa(n.Node), decimal(n.KV), decimal(n.Degrees), decimal(n.PerUnit)}
		})
	case format == "csv" && table == "branches":
		header := []string{"element", "terminal", "bus", "kw", "kvar", "amperes", "loading_percent", "loss_kw"}
		return printCSV(w, header, len(out.Branches), func(i int) []string {
			b := out.Branches[i]
			return []string{b.Element, strconv.Itoa(b.Terminal), b.Bus, decimal(b.KW), decimal(b.Kvar), decimal(b.Amperes), decimal(b.Loading), decimal(b.LossKW)}
		})
	case format != "text":
		return usageError{fmt.Errorf("--format %q with --table %q: there are text, json, and csv with nodes or branches", format, table)}
	}
	low, high, lowAt, highAt := r.Extreme()
	net := r.Network()
	fmt.Fprintf(w, "network   %s: %d buses, %d nodes\n", out.Network, len(net.Buses), len(out.Nodes))
	fmt.Fprintf(w, "solved    by %s in %d iterations, %d control steps\n", out.Method, out.Iterations, out.ControlSteps)
	fmt.Fprintf(w, "load      %.3f kW, %.3f kvar\n", out.LoadKW, out.LoadKvar)
	fmt.Fprintf(w, "losses    %.3f kW, %.3f kvar (lines and transformers)\n", out.LossKW, out.LossKvar)
	fmt.Fprintf(w, "lowest    %.5f pu at bus %s, node %d\n", low, net.Buses[lowAt.Bus].Name, lowAt.Number)
	fmt.Fprintf(w, "highest   %.5f pu at bus %s, node %d\n", high, net.Buses[highAt.Bus].Name, highAt.Number)
	for _, g := range net.Regulators {
		fmt.Fprintf(w, "tap       %+d  %s\n", out.Taps[g.Name], g.Name)
	}
	return nil
}

func printCSV(w io.Writer, header []string, rows int, row func(int) []string) error {
	c := csv.NewWriter(w)
	if err := c.Write(header); err != nil {
		return err
	}
	for i := range rows {
		if err := c.Write(row(i)); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'g', 8, 64) }
