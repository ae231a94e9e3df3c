package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"polity/edge"
	"polity/hub"
)

// TestDefaultsListenOnLoopback asks what is listened on when nothing is said.
func TestDefaultsListenOnLoopback(t *testing.T) {
	h := hub.Config{}.WithDefaults()
	for what, address := range map[string]string{
		"edge.listen": edge.Config{}.WithDefaults().Listen, "hub.listen": h.Listen, "hub.edges.listen": h.Edges.Listen,
	} {
		a, err := netip.ParseAddrPort(address)
		if err != nil || !a.Addr().IsLoopback() {
			t.Errorf("%s is %q by default (%v)", what, address, err)
		}
	}
}

// onLoopback is the script command that looks at every socket on which the programs
// in the background, and those that they started, listen: it fails unless there are
// some and all of them are on loopback.
func onLoopback(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: onloopback")
	}
	var pids []int
	for _, cmd := range ts.BackgroundCmds() {
		if cmd.Process != nil {
			pids = append(pids, cmd.Process.Pid)
		}
	}
	listening, err := listeners(withChildren(pids))
	ts.Check(err)
	if len(listening) == 0 {
		ts.Fatalf("no program listens, although %d run", len(pids))
	}
	for _, a := range listening {
		ts.Logf("listens on %s", a)
		if !a.Addr().IsLoopback() {
			ts.Fatalf("a program listens on %s, which other machines can reach", a)
		}
	}
}

// withChildren adds to processes all that descend from them.
func withChildren(pids []int) []int {
	for i := 0; i < len(pids); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i]))
		for _, list := range lists {
			text, _ := os.ReadFile(list) // a thread that is gone has none
			for word := range strings.FieldsSeq(string(text)) {
				if pid, err := strconv.Atoi(word); err == nil && !slices.Contains(pids, pid) {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

// listeners returns where processes listen, by TCP and UDP (proc_pid_fd(5),
// proc_pid_net(5)).
func listeners(pids []int) ([]netip.AddrPort, error) {
	inodes := map[string]bool{}
	for _, pid := range pids {
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		for _, f := range files {
			to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, f.Name()))
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	var all []netip.AddrPort
	for table, state := range map[string]string{"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			f := strings.Fields(string(line))
			if len(f) < 10 || f[3] != state || !inodes[f[9]] {
				continue
			}
			a, err := procAddress(f[1])
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// procAddress reads "0100007F:1F90": words of four bytes in the machine's order,
// which is that of x86 and ARM.
func procAddress(s string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	if err != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("address %q of /proc/net", s)
	}
	for i := 0; i < len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	n, err := strconv.ParseUint(port, 16, 16)
	a, ok := netip.AddrFromSlice(b)
	if err != nil || !ok {
		return netip.AddrPort{}, fmt.Errorf("address %q of /proc/net", s)
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

func TestProcAddress(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0050":                         "0.0.0.0:80",
		"00000000000000000000000001000000:01BB": "[::1]:443",
		"0000000000000000FFFF00000100007F:0035": "127.0.0.1:53",
	} {
		if got, err := procAddress(text); err != nil || got.String() != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
}

// TestAnOpenSocketIsFound proves that the look can fail: it finds one of this very
// process that other machines could reach.
func TestAnOpenSocketIsFound(t *testing.T) {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	found, err := listeners([]int{os.Getpid()})
	if err != nil || !slices.ContainsFunc(found, func(a netip.AddrPort) bool { return !a.Addr().IsLoopback() }) {
		t.Errorf("found %v, %v", found, err)
	}
}
