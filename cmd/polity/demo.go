package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"polity/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	var release, yes bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A city to look at, on this machine alone",
		Long: `Runs a hub with the map of central Helsinki and an edge with one camera, which
replays a film of a square over real RTSP, until Ctrl-C. Simulated sensors, homes and
trams speak to it as real ones would. The camera is recorded, sealed to a court and an
ombudsman, whose devices are processes of their own, and so are three witnesses of the public
log. Only this machine can open the pages. The first start makes the keys, the roster and the
signed register entry without which no camera runs.

With --release it leads through a release of footage, step by step, from a request to a picture
and a bundle that anyone can check: with the demo that runs, or one that it starts for that.`,
		Example: `  polity demo
  polity demo --release     in a second terminal
  polity demo --release --draft ~/Downloads/case.json
  polity demo --port 8090 --data /tmp/demo
  polity demo --port 0      on any free port`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			o.Program, o.Out, o.Version, o.Services = self, cmd.OutOrStdout(), Version, modules
			switch {
			case !release && o.Draft != "":
				return usageError{errors.New("--draft is for --release: what it asks for")}
			case release && yes:
				return demo.Release(cmd.Context(), o, nil)
			case release:
				return demo.Release(cmd.Context(), o, cmd.InOrStdin())
			case yes:
				return usageError{errors.New("--yes is for --release: it takes the steps without asking")}
			}
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().IntVar(&o.Port, "port", 8080, "port of the pages; 0 picks a free one")
	cmd.Flags().StringVar(&o.Data, "data", demo.UsualData, "folder for everything that the demo keeps")
	cmd.Flags().BoolVar(&release, "release", false, "lead through a release of footage, from request to bundle")
	cmd.Flags().StringVar(&o.Draft, "draft", "", "with --release: ask by this file, as the page New case saves it")
	cmd.Flags().BoolVar(&yes, "yes", false, "with --release: take all steps without asking")
	return cmd
}
