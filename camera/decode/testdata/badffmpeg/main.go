// Command badffmpeg stands in for an ffmpeg that was taken over or is stuck. What
// it does is set when it is built.
package main

import (
	"bufio"
	"crypto/rand"
	"io"
	"os"
	"time"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	switch how {
	case "hang": // reads nothing, says nothing
		time.Sleep(time.Hour)
	case "deaf": // reads all, says nothing
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "babble": // says what is no video, as fast as it can
		for {
			if _, err := io.CopyN(out, rand.Reader, 1<<20); err != nil {
				return
			}
		}
	case "zero": // begins well and then sends frames of a wrong size for ever
		_, _ = out.WriteString(nutHead)
		for {
			if _, err := out.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	case "linger": // closes its output and stays
		os.Stdout.Close()
		time.Sleep(time.Hour)
	}
}

// how is set when it is built.
var how = "hang"

const nutHead = "nut/multimedia container\x00"
