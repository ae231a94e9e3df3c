package link

import (
	"os"
	"syscall"
)

// Standard opens the link on the descriptors that the edge gives a camera process:
// standard input and output, the spool, and the connection for recording where the
// assignment asks for it. Children of the process inherit none of them.
func Standard() (*Process, error) {
	syscall.CloseOnExec(SpoolFD)
	var spool Spool
	if f := os.NewFile(SpoolFD, "spool"); f != nil {
		if _, err := f.Stat(); err == nil {
			spool = f
		}
	}
	p, err := Open(os.Stdin, os.Stdout, spool)
	if err == nil && p.assignment.Record != nil {
		syscall.CloseOnExec(RecordFD)
		p.recording = os.NewFile(RecordFD, "recording")
	}
	return p, err
}
