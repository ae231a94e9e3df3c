// Package epanet calls EPANET's shared library, loaded at run time, without cgo.
//
// The names are those of the EPANET 2.3 Programmer's Toolkit (epanet2_2.h). The
// library's own files are never used: it reads one network file, keeps its state
// in memory, and its report goes where standard output was before [Open].
package epanet

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Codes of epanet2_enums.h.
const (
	countNodes = 0 // EN_NODECOUNT
	countLinks = 2 // EN_LINKCOUNT
	noSave     = 0 // EN_NOSAVE
	longestID  = 64
	warnings   = 6   // return codes up to this are warnings about a result
	maxMessage = 256 // EN_MAXMSG is 255
)

// libms are the names of the C library's mathematics, which EPANET uses without
// saying so in its list of needed libraries.
var libms = []string{"libm.so.6", "libm.so"}

// Library is a loaded EPANET.
type Library struct {
	handle uintptr

	createproject, deleteproject, open, close, openH, initH, runH, nextH, closeH, openQ, initQ, runQ, nextQ, closeQ,
	getcount, getnodeid, getlinkid, getnodevalues, getlinkvalues,
	setnodevalue, setlinkvalue, settimeparam, setoption, getflowunits, getversion, geterror, getstatistic, setstatusreport uintptr
}

// Load loads the shared library at path.
func Load(path string) (*Library, error) {
	var err error
	for _, name := range libms {
		if _, err = purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("load the C library's mathematics for EPANET: %w", err)
	}
	l := &Library{}
	if l.handle, err = purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL); err != nil {
		return nil, fmt.Errorf("load EPANET: %w", err)
	}
	for name, at := range map[string]*uintptr{
		"createproject": &l.createproject, "deleteproject": &l.deleteproject, "open": &l.open, "close": &l.close,
		"openH": &l.openH, "initH": &l.initH, "runH": &l.runH, "nextH": &l.nextH, "closeH": &l.closeH,
		"openQ": &l.openQ, "initQ": &l.initQ, "runQ": &l.runQ, "nextQ": &l.nextQ, "closeQ": &l.closeQ,
		"getcount": &l.getcount, "getnodeid": &l.getnodeid, "getlinkid": &l.getlinkid,
		"getnodevalues": &l.getnodevalues, "getlinkvalues": &l.getlinkvalues,
		"setnodevalue": &l.setnodevalue, "setlinkvalue": &l.setlinkvalue, "settimeparam": &l.settimeparam, "setoption": &l.setoption,
		"getflowunits": &l.getflowunits, "getversion": &l.getversion, "geterror": &l.geterror,
		"getstatistic": &l.getstatistic, "setstatusreport": &l.setstatusreport,
	} {
		if *at, err = purego.Dlsym(l.handle, "EN_"+name); err != nil {
			return nil, fmt.Errorf("load EPANET: %s has no EN_%s; version 2.3 is needed: %w", path, name, err)
		}
	}
	return l, nil
}

// Version returns the library's version, such as 20300.
func (l *Library) Version() int {
	var v int32
	purego.SyscallN(l.getversion, uintptr(unsafe.Pointer(&v))) //nolint:gosec // G103: the C interface takes pointers
	return int(v)
}

// Error is a code of EPANET's with its own words.
type Error struct {
	Code  int
	Words string
}

func (e *Error) Error() string { return fmt.Sprintf("EPANET error %d: %s", e.Code, e.Words) }

func (l *Library) check(code uintptr) error {
	c := int(int32(code))
	if c <= warnings {
		return nil
	}
	buf := make([]byte, maxMessage)
	purego.SyscallN(l.geterror, uintptr(c), uintptr(unsafe.Pointer(&buf[0])), maxMessage-1) //nolint:gosec // G103
	return &Error{Code: c, Words: text(buf)}
}

func text(buf []byte) string {
	if i := bytes.IndexByte(buf, 0); i >= 0 {
		buf = buf[:i]
	}
	return string(buf)
}

// Project is one network in the library's memory. It is used by one goroutine.
type Project struct {
	l       *Library
	handle  uintptr
	nodes   int
	links   int
	solving bool
	quality bool // the run computes water quality beside hydraulics

	now, step, sub int64 // written by the library
	setter         map[uintptr]func(uintptr, int32, int32, float64) int32
}

// Open reads the network file at path.
func (l *Library) Open(path string) (*Project, error) {
	p := &Project{l: l}
	if err := l.check(call(l.createproject, unsafe.Pointer(&p.handle))); err != nil { //nolint:gosec // G103
		return nil, err
	}
	name, none := append([]byte(path), 0), []byte{0}
	code, _, _ := purego.SyscallN(l.open, p.handle, uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&none[0])), uintptr(unsafe.Pointer(&none[0]))) //nolint:gosec // G103
	runtime.KeepAlive(name)
	if err := l.check(code); err != nil {
		purego.SyscallN(l.deleteproject, p.handle)
		return nil, err
	}
	purego.SyscallN(l.setstatusreport, p.handle, 0)
	var n int32
	for _, c := range []struct {
		what uintptr
		into *int
	}{{countNodes, &p.nodes}, {countLinks, &p.links}} {
		purego.SyscallN(l.getcount, p.handle, c.what, uintptr(unsafe.Pointer(&n))) //nolint:gosec // G103
		*c.into = int(n)
	}
	return p, nil
}

func call(fn uintptr, pointer unsafe.Pointer) uintptr {
	code, _, _ := purego.SyscallN(fn, uintptr(pointer))
	return code
}

// Close frees the project.
func (p *Project) Close() {
	p.end()
	purego.SyscallN(p.l.close, p.handle)
	purego.SyscallN(p.l.deleteproject, p.handle)
}

// IDs returns the names of nodes and links in the library's order: number i of a
// list has index i+1.
func (p *Project) IDs() (nodes, links []string, err error) {
	read := func(fn uintptr, n int) ([]string, error) {
		ids := make([]string, n)
		for i := range ids {
			buf := make([]byte, longestID)
			code, _, _ := purego.SyscallN(fn, p.handle, uintptr(i+1), uintptr(unsafe.Pointer(&buf[0]))) //nolint:gosec // G103
			if err := p.l.check(code); err != nil {
				return nil, err
			}
			ids[i] = text(buf)
		}
		return ids, nil
	}
	nodes, errNodes := read(p.l.getnodeid, p.nodes)
	links, errLinks := read(p.l.getlinkid, p.links)
	return nodes, links, errors.Join(errNodes, errLinks)
}

// FlowUnits returns EN_FlowUnits of the file.
func (p *Project) FlowUnits() int {
	var u int32
	purego.SyscallN(p.l.getflowunits, p.handle, uintptr(unsafe.Pointer(&u))) //nolint:gosec // G103
	return int(u)
}
