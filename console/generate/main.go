// Command generate writes what is made from sources for browsers: the TypeScript
// types and the bundle. Run it by go generate ./console/... .
package main

import (
	"fmt"
	"os"

	"polity/console/bundle"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintf(os.Stderr, "generate: %v\n", err)
		os.Exit(1)
	}
}

func run(console string) error {
	if err := bundle.WriteTypes(console); err != nil {
		return err
	}
	return bundle.Write(console, "dist")
}
