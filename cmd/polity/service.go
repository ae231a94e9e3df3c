package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
)

// newLogger writes the program's log to standard error.
func newLogger(cmd *cobra.Command, format, level string) (*slog.Logger, error) {
	var o slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: it is debug, info, warn or error", level)}
	}
	o.Level = l
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), &o)), nil
	}
	return nil, usageError{fmt.Errorf(`--log %q: it is "text" or "json"`, format)}
}

// serviceFlags are those of programs that run until they are stopped.
type serviceFlags struct{ config, log, level string }

func (f *serviceFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "/etc/polity/polity.yaml", "configuration file")
	cmd.Flags().StringVar(&f.log, "log", "text", "form of the log: text or json")
	cmd.Flags().StringVar(&f.level, "log-level", "info", "least level of the log: debug, info, warn or error")
}
