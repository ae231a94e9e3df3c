package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"polity/internal/durable"
	"polity/services/waste/example"
)

func wasteExampleCommand() *cobra.Command {
	var out string
	var n int
	cmd := &cobra.Command{
		Use:   "example",
		Short: "Write an example to plan tours with: tables and a map",
		Long: `Writes tables of containers, trucks and places (CSV) and the streets of central
Helsinki (OpenStreetMap) into a folder, to plan tours with and to begin tables of
your own from. Containers and trucks are made up.`,
		Example: `  polity waste example --out town
  polity waste plan --containers town/containers.csv --trucks town/trucks.csv --places town/places.csv --map town/streets.osm`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 1 || n > 240 {
				return usageError{fmt.Errorf("--containers %d: it must be from 1 to 240", n)}
			}
			files, err := example.Files(cmd.Context(), n)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // an example is for everyone
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				path := filepath.Join(out, name)
				if err := durable.WriteFile(path, files[name], 0o644); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "waste-example", "folder; it is made if it is not there")
	cmd.Flags().IntVar(&n, "containers", 80, "how many containers, at most 240")
	return cmd
}
