package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"polity/city"
)

// A bundle's ZIP file (PKWARE APPNOTE 6.3.10): stored members, each after the other, and
// nothing that two programs could read in two ways.

const (
	localMark   = 0x04034b50
	centralMark = 0x02014b50
	endMark     = 0x06054b50
	end64Mark   = 0x06064b50
	locate64    = 0x07064b50

	localSize = 30
	zipDate   = 1<<5 | 1 // 1980-01-01
	plain     = 20       // version 2.0: stored members
	zip64     = 45
	full16    = 1<<16 - 1
	full32    = 1<<32 - 1
)

// packed is a member in a ZIP file.
type packed struct {
	name string
	crc  uint32
	size int64
	at   int64 // of its local header
}

func (p *packed) local() []byte {
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	b := u32(nil, localMark)
	b = u16(u16(u16(b, plain), 0), 0)                           // flags, method
	b = u16(u16(b, 0), zipDate)                                 // time, date
	b = u32(u32(u32(b, p.crc), uint32(p.size)), uint32(p.size)) //nolint:gosec // memberOf bounds it
	b = u16(u16(b, uint16(len(p.name))), 0)                     //nolint:gosec // at most 96
	return append(b, p.name...)
}

func (p *packed) central() []byte {
	u16, u32, u64 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32, binary.LittleEndian.AppendUint64
	version, at, extra := uint16(plain), uint32(full32), []byte(nil)
	if p.at < full32 {
		at = uint32(p.at) //nolint:gosec // just compared
	} else {
		version, extra = zip64, u64(u16(u16(nil, 1), 8), uint64(p.at)) //nolint:gosec // not negative
	}
	b := u32(nil, centralMark)
	b = u16(u16(u16(u16(b, version), version), 0), 0)
	b = u16(u16(b, 0), zipDate)
	b = u32(u32(u32(b, p.crc), uint32(p.size)), uint32(p.size))      //nolint:gosec // memberOf bounds it
	b = u16(u16(u16(b, uint16(len(p.name))), uint16(len(extra))), 0) //nolint:gosec // at most 96 and 12
	b = u16(u16(b, 0), 0)                                            // disk, internal attributes
	b = u32(u32(b, 0), at)                                           // external attributes
	return append(append(b, p.name...), extra...)
}

// tail is what follows the last member: the central directory and its end.
func tail(list []packed, at int64) []byte {
	u16, u32, u64 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32, binary.LittleEndian.AppendUint64
	var b []byte
	for i := range list {
		b = append(b, list[i].central()...)
	}
	n, size := uint64(len(list)), uint64(len(b))
	short := uint32(full32)
	if at < full32 {
		short = uint32(at) //nolint:gosec // just compared
	} else {
		end := uint64(at) + size //nolint:gosec // not negative
		b = u64(u32(b, end64Mark), 44)
		b = u32(u32(u16(u16(b, zip64), zip64), 0), 0)
		b = u64(u64(u64(u64(b, n), n), size), uint64(at)) //nolint:gosec // not negative
		b = u32(u64(u32(u32(b, locate64), 0), end), 1)
	}
	b = u32(b, endMark)
	b = u16(u16(b, 0), 0)
	b = u16(u16(b, uint16(n)), uint16(n))           //nolint:gosec // at most 16,386
	return u16(u32(u32(b, uint32(size)), short), 0) //nolint:gosec // at most 3 MiB
}

// writeZip writes members to w. read opens one; each is read twice.
func writeZip(w io.Writer, names []string, read func(name string) (io.ReadCloser, error)) error {
	list, at := make([]packed, 0, len(names)), int64(0)
	for _, name := range order(names) {
		p := packed{name: name, at: at}
		sum := crc32.NewIEEE()
		var err error
		if p.size, err = copyMember(sum, name, read); err != nil {
			return err
		}
		if p.size > maxMember {
			return city.Errorf(city.TooLarge, "%s has %d bytes; a file in a bundle has less than 4 GiB: export a shorter time", name, p.size)
		}
		p.crc = sum.Sum32()
		head := p.local()
		if _, err := w.Write(head); err != nil {
			return err
		}
		again := crc32.NewIEEE()
		size, err := copyMember(io.MultiWriter(w, again), name, read)
		if err != nil {
			return err
		}
		if size != p.size || again.Sum32() != p.crc {
			return city.Errorf(city.Conflict, "%s was changed while it was packed: try again", name)
		}
		at += int64(len(head)) + size
		list = append(list, p)
	}
	_, err := w.Write(tail(list, at))
	return err
}

func copyMember(to io.Writer, name string, read func(name string) (io.ReadCloser, error)) (int64, error) {
	f, err := read(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := io.Copy(to, f)
	if err != nil {
		return 0, fmt.Errorf("pack %s: %w", name, err)
	}
	return n, nil
}

// readZip lists the members of a bundle's ZIP file, and refuses every file that writeZip
// would not have written. Their content is not read. The error is of kind Invalid or the
// reader's.
func readZip(f io.ReaderAt, size int64) ([]packed, error) {
	var list []packed
	at := int64(0)
	for {
		p, err := readLocal(f, at, size)
		if err != nil {
			return nil, err
		}
		if p == nil {
			break
		}
		if want := nameAt(len(list), p.name); want != "" {
			return nil, city.Errorf(city.Invalid, "the bundle begins with %.100q, not with %s: it was packed by another program; unpack it and check the folder", p.name, want)
		}
		if n := len(list); n > 2 && p.name <= list[n-1].name {
			return nil, city.Errorf(city.Invalid, "%.100q stands twice in the bundle or out of order", p.name)
		}
		if list = append(list, *p); len(list) > MaxMembers+2 {
			return nil, city.Errorf(city.TooLarge, "the bundle has more than %d files", MaxMembers)
		}
		at += int64(len(p.local())) + p.size
	}
	want := tail(list, at)
	got := make([]byte, min(size-at, int64(len(want))+1))
	if _, err := f.ReadAt(got, at); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.Equal(got, want):
		return list, nil
	case len(got) < len(want) && bytes.HasPrefix(want, got):
		return nil, errCut
	case len(got) > len(want) && bytes.HasPrefix(got, want):
		return nil, city.Errorf(city.Invalid, "something follows the end of the bundle")
	}
	return nil, city.Errorf(city.Invalid, "the bundle's table of files does not fit its files: it was changed or damaged, or packed by another program; if you trust whoever packed it, unpack it and check the folder")
}

var errCut = city.Errorf(city.Invalid, "the bundle is cut off; have it copied again")

// nameAt is the name that has to stand at the n-th place where another does.
func nameAt(n int, name string) string {
	for i, want := range []string{sumsName, sigName} {
		if n == i && name != want {
			return want
		}
	}
	return ""
}

// readLocal reads the member at a place; nil: there is none any more.
func readLocal(f io.ReaderAt, at, size int64) (*packed, error) {
	var b [localSize + maxName]byte
	n, err := f.ReadAt(b[:min(int64(len(b)), size-at)], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n < 4 {
		return nil, errCut
	}
	switch mark := binary.LittleEndian.Uint32(b[:]); {
	case mark == centralMark && at > 0:
		return nil, nil //nolint:nilnil // said above
	case mark != localMark && at == 0:
		return nil, city.Errorf(city.Invalid, "this is no bundle: it does not begin as a ZIP file does")
	case mark != localMark:
		return nil, city.Errorf(city.Invalid, "the bundle is damaged: at byte %d no file begins", at)
	case n < localSize:
		return nil, errCut
	}
	p := &packed{crc: binary.LittleEndian.Uint32(b[14:]), size: int64(binary.LittleEndian.Uint32(b[22:])), at: at}
	length := int(binary.LittleEndian.Uint16(b[26:]))
	if length > maxName {
		return nil, city.Errorf(city.Invalid, "a name of %d bytes in the bundle; %d are allowed", length, maxName)
	}
	if n < localSize+length {
		return nil, errCut
	}
	p.name = string(b[localSize : localSize+length])
	if p.name != sumsName && p.name != sigName {
		if _, err := memberOf(p.name); err != nil {
			return nil, err
		}
	}
	if head := p.local(); !slices.Equal(head, b[:len(head)]) {
		return nil, city.Errorf(city.Invalid, "the head of %s in the bundle is not as Polity writes it: files in a bundle are stored as they are, without compression, extras or times; if you trust whoever packed it, unpack it and check the folder", p.name)
	}
	if p.size > size-at-int64(localSize+length) {
		return nil, errCut
	}
	return p, nil
}
