// Command probe tries one thing from inside the sandbox and says how it went.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	try, arg := os.Args[1], ""
	if len(os.Args) > 2 {
		arg = os.Args[2]
	}
	switch try {
	case "socket":
		for _, family := range []int{syscall.AF_INET, syscall.AF_INET6, syscall.AF_UNIX, syscall.AF_NETLINK, syscall.AF_PACKET} {
			_, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
			fmt.Println(family, errno(err))
		}
	case "udp":
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
		fmt.Println("socket", errno(err))
		err = syscall.Sendto(max(fd, 0), []byte("x"), 0, &syscall.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}})
		fmt.Println("sendto", errno(err))
		// Also on a socket that came as a descriptor.
		err = syscall.Sendto(3, []byte("x"), 0, &syscall.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}})
		fmt.Println("inherited", errno(err))
	case "accept": // on descriptor 3, and tries the same on 0
		_, _, err := syscall.Accept4(0, 0)
		fmt.Println("other", errno(err))
		fd, _, err := syscall.Accept4(3, 0)
		fmt.Println("given", errno(err))
		b := make([]byte, 5)
		n, _ := syscall.Read(fd, b)
		_, _ = syscall.Write(fd, b[:n])
		fmt.Println("send", errno(syscall.Sendto(fd, b, 0, nil)))
	case "call": // each argument: number and arguments of a system call
		for _, call := range os.Args[2:] {
			var a [7]uintptr
			for i, s := range strings.Split(call, ",") {
				n, _ := strconv.ParseUint(s, 0, 64)
				a[i] = uintptr(n)
			}
			_, _, e := syscall.RawSyscall6(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
			fmt.Println(errno(e))
		}
	case "open":
		f, err := os.Open(arg)
		fmt.Println(errno(err))
		if err == nil {
			b, err := io.ReadAll(f)
			fmt.Println(len(b), errno(err))
		}
	case "create":
		_, err := os.Create(arg)
		fmt.Println(errno(err))
	case "exec":
		fmt.Println(errno(exec.Command(arg).Run()))
	case "kill":
		pid, _ := strconv.Atoi(arg)
		fmt.Println(errno(syscall.Kill(pid, syscall.SIGTERM)))
		_, _, e := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(pid), uintptr(pid), uintptr(syscall.SIGTERM))
		fmt.Println(errno(e))
	case "limits":
		for _, what := range []int{syscall.RLIMIT_CORE, syscall.RLIMIT_FSIZE, syscall.RLIMIT_DATA, syscall.RLIMIT_AS} {
			var l [2]uint64
			_, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, uintptr(what), 0, uintptr(unsafe.Pointer(&l)), 0, 0)
			fmt.Println(what, l[0], l[1], errno(e))
		}
		l := [2]uint64{1 << 40, 1 << 40}
		_, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, uintptr(syscall.RLIMIT_AS), uintptr(unsafe.Pointer(&l)), 0, 0, 0)
		fmt.Println("raise", errno(e))
	case "memory":
		n, _ := strconv.Atoi(arg)
		var all [][]byte
		for range n {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
		}
		fmt.Println("held", len(all))
		runtime.KeepAlive(all)
	case "spin":
		fmt.Println("spinning")
		for {
		}
	case "abort":
		syscall.Kill(syscall.Getpid(), syscall.SIGSEGV)
		*(*int)(unsafe.Pointer(uintptr(1))) = 1
	case "environment":
		fmt.Println(os.Environ(), os.Args[1:])
	case "threads":
		done := make(chan int)
		for i := range 8 {
			go func() {
				runtime.LockOSThread()
				time.Sleep(time.Millisecond)
				done <- i
			}()
		}
		sum := 0
		for range 8 {
			sum += <-done
		}
		fmt.Println("threads", sum)
	case "echo":
		r := bufio.NewReader(os.Stdin)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Print(line)
		}
	case "sleep":
		fmt.Println("asleep")
		io.Copy(io.Discard, os.Stdin)
		time.Sleep(time.Hour)
	}
}

func errno(err error) string {
	switch e := err.(type) {
	case nil:
		return "ok"
	case syscall.Errno:
		if e == 0 {
			return "ok"
		}
		return e.Error()
	}
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err.Error()
		}
		err = u.Unwrap()
	}
}
