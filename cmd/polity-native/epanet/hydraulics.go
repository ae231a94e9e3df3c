package epanet

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// SetNode sets a property (EN_NodeProperty) of the node with index, from 1.
func (p *Project) SetNode(index, property int, value float64) error {
	return p.set(p.l.setnodevalue, index, property, value)
}

// SetLink sets a property (EN_LinkProperty) of the link with index, from 1.
func (p *Project) SetLink(index, property int, value float64) error {
	return p.set(p.l.setlinkvalue, index, property, value)
}

// The value is a C double, which travels in a register of its own: purego's
// general call puts it there, where its plain one knows integers only.
func (p *Project) set(fn uintptr, index, property int, value float64) error {
	if p.setter == nil {
		p.setter = map[uintptr]func(uintptr, int32, int32, float64) int32{}
	}
	f := p.setter[fn]
	if f == nil {
		purego.RegisterFunc(&f, fn)
		p.setter[fn] = f
	}
	return p.l.check(uintptr(f(p.handle, int32(index), int32(property), value)))
}

// SetTime sets a time parameter (EN_TimeParameter) in seconds.
func (p *Project) SetTime(parameter int, seconds int64) error {
	code, _, _ := purego.SyscallN(p.l.settimeparam, p.handle, uintptr(parameter), uintptr(seconds))
	return p.l.check(code)
}

// SetOption sets an analysis option (EN_Option).
func (p *Project) SetOption(option int, value float64) error {
	var f func(uintptr, int32, float64) int32
	purego.RegisterFunc(&f, p.l.setoption)
	return p.l.check(uintptr(f(p.handle, int32(option), value)))
}

// Begin starts a run at time 0, ending one that is under way: hydraulics, and beside
// them, period by period, the quality that the network's options ask for.
func (p *Project) Begin(quality bool) error {
	p.end()
	code, _, _ := purego.SyscallN(p.l.openH, p.handle)
	if err := p.l.check(code); err != nil {
		return err
	}
	p.solving = true
	code, _, _ = purego.SyscallN(p.l.initH, p.handle, noSave)
	if err := p.l.check(code); err != nil || !quality {
		return err
	}
	code, _, _ = purego.SyscallN(p.l.openQ, p.handle)
	if err := p.l.check(code); err != nil {
		return err
	}
	p.quality = true
	code, _, _ = purego.SyscallN(p.l.initQ, p.handle, noSave)
	return p.l.check(code)
}

func (p *Project) end() {
	if p.quality {
		purego.SyscallN(p.l.closeQ, p.handle)
		p.quality = false
	}
	if p.solving {
		purego.SyscallN(p.l.closeH, p.handle)
		p.solving = false
	}
}

// Solve computes the present period and returns its time in seconds and the
// library's warning, 0 for none (1: not balanced, 2: unstable, 3: disconnected,
// 4: pumps cannot deliver, 5: valves cannot, 6: negative pressures).
func (p *Project) Solve() (seconds int64, warning int, err error) {
	code, _, _ := purego.SyscallN(p.l.runH, p.handle, uintptr(unsafe.Pointer(&p.now))) //nolint:gosec // G103
	if err := p.l.check(code); err != nil {
		return p.now, 0, fmt.Errorf("at %d s: %w", p.now, err)
	}
	if p.quality {
		failed, _, _ := purego.SyscallN(p.l.runQ, p.handle, uintptr(unsafe.Pointer(&p.sub))) //nolint:gosec // G103
		if err := p.l.check(failed); err != nil {
			return p.now, 0, fmt.Errorf("water quality at %d s: %w", p.now, err)
		}
	}
	return p.now, int(int32(code)), nil
}

// Next moves to the next period and returns its distance in seconds; 0 at the end.
func (p *Project) Next() (seconds int64, err error) {
	code, _, _ := purego.SyscallN(p.l.nextH, p.handle, uintptr(unsafe.Pointer(&p.step))) //nolint:gosec // G103
	if err := p.l.check(code); err != nil || !p.quality {
		return p.step, err
	}
	code, _, _ = purego.SyscallN(p.l.nextQ, p.handle, uintptr(unsafe.Pointer(&p.sub))) //nolint:gosec // G103
	return p.step, p.l.check(code)
}

// Nodes fills values, one a node, with a property of all nodes.
func (p *Project) Nodes(property int, values []float64) error {
	return p.all(p.l.getnodevalues, property, values, p.nodes)
}

// Links fills values, one a link, with a property of all links.
func (p *Project) Links(property int, values []float64) error {
	return p.all(p.l.getlinkvalues, property, values, p.links)
}

func (p *Project) all(fn uintptr, property int, values []float64, n int) error {
	if len(values) != n {
		return fmt.Errorf("%d values asked of %d", len(values), n)
	}
	code, _, _ := purego.SyscallN(fn, p.handle, uintptr(property), uintptr(unsafe.Pointer(&values[0]))) //nolint:gosec // G103
	return p.l.check(code)
}
