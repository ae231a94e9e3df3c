package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Stage makes the running program usable by Start. It must be the first thing
// that main does. In a process that Start has made it does not return: it becomes
// the program that was asked for.
func Stage() {
	if len(os.Args) == 3 && os.Args[0] == command && os.Args[1] == command {
		runtime.LockOSThread() // what is given up is given up by this thread, which becomes the program
		var told order
		if err := json.Unmarshal([]byte(os.Args[2]), &told); err != nil {
			fmt.Fprintf(os.Stderr, "%s is started by polity itself\n", command)
			os.Exit(2)
		}
		r := told.become()
		_, _ = syscall.Write(told.Report, r.encode())
		os.Exit(1)
	}
	ready.Store(true)
}

// encode makes the bytes of a report.
func (r report) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		return nil // a struct of flags and a string always encodes
	}
	return b
}

// become gives up all that it can and executes the program. It returns only when
// it fails.
func (o order) become() report {
	failed := func(what string, err error) report { return report{Error: what + ": " + err.Error()} }
	unix.CloseOnExec(o.Report)
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return failed("die with the parent", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return failed("no new privileges", err)
	}
	// The argument vector first: nothing may be allocated under tight limits.
	argv, err := syscall.SlicePtrFromStrings(append([]string{o.Program}, o.Args...))
	if err != nil {
		return failed("arguments", err)
	}
	envv, err := syscall.SlicePtrFromStrings(o.Env)
	if err != nil {
		return failed("environment", err)
	}
	if err := dropCapabilities(); err != nil {
		return failed("give up privileges", err)
	}
	fd, unreadable, err := openProgram(o.Program)
	if err != nil {
		return failed("open "+o.Program, err)
	}
	held, err := landlock(o.Program, o.Read, !unreadable)
	if err != nil {
		return failed("landlock", err)
	}
	filter, err := bpf.Assemble(filterProgram(os.Getpid(), fd, o.Accept))
	if err != nil {
		return failed("assemble the filter", err)
	}
	good := report{Landlock: held, NoDump: unreadable}.encode()
	prog := filterProg(filter)
	empty := [1]byte{}
	// From here on nothing may be allocated and no thread made: the limits are those
	// of the program. The report's descriptor closes by itself when it runs.
	if errno := o.limit(); errno != 0 {
		return failed("limits", errno)
	}
	if errno := loadFilter(&prog); errno != 0 {
		return report{Error: "load the seccomp filter: " + errno.Error(), NoFloor: true}
	}
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(o.Report), uintptr(unsafe.Pointer(&good[0])), uintptr(len(good))) //nolint:gosec // G103: a system call takes a pointer
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])),                 //nolint:gosec // G103
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])), unix.AT_EMPTY_PATH, 0) //nolint:gosec // G103
	return failed("execute "+o.Program, errno)
}

// limit sets what setrlimit can bound. A file size of 0 means that nothing can be
// written but pipes.
func (o order) limit() unix.Errno {
	cpu := uint64(unix.RLIM_INFINITY)
	if o.Processor > 0 {
		cpu = o.Processor
	}
	for _, l := range [...]struct {
		what  int
		value uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_NOFILE, 64},
		{unix.RLIMIT_MEMLOCK, 0},
		{unix.RLIMIT_MSGQUEUE, 0},
		{unix.RLIMIT_CPU, cpu},
		{unix.RLIMIT_DATA, o.Memory},
		{unix.RLIMIT_AS, o.Memory + reserved},
	} {
		if cpu == unix.RLIM_INFINITY && l.what == unix.RLIMIT_CPU {
			continue // it may be bounded from outside already
		}
		rlimit := unix.Rlimit{Cur: l.value, Max: l.value}
		_, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(l.what), uintptr(unsafe.Pointer(&rlimit)), 0, 0, 0) //nolint:gosec // G103
		if errno != 0 {
			return errno
		}
	}
	return 0
}

// dropCapabilities empties the bounding and all other sets: the program keeps
// nothing, even when it is started by root.
func dropCapabilities() error {
	for c := uintptr(0); c <= 63; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			break // EPERM: none to drop; EINVAL: past the last
		}
	}
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) // kernels before 4.3 have none
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}

// maxCopy bounds the program's copy in memory, which is there once for each
// process.
const maxCopy = 64 << 20

// openProgram copies the program into memory without permission to read it: the
// kernel lets nobody trace or dump a process that runs from such a file. Where
// the kernel forbids that, or the program is very large, the program itself is
// opened.
func openProgram(path string) (fd int, unreadable bool, err error) {
	source, err := os.Open(path)
	if err != nil {
		return 0, false, err
	}
	defer source.Close()
	direct := func() (int, bool, error) {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		return fd, false, err
	}
	if info, err := source.Stat(); err != nil || info.Size() > maxCopy {
		return direct()
	}
	fd, err = unix.MemfdCreate("program", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|mfdExec)
	if err == unix.EINVAL { //nolint:errorlint // a kernel before 6.3 does not know the flag
		fd, err = unix.MemfdCreate("program", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err == nil {
		if err = fillProgram(fd, source); err == nil {
			return fd, true, nil
		}
		unix.Close(fd)
	}
	return direct()
}

// mfdExec asks for an executable memory file (Linux 6.3, memfd_create(2)).
const mfdExec = 0x10

func fillProgram(fd int, source io.Reader) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := source.Read(buf)
		for b := buf[:n]; len(b) > 0; {
			m, err := unix.Write(fd, b)
			if err != nil {
				return err
			}
			b = b[m:]
		}
		if err == io.EOF { //nolint:errorlint // what Read returns
			break
		}
		if err != nil {
			return err
		}
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return err
	}
	return unix.Fchmod(fd, 0o111)
}
