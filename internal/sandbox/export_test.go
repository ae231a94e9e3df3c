package sandbox

import "golang.org/x/net/bpf"

// LoadFilter lets tests take a system call away.
func LoadFilter(instructions []bpf.RawInstruction) error {
	prog := filterProg(instructions)
	if errno := loadFilter(&prog); errno != 0 {
		return errno
	}
	return nil
}

// CheckSwapIn runs the check on another root.
var CheckSwapIn = checkSwap
