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

// FilterProgram is run by a virtual machine.
var FilterProgram = filterProgram

// AuditArch is this machine's.
const AuditArch = auditArch

// Allowed lists the numbers of calls that the filter may allow.
func Allowed(self, program int) []uint32 {
	numbers := append([]uint32(nil), plain...)
	for _, r := range conditional(self, program, 0) {
		numbers = append(numbers, r.call)
	}
	return numbers
}
