package sandbox_test

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"polity/internal/sandbox"
)

const (
	self, program, listening = 77, 9, 3

	allow  = int(unix.SECCOMP_RET_ALLOW)
	refuse = int(unix.SECCOMP_RET_ERRNO) | int(unix.EPERM)
	absent = int(unix.SECCOMP_RET_ERRNO) | int(unix.ENOSYS)
)

// judge asks the filter about one call. The virtual machine reads big-endian
// words, so the words are laid out that way.
func judge(t rapid.TB, vm *bpf.VM, arch, number uint32, args [6]uint32) int {
	data := make([]byte, 64) // struct seccomp_data: nr, arch, instruction pointer, six arguments of 8 bytes
	binary.BigEndian.PutUint32(data, number)
	binary.BigEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[16+8*i:], a) // the low half comes first
	}
	verdict, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

func filterVM(t testing.TB, accept int) *bpf.VM {
	t.Helper()
	vm, err := bpf.NewVM(sandbox.FilterProgram(self, program, accept))
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func TestFilterOnChosenCalls(t *testing.T) {
	vm := filterVM(t, listening)
	const arch = sandbox.AuditArch
	for _, c := range []struct {
		name   string
		number uint32
		args   [6]uint32
		want   int
	}{
		{"read", unix.SYS_READ, [6]uint32{}, allow},
		{"open for reading", unix.SYS_OPENAT, [6]uint32{0, 0, unix.O_CLOEXEC}, allow},
		{"open for writing", unix.SYS_OPENAT, [6]uint32{0, 0, unix.O_WRONLY}, refuse},
		{"open to create", unix.SYS_OPENAT, [6]uint32{0, 0, unix.O_CREAT}, refuse},
		{"a thread", unix.SYS_CLONE, [6]uint32{unix.CLONE_VM | unix.CLONE_THREAD}, allow},
		{"a process", unix.SYS_CLONE, [6]uint32{uint32(unix.SIGCHLD)}, refuse},
		{"a process, by a number that is allowed", unix.SYS_CLONE, [6]uint32{unix.SYS_READ}, refuse},
		{"its own thread", unix.SYS_TGKILL, [6]uint32{self, 1, 9}, allow},
		{"another's", unix.SYS_TGKILL, [6]uint32{self + 1, 1, 9}, refuse},
		{"the program", unix.SYS_EXECVEAT, [6]uint32{program, 0, 0, 0, unix.AT_EMPTY_PATH}, allow},
		{"another program", unix.SYS_EXECVEAT, [6]uint32{program + 1, 0, 0, 0, unix.AT_EMPTY_PATH}, refuse},
		{"a program by path", unix.SYS_EXECVEAT, [6]uint32{program, 0, 0, 0, 0}, refuse},
		{"accept on the given socket", unix.SYS_ACCEPT4, [6]uint32{listening}, allow},
		{"accept on another", unix.SYS_ACCEPT4, [6]uint32{listening + 1}, refuse},
		{"socket", unix.SYS_SOCKET, [6]uint32{unix.AF_INET}, refuse},
		{"io_uring", unix.SYS_IO_URING_SETUP, [6]uint32{}, refuse},
		{"what is newer than the list", 5000, [6]uint32{}, absent},
	} {
		if got := judge(t, vm, arch, c.number, c.args); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
	if got := judge(t, filterVM(t, 0), arch, unix.SYS_ACCEPT4, [6]uint32{}); got != refuse {
		t.Errorf("accept without leave: %#x", got)
	}
}

// TestFilterAlways checks what must hold of all calls: those by another calling
// convention are refused, and only listed numbers are ever allowed.
func TestFilterAlways(t *testing.T) {
	vm := filterVM(t, 0)
	listed := map[uint32]bool{}
	for _, n := range sandbox.Allowed(self, program) {
		listed[n] = true
	}
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.Uint32Range(0, 500), rapid.Uint32Range(0x40000000, 0x40000000+600), rapid.Uint32()).Draw(t, "number")
		arch := rapid.OneOf(rapid.Just(uint32(sandbox.AuditArch)), rapid.Just(uint32(unix.AUDIT_ARCH_I386)), rapid.Just(uint32(unix.AUDIT_ARCH_ARM)), rapid.Uint32()).Draw(t, "arch")
		var args [6]uint32
		for i := range args {
			args[i] = rapid.OneOf(rapid.Uint32Range(0, 500), rapid.Uint32()).Draw(t, "argument")
		}
		got := judge(t, vm, arch, number, args)
		switch {
		case arch != sandbox.AuditArch || number >= 0x40000000:
			if got != refuse {
				t.Fatalf("a foreign call: %#x", got)
			}
		case got == allow && !listed[number]:
			t.Fatalf("call %d is allowed", number)
		case got != allow && got != refuse && got != absent:
			t.Fatalf("call %d: %#x", number, got)
		}
	})
}
