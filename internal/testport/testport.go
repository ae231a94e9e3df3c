// Package testport gives tests addresses of this machine that they may listen on, leave, and
// listen on again, as what is killed and started anew does.
package testport

import (
	"fmt"
	"net"
	"os"
	"testing"
)

// Ports between these are given to nobody who asks for any: Linux takes those from 32768 on
// (ip_local_port_range), for connections as well as for listeners.
const first, behind = 20000, 32000

// Address returns host:port on loopback, which no other test gets before this one has ended,
// in whatever process.
func Address(t testing.TB) string {
	t.Helper()
	for n := range behind - first {
		port := first + (os.Getpid()*61+n)%(behind-first)
		// A name that the system forgets with the process says that the port is taken.
		held, err := net.Listen("unix", fmt.Sprintf("@polity-test-port-%d", port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil { // by a program that is no test
			held.Close()
			continue
		}
		l.Close()
		t.Cleanup(func() { held.Close() })
		return l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}
