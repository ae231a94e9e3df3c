package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"polity/services/water/balance"
)

func waterBalanceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "balance DISTRICT.yaml",
		Short: "Draw up a district's water balance: losses, and how far they are from unavoidable",
		Long: `Draws up the water balance of a district in IWA's terms: what was put in, used and
lost, apparent and real losses, unavoidable real losses (UARL) and their ratio (ILI),
each volume with its 95% interval. With the night's flow, real losses a second way.
Districts of fewer than ten connections are refused: they would show single homes.

The file, volumes over the period:

  district: Old Town
  days: 365
  mains_km: 42
  connections: 3200
  private_pipes_km: 16      # between the street's edge and the meters
  pressure_m: 45            # mean
  input: {m3: 1000000, plus_minus_pct: 2}
  billed_metered: {m3: 700000, plus_minus_pct: 2}
  unbilled_unmetered: {m3: 5000, plus_minus_pct: 50}
  unauthorised: {m3: 3000, plus_minus_pct: 100}
  meter_errors: {m3: 14000, plus_minus_pct: 50}

also billed_unmetered and unbilled_metered; what is left out is nothing. And, if known:

  night:
    flow_m3h: 38            # mean of the least hour
    plus_minus_pct: 5
    use_litres_per_connection_hour: 1.7
    large_users_m3h: 0
    pressure_m: 50          # in that hour
    hourly_pressure_m: [50, 50, 50, 50, 50, 45, 45, 45, 45, 45, 45, 45,
                        45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 50, 50]
    n1: 1.0                 # power of pressure that leaks follow`,
		Example: `  polity water balance old-town.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readNamed(args[0], "a district (YAML); 'polity water balance --help' shows one")
			if err != nil {
				return err
			}
			d, err := balance.Read(args[0], text)
			if err != nil {
				return err
			}
			b, err := d.Draw()
			if err != nil {
				return err
			}
			sayBalance(cmd, d, b)
			return nil
		},
	}
}

func sayBalance(cmd *cobra.Command, d *balance.District, b *balance.Balance) {
	out := cmd.OutOrStdout()
	line := func(what string, e balance.Estimate) {
		fmt.Fprintf(out, "  %-32s %12.0f m3  ± %.0f  %5.1f%% of input\n", what, e.M3, e.Plus, 100*e.M3/max(d.Input.M3, 1))
	}
	fmt.Fprintf(out, "%s, %.0f days, %d connections\n", d.Name, d.Days, d.Connections)
	line("input", balance.Estimate{M3: d.Input.M3, Plus: d.Input.M3 * d.Input.PlusPct / 100})
	line("authorised use", b.Authorised)
	line("not billed (non-revenue water)", b.NonRevenue)
	line("water losses", b.WaterLosses)
	line("  apparent losses", b.ApparentLosses)
	line("  real losses", b.RealLosses)
	if b.NightLosses != nil {
		line("  real losses by the night's flow", *b.NightLosses)
	}
	fmt.Fprintf(out, "  real losses, litres per connection and day: %.0f\n", b.RealLitresPerConnectionDay)
	fmt.Fprintf(out, "  unavoidable real losses (UARL): %.0f m3; infrastructure leakage index (ILI): %.2f ± %.2f\n", b.UnavoidableM3, b.ILI.M3, b.ILI.Plus)
	if d.Connections < 3000 || d.PressureM < 25 {
		fmt.Fprintln(out, "  UARL was found for more than 3,000 connections and 25 m: here it is a rough guide")
	}
}
