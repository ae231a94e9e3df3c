package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"polity/release/custodian/page"
)

func (s *custodianState) serveCommand() *cobra.Command {
	var listen string
	var withParent bool
	cmd := &cobra.Command{
		Use: "serve", Short: "The same as pages on this machine, for people who do not use terminals", Args: cobra.NoArgs,
		Long: `It serves pages on loopback only, and prints the address to open. The device is locked
until its passphrase is typed there, and after 15 minutes without use.`,
		Example: "  polity custodian serve",
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "loopback address and port")
	cmd.Flags().BoolVar(&withParent, "with-parent", false, "stop when standard input ends: whoever holds its other end is gone")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		host, _, err := net.SplitHostPort(listen)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return usageError{fmt.Errorf("--listen is %q; this machine is never reached from outside: use 127.0.0.1:8090", listen)}
		}
		anchor, err := s.theAnchor()
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", listen)
		if err != nil {
			return err
		}
		pages := page.New(s.dir, anchor)
		defer pages.Close()
		server := &http.Server{Handler: pages.Handler(), ReadHeaderTimeout: 10 * time.Second}
		ctx := cmd.Context()
		if withParent {
			ctx = whileRead(ctx, cmd.InOrStdin())
		}
		stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stopped()
		fmt.Fprintf(cmd.OutOrStdout(), "Open http://%s%s\n", l.Addr(), pages.Path())
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
	return cmd
}
