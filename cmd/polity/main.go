// Command polity runs a city's cameras, sensors and services; a file of this
// folder per subcommand.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"polity/internal/sandbox"
)

func main() {
	sandbox.Stage()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "polity: %v\n", err)
		os.Exit(exitCode(err))
	}
}
