package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"polity/internal/sandbox"
)

// helper is what the test binary does when a test starts it as another process.
func helper(name string) {
	switch name {
	case "helper:parent": // starts a child and lives until it is killed
		p, err := sandbox.Start(context.Background(), probe("sleep"))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Pid())
		time.Sleep(time.Hour)
	case "helper:hardened":
		fmt.Println(sandbox.Hardened(), sandbox.Harden(), sandbox.Hardened())
		time.Sleep(time.Hour)
	case "helper:hardened-parent": // what a camera's process does
		if err := sandbox.Harden(); err != nil {
			fmt.Println(err)
			return
		}
		fallthrough
	case "helper:held":
		p, err := sandbox.Start(context.Background(), probe("echo"))
		if err != nil {
			fmt.Println("error:", err)
			return
		}
		fmt.Printf("%+v\n", p.Held)
	case "helper:trace": // tries to trace the process whose number it reads
		var pid int
		if _, err := fmt.Scan(&pid); err != nil {
			fmt.Println(err)
			return
		}
		_, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ") // asks for the same right as tracing
		fmt.Println(errText(err), "/", errText(syscall.PtraceAttach(pid)))
	case "helper:without-namespaces":
		raw, err := bpf.Assemble([]bpf.Instruction{
			bpf.LoadAbsolute{Off: 0, Size: 4},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_CLONE, SkipTrue: 3},
			bpf.LoadAbsolute{Off: 16, Size: 4},
			bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC, SkipTrue: 1},
			bpf.RetConstant{Val: uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EPERM)},
			bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
		})
		if err == nil {
			err = errors.Join(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), sandbox.LoadFilter(raw))
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		helper("helper:held")
	default:
		// helper:without:CALL,CALL: on a kernel without these.
		without, then, _ := strings.Cut(strings.TrimPrefix(name, "helper:without:"), "/")
		for n := range strings.SplitSeq(without, ",") {
			call, _ := strconv.Atoi(n)
			if err := forbid(uint32(call)); err != nil {
				fmt.Println(err)
				return
			}
		}
		helper("helper:" + then)
	}
}

func errText(err error) string {
	if err == nil {
		return "allowed"
	}
	return err.Error()[strings.LastIndex(err.Error(), ":")+1:]
}

// forbid makes one system call fail with ENOSYS from now on.
func forbid(call uint32) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	verdict := uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.ENOSYS)
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: call, SkipFalse: 1},
		bpf.RetConstant{Val: verdict},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	})
	if err != nil {
		return err
	}
	return sandbox.LoadFilter(raw)
}

// ask runs a helper to its end, as the given user, and returns its first line.
func ask(t *testing.T, uid int, input, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", name)
	cmd.Stdin = strings.NewReader(input)
	cmd.Stderr = os.Stderr
	if uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// running starts a helper that goes on, and returns its first line.
func running(t *testing.T, uid int, name string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", name)
	cmd.Stderr = os.Stderr
	if uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said nothing: %v", name, err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestChildDiesWithItsParent(t *testing.T) {
	parent, said := running(t, os.Geteuid(), "helper:parent")
	pid, err := strconv.Atoi(said)
	if err != nil {
		t.Fatal(said)
	}
	child, err := os.FindProcess(pid)
	if err != nil || child.Signal(syscall.Signal(0)) != nil {
		t.Fatalf("the child %d does not run", pid)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	waitFor(t, "the child's end", func() bool {
		status, err := os.ReadFile("/proc/" + said + "/status")
		return err != nil || strings.Contains(string(status), "State:\tZ")
	})
}

// waitFor waits for a condition; the time only bounds a failure.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

const stranger = 65533 // a user that nothing else here runs as

func TestHardenedProcessIsNotTraced(t *testing.T) {
	cmd, said := running(t, os.Geteuid(), "helper:hardened")
	if said != "false <nil> true" {
		t.Fatalf("hardening: %s", said)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	limits, err := os.ReadFile("/proc/" + pid + "/limits")
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 0 0 bytes") {
		t.Errorf("core dumps are allowed: %v %s", err, limits)
	}
	if os.Geteuid() != 0 { // the same user
		if got := ask(t, os.Geteuid(), pid, "helper:trace"); strings.Contains(got, "allowed") {
			t.Errorf("the same user may trace it: %s", got)
		}
		return
	}
	if got := ask(t, stranger, pid, "helper:trace"); strings.Contains(got, "allowed") {
		t.Errorf("another user may trace it: %s", got)
	}
}

func TestDecoderIsNotTraced(t *testing.T) {
	_, pid := running(t, os.Geteuid(), "helper:parent")
	if os.Geteuid() == 0 {
		// As root the program runs as the user nobody; another of its processes may not either.
		for _, uid := range []int{65534, stranger} {
			if got := ask(t, uid, pid, "helper:trace"); strings.Contains(got, "allowed") {
				t.Errorf("user %d may trace it: %s", uid, got)
			}
		}
		return
	}
	if got := ask(t, os.Geteuid(), pid, "helper:trace"); strings.Contains(got, "allowed") {
		t.Errorf("another process of its user may trace it: %s", got)
	}
}

func TestEveryShieldHoldsHere(t *testing.T) {
	for _, name := range []string{"helper:held", "helper:hardened-parent"} {
		got := ask(t, os.Geteuid(), "", name)
		for _, shield := range []string{"Seccomp", "Landlock", "NetworkApart", "NoDump", "Bounded"} {
			if !strings.Contains(got, shield+":true") {
				t.Logf("%s: %s does not hold on this system", name, shield)
			}
		}
		if !strings.Contains(got, "Seccomp:true") || !strings.Contains(got, "Bounded:true") {
			t.Errorf("%s: the floor does not hold: %s", name, got)
		}
	}
}

// TestPoorerKernels takes away what a kernel may lack: the report says so, and
// without the floor nothing starts.
func TestPoorerKernels(t *testing.T) {
	for _, c := range []struct {
		calls []int
		want  string
		not   string
	}{
		{[]int{unix.SYS_SECCOMP}, "error: this kernel offers no seccomp filter", "Seccomp:true"},
		{[]int{unix.SYS_LANDLOCK_CREATE_RULESET}, "Landlock:false", "Landlock:true"},
		{[]int{unix.SYS_MEMFD_CREATE}, "NoDump:false", "NoDump:true"},
	} {
		var names []string
		for _, n := range c.calls {
			names = append(names, strconv.Itoa(n))
		}
		// seccomp itself is taken away last, for it is what takes away.
		got := ask(t, os.Geteuid(), "", "helper:without:"+strings.Join(names, ",")+"/held")
		if !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("without %v: %s", c.calls, got)
		}
	}
}

func TestWithoutNamespaces(t *testing.T) {
	got := ask(t, os.Geteuid(), "", "helper:without-namespaces")
	if !strings.Contains(got, "NetworkApart:false") || !strings.Contains(got, "Seccomp:true") || strings.Contains(got, "error") {
		t.Error(got)
	}
}

// TestAsAnUnprivilegedUser runs the tests above once more as one.
func TestAsAnUnprivilegedUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the tests run as an unprivileged user already")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.count=1", "-test.v", "-test.run=TestInside|TestMemory|TestPipes|TestChild|TestHardened|TestDecoder|TestEvery|TestPoorer|TestWithout")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	cmd.Dir = "/"
	cmd.Env = []string{"POLITY_PROBE=" + os.Getenv("POLITY_PROBE"), "TMPDIR=/tmp"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Count(string(out), "--- PASS") < 14 {
		t.Errorf("too few tests ran:\n%s", out)
	}
}
