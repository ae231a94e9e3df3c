package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/services/power/sheet"
)

func powerSheetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "sheet",
		Short:   "Check switching orders on paper",
		Example: `  polity power sheet verify order.sheet.txt --key sheets.key`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(powerSheetVerifyCommand())
	return cmd
}

func powerSheetVerifyCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "verify FILE --key KEY",
		Short: "Check that a hub signed a switching sheet and nobody changed it since",
		Long: `Checks the file of a switching order, as the power desk's pages give it out, with the
public key of the hub that signed it, and prints its text. KEY is that key or a file
with it: the hub's page /services/power/sheets.key shows it. Take it from there, never
from the sheet. FILE may be - for standard input.`,
		Example: `  polity power sheet verify restore-20261130T211500-1-1.sheet.txt --key sheets.key`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("one sheet is needed, %d were given", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if key == "" {
				return usageError{fmt.Errorf("--key names the public key of the hub's sheets")}
			}
			if text, err := os.ReadFile(key); err == nil {
				key = string(text)
			} else if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(key, "+") {
				return err
			}
			in, called, err := openInput(cmd, args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			file, err := io.ReadAll(io.LimitReader(in, sheet.MaxSize+1))
			if err != nil {
				return err
			}
			text, err := sheet.Open(file, key)
			if err != nil {
				return city.Errorf(city.KindOf(err), "%s: %w", called, err)
			}
			name, _, _ := strings.Cut(strings.TrimSpace(key), "+")
			fmt.Fprintf(cmd.OutOrStdout(), "%s\nIt is as %s signed it: nothing was changed.\n", strings.TrimSpace(text), name)
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "public key of the hub's sheets, or a file with it")
	return cmd
}
