package browsertest

import (
	"polity/console/consoletest"
	"polity/ledger/summary/summarytest"
)

// newRecord is a year of the public log of the tests' city.
func newRecord() *consoletest.Record { return consoletest.NewRecord(summarytest.Year(), afternoon) }
