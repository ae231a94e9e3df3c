package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// childrenTime is the processor time of all children that have ended, and theirs.
func childrenTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		panic(err) // the arguments are constant
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentBelow is the resident memory of all processes that descend from pid, MiB.
// Pages that several share count with each.
func residentBelow(pid int) float64 {
	parents, resident := map[int]int{}, map[int]float64{}
	files, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parents[id] = int(field(text, "PPid"))
		resident[id] = field(text, "VmRSS") / 1024
	}
	sum := 0.0
	for id, mib := range resident {
		for at := parents[id]; at > 1; at = parents[at] {
			if at == pid {
				sum += mib
				break
			}
		}
	}
	return sum
}

func field(status []byte, name string) float64 {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name+":"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	words := bytes.Fields(line)
	if len(words) == 0 {
		return 0
	}
	v, err := strconv.ParseFloat(string(words[0]), 64)
	if err != nil {
		return 0
	}
	return v
}
