package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commands lists all of polity's own commands, hidden ones included.
func commands(cmd *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		list = append(list, commands(c)...)
	}
	return list
}

// TestEveryCommandHasHelpWithAnExample asks each command as a person would.
func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	for _, c := range commands(root()) {
		name := c.CommandPath()
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its line in the list of commands is %q; it wants one without a full stop", name, c.Short)
		}
		if c.DisableFlagParsing {
			continue // sandbox-exec: no person calls it
		}
		var out bytes.Buffer
		r := root()
		r.SetOut(&out)
		r.SetErr(&out)
		r.SetArgs(append(strings.Fields(name)[1:], "--help"))
		if err := r.Execute(); err != nil {
			t.Errorf("%s --help: %v", name, err)
		}
		_, examples, found := strings.Cut(out.String(), "Examples:\n")
		if !found || (!c.Hidden && !strings.Contains(examples, "  "+name)) {
			t.Errorf("%s --help shows no example of itself:\n%s", name, out.String())
		}
	}
}

// TestExamplesAreRight holds every example to the commands and flags that exist.
func TestExamplesAreRight(t *testing.T) {
	for _, c := range commands(root()) {
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
			if err := tryExample(line); err != nil {
				t.Errorf("%s: the example %q: %v", c.CommandPath(), strings.TrimSpace(line), err)
			}
		}
	}
}

func TestAWrongExampleIsFound(t *testing.T) {
	for _, bad := range []string{"  polity camra key", "  polity camera key --nqme x", "  polity config check", "  polity waste plan --seconds soon"} {
		if tryExample(bad) == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

// remark is what follows a command in an example: what it does, where its words go,
// what was left out.
var remark = regexp.MustCompile(`(\S)(  +\w| > | \.\.\.).*`)

// tryExample reads a line of an example as polity would, short of running it.
func tryExample(line string) error {
	words, isOne := strings.CutPrefix(strings.TrimSpace(line), "polity ")
	if !isOne {
		return nil
	}
	words = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(words, "words")
	words = remark.ReplaceAllString(words, "$1")
	cmd, rest, err := root().Find(strings.Fields(words))
	if err != nil {
		return err
	}
	if cmd.DisableFlagParsing {
		return nil
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// TestWrongCommandLinesSayWhatToDo also holds them to status 2.
func TestWrongCommandLinesSayWhatToDo(t *testing.T) {
	for line, want := range map[string]string{
		"cfg":                   `polity has no command "cfg"; see 'polity --help'`,
		"conifg check x":        `polity has no command "conifg"; did you mean "config"?`,
		"camera regster":        `polity camera has no command "regster"; did you mean "register"?`,
		"version now":           `polity version does not take ["now"]; see 'polity version --help'`,
		"config check":          `name one configuration file; see 'polity config check --help'`,
		"config check --hre x":  `unknown flag: --hre; see 'polity config check --help'`,
		"scene --passes many x": `see 'polity scene --help'`,
	} {
		r := root()
		r.SetArgs(strings.Fields(line))
		err := r.Execute()
		if err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != 2 {
			t.Errorf("polity %s: %v", line, err)
		}
	}
}
