package custodian

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"

	"polity/city"
)

// TPMDevice is the TPM of this machine, by the kernel's resource manager.
const TPMDevice = "/dev/tpmrm0"

// NV indexes of the anchor, in the range that belongs to the owner (TCG Registry of
// Reserved TPM 2.0 Handles, 2.2: 0x01800000 to 0x01bfffff).
const (
	nvSlots   = tpm2.TPMHandle(0x01805001)
	nvCounter = tpm2.TPMHandle(0x01805002)
)

// tpmAnchor keeps the slots in a TPM, with its monotonic counter beside: the slot that
// counts has the number of changes that the TPM counted, so that older slots written back
// are found.
type tpmAnchor struct {
	slots
	tpm transport.TPM
}

// HasTPM says whether this machine has a TPM that this program may use.
func HasTPM() bool {
	t, err := linuxtpm.Open(TPMDevice)
	if err != nil {
		return false
	}
	_ = t.Close()
	return true
}

// TPMAnchor is an anchor in this machine's TPM. The error is of kind NotFound where there
// is none.
func TPMAnchor() (Anchor, error) {
	t, err := linuxtpm.Open(TPMDevice)
	if err != nil {
		return nil, city.Errorf(city.NotFound, "this machine has no TPM 2.0 at %s, or you may not use it: %w", TPMDevice, err)
	}
	return newTPMAnchor(t), nil
}

func newTPMAnchor(t transport.TPM) tpmAnchor { return tpmAnchor{slots{nv{t}}, t} }

// Kind says what protects it.
func (a tpmAnchor) Kind() string {
	return "this machine's TPM: a copy of the whole disk is of no use on another machine"
}

// load finds slots that were written back from before by the TPM's counter.
func (a tpmAnchor) load() (now slot, next *slot, err error) {
	if now, next, err = a.slots.load(); err != nil {
		return now, next, err
	}
	base, n, err := a.count()
	if err != nil {
		return now, nil, err
	}
	switch {
	case n == base+now.counter:
		return now, next, nil
	case next != nil && n == base+next.counter:
		return now, next, nil
	}
	return now, nil, city.Errorf(city.Conflict, "the TPM counted another number of changes than the anchor in it: the anchor was written back; use the body's other device")
}

// count is the TPM's counter, and what it was before the first change: TPMs begin new
// counters above every one they ever had (TPM 2.0 part 1, 37.2.6). The base stands
// behind the slots.
func (a tpmAnchor) count() (base, n uint64, err error) {
	b, err := nv{a.tpm}.readIndex(nvSlots, anchorSize+8)
	if err != nil {
		return 0, 0, err
	}
	c, err := nv{a.tpm}.readIndex(nvCounter, 8)
	if err != nil {
		return 0, 0, err
	}
	return binary.BigEndian.Uint64(b[anchorSize:]), binary.BigEndian.Uint64(c), nil
}

// begin writes the next slot, then counts. A crash between the two leaves the slot that
// counts with the number that the TPM has.
func (a tpmAnchor) begin(next slot) error {
	if err := a.slots.begin(next); err != nil {
		return err
	}
	base, n, err := a.count()
	if err != nil {
		return err
	}
	if n >= base+next.counter {
		return nil // counted for a change that did not end
	}
	return nv{a.tpm}.increment()
}

// finish lets a change that was counted but did not reach the vault go by: what the TPM
// counted for it is added to the base, before its slot is overwritten.
func (a tpmAnchor) finish(keep uint64) error {
	base, n, err := a.count()
	if err != nil {
		return err
	}
	if n != base+keep {
		if err := (nv{a.tpm}).writeAt(anchorSize, binary.BigEndian.AppendUint64(nil, n-keep)); err != nil {
			return err
		}
	}
	return a.slots.finish(keep)
}

// create makes both indexes. Ones that are there already are not overwritten.
func (a tpmAnchor) create(s slot) error {
	m := nv{a.tpm}
	if _, err := m.public(nvSlots); err == nil {
		return city.Errorf(city.Conflict, "the TPM holds an anchor already: it belongs to another device's state")
	}
	if err := m.define(nvCounter, tpm2.TPMNTCounter, 8); err != nil {
		return err
	}
	if err := m.increment(); err != nil {
		return errors.Join(err, a.remove())
	}
	b, err := m.readIndex(nvCounter, 8)
	if err != nil {
		return errors.Join(err, a.remove())
	}
	base := binary.BigEndian.Uint64(b) - s.counter
	if err := m.define(nvSlots, tpm2.TPMNTOrdinary, anchorSize+8); err != nil {
		return errors.Join(err, a.remove())
	}
	all := append(encodeSlot(s), make([]byte, slotSize)...)
	if err := m.writeAt(0, binary.BigEndian.AppendUint64(all, base)); err != nil {
		return errors.Join(err, a.remove())
	}
	return nil
}

func (a tpmAnchor) remove() error {
	var errs []error
	for _, index := range []tpm2.TPMHandle{nvSlots, nvCounter} {
		handle, err := nv{a.tpm}.public(index)
		if err != nil {
			continue
		}
		if _, err := (tpm2.NVUndefineSpace{AuthHandle: tpm2.TPMRHOwner, NVIndex: handle}).Execute(a.tpm); err != nil {
			errs = append(errs, fmt.Errorf("remove the anchor from the TPM: %w", err))
		}
	}
	return errors.Join(errs...)
}

// nv is the TPM's non-volatile memory.
type nv struct{ tpm transport.TPM }

func (m nv) public(index tpm2.TPMHandle) (tpm2.NamedHandle, error) {
	r, err := tpm2.NVReadPublic{NVIndex: index}.Execute(m.tpm)
	if err != nil {
		return tpm2.NamedHandle{}, city.Errorf(city.NotFound, "the TPM holds no anchor")
	}
	return tpm2.NamedHandle{Handle: index, Name: r.NVName}, nil
}

func (m nv) define(index tpm2.TPMHandle, kind tpm2.TPMNT, size uint16) error {
	_, err := tpm2.NVDefineSpace{
		AuthHandle: tpm2.TPMRHOwner,
		PublicInfo: tpm2.New2B(tpm2.TPMSNVPublic{
			NVIndex: index, NameAlg: tpm2.TPMAlgSHA256, DataSize: size,
			Attributes: tpm2.TPMANV{OwnerWrite: true, OwnerRead: true, AuthWrite: true, AuthRead: true, NT: kind, NoDA: true},
		}),
	}.Execute(m.tpm)
	if err != nil {
		return fmt.Errorf("make room for the anchor in the TPM: %w", err)
	}
	return nil
}

func (m nv) auth(h tpm2.NamedHandle) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: h.Handle, Name: h.Name, Auth: tpm2.PasswordAuth(nil)}
}

func (m nv) increment() error {
	h, err := m.public(nvCounter)
	if err != nil {
		return err
	}
	if _, err := (tpm2.NVIncrement{AuthHandle: m.auth(h), NVIndex: h}).Execute(m.tpm); err != nil {
		return fmt.Errorf("count in the TPM: %w", err)
	}
	return nil
}

func (m nv) readIndex(index tpm2.TPMHandle, size uint16) ([]byte, error) {
	h, err := m.public(index)
	if err != nil {
		return nil, err
	}
	r, err := tpm2.NVRead{AuthHandle: m.auth(h), NVIndex: h, Size: size}.Execute(m.tpm)
	if err != nil {
		return nil, fmt.Errorf("read the anchor from the TPM: %w", err)
	}
	if len(r.Data.Buffer) != int(size) {
		return nil, city.Errorf(city.Invalid, "the TPM gave %d bytes of %d", len(r.Data.Buffer), size)
	}
	return r.Data.Buffer, nil
}

func (m nv) read() ([]byte, error) { return m.readIndex(nvSlots, anchorSize) }

func (m nv) writeAt(offset int, b []byte) error {
	h, err := m.public(nvSlots)
	if err != nil {
		return err
	}
	if _, err := (tpm2.NVWrite{AuthHandle: m.auth(h), NVIndex: h, Data: tpm2.TPM2BMaxNVBuffer{Buffer: b}, Offset: uint16(offset)}).Execute(m.tpm); err != nil { //nolint:gosec // within the anchor
		return fmt.Errorf("write the anchor into the TPM: %w", err)
	}
	return nil
}
