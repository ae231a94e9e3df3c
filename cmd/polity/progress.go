package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress says on a terminal, each tenth of a second at most, how many of the things are
// done: "7 of 12 entries checked". Elsewhere it is nil.
func progress[N int | int64](w io.Writer, done string) func(now, all N) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	var last time.Time
	return func(n, all N) {
		if now := time.Now(); n == all || now.Sub(last) > 100*time.Millisecond {
			last = now
			fmt.Fprintf(w, "\r%d of %d %s", n, all, done)
		}
		if n == all {
			fmt.Fprintln(w)
		}
	}
}
