// Package epanettest lets tests of services/water run EPANET in its worker.
package epanettest

import (
	"os"
	"testing"

	"polity/internal/parts"
	"polity/internal/sandbox"
	"polity/services/water/epanet"
)

// Main is TestMain of a package whose tests start workers.
func Main(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}

// Native lets a test use the worker and EPANET's library that set-up put into bin, or
// skips it where they are missing. It is for packages in services/water/NAME.
func Native(t *testing.T) epanet.Dialer {
	t.Helper()
	t.Setenv("POLITY_PROGRAMS", "../../../bin")
	t.Setenv("POLITY_PARTS", "../../../bin/parts")
	if _, err := parts.Program("polity-native"); err != nil {
		t.Skipf("the worker is not built: %v", err)
	}
	if _, err := parts.Find(epanet.LibraryName); err != nil {
		t.Skipf("EPANET is not there: %v", err)
	}
	return epanet.Native
}
