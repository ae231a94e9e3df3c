package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// takeRosterCommand has a body's device or an office's machine (program: custodian, case) take
// the city's roster. adopt asks for the words where it has no roster yet.
func takeRosterCommand(program string, adopt func(cmd *cobra.Command, file []byte, words func() (string, error)) error) *cobra.Command {
	var words string
	cmd := &cobra.Command{
		Use: "roster FILE", Short: "Take the city's roster, or a later one",
		Long: `The first roster is compared in words: ask the holders of the root keys for the 8 groups
and give them with --words, or type them when asked. Later rosters are signed by the root
of the one before and need none.`,
		Example: `  polity ` + program + ` roster city.roster --words "0a1b2c3d ..."`,
		Args:    exactlyOne("roster"),
	}
	cmd.Flags().StringVar(&words, "words", "", "the roster's words, as the holders of root keys say them")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := os.ReadFile(args[0])
		if err != nil {
			return usageError{err}
		}
		return adopt(cmd, file, func() (string, error) {
			if words != "" {
				return words, nil
			}
			return askLine(cmd, "Words of the roster, as the holders of the root keys say them: ")
		})
	}
	return cmd
}

// askLine reads a line that a person types.
func askLine(cmd *cobra.Command, prompt string) (string, error) {
	fmt.Fprint(cmd.ErrOrStderr(), prompt)
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSpace(line), nil
}
