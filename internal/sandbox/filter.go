package sandbox

import (
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The filter is an allow list. A call that is not on it fails with ENOSYS, as on
// an older kernel, so that a C library newer than this list falls back to calls
// that are on it; those that are denied on purpose fail with EPERM. So does
// every call by a foreign calling convention (32-bit or x32 on a 64-bit kernel),
// for which the numbers mean something else.
//
// It is assembled here and not by a library: a condition on an argument that
// fails must end in a refusal, and never go on to compare an argument's value
// with the numbers that follow.

// when is a condition on one argument of a call. All in the list must hold.
type when struct {
	arg  uint32
	test bpf.JumpTest // JumpEqual, JumpBitsSet (some), JumpBitsNotSet (none)
	low  uint32       // compared with the low 32 bits, all that the kernel looks at
}

// rule allows a call, if the conditions hold; otherwise the call is refused.
type rule struct {
	call uint32
	when []when
}

const (
	allow  = uint32(unix.SECCOMP_RET_ALLOW)
	refuse = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EPERM)
	absent = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.ENOSYS)

	offNumber, offArch, offArgs = 0, 4, 16 // struct seccomp_data, little-endian machines
)

// plain are the calls that compute, wait, read and write what is open already.
// This is what a program in C or Go needs that has pipes and threads.
var plain = append([]uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_CLOSE, unix.SYS_LSEEK,
	unix.SYS_FSTAT, unix.SYS_STATX, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINKAT, unix.SYS_GETCWD,
	unix.SYS_GETDENTS64, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_FADVISE64, unix.SYS_READAHEAD,

	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_MINCORE,
	unix.SYS_MEMBARRIER,

	unix.SYS_FUTEX, unix.SYS_FUTEX_WAITV, unix.SYS_SET_ROBUST_LIST, unix.SYS_GET_ROBUST_LIST, unix.SYS_RSEQ,
	unix.SYS_SET_TID_ADDRESS, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_RESTART_SYSCALL,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,

	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_NANOSLEEP, unix.SYS_GETTIMEOFDAY,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
	unix.SYS_GETRANDOM, unix.SYS_GETRUSAGE, unix.SYS_TIMES, unix.SYS_UNAME, unix.SYS_SYSINFO, unix.SYS_GETCPU,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_GETPARAM,
	unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GET_PRIORITY_MAX, unix.SYS_SCHED_GET_PRIORITY_MIN,

	unix.SYS_PPOLL, unix.SYS_PSELECT6, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT,
	unix.SYS_EPOLL_PWAIT2, unix.SYS_EVENTFD2, unix.SYS_PIPE2,
}, plainHere...)

// refused fail with EPERM, so that a program says "not permitted" and not "this
// kernel is too old".
var refused = append([]uint32{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT,
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG,
	unix.SYS_SHUTDOWN, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKOPT,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD,
	unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_EXECVE, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_BPF,
	unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_MEMFD_CREATE, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_MKDIRAT,
	unix.SYS_FCHMODAT, unix.SYS_FCHOWNAT, unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE,
}, refusedHere...)

// prSetVMA names memory; used by the Go runtime. Linux include/uapi/linux/prctl.h.
const prSetVMA = 0x53564d41

// Terminal and pipe queries, the same on all machines that Polity runs on. Linux
// include/uapi/asm-generic/ioctls.h.
const (
	fionread = 0x541b
	fionbio  = 0x5421
)

// conditional are calls that are harmless only with some arguments. self is the
// program's own process id as it sees it, program the descriptor that it will be
// executed from, accept the one that it may accept connections on, or 0.
func conditional(self, program, accept int) []rule {
	const write = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC | unix.O_APPEND
	rules := []rule{
		{unix.SYS_OPENAT, []when{{2, bpf.JumpBitsNotSet, write}}},
		// Threads, not processes.
		{unix.SYS_CLONE, []when{{0, bpf.JumpBitsSet, unix.CLONE_THREAD}}},
		// Signals to its own threads.
		{unix.SYS_TGKILL, []when{{0, bpf.JumpEqual, uint32(self)}}},
		// Its own limits may be read (the third argument is a null pointer), not set.
		{unix.SYS_PRLIMIT64, []when{{0, bpf.JumpEqual, 0}, {2, bpf.JumpEqual, 0}}},
		// The stage becomes the program, once: the descriptor closes by that.
		{unix.SYS_EXECVEAT, []when{{0, bpf.JumpEqual, uint32(program)}, {4, bpf.JumpEqual, unix.AT_EMPTY_PATH}}},
	}
	if accept > 0 {
		rules = append(rules, rule{unix.SYS_ACCEPT4, []when{{0, bpf.JumpEqual, uint32(accept)}}})
	}
	for _, option := range []uint32{unix.PR_SET_NAME, unix.PR_GET_NAME, prSetVMA} {
		rules = append(rules, rule{unix.SYS_PRCTL, []when{{0, bpf.JumpEqual, option}}})
	}
	for _, cmd := range []uint32{unix.F_GETFL, unix.F_SETFL, unix.F_GETFD, unix.F_SETFD, unix.F_DUPFD_CLOEXEC, unix.F_DUPFD, unix.F_GETPIPE_SZ, unix.F_SETPIPE_SZ} {
		rules = append(rules, rule{unix.SYS_FCNTL, []when{{1, bpf.JumpEqual, cmd}}})
	}
	for _, cmd := range []uint32{unix.TCGETS, fionread, fionbio} {
		rules = append(rules, rule{unix.SYS_IOCTL, []when{{1, bpf.JumpEqual, cmd}}})
	}
	return append(rules, conditionalHere()...)
}

// program assembles the filter.
func filterProgram(self, program, accept int) []bpf.Instruction {
	out := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: refuse},
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 0x40000000, SkipTrue: 1}, // x32
		bpf.RetConstant{Val: refuse},
	}
	verdict := func(call, v uint32) {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: call, SkipTrue: 1}, bpf.RetConstant{Val: v})
	}
	for _, call := range plain {
		verdict(call, allow)
	}
	for _, call := range refused {
		verdict(call, refuse)
	}
	// The rules of one call stand together; any of them allows it.
	rules := conditional(self, program, accept)
	for len(rules) > 0 {
		n := 1
		for n < len(rules) && rules[n].call == rules[0].call {
			n++
		}
		var body []bpf.Instruction
		for _, r := range rules[:n] {
			body = append(body, r.instructions()...)
		}
		body = append(body, bpf.RetConstant{Val: refuse})
		out = append(out, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: rules[0].call, SkipTrue: uint8(len(body))})
		out = append(out, body...)
		rules = rules[n:]
	}
	if accept <= 0 {
		verdict(unix.SYS_ACCEPT4, refuse)
	}
	return append(out, bpf.RetConstant{Val: absent})
}

// instructions returns ALLOW if all conditions hold, and else runs off its end.
func (r rule) instructions() []bpf.Instruction {
	size := 2*len(r.when) + 1
	var out []bpf.Instruction
	for i, w := range r.when {
		out = append(out,
			bpf.LoadAbsolute{Off: offArgs + 8*w.arg, Size: 4},
			bpf.JumpIf{Cond: w.test, Val: w.low, SkipFalse: uint8(size - 2*i - 2)})
	}
	return append(out, bpf.RetConstant{Val: allow})
}

// filterProg makes what the kernel is given.
func filterProg(instructions []bpf.RawInstruction) unix.SockFprog {
	filters := make([]unix.SockFilter, len(instructions))
	for i, in := range instructions {
		filters[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]}
}

// loadFilter puts the filter on every thread. It must come last: what it denies
// is denied to the stage too.
func loadFilter(prog *unix.SockFprog) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(prog))) //nolint:gosec // G103: a system call takes a pointer
	return errno
}
