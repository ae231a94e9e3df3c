package sandbox

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// libraries is where shared libraries are; reading them is needed to start.
var libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"}

// handled says what landlock of each version can forbid; all of it is forbidden
// but for the rules. Linux Documentation/userspace-api/landlock.rst.
func handled(version int) unix.LandlockRulesetAttr {
	files := []uint64{
		0,
		1<<13 - 1, // 1: from execute to make a symbolic link
		unix.LANDLOCK_ACCESS_FS_REFER,
		unix.LANDLOCK_ACCESS_FS_TRUNCATE,
		0, // 4: network
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV,
	}
	var attr unix.LandlockRulesetAttr
	for v := range files[:min(version, len(files)-1)+1] {
		attr.Handled_access_fs |= files[v]
	}
	if version >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr
}

// landlock leaves the program's libraries and read readable for the calling
// thread and what it executes, and nothing else; it returns false where the
// kernel has no landlock. fromDisk says that the program's own file is executed.
//
// The calls are made here and not by a library, since only this one thread goes
// on: what works on all threads of a process looks for them in /proc, which shows
// others to a process in a namespace of its own.
func landlock(program string, read []string, fromDisk bool) (bool, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || version < 1 {
		return false, nil
	}
	attr := handled(int(version))
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs)+unsafe.Sizeof(attr.Handled_access_net)+unsafe.Sizeof(attr.Scoped), 0) //nolint:gosec // G103: a system call takes a pointer
	if errno != 0 {
		return false, fmt.Errorf("make the set of rules: %w", errno)
	}
	defer unix.Close(int(set))
	for _, path := range append(append([]string{}, libraries...), read...) {
		if err := allowPath(int(set), path, unix.LANDLOCK_ACCESS_FS_READ_FILE|unix.LANDLOCK_ACCESS_FS_READ_DIR); err != nil {
			return false, err
		}
	}
	execute := []string{interpreter(program)}
	if fromDisk {
		execute = append(execute, program)
	}
	for _, path := range execute {
		if err := allowPath(int(set), path, unix.LANDLOCK_ACCESS_FS_READ_FILE|unix.LANDLOCK_ACCESS_FS_EXECUTE); err != nil {
			return false, err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); errno != 0 {
		return false, fmt.Errorf("restrict: %w", errno)
	}
	return true, nil
}

// allowPath adds a rule. A path that is not there needs none.
func allowPath(set int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil //nolint:nilerr // opening it will fail for the program too
	}
	defer unix.Close(fd)
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		rights &^= unix.LANDLOCK_ACCESS_FS_READ_DIR
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0) //nolint:gosec // G103
	if errno != 0 {
		return fmt.Errorf("allow %s: %w", path, errno)
	}
	return nil
}

// interpreter returns the dynamic loader that the kernel runs for a program, or
// "" for a static one.
func interpreter(program string) string {
	f, err := elf.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
			if err == nil {
				return strings.TrimRight(string(b), "\x00")
			}
		}
	}
	return ""
}
