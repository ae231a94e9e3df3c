package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// Calls that have another name on this machine.
var (
	plainHere   = []uint32{unix.SYS_FSTATAT}
	refusedHere = []uint32{unix.SYS_RENAMEAT}
)

func conditionalHere() []rule { return nil }
