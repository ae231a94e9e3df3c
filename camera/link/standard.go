package link

import (
	"os"
	"syscall"
)

// Standard opens the link on the descriptors that the edge gives a camera process:
// standard input and output, and the spool. Children of the process inherit none
// of them.
func Standard() (*Process, error) {
	syscall.CloseOnExec(SpoolFD)
	var spool Spool
	if f := os.NewFile(SpoolFD, "spool"); f != nil {
		if _, err := f.Stat(); err == nil {
			spool = f
		}
	}
	return Open(os.Stdin, os.Stdout, spool)
}
