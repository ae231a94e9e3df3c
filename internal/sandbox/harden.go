package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden protects the calling process, which holds raw frames: it leaves no core
// dump, and no other process but root's can trace it or read its memory. It holds
// from then on for all of its threads.
func Harden() error {
	none := unix.Rlimit{}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &none); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid tracing: %w", err)
	}
	return nil
}

// Hardened says whether Harden holds for the calling process, as the kernel
// tells it.
func Hardened() bool {
	var core unix.Rlimit
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return err == nil && dumpable == 0 && unix.Getrlimit(unix.RLIMIT_CORE, &core) == nil && core.Cur == 0
}
