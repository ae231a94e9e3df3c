package sandbox

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// pipes keeps what must be closed on either side.
type pipes struct {
	all []pipe
	err error
}

type pipe struct{ parent, child *os.File }

// pipeSize is as much as a pipe of an unprivileged user may hold: a frame then
// takes fewer turns between the two processes.
const pipeSize = 1 << 20

func (p *pipes) make(toChild bool) pipe {
	r, w, err := os.Pipe()
	if err != nil {
		if p.err == nil {
			p.err = err
		}
		return pipe{}
	}
	if raw, err := w.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // a smaller pipe is slower, not wrong
			_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize)
		})
	}
	made := pipe{parent: r, child: w}
	if toChild {
		made = pipe{parent: w, child: r}
	}
	p.all = append(p.all, made)
	return made
}

func (p *pipes) toChild() pipe   { return p.make(true) }
func (p *pipes) fromChild() pipe { return p.make(false) }

func (p *pipes) closeChild() {
	for _, each := range p.all {
		each.child.Close()
	}
}

func (p *pipes) closeParent() {
	for _, each := range p.all {
		each.parent.Close()
	}
}

// forAll says whether every user may read the files.
func forAll(files []string) bool {
	for _, f := range files {
		for at := f; ; at = filepath.Dir(at) {
			info, err := os.Stat(at)
			if err != nil {
				break
			}
			need := os.FileMode(0o4)
			if info.IsDir() {
				need = 0o1
			}
			if info.Mode().Perm()&need == 0 {
				return false
			}
			if at == "/" || at == "." {
				break
			}
		}
	}
	return true
}
