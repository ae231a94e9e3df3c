package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"polity/camera/detect"
	"polity/city"
	"polity/edge"
	"polity/internal/durable"
	"polity/spine"
)

func edgeCommand() *cobra.Command {
	var flags serviceFlags
	var withParent bool
	cmd := &cobra.Command{
		Use:   "edge",
		Short: "Run the cameras of one machine in the street",
		Long: `Runs the section "edge" of the configuration until it is stopped: a process per
camera whose register entry is valid, a store of what they observe, and the line to
the hub. It goes on alone while the hub is away.`,
		Example: `  polity edge --config /etc/polity/polity.yaml
  polity edge key --out /etc/polity/edge.key   make the key by which the hub knows it
  polity edge recorder                         print the key that signs its recordings`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig(flags.config)
			if err != nil {
				return err
			}
			if c.Edge == nil {
				return city.Errorf(city.Invalid, "%s has no section edge", flags.config)
			}
			log, err := newLogger(cmd, flags.log, flags.level)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			if withParent {
				ctx = whileRead(ctx, cmd.InOrStdin())
			}
			return edge.Run(ctx, *c.Edge, edge.Deps{Log: log, Version: Version, Detector: startDetector, Ready: func(address string) {
				fmt.Fprintf(cmd.OutOrStdout(), "edge %s runs; its state is at %s\n", c.Edge.Name, address)
			}})
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&withParent, "with-parent", false, "stop when standard input ends: whoever holds its other end is gone")
	cmd.AddCommand(edgeKeyCommand(), edgeRecorderCommand())
	return cmd
}

// whileRead returns a context that ends with in.
func whileRead(ctx context.Context, in io.Reader) context.Context {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		defer stop()
		_, _ = io.Copy(io.Discard, in) // an error is an end, too
	}()
	return ctx
}

// startDetector runs polity-native for the cameras of an edge.
func startDetector(ctx context.Context, socket string, log *slog.Logger) (edge.DetectorProcess, error) {
	return detect.StartWorker(ctx, socket, nil, log)
}

func edgeKeyCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make the key by which the hub knows this edge",
		Long: `Makes a key pair. The secret half goes into a file that only its owner can read,
for edge.hub.key_file; the public half is printed, for hub.edges.known.`,
		Example: "  polity edge key --out /etc/polity/edge.key",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			seed, public, err := spine.NewKey()
			if err != nil {
				return err
			}
			if err := writeNew(out, []byte(seed+"\n"), 0o600); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), public)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "edge.key", "file for the secret half")
	return cmd
}

func edgeRecorderCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "recorder",
		Short: "Print the public key that signs this edge's recordings",
		Long: `Prints the public half of the key with which the edge signs sealed segments, for
'polity camera register --recorder', and makes the key where there is none yet. The secret
half stays in the edge's data folder, recorder.key.`,
		Example: `  polity edge recorder --config /etc/polity/polity.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig(config)
			if err != nil {
				return err
			}
			if c.Edge == nil {
				return city.Errorf(city.Invalid, "%s has no section edge", config)
			}
			key, err := edge.RecorderKey(*c.Edge)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%x\n", []byte(key))
			return err
		},
	}
	cmd.Flags().StringVar(&config, "config", usualConfig, "configuration file")
	return cmd
}

// writeNew writes a file that must not be there yet: keys are not overwritten.
func writeNew(path string, data []byte, mode os.FileMode) error {
	if _, err := os.Lstat(path); err == nil {
		return city.Errorf(city.Conflict, "%s is there already and was left as it is; remove it first, or name another file with --out", path)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return durable.WriteFile(path, data, mode)
}
