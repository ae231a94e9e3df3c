package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// UnsafeSwap is the error of CheckSwap: memory could be written to a disk in
// clear.
type UnsafeSwap struct {
	Device string // of the first swap area that is not encrypted, as /proc/swaps names it
	Why    string
}

// Error says what was found and what can be done.
func (e *UnsafeSwap) Error() string {
	return fmt.Sprintf("swap on %s %s, so that raw frames could be written to a disk in clear: turn it off (swapoff %s), "+
		"encrypt it (dm-crypt), or give this service none (systemd: MemorySwapMax=0)", e.Device, e.Why, e.Device)
}

// CheckSwap returns an *UnsafeSwap if the calling process's memory could be
// written to an unencrypted swap area. Swap in compressed memory (zram without a
// backing device) and on dm-crypt counts as safe, and so does a control group
// that gives its processes no swap.
func CheckSwap() error {
	return checkSwap(os.DirFS("/"), func(name string) (uint64, uint32, error) {
		var st unix.Stat_t
		err := unix.Stat(name, &st)
		return st.Dev, st.Mode, err
	}, func(name string) (uint64, error) {
		var st unix.Stat_t
		err := unix.Stat(name, &st)
		return st.Rdev, err
	})
}

// checkSwap works on a root file system; stat gives a file's device and mode, and
// rdev the number of a device file.
func checkSwap(root fs.FS, stat func(string) (uint64, uint32, error), rdev func(string) (uint64, error)) error {
	table, err := fs.ReadFile(root, "proc/swaps")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without swap
	}
	if err != nil {
		return fmt.Errorf("which swap is used: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(table)), "\n")
	if len(lines) < 2 || noSwapInGroup(root) {
		return nil
	}
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		area := unescape(fields[0])
		device, mode, err := stat(area)
		if err != nil {
			return &UnsafeSwap{area, fmt.Sprintf("cannot be examined (%v)", err)}
		}
		if mode&unix.S_IFMT == unix.S_IFBLK {
			if device, err = rdev(area); err != nil {
				return &UnsafeSwap{area, fmt.Sprintf("cannot be examined (%v)", err)}
			}
		}
		if !safeDevice(root, fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device)), 0) {
			return &UnsafeSwap{area, "is not encrypted"}
		}
	}
	return nil
}

// unescape undoes the octal escapes of /proc/swaps, e.g. \040 for a space.
func unescape(s string) string {
	var out strings.Builder
	for len(s) > 0 {
		if s[0] == '\\' && len(s) >= 4 {
			if n, err := strconv.ParseUint(s[1:4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				s = s[4:]
				continue
			}
		}
		out.WriteByte(s[0])
		s = s[1:]
	}
	return out.String()
}

// maxStack bounds how many block devices may lie upon one another.
const maxStack = 16

// safeDevice says whether all that is written to a block device ends encrypted
// or in memory: it is zram, or dm-crypt, or all devices beneath it are such.
func safeDevice(root fs.FS, number string, depth int) bool {
	dir := path.Join("sys/dev/block", number)
	read := func(name string) string {
		b, err := fs.ReadFile(root, path.Join(dir, name))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(b))
	}
	if strings.HasPrefix(read("dm/uuid"), "CRYPT-") {
		return true
	}
	if major, _, _ := strings.Cut(number, ":"); read("comp_algorithm") != "" && major != "" { // only zram has it
		backing := read("backing_dev")
		return backing == "" || backing == "none"
	}
	slaves, err := fs.ReadDir(root, path.Join(dir, "slaves"))
	if err != nil || len(slaves) == 0 || depth > maxStack {
		return false
	}
	for _, s := range slaves {
		beneath, err := fs.ReadFile(root, path.Join(dir, "slaves", s.Name(), "dev"))
		if err != nil || !safeDevice(root, strings.TrimSpace(string(beneath)), depth+1) {
			return false
		}
	}
	return true
}

// noSwapInGroup says whether the process's control group (version 2), or one
// above it, allows no swap.
func noSwapInGroup(root fs.FS) bool {
	own, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(own)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		if !ok {
			continue
		}
		for {
			for _, mount := range []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"} {
				limit, err := fs.ReadFile(root, path.Join(mount, group, "memory.swap.max"))
				if err == nil && strings.TrimSpace(string(limit)) == "0" {
					return true
				}
			}
			if group == "" || group == "." {
				break
			}
			group = path.Dir(group)
		}
	}
	return false
}
