package main

import (
	"os"

	"github.com/spf13/cobra"

	"polity/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A city to look at, on this machine alone",
		Long: `Runs a hub with the map of central Helsinki and an edge with one camera, which
replays a film of a square over real RTSP, until Ctrl-C. Simulated sensors, homes and
trams speak to it as real ones would. Only this machine can open the pages. The first start makes the keys and the signed register entry without which
no camera runs.`,
		Example: `  polity demo
  polity demo --port 8090 --data /tmp/demo
  polity demo --port 0      on any free port`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			o.Program, o.Out = self, cmd.OutOrStdout()
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().IntVar(&o.Port, "port", 8080, "port of the pages; 0 picks a free one")
	cmd.Flags().StringVar(&o.Data, "data", ".demo", "folder for everything that the demo keeps")
	return cmd
}
