package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/cobra"

	"polity/city"
	"polity/edge"
	"polity/hub"
	"polity/internal/strictyaml"
)

// config is the whole configuration: one file, a section per program.
type config struct {
	Edge *edge.Config `yaml:"edge"`
	Hub  *hub.Config  `yaml:"hub"`
}

// readConfig reads and checks a file. Errors name the file and line.
func readConfig(path string) (*config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, city.Errorf(city.Invalid, "%s is not there; deploy/polity.yaml is a sample to begin with", path)
	}
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the configuration cannot be read; name a file that you may read: %w", err)
	}
	return parseConfig(path, data)
}

// parseConfig is readConfig of a file's content.
func parseConfig(path string, data []byte) (*config, error) {
	var c config
	if err := strictyaml.Decode(path, data, &c); err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	if c.Edge == nil && c.Hub == nil {
		return nil, city.Errorf(city.Invalid, "%s has neither a section edge nor a section hub", path)
	}
	dir := filepath.Dir(path)
	var wrong []error
	if c.Edge != nil {
		*c.Edge = c.Edge.WithDefaults()
		c.Edge.Resolve(dir)
		wrong = append(wrong, c.Edge.Check())
	}
	if c.Hub != nil {
		*c.Hub = c.Hub.WithDefaults()
		c.Hub.Resolve(dir)
		wrong = append(wrong, c.Hub.Check(), checkServices(path, data, c.Hub.Services))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, city.Errorf(city.Invalid, "%s", locate(path, data, err.Error()))
	}
	return &c, nil
}

var settingName = regexp.MustCompile(`^(edge|hub)[a-z0-9_.\[\]]*`)

// locate puts file and line before each line of problems that begins with the name
// of a setting.
func locate(path string, data []byte, problems string) string {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return path + ": " + problems
	}
	var out []string
	for line := range strings.SplitSeq(problems, "\n") {
		if strings.HasPrefix(line, path+":") { // it says where
			out = append(out, line)
			continue
		}
		where := path
		// The setting may be missing; then its section is named.
		for name := settingName.FindString(line); name != ""; name = name[:max(strings.LastIndexAny(name, ".["), 0)] {
			p, err := yaml.PathString("$." + name)
			if err != nil {
				continue
			}
			if node, err := p.FilterFile(file); err == nil && node != nil {
				where = fmt.Sprintf("%s:%d", path, node.GetToken().Position.Line)
				break
			}
		}
		out = append(out, where+": "+line)
	}
	return strings.Join(out, "\n")
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Check a configuration file",
		Example: "  polity config check /etc/polity/polity.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(configCheckCommand())
	return cmd
}

func configCheckCommand() *cobra.Command {
	var here bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say whether a configuration is right, and where it is not",
		Long: `Reads a configuration as 'polity edge' and 'polity hub' would and says everything
that is wrong, with file and line; an unknown key comes with the nearest one that
exists. It opens no other file unless --here is given: then it also reads, on the
machine that the configuration is for, keys, passwords, certificates, mappings of
sensors and register entries, and says of each camera whether its entry lets it run
now.`,
		Example: `  polity config check deploy/polity.yaml
  polity config check --here /etc/polity/polity.yaml`,
		Args: exactlyOne("configuration file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := readConfig(args[0])
			if err != nil {
				return err
			}
			var parts []string
			if c.Edge != nil {
				parts = append(parts, fmt.Sprintf("edge %s with %s", c.Edge.Name, plural(len(c.Edge.Cameras), "camera")))
			}
			if c.Hub != nil {
				parts = append(parts, "hub that knows "+plural(len(c.Hub.Edges.Known), "edge"))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is in order: %s.\n", args[0], strings.Join(parts, ", "))
			if !here {
				return nil
			}
			var errs []error
			inspected := func(words string, err error) {
				fmt.Fprint(cmd.OutOrStdout(), words)
				errs = append(errs, err)
			}
			if c.Edge != nil {
				inspected(edge.Inspect(*c.Edge))
			}
			if c.Hub != nil {
				inspected(hub.Inspect(*c.Hub))
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().BoolVar(&here, "here", false, "also read the files that the configuration names")
	return cmd
}

func plural(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
